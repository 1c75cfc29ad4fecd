//! TTSA: one inner step for each outer step, on two time scales.
use super::samples::Samples;
use super::series::one_term;
use super::stepping::{StochasticLoop, all_steps, at, descend, finish, hypergradient, outer, some};
use crate::record::Record;
use crate::schedule::Schedule;
use crate::state::State;
use hypertape_autodiff::{ErrorKind, Result};

/// The two-timescale stochastic approximation (Hong, Wai, Wang and Yang 2020): one inner step of SGD, an adjoint by one term of the Neumann series that is drawn, and
/// x ← P(x − β (∂h/∂x − ∂²g/∂x∂z v)). Its rates want α ∝ (1 + k)^(−2/5) and β ∝ (1 + k)^(−3/5): see [`Schedule::power`].
#[derive(Debug, Clone)]
pub struct Ttsa {
    outer: Schedule,
    inner: Schedule,
    terms: usize,
    eta: Option<f64>,
    key: u64,
}

impl Ttsa {
    /// With outer and inner step sizes β and α; 10 terms to draw from, and η is the first α, unless they are set.
    #[must_use]
    pub fn new(outer: impl Into<Schedule>, inner: impl Into<Schedule>) -> Self {
        Ttsa { outer: outer.into(), inner: inner.into(), terms: 10, eta: None, key: 0 }
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

impl StochasticLoop for Ttsa {
    fn name(&self) -> String {
        "TTSA".into()
    }
    fn check(&self) -> Result<(), ErrorKind> {
        some("number of terms", self.terms)?;
        all_steps(&[&self.outer, &self.inner])?;
        Schedule::from(self.eta.unwrap_or(0.0)).at(0).map(|_| ())
    }
    fn step(&self, samples: &mut Samples, state: &mut State) -> Result<Record> {
        let k = state.steps;
        let (alpha, beta) = (at("TTSA", &self.inner, k)?, at("TTSA", &self.outer, k)?);
        let eta = self.eta.map_or_else(|| at("TTSA", &self.inner, 0), Ok)?;
        descend(samples, state, 1, alpha)?;
        let h = outer(samples, state)?;
        let v = one_term(samples, state, &h.by_z, eta, self.terms, self.key)?;
        let d = hypergradient(samples, state, &h, &v)?;
        state.memory.adjoint = v;
        Ok(finish(samples, state, h.value, beta, &d))
    }
}
