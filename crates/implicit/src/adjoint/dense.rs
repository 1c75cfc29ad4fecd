//! The matrix itself, column by column, and a factorisation: for small systems, and as the reference for the others.
use super::{LinearSolve, Outcome, true_residual, wrong_state};
use crate::operator::Operator;
use crate::scaled::{exponent, times_power};
use faer::linalg::solvers::Solve;
use faer::{Mat, Side};
use hypertape_autodiff::Problem;
use std::any::Any;

/// LU with partial pivoting, of any regular matrix. n applications and n³ work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lu;

/// Cholesky, of symmetric definite matrices; a negative definite one only has its sign changed. n applications and n³/3 work.
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
            m[(i, j)] = *v;
        }
    }
    Ok(m)
}

/// Powers of two that bring the largest entry of each row near 1, then of each column: what is singular does not depend on units.
fn equilibrate(m: &mut Mat<f64>) -> [Vec<i32>; 2] {
    let n = m.nrows();
    let rows: Vec<i32> = (0..n).map(|i| exponent((0..n).map(|j| m[(i, j)]))).collect();
    scale(m, &rows, &vec![0; n]);
    let columns: Vec<i32> = (0..n).map(|j| exponent((0..n).map(|i| m[(i, j)]))).collect();
    scale(m, &vec![0; n], &columns);
    [rows, columns]
}

/// m_ij 2^(−r_i − c_j).
fn scale(m: &mut Mat<f64>, rows: &[i32], columns: &[i32]) {
    for (j, c) in columns.iter().enumerate() {
        for (i, r) in rows.iter().enumerate() {
            if r + c != 0 {
                m[(i, j)] = times_power(m[(i, j)], -r - c);
            }
        }
    }
}

/// b_i 2^−r_i as a column.
fn column(b: &[f64], rows: &[i32]) -> Mat<f64> {
    Mat::from_fn(b.len(), 1, |i, _| times_power(b[i], -rows[i]))
}

/// x_j = y_j 2^−c_j, and its residual.
fn finish(
    a: &mut dyn Operator,
    b: &[f64],
    x: &mut [f64],
    (solved, columns): (&Mat<f64>, &[i32]),
    scratch: &mut [f64],
) -> Result<Outcome, Problem> {
    x.iter_mut().enumerate().for_each(|(i, x)| *x = times_power(solved[(i, 0)], -columns[i]));
    let residual = true_residual(a, b, x, scratch)?;
    // What a backward stable solve leaves, with room for the condition number up to 1/√ε.
    let converged = residual <= a.epsilon().sqrt();
    let status = if converged { "converged" } else { "ill-conditioned" };
    Ok(Outcome { iterations: 0, residual, status, converged })
}

impl LinearSolve for Lu {
    fn name(&self) -> String {
        "dense LU".into()
    }
    fn state_len(&self, n: usize) -> usize {
        // The matrix, L and U; exponents.
        3 * n + 3 * n * n
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
        let [rows, columns] = equilibrate(&mut m);
        let lu = m.partial_piv_lu();
        let u = lu.U();
        let largest = (0..b.len()).map(|i| u[(i, i)].abs()).fold(0.0, f64::max);
        let limit = largest * a.epsilon() * b.len() as f64;
        if let Some(i) = (0..b.len()).find(|i| u[(*i, *i)].abs() <= limit) {
            let problem = format!(
                "the matrix of the linear system is singular: pivot {i} of {} is {:e}, the largest {largest:e}, in units in which rows and columns are near 1; the solution is not determined, check the model",
                b.len(),
                u[(i, i)]
            );
            return Err(problem.into());
        }
        let solved = lu.solve(&column(b, &rows));
        finish(a, b, x, (&solved, &columns), scratch)
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
        let n = b.len();
        // Symmetric scaling to a diagonal near ±1, and the sign of the first entry.
        let halves: Vec<i32> = (0..n).map(|i| exponent([m[(i, i)]].into_iter()).div_euclid(2)).collect();
        scale(&mut m, &halves, &halves);
        let negative = n > 0 && m[(0, 0)] < 0.0;
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
        if negative {
            m = -m;
        }
        let llt = m.llt(Side::Lower).map_err(|_| {
            Problem::from("Cholesky needs a positive definite matrix, or a negative definite one, and this one is neither; use LU or GMRES")
        })?;
        let mut right = column(b, &halves);
        if negative {
            right = -right;
        }
        let solved = llt.solve(&right);
        finish(a, b, x, (&solved, &halves), scratch)
    }
}
