//! Cholesky factorisation.
use crate::dense::{Dense, threads};
use crate::operator::Operator;
use crate::solver::{Ended, Hints, LinearSolver, State};
use crate::stop::{Goal, Stop};
use crate::system::System;
use faer::linalg::cholesky::llt::factor::{LltError, cholesky_in_place, cholesky_in_place_scratch};
use faer::linalg::triangular_solve::{solve_lower_triangular_in_place, solve_upper_triangular_in_place};
use faer::{MatMut, Par, Spec};
use hypertape_autodiff::outcome::Failed;

/// Cholesky, of symmetric positive definite matrices, and of negative definite ones: −A x = −b. n applications, unless the operator has its matrix, and
/// n³/3 work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cholesky;

impl LinearSolver for Cholesky {
    fn name(&self) -> String {
        "dense Cholesky".into()
    }
    fn stop(&self) -> Stop {
        Stop::never()
    }
    fn state_bytes(&self, n: usize) -> u64 {
        Dense::bytes(n)
    }
    fn state(&self, n: usize) -> Box<dyn State> {
        let scratch = cholesky_in_place_scratch::<f64>(n, threads(n), Spec::default());
        Box::new(Factors { dense: Dense::new(n, scratch), negative: false })
    }
}

/// ±A = L Lᵀ.
#[derive(Debug)]
struct Factors {
    dense: Dense,
    negative: bool,
}

impl State for Factors {
    fn prepare(&mut self, a: &mut dyn Operator, _: &Hints) -> Result<(), Failed> {
        let n = self.dense.n;
        self.dense.read(a)?;
        self.dense.symmetric(a.epsilon())?;
        self.negative = self.dense.matrix.first().is_some_and(|first| *first < 0.0);
        let sign = if self.negative { -1.0 } else { 1.0 };
        self.dense.factors.iter_mut().zip(&self.dense.matrix).for_each(|(to, v)| *to = sign * v);
        let (room, stack) = self.dense.room();
        let made = cholesky_in_place(room, Default::default(), threads(n), stack, Spec::default());
        let (f, m) = (&self.dense.factors, &self.dense.matrix);
        if let Err(LltError::NonPositivePivot { index }) = made {
            return Err(Failed::NotDefinite { curvature: Some(sign * f[index * n + index]) });
        }
        let rounding = a.epsilon() * n as f64;
        let pivot = |i: usize| f[i * n + i] * f[i * n + i];
        // Nor is NaN one.
        let sound = |i: usize| pivot(i) > rounding * m[i * n + i].abs();
        match (0..n).find(|i| !sound(*i)) {
            Some(i) => Err(Failed::SingularPivot { pivot: i, n, value: sign * pivot(i), of: m[i * n + i].abs(), flat: None }),
            None => Ok(()),
        }
    }
    fn solve(&mut self, a: &mut System<'_>, b: &[f64], x: &mut [f64], goal: &Goal) -> Result<Ended, Failed> {
        let negative = self.negative;
        let mut made = self.dense.solve(a, b, x, goal, &mut |f, v, _| {
            let mut m = MatMut::from_column_major_slice_mut(v, f.nrows(), 1);
            solve_lower_triangular_in_place(f, m.as_mut(), Par::Seq);
            solve_upper_triangular_in_place(f.transpose(), m.as_mut(), Par::Seq);
            if negative {
                v.iter_mut().for_each(|v| *v = -*v);
            }
        })?;
        if negative {
            made.remark = Some("the operator is negative definite: −A x = −b was solved");
        }
        Ok(made)
    }
}
