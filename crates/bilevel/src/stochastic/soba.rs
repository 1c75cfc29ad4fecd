//! SOBA: inner variables, adjoint and outer variables move together.
use super::samples::{Point, Samples};
use super::stepping::{StochasticLoop, add, all_steps, at, finish, outer};
use crate::record::Record;
use crate::schedule::Schedule;
use crate::state::State;
use hypertape_autodiff::{ErrorKind, Result};

/// SOBA (Dagréou, Ablin, Vaiter and Moreau 2022): from one point, z ← z − ρ ∂g/∂z, v ← v − ρ (∂²g/∂z² v − ∂h/∂z), x ← P(x − γ (∂h/∂x − ∂²g/∂x∂z v)), each on a batch.
#[derive(Debug, Clone)]
pub struct Soba {
    outer: Schedule,
    inner: Schedule,
}

impl Soba {
    /// With the step γ of the outer variables, and ρ of inner variables and adjoint.
    #[must_use]
    pub fn new(outer: impl Into<Schedule>, inner: impl Into<Schedule>) -> Self {
        Soba { outer: outer.into(), inner: inner.into() }
    }
}

impl StochasticLoop for Soba {
    fn name(&self) -> String {
        "SOBA".into()
    }
    fn check(&self) -> Result<(), ErrorKind> {
        all_steps(&[&self.outer, &self.inner])
    }
    fn step(&self, samples: &mut Samples, state: &mut State) -> Result<Record> {
        let (rho, gamma) = (at("SOBA", &self.inner, state.steps)?, at("SOBA", &self.outer, state.steps)?);
        let rows = samples.inner_rows(&mut state.memory)?;
        let here = Point { z: &state.memory.solution, free: &state.free };
        let dz = samples.inner_gradient(here, &rows)?;
        let [mut dv, cross] = samples.products(here, &rows, &state.memory.adjoint)?;
        let h = outer(samples, state)?;
        add(&mut dv, -1.0, &h.by_z);
        let mut dx = h.by_x.clone();
        add(&mut dx, -1.0, &cross);
        add(&mut state.memory.solution, -rho, &dz);
        add(&mut state.memory.adjoint, -rho, &dv);
        Ok(finish(samples, state, h.value, gamma, &dx))
    }
}
