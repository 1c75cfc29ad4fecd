//! Ways to solve the linear systems of the implicit function theorem.
mod condition;
mod dense;
mod krylov;
mod series;

pub use dense::{Cholesky, Lu};
pub use krylov::{Bicgstab, Cg, Gmres, MinimumNorm, NormalCg};
pub use series::{Neumann, OneStep};

use crate::operator::Operator;
use hypertape_autodiff::Problem;
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
    /// Doubles that a state for vectors of length n holds.
    fn state_len(&self, n: usize) -> usize;
    /// A fresh state for vectors of length n.
    fn state(&self, n: usize) -> Box<dyn Any + Send>;
    /// Solves A x = b from the x given. `step` is the number α for which I − αA is the Jacobian of one step of the method that found
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
    let r: f64 = b.iter().zip(scratch.iter()).map(|(b, s)| (b - s) * (b - s)).sum::<f64>().sqrt();
    let size = norm(b);
    Ok(if size > 0.0 { r / size } else { r })
}

/// A tolerance that can be met.
fn checked(t: Scalar) -> Result<Scalar, String> {
    match t {
        Scalar::Value(v) if !(v.is_finite() && v >= 0.0) => {
            Err(format!("the tolerance is {v}; give a finite number that is not negative, or a variable"))
        }
        Scalar::Var(v) => match v.leaf_type() {
            Some(t) if !t.shape.is_empty() => Err(format!("the tolerance is {t}; give one number, or a variable that is one")),
            _ => Ok(t),
        },
        t => Ok(t),
    }
}

fn wrong_state() -> Problem {
    "the state belongs to another linear solver".into()
}
