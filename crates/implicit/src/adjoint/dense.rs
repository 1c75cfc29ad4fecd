//! The matrix itself, column by column, and a factorisation: for small systems, and as the reference for the others.
use super::condition::{forward_error, one_norm_condition};
use super::{LinearSolve, Outcome, wrong_state};
use crate::operator::Operator;
use faer::linalg::solvers::Solve;
use faer::{Mat, Side};
use hypertape_autodiff::ErrorKind as Problem;
use hypertape_solvers::krylov::norm;
use std::any::Any;

/// LU with partial pivoting, of any regular matrix. n applications and n³ work.
///
/// A pivot that is no more than the rounding of what it was computed from says that the matrix is singular, whatever the scale of its rows and
/// columns. A solution whose error, by the estimate that LAPACK reports, may be above a hundredth of it is called ill-conditioned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lu;

/// Cholesky, of symmetric positive definite matrices, and of negative definite ones: −A x = −b. n applications and n³/3 work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cholesky;

/// The matrix of an operator, through scratch for a unit vector and a column.
fn matrix(a: &mut dyn Operator, unit: &mut [f64], column: &mut [f64]) -> Result<Mat<f64>, Problem> {
    let n = a.len();
    let mut m = Mat::zeros(n, n);
    for j in 0..n {
        unit.fill(0.0);
        unit[j] = 1.0;
        a.apply(unit, column)?;
        for (i, v) in column.iter().enumerate() {
            if !v.is_finite() {
                return Err(format!(
                    "the matrix of the linear system is not finite: entry ({i}, {j}) is {v}; look for the operation that made it"
                )
                .into());
            }
            m[(i, j)] = *v;
        }
    }
    Ok(m)
}

fn column(b: &[f64]) -> Mat<f64> {
    Mat::from_fn(b.len(), 1, |i, _| b[i])
}

/// The largest forward error, relative to the solution, at which it counts as one.
const ACCURACY: f64 = 1e-2;

/// A pivot is rounding where it is no more than this times the sum of the sizes that it was computed from.
fn rounding(a: &dyn Operator, n: usize) -> f64 {
    a.epsilon() * n as f64
}

fn finish(
    a: &mut dyn Operator,
    m: &Mat<f64>,
    solve: &dyn Fn(&Mat<f64>, bool) -> Mat<f64>,
    b: &[f64],
    x: &mut [f64],
    scratch: &mut [f64],
) -> Result<Outcome, Problem> {
    let solved = solve(&column(b), false);
    x.iter_mut().enumerate().for_each(|(i, x)| *x = solved[(i, 0)]);
    a.apply(x, scratch)?;
    scratch.iter_mut().zip(b).for_each(|(s, b)| *s = b - *s);
    let (left, size) = (norm(scratch), norm(b));
    let residual = if size > 0.0 { left / size } else { left };
    let error = forward_error(m, solve, b, x, scratch, a.epsilon());
    let converged = residual.is_finite() && error <= ACCURACY;
    let status = if converged { "converged" } else { "ill-conditioned" };
    Ok(Outcome { iterations: 0, residual, status, converged, condition: Some(one_norm_condition(m, solve)) })
}

impl LinearSolve for Lu {
    fn name(&self) -> String {
        "dense LU".into()
    }
    fn state_len(&self, n: usize) -> usize {
        // The matrix, L and U.
        2 * n + 3 * n * n
    }
    fn state(&self, n: usize) -> Box<dyn Any + Send> {
        Box::new([vec![0.0; n], vec![0.0; n]])
    }
    fn solve(
        &self,
        a: &mut dyn Operator,
        b: &[f64],
        x: &mut [f64],
        _: f64,
        _: Option<f64>,
        state: &mut (dyn Any + Send),
    ) -> Result<Outcome, Problem> {
        let [unit, scratch] = state.downcast_mut::<[Vec<f64>; 2]>().ok_or_else(wrong_state)?;
        let m = matrix(a, unit, scratch)?;
        let lu = m.partial_piv_lu();
        let (l, u) = (lu.L(), lu.U());
        for i in 0..b.len() {
            // What the pivot was computed from: |L||U|, on the diagonal.
            let sizes: f64 = (0..=i).map(|k| l[(i, k)].abs() * u[(k, i)].abs()).sum();
            if u[(i, i)].abs() <= rounding(a, b.len()) * sizes {
                let problem = format!(
                    "the matrix of the linear system is singular: pivot {i} of {} is {:e}, which is rounding of {sizes:e}; the solution is not \
                     determined, check the model, or ask for one of the solutions with `NormalCg::default().minimum_norm()`",
                    b.len(),
                    u[(i, i)]
                );
                return Err(problem.into());
            }
        }
        let solve = |b: &Mat<f64>, transposed: bool| if transposed { lu.solve_transpose(b) } else { lu.solve(b) };
        finish(a, &m, &solve, b, x, scratch)
    }
}

impl LinearSolve for Cholesky {
    fn name(&self) -> String {
        "dense Cholesky".into()
    }
    fn state_len(&self, n: usize) -> usize {
        // The matrix and L.
        2 * n + 2 * n * n
    }
    fn state(&self, n: usize) -> Box<dyn Any + Send> {
        Box::new([vec![0.0; n], vec![0.0; n]])
    }
    fn solve(
        &self,
        a: &mut dyn Operator,
        b: &[f64],
        x: &mut [f64],
        _: f64,
        _: Option<f64>,
        state: &mut (dyn Any + Send),
    ) -> Result<Outcome, Problem> {
        let [unit, scratch] = state.downcast_mut::<[Vec<f64>; 2]>().ok_or_else(wrong_state)?;
        let mut m = matrix(a, unit, scratch)?;
        let (mut size, mut skew) = (0.0_f64, 0.0_f64);
        for i in 0..b.len() {
            for j in 0..=i {
                size = size.max(m[(i, j)].abs());
                skew = skew.max((m[(i, j)] - m[(j, i)]).abs());
            }
        }
        if skew > size * a.epsilon().sqrt() {
            return Err(format!(
                "Cholesky needs a symmetric matrix: entries differ by {skew:e} where the largest is {size:e}; use LU or GMRES"
            )
            .into());
        }
        let negative = !b.is_empty() && m[(0, 0)] < 0.0;
        if negative {
            // −A x = −b.
            m = -m;
        }
        let indefinite = |why: &str| {
            Problem::from(format!(
                "Cholesky needs a positive definite matrix, or a negative definite one: {why}; use LU or GMRES, or \
                 `NormalCg::default().minimum_norm()` where it is singular"
            ))
        };
        let llt = m.llt(Side::Lower).map_err(|_| indefinite("this one is neither"))?;
        let l = llt.L();
        if let Some(i) = (0..b.len()).find(|i| l[(*i, *i)] * l[(*i, *i)] <= rounding(a, b.len()) * m[(*i, *i)]) {
            let pivot = l[(i, i)] * l[(i, i)];
            return Err(indefinite(&format!("pivot {i} of {} is {pivot:e}, which is rounding of {:e}", b.len(), m[(i, i)])));
        }
        let solve = |b: &Mat<f64>, _: bool| if negative { -llt.solve(b) } else { llt.solve(b) };
        finish(a, &m, &solve, b, x, scratch)
    }
}
