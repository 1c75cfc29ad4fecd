//! Ways to solve the linear systems of the implicit function theorem.
mod condition;
mod dense;
mod krylov;
mod series;

pub use dense::{Cholesky, Lu};
pub use krylov::{Bicgstab, Cg, Gmres, MinimumNorm, NormalCg};
pub use series::{Neumann, OneStep};

use crate::operator::Operator;
use hypertape_autodiff::ErrorKind as Problem;
use hypertape_autodiff::record::Scalar;
use hypertape_solvers::krylov::norm;
use std::any::Any;
use std::fmt::Debug;

/// How a linear solve ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// Iterations, terms of a series, or 0 for a direct method.
    pub iterations: u64,
    /// ‖b − A x‖ / ‖b‖, computed from the result.
    pub residual: f64,
    /// In words.
    pub status: &'static str,
    /// Whether the residual is at or under the tolerance, or as small as rounding allows.
    pub converged: bool,
    /// An estimate of the condition number of A, from below; none where none is known.
    pub condition: Option<f64>,
}

/// A way to solve A x = b.
pub trait LinearSolve: Debug + Send + Sync + 'static {
    /// The field's name of it, with its settings.
    fn name(&self) -> String;
    /// The tolerance on the relative residual: a number, or a variable of the recording it is used in.
    ///
    /// # Errors
    /// In words, when a setting cannot work.
    fn tolerance(&self) -> Result<Scalar, String> {
        Ok(Scalar::Value(0.0))
    }
    /// The residual ‖b − A x‖ that is enough whatever ‖b‖ is; 0 where only the relative one counts.
    fn absolute_tolerance(&self) -> f64 {
        0.0
    }
    /// Doubles that a state for vectors of length n holds.
    fn state_len(&self, n: usize) -> usize;
    /// A fresh state for vectors of length n.
    fn state(&self, n: usize) -> Box<dyn Any + Send>;
    /// Solves A x = b from the x given, to the tolerance on ‖b − A x‖ / ‖b‖, in which the absolute one is contained; b is near 1 in size, unless a
    /// user calls it otherwise. `step` is the number α for which I − αA is the Jacobian of one step of the method that found
    /// the point, where there is one.
    ///
    /// # Errors
    /// When the operator fails, is singular, or is not what the method needs.
    fn solve(
        &self,
        a: &mut dyn Operator,
        b: &[f64],
        x: &mut [f64],
        tolerance: f64,
        step: Option<f64>,
        state: &mut (dyn Any + Send),
    ) -> Result<Outcome, Problem>;
    /// Whether it is an approximation by design, whose residual is reported but never an error.
    fn approximate(&self) -> bool {
        false
    }
}

/// ‖b − A x‖ / ‖b‖, with scratch for A x.
fn true_residual(a: &mut dyn Operator, b: &[f64], x: &[f64], scratch: &mut [f64]) -> Result<f64, Problem> {
    a.apply(x, scratch)?;
    scratch.iter_mut().zip(b).for_each(|(s, b)| *s = b - *s);
    let (r, size) = (norm(scratch), norm(b));
    Ok(if size > 0.0 { r / size } else { r })
}

/// What rounding leaves of the relative residual, 8ε√n(1 + ‖A‖‖x‖/‖b‖) (Rigal and Gaches 1967), but not above √ε: no iteration gets below it.
/// ‖A‖ is estimated from below by three products, through vectors for them.
fn attainable(a: &mut dyn Operator, b: &[f64], x: &[f64], probes: &mut Vec<f64>) -> Result<f64, Problem> {
    let (n, epsilon) = (b.len(), a.epsilon());
    probes.resize(2 * n, 0.0);
    let (v, w) = probes.split_at_mut(n);
    v.iter_mut().enumerate().for_each(|(i, v)| *v = crate::signs::sign(7, i));
    a.apply(v, w)?;
    let mut largest = norm(w) / norm(v);
    // One step of the power method on AᵀA.
    a.apply_adjoint(w, v)?;
    let length = norm(v);
    if length > 0.0 && length.is_finite() {
        v.iter_mut().for_each(|v| *v /= length);
        a.apply(v, w)?;
        largest = largest.max(norm(w));
    }
    let floor = 8.0 * epsilon * (n as f64).sqrt() * (1.0 + largest * (norm(x) / norm(b)));
    Ok(floor.min(epsilon.sqrt()))
}

/// A tolerance that can be met, with an absolute one.
fn both(relative: Scalar, absolute: f64) -> Result<Scalar, String> {
    if absolute.is_finite() && absolute >= 0.0 {
        return checked(relative);
    }
    Err(format!("the absolute tolerance is {absolute}; give a finite number that is not negative"))
}

/// A tolerance that can be met.
fn checked(t: Scalar) -> Result<Scalar, String> {
    match t {
        Scalar::Value(v) => usable(v).map(|()| t),
        Scalar::Var(v) => match v.leaf_type() {
            Some(t) if !t.shape.is_empty() => Err(format!("the tolerance is {t}; give one number, or a variable that is one")),
            _ => Ok(t),
        },
    }
}

/// That a relative residual is one to stop at: at 1 and above, the solution 0 would do.
pub(crate) fn usable(tolerance: f64) -> Result<(), String> {
    if (0.0..1.0).contains(&tolerance) {
        return Ok(());
    }
    Err(format!("the tolerance is {tolerance}; give a number that is not negative and below 1, such as 1e-12, or a variable"))
}

fn wrong_state() -> Problem {
    "the state belongs to another linear solver".into()
}
