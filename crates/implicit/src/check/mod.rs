//! Whether a hypergradient is right, and what is wrong where it is not: implicit, unrolled and by differences.
mod decide;
mod differences;
mod directions;
mod enough;
mod equation;
mod remedy;
mod report;
mod run;
mod solves;

pub use report::{Along, Culprit, Direction, HypergradientCheck, Stage, Verdict};

use crate::failure::{of_solve, outside};
use crate::feed::owned;
use hypertape_autodiff::array::Real;
use hypertape_autodiff::record::Scalar;
use hypertape_autodiff::tree::{Feed, Leaf};
use hypertape_autodiff::{ErrorKind, Function, Result, Site};
use hypertape_linear::{Auto, LinearSolver, Tolerance};
use hypertape_solvers::{Equation, Method, Params, Solution, Unknown};
use std::sync::Arc;

/// Asks whether a hypergradient is right: see [`check_hypergradient`].
#[derive(Clone)]
pub struct CheckHypergradient<M: Method, T: Real = f64> {
    method: M,
    outer: Function<(Solution<M>, Params<M>), Leaf<T>>,
    adjoint: Arc<dyn LinearSolver>,
    warm: bool,
    steps: Option<usize>,
    iterations: Option<usize>,
    accuracy: f64,
}

impl<M: Method, T: Real> std::fmt::Debug for CheckHypergradient<M, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CheckHypergradient")
            .field("method", &self.method.name())
            .field("adjoint", &self.adjoint.name())
            .finish_non_exhaustive()
    }
}

/// Compares the derivative of L(z(θ), θ), where z(θ) is what a method finds, by three ways: by the implicit function theorem, through the method's steps, and by central
/// differences of L. Where they do not agree it says why, and what to do: a kink or a jump, an inner or an adjoint solve that is too loose, a step that is no contraction, flat directions,
/// several solutions, an equation or a gradient that is wrong.
///
/// It is a tool for finding mistakes, and costs many solves: those at the point, further ones to smaller tolerances that go on from there, and for each direction up to 18
/// beside the point, from the solution at the point; up to 30 where the slope does not show by then. A tolerance that a remedy names was tried. Differences are taken with the tightest solves that reach their tolerance, at steps of several lengths; that with the
/// least sum of truncation, of size h², and of what the inner error over h leaves, is taken.
///
/// Whether an equation or a gradient is wrong is asked of the derivative itself, as far as differences have digits. Whether a solve is too loose is asked beside what the derivative
/// is nearby too, at a fortieth of the parameters' size, and beside the terms that cancel in it: at a minimum, where it is 0, no solve gives digits of it. Up to 4 parameters are moved one by one, more of them in pseudo-random directions.
///
/// ```
/// use hypertape_autodiff::{Function, shape};
/// use hypertape_implicit::{Verdict, check_hypergradient};
/// use hypertape_solvers::{GradientDescent, Method};
/// use ndarray::arr1;
///
/// let inner = Function::record((shape![2], shape![]), |(z, a)| (0.5 * a.exp() * z.square() - z).sum())?;
/// let outer = Function::record((shape![2], shape![]), |(z, _)| z.square().sum())?;
/// let method = GradientDescent::new(&inner).step_size(0.5).tolerance(1e-9);
/// let found = check_hypergradient(&method, &outer).at(&arr1(&[0.0, 0.0]), 0.3)?;
/// assert!(found.passed(), "{found}");
///
/// // The same stopped at a loose tolerance.
/// let found = check_hypergradient(&method.tolerance(0.1), &outer).at(&arr1(&[0.0, 0.0]), 0.3)?;
/// assert!(matches!(found.verdict, Verdict::InnerTooLoose { .. }), "{found}");
/// println!("{found}");
/// # Ok::<(), hypertape_autodiff::Error>(())
/// ```
pub fn check_hypergradient<M: Method, T: Real>(method: &M, outer: &Function<(Solution<M>, Params<M>), Leaf<T>>) -> CheckHypergradient<M, T>
where
    M::Problem: Equation,
{
    CheckHypergradient {
        method: method.clone(),
        outer: outer.clone(),
        adjoint: Arc::new(Auto::default()),
        warm: false,
        steps: None,
        iterations: None,
        accuracy: if T::epsilon().to_f64() > 1e-10 { 6e-3 } else { 1e-3 },
    }
}

impl<M: Method<Each = ()>, T: Real> CheckHypergradient<M, T>
where
    M::Problem: Equation,
{
    /// How adjoint systems are solved where the derivative is used, with its tolerance: [`Auto`] unless set.
    #[must_use]
    pub fn adjoint(mut self, solver: impl LinearSolver) -> Self {
        self.adjoint = Arc::new(solver);
        self
    }
    /// That solves begin from the last solution where the derivative is used.
    pub(crate) fn warm(mut self, warm: bool) -> Self {
        self.warm = warm;
        self
    }
    /// Steps that are unrolled: as many as the inner solve took, at most 10 000, unless set. 0 leaves unrolling out.
    #[must_use]
    pub fn unroll(mut self, steps: usize) -> Self {
        self.steps = Some(steps);
        self
    }
    /// The most iterations of a solve that is tighter than the method's own, or beside the point: 4 times the method's own, at least 2000, unless set.
    #[must_use]
    pub fn iterations(mut self, most: usize) -> Self {
        self.iterations = Some(most);
        self
    }
    /// By how much of themselves derivatives may differ, besides what the differences are uncertain by; 10⁻³ unless set, 6·10⁻³ in single precision.
    #[must_use]
    pub fn accuracy(mut self, relative: f64) -> Self {
        self.accuracy = relative;
        self
    }
    fn check(&self) -> Result<Tolerance, ErrorKind> {
        if !(self.accuracy > 0.0 && self.accuracy < 1.0) {
            return Err(ErrorKind::setting("accuracy", self.accuracy, "a positive number below 1, such as 1e-3"));
        }
        if self.iterations == Some(0) {
            return Err(ErrorKind::setting("iterations of tighter solves", 0.0, "at least 1"));
        }
        self.adjoint.check().map_err(|e| of_solve(&*self.adjoint, e))?;
        if let Some(problem) = outside(
            &*self.adjoint,
            "check with another adjoint solver, such as `Auto`, and certify the derivative that this one gave by `with_derivative`",
        ) {
            return Err(problem);
        }
        let stop = self.adjoint.stop();
        match (stop.tolerance, self.method.limits().tolerance, self.method.limits().relative) {
            (Scalar::Value(relative), Scalar::Value(_), Scalar::Value(_)) => Ok(Tolerance { relative, absolute: stop.absolute }),
            _ => Err("a tolerance of the method or of the adjoint solver is a variable; give a number".into()),
        }
    }
    /// Compares the derivatives at these parameters, where the method begins at this start.
    ///
    /// # Errors
    /// Settings that cannot work, inputs that do not fit or are not finite, functions that fail at the point; an inner solve that fails for another reason than a map that is no
    /// contraction; an adjoint solve that fails for another reason than a singular system or a series that grows.
    #[track_caller]
    pub fn at(&self, start: impl Feed<Unknown<M>>, params: impl Feed<Params<M>>) -> Result<HypergradientCheck<Params<M>>> {
        let here = Site::caller();
        self.look(&owned(&start), &owned(&params)).map_err(|e| e.or_at(here))
    }
}
