//! Linear solves at any scale: the right-hand side is brought near 1 by a power of two, and the operator too where it has to be.
use crate::adjoint::{LinearSolve, Outcome};
use crate::operator::Operator;
use hypertape_autodiff::ErrorKind as Problem;
use hypertape_solvers::krylov::norm;
use std::any::Any;

/// The k with 2ᵏ ≤ max |v| < 2ᵏ⁺¹; 0 for a vector of zeros, or one that is not finite.
pub(crate) fn exponent(v: impl Iterator<Item = f64>) -> i32 {
    let largest = v.fold(0.0, |m: f64, v| m.max(v.abs()));
    if largest > 0.0 && largest.is_finite() { largest.log2().floor() as i32 } else { 0 }
}

/// v 2ᵏ, exact unless it leaves the range of doubles.
pub(crate) fn times_power(v: f64, k: i32) -> f64 {
    // In two factors: one alone would overflow for the smallest numbers.
    let half = k / 2;
    v * 2f64.powi(half) * 2f64.powi(k - half)
}

fn scale(v: &mut [f64], k: i32) {
    if k != 0 {
        v.iter_mut().for_each(|v| *v = times_power(*v, k));
    }
}

/// Exponents that need no scaling: squares and products stay in the range of what computes them.
fn window(epsilon: f64) -> i32 {
    if epsilon > f64::EPSILON { 8 } else { 100 }
}

/// 2⁻ᵏ A.
struct Rescaled<'a>(&'a mut dyn Operator, i32);

impl Operator for Rescaled<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }
    fn apply(&mut self, v: &[f64], out: &mut [f64]) -> Result<(), Problem> {
        self.0.apply(v, out)?;
        scale(out, -self.1);
        Ok(())
    }
    fn apply_adjoint(&mut self, v: &[f64], out: &mut [f64]) -> Result<(), Problem> {
        self.0.apply_adjoint(v, out)?;
        scale(out, -self.1);
        Ok(())
    }
    fn epsilon(&self) -> f64 {
        self.0.epsilon()
    }
}

/// Solves A x = b from the x given, to the larger of the relative tolerance and the solver's absolute one; b is as before afterwards. Gives the
/// tolerance relative to ‖b‖ besides the outcome.
///
/// Powers of two change no digit. A solve that fails is tried once more with 2⁻ᵏA where A b shows that A is far from 1: one product, then.
pub(crate) fn solve(
    solver: &dyn LinearSolve,
    a: &mut dyn Operator,
    b: &mut [f64],
    x: &mut [f64],
    tolerance: f64,
    step: Option<f64>,
    state: &mut (dyn Any + Send),
) -> Result<(Outcome, f64), Problem> {
    if let Some(v) = b.iter().find(|v| !v.is_finite()) {
        return Err(
            format!("the right-hand side of the linear system is not finite: it has {v}; look for the operation that made it").into()
        );
    }
    let size = norm(b);
    if size == 0.0 {
        x.fill(0.0);
        return Ok((Outcome { iterations: 0, residual: 0.0, status: "converged", converged: true, condition: None }, tolerance));
    }
    let tolerance = tolerance.max(solver.absolute_tolerance() / size);
    let window = window(a.epsilon());
    let k = exponent(b.iter().copied());
    let k = if k.abs() > window { k } else { 0 };
    scale(b, -k);
    scale(x, -k);
    let mut made = solver.solve(a, b, x, tolerance, step, state);
    let failed = match &made {
        Ok(o) => !(o.converged || solver.approximate() && o.residual.is_finite()),
        Err(_) => true,
    };
    if failed {
        // Zero vectors are no evidence, and an operator that leaves the range of its own type cannot be brought back.
        let mut image = vec![0.0; b.len()];
        a.apply(b, &mut image)?;
        let own = exponent(image.iter().copied()) - exponent(b.iter().copied());
        if own.abs() > window && image.iter().all(|v| v.is_finite()) && image.iter().any(|v| *v != 0.0) {
            x.fill(0.0);
            made = solver.solve(&mut Rescaled(a, own), b, x, tolerance, step.map(|s| times_power(s, own)), state);
            scale(x, -own);
        }
    }
    scale(b, k);
    scale(x, k);
    made.map(|o| (o, tolerance))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_two_are_exact_over_the_whole_range() {
        for v in [1.0, 3.0, 1e-308, 5e-324, 1.7e308] {
            let k = exponent([v].into_iter());
            let near = times_power(v, -k);
            assert!((1.0..2.0).contains(&near), "{v}: {near}");
            assert_eq!(times_power(near, k), v);
        }
        assert_eq!(exponent([0.0, f64::NAN].into_iter()), 0);
    }
}
