//! Bilevel problems with solutions in closed form.
mod aid;
mod runs;
mod stochastic;
