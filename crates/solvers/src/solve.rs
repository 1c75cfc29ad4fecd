//! What every method can do: solve outside a recording, be prepared for many solves, be unrolled inside one.
use crate::keep::Keep;
use crate::method::{Method, Params, Solution, Unknown};
use crate::prepared::{Prepared, shapes, wrong};
use crate::report::Solved;
use crate::unrolled::Unrolled;
use hypertape_autodiff::record::DynVar;
use hypertape_autodiff::tree::{Feed, Structure};
use hypertape_autodiff::{Result, Site};

/// What every method can do.
///
/// ```
/// use hypertape_autodiff::{Function, shape, Site};
/// use hypertape_solvers::{GradientDescent, Method, Solve};
/// let f = Function::record((shape![2], shape![]), |(z, a)| (0.5 * a * z * z - z).sum())?;
/// let solved = GradientDescent::new(&f).step_size(0.4).tolerance(1e-10).solve(&ndarray::arr1(&[0.0, 0.0]), 2.0)?;
/// assert!(solved.report.converged && (solved.solution[[0]] - 0.5).abs() < 1e-10);
/// # Ok::<(), hypertape_autodiff::Error>(())
/// ```
pub trait Solve: Method {
    /// Solves from a start, outside any recording.
    ///
    /// # Errors
    /// Settings that cannot work; inputs that do not fit or are not finite; a value inside that is not finite, with the iteration,
    /// and the operation and line it came from. Stopping at the limit is no error: the report says so.
    #[track_caller]
    fn solve(&self, start: impl Feed<Unknown<Self>>, params: impl Feed<Params<Self>>) -> Result<Solved<Solution<Self>>>
    where
        Self: Method<Each = ()>,
    {
        let at = Site::caller();
        if self.limits().iterations == 0 {
            return Err(wrong(self.name(), "no iterations are allowed; give `max_iterations` at least 1", at));
        }
        Prepared::new(self, shapes(self, at)?, at)?.owned(start, params, ())
    }
    /// Solves from a start, outside any recording: at most one step for each entry of the leading axis of `each`.
    ///
    /// # Errors
    /// As [`solve`](Solve::solve).
    #[track_caller]
    fn solve_over(
        &self,
        start: impl Feed<Unknown<Self>>,
        params: impl Feed<Params<Self>>,
        each: impl Feed<Self::Each>,
    ) -> Result<Solved<Solution<Self>>> {
        let at = Site::caller();
        let (unknown, par, one) = shapes(self, at)?;
        let stacked = Prepared::<Self>::stacked(&one, &each, at);
        if stacked.leaf_types().iter().any(|t| t.shape.first() == Some(&0)) {
            return Err(wrong(self.name(), "there are no steps to make; give at least one entry along the leading axis", at));
        }
        Prepared::new(self, (unknown, par, stacked), at)?.owned(start, params, each)
    }
    /// Records and plans the loop once, for many solves. No iterations at all are allowed: a start may already be the solution.
    ///
    /// # Errors
    /// Settings that cannot work, or a step size or tolerance that is a variable of another recording.
    #[track_caller]
    fn prepare(&self, unknown: &Unknown<Self>, params: &Params<Self>) -> Result<Prepared<Self>>
    where
        Self: Method<Each = ()>,
    {
        Prepared::new(self, (unknown.clone(), params.clone(), ()), Site::caller())
    }
    /// As [`prepare`](Solve::prepare), inside a recording: the variables of it that the method holds (step sizes, tolerances) become further
    /// inputs of [`Prepared::run`]. They are returned in order.
    ///
    /// # Errors
    /// As [`prepare`](Solve::prepare), or when the recording has failed before.
    #[track_caller]
    fn prepare_here(&self, unknown: &Unknown<Self>, params: &Params<Self>) -> Result<(Prepared<Self>, Vec<DynVar>)>
    where
        Self: Method<Each = ()>,
    {
        Prepared::capturing(self, (unknown.clone(), params.clone(), ()), false, Site::caller())
    }
    /// The same for methods whose steps differ; `each` has the leading axis of steps. With `secants`, [`Prepared::run_leaves`] hands over the method's
    /// secant pairs too, where it has some.
    ///
    /// # Errors
    /// As [`prepare_here`](Solve::prepare_here).
    #[track_caller]
    fn prepare_over(
        &self,
        unknown: &Unknown<Self>,
        params: &Params<Self>,
        each: &Self::Each,
        secants: bool,
    ) -> Result<(Prepared<Self>, Vec<DynVar>)> {
        Prepared::capturing(self, (unknown.clone(), params.clone(), each.clone()), secants, Site::caller())
    }
    /// So many steps inside a recording, differentiated step by step.
    fn unroll(&self, steps: usize) -> Unrolled<Self> {
        Unrolled::new(self.clone(), steps, Keep::All)
    }
}

impl<M: Method> Solve for M {}
