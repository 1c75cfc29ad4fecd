//! For a user's own systems: a solver and an operator together, made ready once and solved with as often as wanted.
use crate::operator::{Operator, Side};
use crate::outcome::{Outcome, Tolerance};
use crate::solver::{Hints, LinearSolver};
use crate::workspace::Workspace;
use hypertape_autodiff::outcome::Failed;
use hypertape_autodiff::record::Scalar;
use ndarray::{Array1, ArrayView2};

/// A solution, and how it was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Solved {
    /// x.
    pub x: Array1<f64>,
    /// How the solve ended. It is for the caller to look at: a residual above the tolerance is no error here.
    pub outcome: Outcome,
}

/// An operator with a solver that is ready for it.
#[derive(Debug)]
pub struct Prepared<A> {
    a: A,
    workspace: Workspace,
    tolerance: Tolerance,
}

/// Makes a solver ready for an operator.
///
/// ```
/// use hypertape_linear::{Lu, Prepare};
/// let a = ndarray::arr2(&[[4.0, 1.0], [2.0, 3.0]]);
/// let mut lu = Lu.prepare(a)?;
/// let solved = lu.solve(&[1.0, 2.0])?;
/// assert!((solved.x[0] - 0.1).abs() < 1e-15 && (solved.x[1] - 0.6).abs() < 1e-15 && solved.outcome.converged());
/// // The same factors solve the transposed system.
/// let t = lu.solve_transposed(&[1.0, 2.0])?.x;
/// assert!((t[0] + 0.1).abs() < 1e-15 && (t[1] - 0.7).abs() < 1e-15);
/// # Ok::<(), hypertape_linear::Failed>(())
/// ```
pub trait Prepare: LinearSolver {
    /// A solver that is ready for this operator.
    ///
    /// # Errors
    /// When a setting cannot work (a tolerance that is a variable has no value here), or as [`Workspace::prepare`].
    fn prepare<A: Operator>(&self, mut a: A) -> Result<Prepared<A>, Failed>
    where
        Self: Sized,
    {
        self.check()?;
        let stop = self.stop();
        let Scalar::Value(relative) = stop.tolerance else {
            return Err(Failed::Setting {
                what: "tolerance",
                value: f64::NAN,
                allowed: "a number; a variable has a value in its recording only",
            });
        };
        let mut workspace = Workspace::new(self, a.len());
        workspace.prepare(&mut a, &Hints::default())?;
        Ok(Prepared { a, workspace, tolerance: Tolerance { relative, absolute: stop.absolute } })
    }
}

impl<L: LinearSolver> Prepare for L {}

impl<A: Operator> Prepared<A> {
    /// x with A x = b.
    ///
    /// # Errors
    /// [`Failed`] says why there is no result.
    pub fn solve(&mut self, b: &[f64]) -> Result<Solved, Failed> {
        self.solve_from(&vec![0.0; b.len()], b, Side::Plain)
    }
    /// x with Aᵀ x = b.
    ///
    /// # Errors
    /// As [`solve`](Prepared::solve).
    pub fn solve_transposed(&mut self, b: &[f64]) -> Result<Solved, Failed> {
        self.solve_from(&vec![0.0; b.len()], b, Side::Transposed)
    }
    /// The same from a start, for either side.
    ///
    /// # Errors
    /// As [`solve`](Prepared::solve).
    pub fn solve_from(&mut self, start: &[f64], b: &[f64], side: Side) -> Result<Solved, Failed> {
        let mut x = start.to_vec();
        let outcome = self.workspace.solve(&mut self.a, side, b, &mut x, self.tolerance)?;
        Ok(Solved { x: x.into(), outcome })
    }
    /// A solution for each column of b: each ends by itself, and one that fails does not stop the others.
    pub fn solve_columns(&mut self, b: ArrayView2<'_, f64>, side: Side) -> Vec<Result<Solved, Failed>> {
        b.columns().into_iter().map(|b| self.solve_from(&vec![0.0; b.len()], &b.to_vec(), side)).collect()
    }
    /// Another operator of as many unknowns, in the same workspace.
    ///
    /// # Errors
    /// As [`Workspace::prepare`].
    pub fn again<B: Operator>(mut self, mut a: B) -> Result<Prepared<B>, Failed> {
        self.workspace.prepare(&mut a, &Hints::default())?;
        Ok(Prepared { a, workspace: self.workspace, tolerance: self.tolerance })
    }
    /// The operator.
    pub fn operator(&mut self) -> &mut A {
        &mut self.a
    }
}
