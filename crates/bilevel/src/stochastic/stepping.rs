//! What a stochastic loop is, and small steps that several of them make.
use super::samples::{Gradients, Point, Samples};
use crate::record::Record;
use crate::schedule::Schedule;
use crate::state::State;
use hypertape_autodiff::{Error, ErrorKind, Result};

/// A stochastic loop. Its settings never change; all that a step changes is in the state: z in `memory.solution`, the adjoint in `memory.adjoint`, what else it keeps in `vectors`.
/// Its `Debug` text is all of its settings, by which a run knows its own files.
pub trait StochasticLoop: std::fmt::Debug {
    /// The field's name of it.
    fn name(&self) -> String;
    /// What is wrong with its settings.
    ///
    /// # Errors
    /// Settings that cannot work.
    fn check(&self) -> Result<(), ErrorKind>;
    /// One outer step from a state; at step 0 the loop's own vectors are empty.
    ///
    /// # Errors
    /// What is not finite. The run goes back to the state before.
    fn step(&self, samples: &mut Samples, state: &mut State) -> Result<Record>;
}

/// A loop that is chosen at run time.
impl<A: StochasticLoop + ?Sized> StochasticLoop for Box<A> {
    fn name(&self) -> String {
        (**self).name()
    }
    fn check(&self) -> Result<(), ErrorKind> {
        (**self).check()
    }
    fn step(&self, samples: &mut Samples, state: &mut State) -> Result<Record> {
        (**self).step(samples, state)
    }
}

/// a += c b.
pub(super) fn add(a: &mut [f64], c: f64, b: &[f64]) {
    // Plain indices: inner unknowns have millions of entries, and without optimisation iterators take several times as long.
    let (mut i, n) = (0, a.len().min(b.len()));
    while i < n {
        a[i] += c * b[i];
        i += 1;
    }
}

/// A step size of a schedule at step k.
pub(super) fn at(name: &str, s: &Schedule, k: u64) -> Result<f64> {
    s.at(k).map_err(|kind| Error::new(name, kind))
}

/// That schedules have a first step.
pub(super) fn all_steps(steps: &[&Schedule]) -> Result<(), ErrorKind> {
    steps.iter().try_for_each(|s| s.at(0).map(|_| ()))
}

/// That a count is at least 1.
pub(super) fn some(what: &str, n: usize) -> Result<(), ErrorKind> {
    if n == 0 { Err(ErrorKind::setting(what, 0.0, "give at least 1")) } else { Ok(()) }
}

/// z ← z − α ∂g/∂z, so many times, each on a batch of its own.
pub(super) fn descend(samples: &mut Samples, state: &mut State, times: usize, alpha: f64) -> Result<()> {
    for _ in 0..times {
        let rows = samples.inner_rows(&mut state.memory)?;
        let g = samples.inner_gradient(Point { z: &state.memory.solution, free: &state.free }, &rows)?;
        add(&mut state.memory.solution, -alpha, &g);
    }
    Ok(())
}

/// h_x − g_xz v on one batch of each: the hypergradient by an adjoint v. Also h and its gradients.
pub(super) fn hypergradient(samples: &mut Samples, state: &mut State, h: &Gradients, v: &[f64]) -> Result<Vec<f64>> {
    let rows = samples.inner_rows(&mut state.memory)?;
    let [_, cross] = samples.products(Point { z: &state.memory.solution, free: &state.free }, &rows, v)?;
    let mut d = h.by_x.clone();
    add(&mut d, -1.0, &cross);
    Ok(d)
}

/// h and its gradients on the next batch.
pub(super) fn outer(samples: &mut Samples, state: &mut State) -> Result<Gradients> {
    let rows = samples.outer_rows(&mut state.memory)?;
    samples.outer(Point { z: &state.memory.solution, free: &state.free }, &rows)
}

/// x ← P(x − β d), and what is known of the step.
pub(super) fn finish(samples: &Samples, state: &mut State, value: f64, beta: f64, d: &[f64]) -> Record {
    let moved = samples.advance(&mut state.free, beta, d);
    Record { value, gradient: hypertape_linear::norm(d), moved, ..Record::default() }
}
