//! Line searches: Armijo backtracking, and the bisection for the weak Wolfe conditions.
use crate::handles::{at_most, select};
use hypertape_autodiff::record::{Scalar, Var, scalar, scan_until, stop_gradient};
use hypertape_autodiff::tree::Vars;

/// The fraction of the predicted decrease that a step must make.
pub(super) const DECREASE: f64 = 1e-4;
/// The fraction of the first slope that must be left at the most.
const CURVATURE: f64 = 0.9;
/// The most trials.
const TRIALS: usize = 40;
/// Values this close, relative to their size, count as equal: the rounding of the objective (Hager and Zhang 2005).
const ROUNDING: f64 = 1e-15;

/// The first of first, first/2, first/4, … at which φ(t) ≤ φ(0) + c t φ'(0) (Armijo 1966), as a constant for derivatives:
/// the accepted step does not change with small changes of the problem, its factor of the first step is fixed.
#[track_caller]
pub(super) fn backtrack(first: Scalar, at_zero: Var, slope: Var, phi: impl Fn(Var) -> Var) -> Var {
    let (value, slope) = (stop_gradient(&at_zero), stop_gradient(&slope));
    let first = first.real::<f64>();
    let still = stop_gradient(&first);
    let slack = ROUNDING * value.abs();
    let (factor, _) = scan_until(
        (scalar::<f64>(2.0), scalar::<f64>(0.0)),
        TRIALS,
        |(_, done)| *done,
        |(factor, _), _| {
            let factor = 0.5 * factor;
            let t = factor * still;
            (factor, at_most(stop_gradient(&phi(t)), value + slack + DECREASE * t * slope))
        },
    );
    stop_gradient(&factor) * first
}

/// A step t, by bisection and doubling from 1, with φ(t) ≤ φ(0) + c₁ t φ'(0) and φ'(t) ≥ c₂ φ'(0) (Lewis and Overton 2013), and what
/// `at` gives there: (φ(t), φ'(t), anything). The step is a constant for derivatives.
#[track_caller]
pub(super) fn weak_wolfe<W: Vars>(at_zero: Var, slope: Var, like: &W, at: impl Fn(Var) -> (Var, Var, W)) -> (Var, Var, W) {
    let (value, slope) = (stop_gradient(&at_zero), stop_gradient(&slope));
    let slack = ROUNDING * value.abs();
    let number = |v: f64| scalar::<f64>(v);
    // low, high (0: none yet), the next trial, the last trial, done, and what was found at the last trial.
    let start = ((number(0.0), number(0.0), number(1.0)), (number(0.0), number(0.0)), (at_zero, like.clone()));
    let (_, (t, _), (f, w)) = scan_until(
        start,
        TRIALS,
        |(_, (_, done), _)| *done,
        |((low, high, t), _, _), _| {
            let (f, d, w) = at(t);
            let falls = at_most(stop_gradient(&f), value + slack + DECREASE * t * slope);
            let flat = at_most(CURVATURE * slope, stop_gradient(&d));
            let (low, high) = (pick(falls, t, low), pick(falls, high, t));
            let open = at_most(high, number(0.0));
            let next = pick(open, 2.0 * t, 0.5 * (low + high));
            ((low, high, next), (t, falls * flat), (f, w))
        },
    );
    (stop_gradient(&t), f, w)
}

#[track_caller]
fn pick(test: Var, yes: Var, no: Var) -> Var {
    Var::from_dyn(select(test, yes.to_dyn(), no.to_dyn()))
}
