//! Bilevel problems with solutions in closed form.
mod adam;
mod aid;
mod clipped;
mod counts;
mod edges;
mod files;
mod finite_difference;
mod games;
mod held_out;
mod runs;
mod search;
mod stochastic;
