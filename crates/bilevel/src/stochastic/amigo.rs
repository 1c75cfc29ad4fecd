//! AmIGO: warm inner SGD, warm SGD on the adjoint system, an outer step.
use super::samples::{Point, Samples};
use super::stepping::{StochasticLoop, add, all_steps, at, descend, finish, hypergradient, outer, some};
use crate::record::Record;
use crate::schedule::Schedule;
use crate::state::State;
use hypertape_autodiff::{ErrorKind, Result};

/// AmIGO (Arbel and Mairal 2022): T inner steps of SGD, Q steps v ← v − η (∂²g/∂z² v − ∂h/∂z), both from where the last ones ended, and x ← P(x − β (∂h/∂x − ∂²g/∂x∂z v)).
#[derive(Debug, Clone)]
pub struct Amigo {
    outer: Schedule,
    inner: Schedule,
    steps: usize,
    adjoint_steps: usize,
    eta: Option<f64>,
}

impl Amigo {
    /// With outer and inner step sizes β and α; T = Q = 10, and η is α, unless they are set.
    #[must_use]
    pub fn new(outer: impl Into<Schedule>, inner: impl Into<Schedule>) -> Self {
        Amigo { outer: outer.into(), inner: inner.into(), steps: 10, adjoint_steps: 10, eta: None }
    }
    /// Inner steps T.
    #[must_use]
    pub fn inner_steps(mut self, steps: usize) -> Self {
        self.steps = steps;
        self
    }
    /// Steps Q on the adjoint.
    #[must_use]
    pub fn adjoint_steps(mut self, steps: usize) -> Self {
        self.adjoint_steps = steps;
        self
    }
    /// η of the steps on the adjoint.
    #[must_use]
    pub fn adjoint_step(mut self, eta: f64) -> Self {
        self.eta = Some(eta);
        self
    }
}

impl StochasticLoop for Amigo {
    fn name(&self) -> String {
        "AmIGO".into()
    }
    fn check(&self) -> Result<(), ErrorKind> {
        some("number of inner steps", self.steps)?;
        some("number of steps on the adjoint", self.adjoint_steps)?;
        all_steps(&[&self.outer, &self.inner])?;
        Schedule::from(self.eta.unwrap_or(0.0)).at(0).map(|_| ())
    }
    fn step(&self, samples: &mut Samples, state: &mut State) -> Result<Record> {
        let (alpha, beta) = (at("AmIGO", &self.inner, state.steps)?, at("AmIGO", &self.outer, state.steps)?);
        descend(samples, state, self.steps, alpha)?;
        let h = outer(samples, state)?;
        let eta = self.eta.unwrap_or(alpha);
        for _ in 0..self.adjoint_steps {
            let rows = samples.inner_rows(&mut state.memory)?;
            let here = Point { z: &state.memory.solution, free: &state.free };
            let mut dv = samples.product(here, &rows, &state.memory.adjoint)?;
            add(&mut dv, -1.0, &h.by_z);
            add(&mut state.memory.adjoint, -eta, &dv);
        }
        let v = state.memory.adjoint.clone();
        let d = hypergradient(samples, state, &h, &v)?;
        Ok(finish(samples, state, h.value, beta, &d))
    }
}
