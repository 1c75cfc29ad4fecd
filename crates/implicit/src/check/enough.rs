//! How tight a solve must be for a derivative that is right: tried before it is said.
use super::CheckHypergradient;
use super::decide::Evidence;
use super::directions::{directions, dot};
use super::equation::ByEquation;
use super::report::Verdict;
use super::run::UNROLLED;
use super::solves::Solves;
use hypertape_autodiff::Result;
use hypertape_autodiff::array::{AnyArray, Real};
use hypertape_solvers::{Equation, Method};

/// Tolerances that are tried, each this much smaller than the one before.
const TRIES: usize = 8;
const SMALLER: f64 = 0.1;

/// One digit, not more than that.
fn one_digit(v: f64) -> f64 {
    let power = 10_f64.powf(v.log10().floor());
    let digit = (v / power).floor().max(1.0);
    if power > 0.0 && power.is_finite() { digit * power } else { v }
}

impl<M: Method<Each = ()>, T: Real> CheckHypergradient<M, T>
where
    M::Problem: Equation,
{
    /// The tolerance, where it is another one, and the iterations, of an inner solve from the start whose derivative is that of the solution; none where the inner solve is not at fault, or none is found.
    pub(super) fn enough_inner(
        &self,
        solves: &mut Solves<M>,
        equation: &mut ByEquation,
        evidence: &Evidence,
        verdicts: &[Verdict],
        (start, theta): (&[AnyArray], &[AnyArray]),
        residual: f64,
    ) -> Result<Option<(Option<f64>, u64)>> {
        let loose = verdicts.iter().find_map(|v| match v {
            Verdict::InnerTooLoose { error, tolerance, iterations, settled: true, .. } => Some((*error, *tolerance, *iterations)),
            _ => None,
        });
        let Some((error, asked, made)) = loose else { return Ok(None) };
        // A solve that ran out of iterations is tried to its own tolerance first.
        let short = residual > asked;
        let mut tolerance =
            if short || asked <= 0.0 { asked } else { one_digit(0.5 * asked.min(residual) * (self.accuracy / error).min(1.0)) };
        for _ in 0..TRIES {
            let mut solver = solves.tighter(tolerance)?;
            let Ok(point) = solves.solve(&mut solver, start, theta) else { return Ok(None) };
            if !point.ended.converged && point.ended.iterations <= made {
                return Ok(None);
            }
            let Ok(slope) = equation.exact(&point.z) else { return Ok(None) };
            let steps = usize::try_from(point.ended.iterations).unwrap_or(UNROLLED).max(1);
            // As many steps are unrolled next time.
            let unrolled = if self.steps.is_none() && steps <= UNROLLED { self.unrolled(steps, start, theta).ok() } else { None };
            let right = |g: &[f64]| directions(theta).iter().enumerate().all(|(k, (_, t))| evidence.enough(k, |r| r.tight, dot(g, t)));
            if right(&slope.gradient) && unrolled.is_none_or(|g| right(&g)) {
                return Ok(Some(((tolerance != asked).then_some(tolerance), point.ended.iterations)));
            }
            tolerance = one_digit(1.01 * SMALLER * tolerance);
        }
        Ok(None)
    }
    /// The tolerance of the adjoint solve whose derivative is that of a solve to rounding; none where it is not at fault, or none is found.
    pub(super) fn enough_adjoint(
        &self,
        equation: &mut ByEquation,
        evidence: &Evidence,
        verdicts: &[Verdict],
        z: &[AnyArray],
        theta: &[AnyArray],
    ) -> Option<f64> {
        let (error, residual) = verdicts.iter().find_map(|v| match v {
            Verdict::AdjointTooLoose { error, residual, .. } if !self.adjoint.approximate() => Some((*error, *residual)),
            _ => None,
        })?;
        let mut tolerance = one_digit(0.5 * residual * self.accuracy / error);
        for _ in 0..TRIES {
            let slope = equation.given_to(z, tolerance).ok()?;
            let right = directions(theta).iter().enumerate().all(|(k, (_, t))| evidence.enough(k, |r| r.exact, dot(&slope.gradient, t)));
            if right {
                return Some(tolerance);
            }
            tolerance = one_digit(1.01 * SMALLER * tolerance);
        }
        None
    }
}
