//! Every example runs, and its derivatives agree with central differences.
#![allow(dead_code, reason = "an example's `main`")]
#![allow(clippy::duplicate_mod, reason = "every example has what they share")]

#[path = "../../examples/closed_box.rs"]
mod closed_box;
#[path = "../../examples/equilibrium_layer.rs"]
mod equilibrium_layer;
#[path = "../../examples/feature_penalties.rs"]
mod feature_penalties;
#[path = "../../examples/front_door.rs"]
mod front_door;
#[path = "../../examples/influence.rs"]
mod influence;
#[path = "../../examples/learned_dictionary.rs"]
mod learned_dictionary;
#[path = "../../examples/learned_optimiser.rs"]
mod learned_optimiser;
#[path = "../../examples/lista.rs"]
mod lista;
#[path = "../../examples/maml.rs"]
mod maml;
#[path = "../../examples/newton.rs"]
mod newton;
#[path = "../../examples/quadratic_program.rs"]
mod quadratic_program;
#[path = "../../examples/refusals.rs"]
mod refusals;
#[path = "../../examples/sample_weights.rs"]
mod sample_weights;
#[path = "../../examples/self_tuning.rs"]
mod self_tuning;
#[path = "../../examples/stopping_time.rs"]
mod stopping_time;
#[path = "../../examples/total_variation.rs"]
mod total_variation;
#[path = "../../examples/transport.rs"]
mod transport;
