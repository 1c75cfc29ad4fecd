//! The matrix itself, column by column, and a factorisation: for small systems, and as the reference for the others.
use super::{LinearSolve, Outcome, true_residual, wrong_state};
use crate::operator::Operator;
use faer::linalg::solvers::Solve;
use faer::{Mat, Side};
use hypertape_autodiff::Problem;
use std::any::Any;

/// LU with partial pivoting, of any regular matrix. n applications and n³ work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lu;

/// Cholesky, of symmetric positive definite matrices. n applications and n³/3 work.
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

fn column(b: &[f64]) -> Mat<f64> {
    Mat::from_fn(b.len(), 1, |i, _| b[i])
}

fn finish(a: &mut dyn Operator, b: &[f64], x: &mut [f64], solved: &Mat<f64>, scratch: &mut [f64]) -> Result<Outcome, Problem> {
    x.iter_mut().enumerate().for_each(|(i, x)| *x = solved[(i, 0)]);
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
        let u = lu.U();
        let largest = (0..b.len()).map(|i| u[(i, i)].abs()).fold(0.0, f64::max);
        let limit = largest * a.epsilon() * b.len() as f64;
        if let Some(i) = (0..b.len()).find(|i| u[(*i, *i)].abs() <= limit) {
            let problem = format!(
                "the matrix of the linear system is singular: pivot {i} of {} is {:e}, the largest {largest:e}; the solution is not determined, check the model",
                b.len(),
                u[(i, i)]
            );
            return Err(problem.into());
        }
        let solved = lu.solve(&column(b));
        finish(a, b, x, &solved, scratch)
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
        let m = matrix(a, unit, scratch)?;
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
        let llt = m
            .llt(Side::Lower)
            .map_err(|_| Problem::from("Cholesky needs a positive definite matrix, and this one is not; use LU or GMRES"))?;
        let solved = llt.solve(&column(b));
        finish(a, b, x, &solved, scratch)
    }
}
