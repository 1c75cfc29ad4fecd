//! F2SA: no second derivatives; the inner problem becomes a penalty that grows.
use super::samples::{Point, Samples};
use super::stepping::{StochasticLoop, add, all_steps, at, finish, some};
use crate::record::Record;
use crate::schedule::Schedule;
use crate::state::State;
use hypertape_autodiff::{ErrorKind, Result};

/// The fully first-order method (Kwon, Kwon, Wright and Nowak 2023): y follows the minimiser of h + λ g, z that of g, and x ← P(x − β (∂h/∂x(y) + λ (∂g/∂x(y) − ∂g/∂x(z)))). With a fixed λ its
/// direction is off by a multiple of 1/λ; λ grows by a number each step.
#[derive(Debug, Clone)]
pub struct F2sa {
    outer: Schedule,
    inner: Schedule,
    steps: usize,
    penalty: f64,
    growth: f64,
}

impl F2sa {
    /// With outer and inner step sizes; 10 inner steps, λ from 10 on, and 0.1 more at each step, unless they are set. The step of y is that of z over λ, since h + λ g is λ times as curved.
    #[must_use]
    pub fn new(outer: impl Into<Schedule>, inner: impl Into<Schedule>) -> Self {
        F2sa { outer: outer.into(), inner: inner.into(), steps: 10, penalty: 10.0, growth: 0.1 }
    }
    /// Inner steps.
    #[must_use]
    pub fn inner_steps(mut self, steps: usize) -> Self {
        self.steps = steps;
        self
    }
    /// The first λ, and by how much it grows each step.
    #[must_use]
    pub fn penalty(mut self, first: f64, growth: f64) -> Self {
        (self.penalty, self.growth) = (first, growth);
        self
    }
}

impl StochasticLoop for F2sa {
    fn name(&self) -> String {
        "F2SA".into()
    }
    fn check(&self) -> Result<(), ErrorKind> {
        some("number of inner steps", self.steps)?;
        if !(self.penalty.is_finite() && self.penalty > 0.0 && self.growth.is_finite() && self.growth >= 0.0) {
            return Err(ErrorKind::setting("penalty", self.penalty, "give a positive number, and a growth that is not negative"));
        }
        all_steps(&[&self.outer, &self.inner])
    }
    fn step(&self, samples: &mut Samples, state: &mut State) -> Result<Record> {
        let (alpha, beta) = (at("F2SA", &self.inner, state.steps)?, at("F2SA", &self.outer, state.steps)?);
        let lambda = self.penalty + self.growth * state.steps as f64;
        let mut y = state.vectors.pop().unwrap_or_else(|| state.memory.solution.clone());
        for _ in 0..self.steps {
            let (rows, others) = (samples.inner_rows(&mut state.memory)?, samples.outer_rows(&mut state.memory)?);
            let dz = samples.inner_gradient(Point { z: &state.memory.solution, free: &state.free }, &rows)?;
            let there = Point { z: &y, free: &state.free };
            let mut dy = samples.inner_gradient(there, &rows)?;
            let h = samples.outer(there, &others)?;
            add(&mut dy, 1.0 / lambda, &h.by_z);
            add(&mut state.memory.solution, -alpha, &dz);
            add(&mut y, -alpha, &dy);
        }
        let (rows, others) = (samples.inner_rows(&mut state.memory)?, samples.outer_rows(&mut state.memory)?);
        let h = samples.outer(Point { z: &y, free: &state.free }, &others)?;
        let there = samples.inner(Point { z: &y, free: &state.free }, &rows)?;
        let here = samples.inner(Point { z: &state.memory.solution, free: &state.free }, &rows)?;
        let mut d = h.by_x.clone();
        add(&mut d, lambda, &there.by_x);
        add(&mut d, -lambda, &here.by_x);
        state.vectors = vec![y];
        Ok(finish(samples, state, h.value, beta, &d))
    }
}
