//! BOME: no second derivatives; a step that lowers the outer objective, and the inner one by a share of what is left.
use super::samples::{Point, Samples};
use super::stepping::{StochasticLoop, add, all_steps, at, descend, finish, some};
use crate::record::Record;
use crate::schedule::Schedule;
use crate::state::State;
use hypertape_autodiff::{ErrorKind, Result};

/// BOME (Liu, Ye, Wright, Stone and Liu 2022): with q(z, x) = g(z, x) − g(z_T, x), where z_T is T inner steps from z and taken for a constant, (z, x) ← (z, x) − ξ (∇h + λ ∇q),
/// λ = max((φ − ∇h·∇q)/‖∇q‖², 0), φ = η ‖∇q‖². Of stochastic batches it sees the same rows in all gradients of one step.
#[derive(Debug, Clone)]
pub struct Bome {
    step: Schedule,
    inner: Schedule,
    steps: usize,
    eta: f64,
}

impl Bome {
    /// With the step ξ of both variables, and α of the inner steps; T = 10 and η = 0.5 unless they are set.
    #[must_use]
    pub fn new(step: impl Into<Schedule>, inner: impl Into<Schedule>) -> Self {
        Bome { step: step.into(), inner: inner.into(), steps: 10, eta: 0.5 }
    }
    /// Inner steps T.
    #[must_use]
    pub fn inner_steps(mut self, steps: usize) -> Self {
        self.steps = steps;
        self
    }
    /// η: how much of ‖∇q‖² a step shall lower q by.
    #[must_use]
    pub fn barrier(mut self, eta: f64) -> Self {
        self.eta = eta;
        self
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

impl StochasticLoop for Bome {
    fn name(&self) -> String {
        "BOME".into()
    }
    fn check(&self) -> Result<(), ErrorKind> {
        some("number of inner steps", self.steps)?;
        Schedule::from(self.eta).at(0)?;
        all_steps(&[&self.step, &self.inner])
    }
    fn step(&self, samples: &mut Samples, state: &mut State) -> Result<Record> {
        let (alpha, xi) = (at("BOME", &self.inner, state.steps)?, at("BOME", &self.step, state.steps)?);
        let z = state.memory.solution.clone();
        descend(samples, state, self.steps, alpha)?;
        let end = std::mem::replace(&mut state.memory.solution, z);
        let (rows, others) = (samples.inner_rows(&mut state.memory)?, samples.outer_rows(&mut state.memory)?);
        let here = Point { z: &state.memory.solution, free: &state.free };
        let h = samples.outer(here, &others)?;
        let mut q = samples.inner(here, &rows)?;
        let there = samples.inner(Point { z: &end, free: &state.free }, &rows)?;
        add(&mut q.by_x, -1.0, &there.by_x);
        // λ = max(η − ∇h·∇q/‖∇q‖², 0), with both divided by the largest entry of ∇q, so that no square leaves the range.
        let largest = q.by_z.iter().chain(&q.by_x).fold(0.0_f64, |m, v| m.max(v.abs()));
        let unit = |v: &[f64]| v.iter().map(|v| v / largest).collect::<Vec<f64>>();
        let (uz, ux) = (unit(&q.by_z), unit(&q.by_x));
        let along = (dot(&unit(&h.by_z), &uz) + dot(&unit(&h.by_x), &ux)) / (dot(&uz, &uz) + dot(&ux, &ux));
        let lambda = if largest > 0.0 { (self.eta - along).max(0.0) } else { 0.0 };
        let (mut dz, mut dx) = (h.by_z.clone(), h.by_x.clone());
        add(&mut dz, lambda, &q.by_z);
        add(&mut dx, lambda, &q.by_x);
        add(&mut state.memory.solution, -xi, &dz);
        Ok(finish(samples, state, h.value, xi, &dx))
    }
}
