//! LU factorisation with partial pivoting.
use crate::dense::{Dense, threads};
use crate::operator::Operator;
use crate::solver::{Ended, Hints, LinearSolver, State};
use crate::stop::{Goal, Stop};
use crate::system::System;
use faer::linalg::lu::partial_pivoting::factor::{lu_in_place, lu_in_place_scratch};
use faer::linalg::triangular_solve::{
    solve_lower_triangular_in_place, solve_unit_lower_triangular_in_place, solve_unit_upper_triangular_in_place,
    solve_upper_triangular_in_place,
};
use faer::{MatMut, MatRef, Par, Spec};
use hypertape_autodiff::outcome::Failed;

/// LU with partial pivoting, of any regular matrix: n applications, unless the operator has its matrix, and 2n³/3 work; the factors serve both sides.
///
/// A pivot that is no more than the rounding of what it was computed from says that the matrix is singular, whatever the scale of its rows and
/// columns. A solution whose error, by the estimate that LAPACK reports, may be above a hundredth of it is called ill-conditioned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lu;

impl LinearSolver for Lu {
    fn name(&self) -> String {
        "dense LU".into()
    }
    fn stop(&self) -> Stop {
        Stop::never()
    }
    fn state_bytes(&self, n: usize) -> u64 {
        Dense::bytes(n).saturating_add(24 * n as u64)
    }
    fn state(&self, n: usize) -> Box<dyn State> {
        let scratch = lu_in_place_scratch::<usize, f64>(n, n, threads(n), Spec::default());
        Box::new(Factors { dense: Dense::new(n, scratch), rows: vec![0; n], inverse: vec![0; n], moved: vec![0.0; n] })
    }
}

/// P A = L U.
#[derive(Debug)]
struct Factors {
    dense: Dense,
    /// Row i of P A is this one of A.
    rows: Vec<usize>,
    inverse: Vec<usize>,
    moved: Vec<f64>,
}

impl State for Factors {
    fn prepare(&mut self, a: &mut dyn Operator, _: &Hints) -> Result<(), Failed> {
        let n = self.dense.n;
        self.dense.read(a)?;
        self.dense.factors.copy_from_slice(&self.dense.matrix);
        let (room, stack) = self.dense.room();
        lu_in_place(room, &mut self.rows, &mut self.inverse, threads(n), stack, Spec::default());
        let at = |i: usize, j: usize| self.dense.factors[j * n + i];
        for i in 0..n {
            // What the pivot was computed from: |L||U|, on the diagonal.
            let of: f64 = (0..i).map(|k| at(i, k).abs() * at(k, i).abs()).sum::<f64>() + at(i, i).abs();
            let value = at(i, i);
            // Nor is NaN one.
            let sound = value.abs() > a.epsilon() * n as f64 * of;
            if !sound {
                return Err(Failed::SingularPivot { pivot: i, n, value, of, flat: None });
            }
        }
        Ok(())
    }
    fn solve(&mut self, a: &mut System<'_>, b: &[f64], x: &mut [f64], goal: &Goal) -> Result<Ended, Failed> {
        let Factors { dense, rows, moved, .. } = self;
        dense.solve(a, b, x, goal, &mut |f, v, transposed| by_factors(f, rows, moved, v, transposed))
    }
}

/// v ← A⁻¹v = U⁻¹L⁻¹P v, or A⁻ᵀv = PᵀL⁻ᵀU⁻ᵀv.
fn by_factors(f: MatRef<'_, f64>, rows: &[usize], moved: &mut [f64], v: &mut [f64], transposed: bool) {
    let n = v.len();
    if !transposed {
        moved.iter_mut().zip(rows).for_each(|(m, i)| *m = v[*i]);
        let mut m = MatMut::from_column_major_slice_mut(moved, n, 1);
        solve_unit_lower_triangular_in_place(f, m.as_mut(), Par::Seq);
        solve_upper_triangular_in_place(f, m.as_mut(), Par::Seq);
        v.copy_from_slice(moved);
    } else {
        let mut m = MatMut::from_column_major_slice_mut(v, n, 1);
        solve_lower_triangular_in_place(f.transpose(), m.as_mut(), Par::Seq);
        solve_unit_upper_triangular_in_place(f.transpose(), m.as_mut(), Par::Seq);
        moved.copy_from_slice(v);
        rows.iter().zip(moved.iter()).for_each(|(i, m)| v[*i] = *m);
    }
}
