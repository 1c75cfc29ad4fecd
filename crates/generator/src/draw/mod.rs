//! Draws programs: every choice is made by a stream of random numbers, with the values that there are at hand.
mod arrange;
mod chance;
mod control;
mod fit;
mod indexing;
mod matrices;
mod pointwise;
mod product;
mod program;
mod writer;

pub use program::{Sizes, program};
