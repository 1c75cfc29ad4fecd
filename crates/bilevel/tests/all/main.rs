//! Bilevel problems with solutions in closed form.
mod adam;
mod aid;
mod clipped;
mod edges;
mod finite_difference;
mod games;
mod runs;
mod search;
mod stochastic;
