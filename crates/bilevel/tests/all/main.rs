//! Bilevel problems with solutions in closed form.
mod aid;
mod clipped;
mod finite_difference;
mod runs;
mod stochastic;
