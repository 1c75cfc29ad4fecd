//! Bilevel problems with solutions in closed form.
mod aid;
mod clipped;
mod runs;
mod stochastic;
