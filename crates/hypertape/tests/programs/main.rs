//! Programs as users write them, one a file, on small data; their derivatives are checked against central differences.
mod support;

mod closed_box;
mod dictionary;
mod equilibrium;
mod front_door;
mod hoag;
mod hyper_cleaning;
mod influence;
mod learned_optimiser;
mod lista;
mod maml;
mod newton;
mod quadratic_program;
mod self_tuning;
mod stopping_time;
mod total_variation;
mod transport;
