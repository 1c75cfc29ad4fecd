//! VRBO: recursive differences between points, begun anew by many batches every few steps.
use super::mrbo::Drawn;
use super::samples::{Point, Samples};
use super::stepping::{StochasticLoop, add, all_steps, at, finish, some};
use crate::record::Record;
use crate::schedule::Schedule;
use crate::state::State;
use hypertape_autodiff::{ErrorKind, Result};

/// VRBO (Yang, Ji and Liang 2021): directions d ← d + d_new − d_old on the rows of one draw (SARAH: Nguyen, Liu, Scheinberg and Takáč 2017), and every `period` steps the mean over many draws. After a
/// step of x, z makes some steps with such differences.
#[derive(Debug, Clone)]
pub struct Vrbo {
    outer: Schedule,
    inner: Schedule,
    terms: usize,
    series: f64,
    period: u64,
    many: usize,
    steps: usize,
}

impl Vrbo {
    /// With outer and inner step sizes and the step of the series; Q = 10, a period of 10 steps, 10 draws at its beginning, and 3 inner steps, unless they are set.
    #[must_use]
    pub fn new(outer: impl Into<Schedule>, inner: impl Into<Schedule>, series_step: f64) -> Self {
        Vrbo { outer: outer.into(), inner: inner.into(), terms: 10, series: series_step, period: 10, many: 10, steps: 3 }
    }
    /// The last term Q of the series.
    #[must_use]
    pub fn terms(mut self, last: usize) -> Self {
        self.terms = last;
        self
    }
    /// Steps from one large mean to the next, and its draws.
    #[must_use]
    pub fn period(mut self, steps: u64, draws: usize) -> Self {
        (self.period, self.many) = (steps, draws);
        self
    }
    /// Inner steps after each outer one.
    #[must_use]
    pub fn inner_steps(mut self, steps: usize) -> Self {
        self.steps = steps;
        self
    }
}

impl StochasticLoop for Vrbo {
    fn name(&self) -> String {
        "VRBO".into()
    }
    fn check(&self) -> Result<(), ErrorKind> {
        some("number of terms", self.terms)?;
        some("period", self.period as usize)?;
        some("number of draws", self.many)?;
        some("number of inner steps", self.steps)?;
        Schedule::from(self.series).at(0)?;
        all_steps(&[&self.outer, &self.inner])
    }
    fn step(&self, samples: &mut Samples, state: &mut State) -> Result<Record> {
        let (alpha, beta) = (at("VRBO", &self.inner, state.steps)?, at("VRBO", &self.outer, state.steps)?);
        let mut value = None;
        // Vectors: the directions of z and of x.
        if state.steps.is_multiple_of(self.period) || state.vectors.len() != 2 {
            let (mut dz, mut dx) = (vec![0.0; state.memory.solution.len()], vec![0.0; state.free.len()]);
            for _ in 0..self.many {
                let drawn = Drawn::new(samples, state, self.terms)?;
                let (z, x, v) = drawn.directions(samples, Point { z: &state.memory.solution, free: &state.free }, self.series)?;
                let share = 1.0 / self.many as f64;
                add(&mut dz, share, &z);
                add(&mut dx, share, &x);
                value = Some(value.unwrap_or(0.0) + share * v);
            }
            state.vectors = vec![dz, dx];
        }
        let (mut z, mut x) = (state.memory.solution.clone(), state.free.clone());
        let dx = state.vectors[1].clone();
        let mut record = finish(samples, state, 0.0, beta, &dx);
        for _ in 0..self.steps {
            let dz = state.vectors[0].clone();
            add(&mut state.memory.solution, -alpha, &dz);
            let drawn = Drawn::new(samples, state, self.terms)?;
            let (old_z, old_x, _) = drawn.directions(samples, Point { z: &z, free: &x }, self.series)?;
            let (new_z, new_x, v) = drawn.directions(samples, Point { z: &state.memory.solution, free: &state.free }, self.series)?;
            for (d, new, old) in [(0, &new_z, &old_z), (1, &new_x, &old_x)] {
                add(&mut state.vectors[d], 1.0, new);
                add(&mut state.vectors[d], -1.0, old);
            }
            z.clone_from(&state.memory.solution);
            x.clone_from(&state.free);
            value = value.or(Some(v));
        }
        record.value = value.unwrap_or(f64::NAN);
        Ok(record)
    }
}
