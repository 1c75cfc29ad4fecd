//! stocBiO: inner SGD, an adjoint by a stochastic Neumann series, an outer step.
use super::samples::Samples;
use super::series::whole;
use super::stepping::{StochasticLoop, all_steps, at, descend, finish, hypergradient, outer, some};
use crate::record::Record;
use crate::schedule::Schedule;
use crate::state::State;
use hypertape_autodiff::{ErrorKind, Result};

/// stocBiO (Ji, Yang and Liang 2021): T inner steps of SGD from where the last ones ended, v = η Σ_{q=0}^{Q} Π (I − η H_j) ∂h/∂z with a batch of its own for each factor, and
/// x ← P(x − β (∂h/∂x − ∂²g/∂x∂z v)). The estimator is that of the paper: all terms from q = 0 on, scaled by η.
#[derive(Debug, Clone)]
pub struct StocBio {
    outer: Schedule,
    inner: Schedule,
    steps: usize,
    terms: usize,
    eta: Option<f64>,
}

impl StocBio {
    /// With outer and inner step sizes β and α; T = Q = 10, and η is the first α, unless they are set.
    #[must_use]
    pub fn new(outer: impl Into<Schedule>, inner: impl Into<Schedule>) -> Self {
        StocBio { outer: outer.into(), inner: inner.into(), steps: 10, terms: 10, eta: None }
    }
    /// Inner steps T.
    #[must_use]
    pub fn inner_steps(mut self, steps: usize) -> Self {
        self.steps = steps;
        self
    }
    /// The last term Q of the series, which has Q + 1 terms.
    #[must_use]
    pub fn terms(mut self, last: usize) -> Self {
        self.terms = last;
        self
    }
    /// η of the series: below 2 over the largest curvature.
    #[must_use]
    pub fn series_step(mut self, eta: f64) -> Self {
        self.eta = Some(eta);
        self
    }
}

impl StochasticLoop for StocBio {
    fn name(&self) -> String {
        "stocBiO".into()
    }
    fn check(&self) -> Result<(), ErrorKind> {
        some("number of inner steps", self.steps)?;
        all_steps(&[&self.outer, &self.inner])?;
        Schedule::from(self.eta.unwrap_or(0.0)).at(0).map(|_| ())
    }
    fn step(&self, samples: &mut Samples, state: &mut State) -> Result<Record> {
        let k = state.steps;
        let (alpha, beta) = (at("stocBiO", &self.inner, k)?, at("stocBiO", &self.outer, k)?);
        let eta = self.eta.map_or_else(|| at("stocBiO", &self.inner, 0), Ok)?;
        descend(samples, state, self.steps, alpha)?;
        let h = outer(samples, state)?;
        let v = whole(samples, state, &h.by_z, eta, self.terms)?;
        let d = hypergradient(samples, state, &h, &v)?;
        state.memory.adjoint = v;
        Ok(finish(samples, state, h.value, beta, &d))
    }
}
