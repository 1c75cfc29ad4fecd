//! MRBO: recursive momentum on the inner gradient and on the hypergradient.
use super::samples::{Gradients, Point, Rows, Samples};
use super::stepping::{StochasticLoop, add, all_steps, at, finish, some};
use crate::record::Record;
use crate::schedule::Schedule;
use crate::state::State;
use hypertape_autodiff::{ErrorKind, Result};

/// MRBO (Yang, Ji and Liang 2021): one step of z and x at a time, along directions d ← d_new + (1 − η)(d − d_old), where d_old is that of the last point on the rows of the new one (STORM: Cutkosky
/// and Orabona 2019). The adjoint of a hypergradient is the Neumann series of Q + 1 terms.
#[derive(Debug, Clone)]
pub struct Mrbo {
    outer: Schedule,
    inner: Schedule,
    terms: usize,
    series: f64,
    momentum: f64,
}

impl Mrbo {
    /// With outer and inner step sizes and the step of the series; Q = 10, and η = 0.1, unless they are set.
    #[must_use]
    pub fn new(outer: impl Into<Schedule>, inner: impl Into<Schedule>, series_step: f64) -> Self {
        Mrbo { outer: outer.into(), inner: inner.into(), terms: 10, series: series_step, momentum: 0.1 }
    }
    /// The last term Q of the series.
    #[must_use]
    pub fn terms(mut self, last: usize) -> Self {
        self.terms = last;
        self
    }
    /// η: the share of the new direction, from above 0 to 1, which is no momentum.
    #[must_use]
    pub fn momentum(mut self, share: f64) -> Self {
        self.momentum = share;
        self
    }
}

/// The rows of one direction, drawn once and used at two points.
pub(super) struct Drawn {
    inner: Rows,
    outer: Rows,
    factors: Vec<Rows>,
    cross: Rows,
}

impl Drawn {
    pub(super) fn new(samples: &mut Samples, state: &mut State, terms: usize) -> Result<Self> {
        let m = &mut state.memory;
        Ok(Drawn {
            inner: samples.inner_rows(m)?,
            outer: samples.outer_rows(m)?,
            factors: (0..terms).map(|_| samples.inner_rows(m)).collect::<Result<_>>()?,
            cross: samples.inner_rows(m)?,
        })
    }
    /// ∂g/∂z, the hypergradient by the series, and h.
    pub(super) fn directions(&self, samples: &mut Samples, at: Point<'_>, eta: f64) -> Result<(Vec<f64>, Vec<f64>, f64)> {
        let dz = samples.inner_gradient(at, &self.inner)?;
        let Gradients { value, by_z, by_x: mut dx } = samples.outer(at, &self.outer)?;
        let (mut r, mut v) = (by_z.clone(), by_z);
        for rows in &self.factors {
            let h = samples.product(at, rows, &r)?;
            add(&mut r, -eta, &h);
            add(&mut v, 1.0, &r);
        }
        v.iter_mut().for_each(|v| *v *= eta);
        let [_, cross] = samples.products(at, &self.cross, &v)?;
        add(&mut dx, -1.0, &cross);
        Ok((dz, dx, value))
    }
}

impl StochasticLoop for Mrbo {
    fn name(&self) -> String {
        "MRBO".into()
    }
    fn check(&self) -> Result<(), ErrorKind> {
        if !(self.momentum > 0.0 && self.momentum <= 1.0) {
            return Err(ErrorKind::setting("momentum", self.momentum, "give a number from above 0 to 1"));
        }
        some("number of terms", self.terms)?;
        Schedule::from(self.series).at(0)?;
        all_steps(&[&self.outer, &self.inner])
    }
    fn step(&self, samples: &mut Samples, state: &mut State) -> Result<Record> {
        let (alpha, beta) = (at("MRBO", &self.inner, state.steps)?, at("MRBO", &self.outer, state.steps)?);
        let drawn = Drawn::new(samples, state, self.terms)?;
        let (mut dz, mut dx, value) = drawn.directions(samples, Point { z: &state.memory.solution, free: &state.free }, self.series)?;
        // Vectors: the last z and x, and the directions there.
        if let [z, x, last_dz, last_dx] = &state.vectors[..] {
            let (old_dz, old_dx, _) = drawn.directions(samples, Point { z, free: x }, self.series)?;
            let keep = 1.0 - self.momentum;
            for (d, last, old) in [(&mut dz, last_dz, old_dz), (&mut dx, last_dx, old_dx)] {
                add(d, keep, last);
                add(d, -keep, &old);
            }
        }
        state.vectors = vec![state.memory.solution.clone(), state.free.clone(), dz.clone(), dx.clone()];
        add(&mut state.memory.solution, -alpha, &dz);
        Ok(finish(samples, state, value, beta, &dx))
    }
}
