//! Singular value decomposition: the solution of minimum norm.
use crate::dense::{Dense, threads};
use crate::operator::Operator;
use crate::solver::{Ended, Hints, LinearSolver, State};
use crate::stop::{Goal, Stop};
use crate::system::System;
use crate::vectors::{axpy, dot, norm};
use faer::diag::DiagMut;
use faer::linalg::svd::{ComputeSvdVectors, svd, svd_scratch};
use faer::{MatMut, Spec};

use hypertape_autodiff::outcome::{Failed, Reached, Status};

/// x = A⁺ b by the singular value decomposition A = U Σ Vᵀ (Golub and Kahan 1965; the inverse is that of Moore 1920 and Penrose 1955): of all x with the least
/// ‖b − A x‖, the one with the least ‖x‖. n applications, unless the operator has its matrix, and about 20n³ work; the factors serve both sides.
///
/// Every matrix has an answer: a regular one its solution, a singular one with the status `Converged` where b is in its range and
/// `LeastSquares` where it is not. So a derivative there is that of the solution which changes least. The condition number is exact.
///
/// ```
/// use hypertape_linear::{Prepare, Status, Svd};
/// // x + y = 2 twice: the smallest of its solutions.
/// let mut svd = Svd::default().prepare(ndarray::arr2(&[[1.0, 1.0], [1.0, 1.0]]))?;
/// let x = svd.solve(&[2.0, 2.0])?.x;
/// assert!((x[0] - 1.0).abs() < 1e-15 && (x[1] - 1.0).abs() < 1e-15);
/// // x + y = 2 and x + y = 0: as near to both as may be.
/// let nearest = svd.solve(&[2.0, 0.0])?;
/// assert!((nearest.x[0] - 0.5).abs() < 1e-15 && nearest.outcome.status == Status::LeastSquares);
/// # Ok::<(), hypertape_linear::Failed>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Svd {
    /// A singular value counts as 0 at or below this share of the largest; 4 ε √n unless set.
    pub cutoff: Option<f64>,
}

impl Svd {
    /// Singular values at or below this share of the largest count as 0: the truncated decomposition.
    #[must_use]
    pub fn cutoff(mut self, share: f64) -> Self {
        self.cutoff = Some(share);
        self
    }
}

impl LinearSolver for Svd {
    fn name(&self) -> String {
        self.cutoff.map_or("dense SVD".into(), |c| format!("dense SVD, cutoff {c:e}"))
    }
    fn stop(&self) -> Stop {
        Stop::never()
    }
    fn check(&self) -> Result<(), Failed> {
        match self.cutoff {
            Some(value) if !(0.0..1.0).contains(&value) => {
                Err(Failed::Setting { what: "cutoff", value, allowed: "a number from 0 to below 1, such as 1e-12" })
            }
            _ => Ok(()),
        }
    }
    fn state_bytes(&self, n: usize) -> u64 {
        Dense::bytes(n).saturating_add(8 * (n as u64 + 2) * n as u64)
    }
    fn state(&self, n: usize) -> Box<dyn State> {
        let scratch = svd_scratch::<f64>(n, n, ComputeSvdVectors::Full, ComputeSvdVectors::Full, threads(n), Spec::default());
        let right = vec![0.0; n * n];
        Box::new(Factors { dense: Dense::new(n, scratch), values: vec![0.0; n], right, parts: vec![0.0; n], rank: 0, cutoff: self.cutoff })
    }
}

/// A = U Σ Vᵀ: U lies in the factors.
#[derive(Debug)]
struct Factors {
    dense: Dense,
    /// The singular values, the largest first.
    values: Vec<f64>,
    /// V by columns.
    right: Vec<f64>,
    parts: Vec<f64>,
    /// How many singular values are not 0.
    rank: usize,
    cutoff: Option<f64>,
}

impl State for Factors {
    fn prepare(&mut self, a: &mut dyn Operator, _: &Hints) -> Result<(), Failed> {
        let n = self.dense.n;
        self.dense.read(a)?;
        let (matrix, left, stack) = self.dense.both();
        let right = MatMut::from_column_major_slice_mut(&mut self.right, n, n);
        let values = DiagMut::from_slice_mut(&mut self.values);
        let made = svd(matrix, values, Some(left), Some(right), threads(n), stack, Spec::default());
        if made.is_err() {
            return Err(Failed::Breakdown { what: "the singular value decomposition did not converge", at: Reached::default() });
        }
        let cutoff = self.cutoff.unwrap_or(4.0 * a.epsilon() * (n as f64).sqrt());
        let largest = self.values.first().copied().unwrap_or(0.0);
        self.rank = self.values.iter().take_while(|s| **s > cutoff * largest).count();
        self.dense.smallest = self.rank.checked_sub(1).map(|last| self.values[last]);
        Ok(())
    }
    fn solve(&mut self, a: &mut System<'_>, b: &[f64], x: &mut [f64], goal: &Goal) -> Result<Ended, Failed> {
        let Factors { dense, values, right, parts, rank, .. } = self;
        let (n, rank) = (dense.n, *rank);
        let mut ended = dense.solve(a, b, x, goal, &mut |u, v, transposed| {
            let u = |k: usize| u.col(k).try_as_col_major().map_or(&[][..], |c| c.as_slice());
            let right = |k: usize| &right[k * n..][..n];
            let (from, to): (&dyn Fn(usize) -> _, &dyn Fn(usize) -> _) = if transposed { (&right, &u) } else { (&u, &right) };
            parts.iter_mut().enumerate().take(rank).for_each(|(k, p)| *p = dot(from(k), v) / values[k]);
            v.fill(0.0);
            parts.iter().enumerate().take(rank).for_each(|(k, p)| axpy(*p, to(k), v));
        })?;
        if rank > 0 {
            (ended.norm, ended.condition) = (values[0], values[0] / values[rank - 1]);
        }
        if rank < n {
            ended.said = Ok(match ended.residual {
                Some(r) if r <= goal.length => Status::Converged,
                Some(r) if r <= goal.rounding(n, ended.norm, norm(x)) => Status::Rounding,
                _ => Status::LeastSquares,
            });
            ended.remark = Some("the matrix is singular: x is the least-squares solution of minimum norm");
        }
        Ok(ended)
    }
}
