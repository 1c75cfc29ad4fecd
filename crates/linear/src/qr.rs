//! QR factorisation with column pivoting.
use crate::dense::{Dense, threads};
use crate::operator::Operator;
use crate::solver::{Ended, Hints, LinearSolver, State};
use crate::stop::{Goal, Stop};
use crate::system::System;
use crate::vectors::norm;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::qr::col_pivoting::factor::{qr_in_place, qr_in_place_scratch};
use faer::linalg::qr::col_pivoting::solve::{
    solve_in_place, solve_in_place_scratch, solve_transpose_in_place, solve_transpose_in_place_scratch,
};
use faer::linalg::qr::no_pivoting::factor::recommended_block_size;
use faer::perm::PermRef;
use faer::{MatMut, MatRef, Par, Spec};
use hypertape_autodiff::outcome::Failed;

/// QR with column pivoting, A P = Q R (Householder 1958, Businger and Golub 1965), of any regular matrix: n applications, unless the operator has its
/// matrix, and 4n³/3 work, twice that of LU. Its factors do not grow, whatever the matrix; they serve both sides.
///
/// A pivot is the distance of a column from those before it. One that is no more than the rounding of the column's length says that the matrix
/// is singular. A solution whose error, by the estimate that LAPACK reports, may be above a hundredth of it is called ill-conditioned.
///
/// ```
/// use hypertape_linear::{Prepare, Qr};
/// let a = ndarray::arr2(&[[4.0, 1.0], [2.0, 3.0]]);
/// let x = Qr.prepare(a)?.solve(&[1.0, 2.0])?.x;
/// assert!((x[0] - 0.1).abs() < 1e-15 && (x[1] - 0.6).abs() < 1e-15);
/// # Ok::<(), hypertape_linear::Failed>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Qr;

/// Reflections that are applied together.
fn block(n: usize) -> usize {
    recommended_block_size::<f64>(n, n).max(1)
}

impl LinearSolver for Qr {
    fn name(&self) -> String {
        "dense QR".into()
    }
    fn stop(&self) -> Stop {
        Stop::never()
    }
    fn state_bytes(&self, n: usize) -> u64 {
        Dense::bytes(n).saturating_add((8 * block(n) as u64 + 32) * n as u64)
    }
    fn state(&self, n: usize) -> Box<dyn State> {
        let size = block(n);
        let factor = qr_in_place_scratch::<usize, f64>(n, n, size, threads(n), Spec::default());
        let solve = solve_in_place_scratch::<usize, f64>(n, size, 1, Par::Seq).or(solve_transpose_in_place_scratch::<usize, f64>(
            n,
            size,
            1,
            Par::Seq,
        ));
        Box::new(Factors {
            dense: Dense::new(n, factor),
            reflections: vec![0.0; size * n],
            columns: vec![0; n],
            inverse: vec![0; n],
            memory: MemBuffer::new(solve),
        })
    }
}

/// A P = Q R: R and the reflections that make Q lie in the factors.
struct Factors {
    dense: Dense,
    /// The coefficients of the blocks of reflections.
    reflections: Vec<f64>,
    columns: Vec<usize>,
    inverse: Vec<usize>,
    memory: MemBuffer,
}

impl std::fmt::Debug for Factors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Factors").field("dense", &self.dense).finish_non_exhaustive()
    }
}

impl State for Factors {
    fn prepare(&mut self, a: &mut dyn Operator, _: &Hints) -> Result<(), Failed> {
        let n = self.dense.n;
        self.dense.read(a)?;
        self.dense.factors.copy_from_slice(&self.dense.matrix);
        let (room, stack) = self.dense.room();
        let reflections = MatMut::from_column_major_slice_mut(&mut self.reflections, block(n), n);
        qr_in_place(room, reflections, &mut self.columns, &mut self.inverse, threads(n), stack, Spec::default());
        for (k, j) in self.columns.iter().enumerate() {
            let (value, of) = (self.dense.factors[k * n + k], norm(&self.dense.matrix[j * n..][..n]));
            // Nor is NaN one.
            let sound = value.abs() > a.epsilon() * n as f64 * of;
            if !sound {
                return Err(Failed::SingularPivot { pivot: k, n, value, of, flat: None });
            }
        }
        Ok(())
    }
    fn solve(&mut self, a: &mut System<'_>, b: &[f64], x: &mut [f64], goal: &Goal) -> Result<Ended, Failed> {
        let Factors { dense, reflections, columns, inverse, memory } = self;
        let n = dense.n;
        let reflections = MatRef::from_column_major_slice(reflections, block(n), n);
        let columns = PermRef::new_checked(columns, inverse, n);
        dense.solve(a, b, x, goal, &mut |f, v, transposed| {
            let (v, stack) = (MatMut::from_column_major_slice_mut(v, n, 1), MemStack::new(memory));
            if transposed {
                solve_transpose_in_place(f, reflections, f, columns, v, Par::Seq, stack);
            } else {
                solve_in_place(f, reflections, f, columns, v, Par::Seq, stack);
            }
        })
    }
}
