//! BSA: inner SGD that grows longer, an adjoint by one random term of the Neumann series.
use super::samples::Samples;
use super::series::one_term;
use super::stepping::{StochasticLoop, all_steps, at, descend, finish, hypergradient, outer, some};
use crate::record::Record;
use crate::schedule::Schedule;
use crate::state::State;
use hypertape_autodiff::{ErrorKind, Result};

/// The bilevel stochastic approximation (Ghadimi and Wang 2018): ⌈√(k + 1)⌉ inner steps of SGD at outer step k, an adjoint by one term of the Neumann series that is drawn, and
/// x ← P(x − β (∂h/∂x − ∂²g/∂x∂z v)).
#[derive(Debug, Clone)]
pub struct Bsa {
    outer: Schedule,
    inner: Schedule,
    terms: usize,
    eta: Option<f64>,
    key: u64,
}

impl Bsa {
    /// With outer and inner step sizes β and α; 10 terms to draw from, and η is the first α, unless they are set.
    #[must_use]
    pub fn new(outer: impl Into<Schedule>, inner: impl Into<Schedule>) -> Self {
        Bsa { outer: outer.into(), inner: inner.into(), terms: 10, eta: None, key: 0 }
    }
    /// Terms to draw from.
    #[must_use]
    pub fn terms(mut self, terms: usize) -> Self {
        self.terms = terms;
        self
    }
    /// η of the series.
    #[must_use]
    pub fn series_step(mut self, eta: f64) -> Self {
        self.eta = Some(eta);
        self
    }
    /// The key of the draws of terms.
    #[must_use]
    pub fn key(mut self, key: u64) -> Self {
        self.key = key;
        self
    }
}

impl StochasticLoop for Bsa {
    fn name(&self) -> String {
        "BSA".into()
    }
    fn check(&self) -> Result<(), ErrorKind> {
        some("number of terms", self.terms)?;
        all_steps(&[&self.outer, &self.inner])?;
        Schedule::from(self.eta.unwrap_or(0.0)).at(0).map(|_| ())
    }
    fn step(&self, samples: &mut Samples, state: &mut State) -> Result<Record> {
        let k = state.steps;
        let (alpha, beta) = (at("BSA", &self.inner, k)?, at("BSA", &self.outer, k)?);
        let eta = self.eta.map_or_else(|| at("BSA", &self.inner, 0), Ok)?;
        descend(samples, state, (k as f64 + 1.0).sqrt().ceil() as usize, alpha)?;
        let h = outer(samples, state)?;
        let v = one_term(samples, state, &h.by_z, eta, self.terms, self.key)?;
        let d = hypergradient(samples, state, &h, &v)?;
        state.memory.adjoint = v;
        Ok(finish(samples, state, h.value, beta, &d))
    }
}
