//! LDLᵀ factorisation of symmetric matrices.
use crate::dense::{Dense, threads};
use crate::operator::Operator;
use crate::solver::{Ended, Hints, LinearSolver, State};
use crate::stop::{Goal, Stop};
use crate::system::System;
use faer::diag::{DiagMut, DiagRef};
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::lblt::factor::{LbltParams, PivotingStrategy, cholesky_in_place, cholesky_in_place_scratch};
use faer::linalg::cholesky::lblt::solve::{solve_in_place, solve_in_place_scratch};
use faer::perm::PermRef;
use faer::{MatMut, Par, Spec};
use hypertape_autodiff::outcome::Failed;

/// P A Pᵀ = L D Lᵀ, where D has blocks of one and two rows (Bunch and Kaufman 1977; the pivots are those of the rook search of Ashcraft, Grimes and
/// Lewis 1998), of symmetric matrices, definite or not: n applications, unless the operator has its matrix, and n³/3 work, half that of LU.
///
/// A block that is no more than the rounding of what it was computed from says that the matrix is singular. A solution whose error, by the
/// estimate that LAPACK reports, may be above a hundredth of it is called ill-conditioned.
///
/// ```
/// use hypertape_linear::{Ldlt, Prepare};
/// let a = ndarray::arr2(&[[0.0, 2.0], [2.0, 1.0]]);
/// let x = Ldlt.prepare(a)?.solve(&[2.0, 2.0])?.x;
/// assert!((x[0] - 0.5).abs() < 1e-15 && (x[1] - 1.0).abs() < 1e-15);
/// # Ok::<(), hypertape_linear::Failed>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ldlt;

fn settings() -> Spec<LbltParams, f64> {
    let mut s: Spec<LbltParams, f64> = Spec::default();
    s.config.pivoting = PivotingStrategy::Rook;
    s
}

impl LinearSolver for Ldlt {
    fn name(&self) -> String {
        "dense LDLᵀ".into()
    }
    fn stop(&self) -> Stop {
        Stop::never()
    }
    fn state_bytes(&self, n: usize) -> u64 {
        Dense::bytes(n).saturating_add(40 * n as u64)
    }
    fn state(&self, n: usize) -> Box<dyn State> {
        Box::new(Factors {
            dense: Dense::new(n, cholesky_in_place_scratch::<usize, f64>(n, threads(n), settings())),
            diagonal: vec![0.0; n],
            beside: vec![0.0; n],
            rows: vec![0; n],
            inverse: vec![0; n],
            memory: MemBuffer::new(solve_in_place_scratch::<usize, f64>(n, 1, Par::Seq)),
        })
    }
}

/// P A Pᵀ = L D Lᵀ: L below the diagonal of the factors.
struct Factors {
    dense: Dense,
    /// The diagonal of D, and what stands below it: not 0 in the first row of a block of two.
    diagonal: Vec<f64>,
    beside: Vec<f64>,
    rows: Vec<usize>,
    inverse: Vec<usize>,
    memory: MemBuffer,
}

impl std::fmt::Debug for Factors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Factors").field("dense", &self.dense).finish_non_exhaustive()
    }
}

impl Factors {
    /// That no block of D is rounding of what it was computed from: of |L||D||Lᵀ| on its diagonal.
    fn sound(&self, epsilon: f64) -> Result<(), Failed> {
        let (n, d, e) = (self.dense.n, &self.diagonal, &self.beside);
        let lower = |i: usize, k: usize| if k < i { self.dense.factors[k * n + i].abs() } else { 0.0 };
        let before = |i: usize, end: usize| -> f64 {
            let crossed = |k: usize| if e[k] == 0.0 { 0.0 } else { 2.0 * lower(i, k) * lower(i, k + 1) * e[k].abs() };
            (0..end).map(|k| lower(i, k).powi(2) * d[k].abs() + if k + 1 < end { crossed(k) } else { 0.0 }).sum()
        };
        let rounding = epsilon * n as f64;
        let mut k = 0;
        while k < n {
            if e[k] == 0.0 || k + 1 == n {
                let of = before(k, k) + d[k].abs();
                // Nor is NaN one.
                let sound = d[k].abs() > rounding * of;
                if !sound {
                    return Err(Failed::SingularPivot { pivot: k, n, value: d[k], of, flat: None });
                }
                k += 1;
            } else {
                // The determinant of a block of two, against what it was computed from.
                let [a, b] = [k, k + 1].map(|i| before(i, k) + d[i].abs());
                let (value, of) = (d[k] * d[k + 1] - e[k] * e[k], a * b + e[k] * e[k]);
                let sound = value.abs() > rounding * of;
                if !sound {
                    return Err(Failed::SingularPivot { pivot: k, n, value, of, flat: None });
                }
                k += 2;
            }
        }
        Ok(())
    }
}

impl State for Factors {
    fn prepare(&mut self, a: &mut dyn Operator, _: &Hints) -> Result<(), Failed> {
        let n = self.dense.n;
        self.dense.read(a)?;
        self.dense.symmetric(a.epsilon())?;
        self.dense.factors.copy_from_slice(&self.dense.matrix);
        self.beside.fill(0.0);
        let (room, stack) = self.dense.room();
        let beside = DiagMut::from_slice_mut(&mut self.beside);
        cholesky_in_place(room, beside, &mut self.rows, &mut self.inverse, threads(n), stack, settings());
        (0..n).for_each(|i| self.diagonal[i] = self.dense.factors[i * n + i]);
        self.sound(a.epsilon())
    }
    fn solve(&mut self, a: &mut System<'_>, b: &[f64], x: &mut [f64], goal: &Goal) -> Result<Ended, Failed> {
        let Factors { dense, diagonal, beside, rows, inverse, memory } = self;
        let n = dense.n;
        let (diagonal, beside) = (DiagRef::from_slice(diagonal), DiagRef::from_slice(beside));
        let rows = PermRef::new_checked(rows, inverse, n);
        dense.solve(a, b, x, goal, &mut |f, v, _| {
            let v = MatMut::from_column_major_slice_mut(v, n, 1);
            solve_in_place(f, diagonal, beside, rows, v, Par::Seq, MemStack::new(memory));
        })
    }
}
