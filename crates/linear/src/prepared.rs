//! For a user's own systems: a solver and an operator together, made ready once and solved with as often as wanted.
use crate::each;
use crate::many::Many;
use crate::operator::{Operator, Side};
use crate::outcome::{Solved, Tolerance};
use crate::solver::{Hints, LinearSolver, tolerance};
use crate::workspace::Workspace;
use hypertape_autodiff::Error;
use hypertape_autodiff::outcome::Failed;
use ndarray::{Array2, ArrayView2, ShapeBuilder};

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
        let tolerance = tolerance(self)?;
        let mut workspace = Workspace::new(self, a.len());
        workspace.prepare(&mut a, &Hints::default())?;
        Ok(Prepared { a, workspace, tolerance })
    }
    /// The solutions of independent systems A x = b, each with its own operator and right-hand side, of any sizes: on the threads of the current
    /// rayon pool, in the order of the systems, with the same
    /// bits for any number of threads. One that fails leaves the others as they are. Each starts cold; systems of one size that follow one
    /// another share a workspace.
    ///
    /// ```
    /// use hypertape_linear::{Diagonal, Lu, Prepare};
    /// let mut systems = [(Diagonal(vec![2.0]), [1.0]), (Diagonal(vec![0.0]), [1.0]), (Diagonal(vec![4.0]), [1.0])];
    /// let solved = Lu.solve_each(&mut systems);
    /// assert!(solved[0].as_ref().is_ok_and(|s| s.x[0] == 0.5) && solved[2].as_ref().is_ok_and(|s| s.x[0] == 0.25));
    /// assert!(solved[1].as_ref().is_err_and(|e| e.to_string().starts_with("system 1: ")));
    /// ```
    ///
    /// # Errors
    /// Of each system: as [`prepare`](Prepare::prepare) and [`Prepared::solve`], with its number (`within`); the kind holds the [`Failed`].
    fn solve_each<A, B>(&self, systems: &mut [(A, B)]) -> Vec<Result<Solved, Error>>
    where
        Self: Sized,
        A: Operator + Send,
        B: AsRef<[f64]> + Send,
    {
        each::solve_each(self, systems)
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
    /// X with A X = B: a solution for each column of B. One that fails leaves the others as they are.
    ///
    /// A right-hand side is a column, as in A X = B; B may lie in memory as it likes, and the columns of X are contiguous. Factors, a
    /// preconditioner, and what was found out about a singular
    /// operator are shared. Each column is scaled, judged and reported as by [`solve`](Prepared::solve). [`Cg`](crate::Cg) solves the columns
    /// together, as a block, and so does [`Gmres::as_block`](crate::Gmres::as_block); the other iterative methods
    /// solve one column after another.
    ///
    /// ```
    /// use hypertape_linear::{Cg, Prepare};
    /// use ndarray::arr2;
    /// let a = arr2(&[[2.0, 1.0], [1.0, 3.0]]);
    /// let b = arr2(&[[3.0, 2.0, f64::NAN], [4.0, 1.0, 0.0]]);
    /// let many = Cg::default().prepare(a)?.solve_many(b.view());
    /// assert!((many.x[[0, 0]] - 1.0).abs() < 1e-12 && (many.x[[0, 1]] - 1.0).abs() < 1e-12);
    /// assert!(many.outcomes[0].is_ok() && many.outcomes[1].is_ok());
    /// assert_eq!(many.failed().map(|(column, _)| column).collect::<Vec<_>>(), [2]);
    /// # Ok::<(), hypertape_linear::Failed>(())
    /// ```
    pub fn solve_many(&mut self, b: ArrayView2<'_, f64>) -> Many {
        self.solve_many_from(Array2::zeros(b.dim()).view(), b, Side::Plain)
    }
    /// X with Aᵀ X = B, as [`solve_many`](Prepared::solve_many).
    pub fn solve_many_transposed(&mut self, b: ArrayView2<'_, f64>) -> Many {
        self.solve_many_from(Array2::zeros(b.dim()).view(), b, Side::Transposed)
    }
    /// The same from a start for each column, for either side.
    pub fn solve_many_from(&mut self, start: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>, side: Side) -> Many {
        let (n, k) = b.dim();
        if start.dim() != (n, k) {
            let value = if start.nrows() == n { start.ncols() } else { start.nrows() } as f64;
            let allowed = "as many rows and columns as of the right-hand sides";
            let wrong = Failed::Setting { what: "number of rows or columns of the starts", value, allowed };
            return Many { x: Array2::from_elem((n, k).f(), f64::NAN), outcomes: vec![Err(wrong); k] };
        }
        let mut x = Array2::zeros((n, k).f());
        x.assign(&start);
        let outcomes = self.workspace.solve_many(&mut self.a, side, b, x.view_mut(), self.tolerance);
        let failed = outcomes.iter().zip(x.columns_mut()).filter(|(o, _)| o.is_err());
        failed.for_each(|(_, mut x)| x.fill(f64::NAN));
        Many { x, outcomes }
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
