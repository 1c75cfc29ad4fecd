//! SABA: SOBA with the variance reduction of SAGA.
use super::samples::{Point, Samples};
use super::stepping::{StochasticLoop, add, all_steps, at, finish};
use crate::record::Record;
use crate::schedule::Schedule;
use crate::state::State;
use hypertape_autodiff::{ErrorKind, Result};
use std::sync::Arc;

/// SABA (Dagréou, Ablin, Vaiter and Moreau 2022): the directions of SOBA, each as d_new − d_old + mean of the table, where the table has the last directions of every part of the rows (SAGA: Defazio, Bach
/// and Lacoste-Julien 2014). The rows are cut into parts as large as a batch; those that are left over are not seen. At its first step it fills the table. With constant steps it
/// converges.
///
/// Its memory is that of two inner vectors and an outer one for each part of the inner rows, and of one of each for the parts of the outer rows.
#[derive(Debug, Clone)]
pub struct Saba {
    outer: Schedule,
    inner: Schedule,
}

impl Saba {
    /// With the step γ of the outer variables, and ρ of inner variables and adjoint.
    #[must_use]
    pub fn new(outer: impl Into<Schedule>, inner: impl Into<Schedule>) -> Self {
        Saba { outer: outer.into(), inner: inner.into() }
    }
}

/// The directions of a part, one after the other: of the inner rows ∂g/∂z, ∂²g/∂z² v, ∂²g/∂x∂z v; of the outer rows ∂h/∂z, ∂h/∂x.
fn directions(samples: &mut Samples, state: &State, side: usize, k: usize) -> Result<(Vec<f64>, f64)> {
    let rows = samples.part(side, k);
    let here = Point { z: &state.memory.solution, free: &state.free };
    if side == 0 {
        let dz = samples.inner_gradient(here, &rows)?;
        let [dv, cross] = samples.products(here, &rows, &state.memory.adjoint)?;
        return Ok(([dz, dv, cross].concat(), 0.0));
    }
    let h = samples.outer(here, &rows)?;
    Ok(([h.by_z, h.by_x].concat(), h.value))
}

/// The unbiased direction of a side: the new one of a part, less that of the table, and the mean of the table, in which the new one then stands. Vectors of the state: the means of both sides. Its table: that
/// of the inner side, then that of the outer one.
fn reduced(samples: &mut Samples, state: &mut State, side: usize) -> Result<(Vec<f64>, f64)> {
    let k = samples.drawn_part(side, &mut state.memory);
    let (new, value) = directions(samples, state, side, k)?;
    let (parts, from) = (samples.parts(side), if side == 0 { 0 } else { samples.parts(0) });
    let mut d = state.vectors[side].clone();
    let old = std::mem::replace(&mut state.table[from + k], Arc::new(new));
    let new = &state.table[from + k];
    for ((d, new), old) in d.iter_mut().zip(&**new).zip(&*old) {
        *d += new - old;
    }
    for ((mean, new), old) in state.vectors[side].iter_mut().zip(&**new).zip(&*old) {
        *mean += (new - old) / parts as f64;
    }
    Ok((d, value))
}

impl StochasticLoop for Saba {
    fn name(&self) -> String {
        "SABA".into()
    }
    fn check(&self) -> Result<(), ErrorKind> {
        all_steps(&[&self.outer, &self.inner])
    }
    fn step(&self, samples: &mut Samples, state: &mut State) -> Result<Record> {
        let (rho, gamma) = (at("SABA", &self.inner, state.steps)?, at("SABA", &self.outer, state.steps)?);
        let (n, p) = (state.memory.solution.len(), state.free.len());
        let lengths = |side: usize| if side == 0 { 2 * n + p } else { n + p };
        let sides = std::iter::repeat_n(0, samples.parts(0)).chain(std::iter::repeat_n(1, samples.parts(1)));
        let fits = state.vectors.iter().map(Vec::len).eq([0, 1].map(lengths)) && state.table.iter().map(|v| v.len()).eq(sides.map(lengths));
        if !fits {
            let (mut means, mut table) = (vec![], vec![]);
            for side in [0, 1] {
                let parts = samples.parts(side);
                let all = (0..parts).map(|k| Ok(directions(samples, state, side, k)?.0)).collect::<Result<Vec<_>>>()?;
                let mut mean = vec![0.0; all.first().map_or(0, Vec::len)];
                all.iter().for_each(|d| add(&mut mean, 1.0 / parts as f64, d));
                means.push(mean);
                table.extend(all.into_iter().map(Arc::new));
            }
            (state.vectors, state.table) = (means, table);
        }
        let (inner, _) = reduced(samples, state, 0)?;
        let (h, value) = reduced(samples, state, 1)?;
        let (dz, dv, cross) = (&inner[..n], &inner[n..2 * n], &inner[2 * n..]);
        let mut dx = h[n..].to_vec();
        add(&mut dx, -1.0, cross);
        add(&mut state.memory.solution, -rho, dz);
        add(&mut state.memory.adjoint, -rho, dv);
        add(&mut state.memory.adjoint, rho, &h[..n]);
        Ok(finish(samples, state, value, gamma, &dx))
    }
}
