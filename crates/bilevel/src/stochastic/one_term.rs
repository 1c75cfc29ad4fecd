//! Settings and the step that BSA and TTSA have in common: an adjoint by one random term of the Neumann series.
use super::samples::Samples;
use super::series::one_term;
use super::stepping::{all_steps, at, descend, finish, hypergradient, outer, some};
use crate::record::Record;
use crate::schedule::Schedule;
use crate::state::State;
use hypertape_autodiff::{ErrorKind, Result};

/// Step sizes of x and z, and how the term is drawn.
#[derive(Debug, Clone)]
pub(super) struct OneTerm {
    pub(super) outer: Schedule,
    pub(super) inner: Schedule,
    pub(super) terms: usize,
    pub(super) eta: Option<f64>,
    pub(super) key: u64,
}

impl OneTerm {
    pub(super) fn new(outer: Schedule, inner: Schedule) -> Self {
        OneTerm { outer, inner, terms: 10, eta: None, key: 0 }
    }
    pub(super) fn check(&self) -> Result<(), ErrorKind> {
        some("number of terms", self.terms)?;
        all_steps(&[&self.outer, &self.inner])?;
        Schedule::from(self.eta.unwrap_or(0.0)).at(0).map(|_| ())
    }
    /// So many steps of z, one of x.
    pub(super) fn step(&self, name: &str, times: usize, samples: &mut Samples, state: &mut State) -> Result<Record> {
        let (alpha, beta) = (at(name, &self.inner, state.steps)?, at(name, &self.outer, state.steps)?);
        let eta = self.eta.map_or_else(|| at(name, &self.inner, 0), Ok)?;
        descend(samples, state, times, alpha)?;
        let h = outer(samples, state)?;
        let v = one_term(samples, state, &h.by_z, eta, self.terms, self.key)?;
        let d = hypergradient(samples, state, &h, &v)?;
        state.memory.adjoint = v;
        Ok(finish(samples, state, h.value, beta, &d))
    }
}

/// The builder methods of a method whose field 0 these settings are.
macro_rules! one_term_settings {
    ($method:ident) => {
        impl $method {
            /// With outer and inner step sizes β and α; 10 terms to draw from, and η is the first α, unless they are set.
            #[must_use]
            pub fn new(outer: impl Into<$crate::schedule::Schedule>, inner: impl Into<$crate::schedule::Schedule>) -> Self {
                $method($crate::stochastic::one_term::OneTerm::new(outer.into(), inner.into()))
            }
            /// Terms to draw from.
            #[must_use]
            pub fn terms(mut self, terms: usize) -> Self {
                self.0.terms = terms;
                self
            }
            /// η of the series.
            #[must_use]
            pub fn series_step(mut self, eta: f64) -> Self {
                self.0.eta = Some(eta);
                self
            }
            /// The key of the draws of terms.
            #[must_use]
            pub fn key(mut self, key: u64) -> Self {
                self.0.key = key;
                self
            }
        }
    };
}
pub(super) use one_term_settings;
