//! Line searches: Armijo backtracking, and the bisection for the weak Wolfe conditions.
use crate::handles::{at_most, divisor, epsilon, norm, pick, products};
use hypertape_autodiff::record::{Scalar, Var, scalar, scan_until, stop_gradient};
use hypertape_autodiff::tree::Vars;

/// The fraction of the predicted decrease that a step must make.
pub(super) const DECREASE: f64 = 1e-4;
/// The fraction of the first slope that must be left at the most.
const CURVATURE: f64 = 0.9;
/// The most trials.
const TRIALS: usize = 64;
/// So many trials halve or double the step; later ones change it by 2²⁴, so that any scale is found.
const PLAIN: f64 = 24.0;
/// Values this close, relative to their size, may differ by rounding; then slopes decide (Hager and Zhang 2005).
const ROUNDING: f64 = 1e-6;
/// A step of so many ε, relative to the point, is rounding.
const SHORT: f64 = 4.0;

/// φ(t) = f(z − td) and its slopes, which are taken over ‖∇f(z)‖‖d‖, so that no product of two small or large gradients leaves the range. All are
/// constants for derivatives.
pub(super) struct Line<W> {
    unit: W,
    length: Var,
    gradient: Var,
    value: Var,
    slope: Var,
}

impl<W: Vars> Line<W> {
    /// From z, where f and its gradient are these, along −d.
    #[track_caller]
    pub(super) fn new(f: Var, gradient: &W, d: &W) -> Self {
        let (value, gradient, d) = stop_gradient(&(f, gradient.clone(), d.clone()));
        let (length, size) = (divisor(&d), divisor(&gradient));
        let unit = d.scaled(1.0 / length);
        let slope = -products(&gradient, &unit) / size;
        Line { unit, length, gradient: size, value, slope }
    }
    /// φ'(t) over ‖∇f(z)‖‖d‖, from the gradient at z − td.
    #[track_caller]
    pub(super) fn slope(&self, there: &W) -> Var {
        -products(&stop_gradient(there), &self.unit) / self.gradient
    }
    /// 0, or NaN where φ(0) is not finite: added to a step, it ends a solve that cannot compare values, and says where they come from.
    fn known(&self) -> Var {
        -self.value + self.value
    }
    /// φ(0) + c t φ'(0).
    #[track_caller]
    fn along(&self, t: Var) -> Var {
        self.value + DECREASE * t * self.slope * self.length * self.gradient
    }
}

/// Whether a trial makes enough decrease: φ(t) ≤ φ(0) + c t φ'(0), or, where the values may differ by rounding alone,
/// φ'(t) ≤ (2c − 1) φ'(0), which is the same for a quadratic (Hager and Zhang 2005). The condition is a constant for derivatives. What is not finite
/// decreases nothing.
///
/// Within the rounding of the values only slopes decide: a decrease seen there may be an increase.
#[track_caller]
fn decreases<W: Vars>(t: Var, line: &Line<W>, at: (Var, Var)) -> Var {
    let (f, d) = stop_gradient(&at);
    let near = at_most((f - line.value).abs(), ROUNDING * line.value.abs());
    let plainly = at_most(f, line.along(t));
    let by_slopes = at_most(d, (2.0 * DECREASE - 1.0) * line.slope);
    let finite = f.abs().less_than(scalar(f64::MAX)) * d.abs().less_than(scalar(f64::MAX));
    finite * (near * by_slopes + (1.0 - near) * plainly)
}

/// 1 where the first trial, a step of length ‖d‖ from z, is no longer than the rounding of z: a constant for derivatives.
///
/// Then values and slopes are rounding too, and any step may seem to be one of descent. Steps that are accepted by chance would leave z where it
/// is, and multiply its derivative by I − tH with a t that is too long.
#[track_caller]
pub(super) fn at_rest<W: Vars>(z: &W, length: Var) -> Var {
    at_most(stop_gradient(&length), SHORT * epsilon(z) * stop_gradient(&norm(z)))
}

/// The first of first, first/2, first/4, … that makes enough decrease (Armijo 1966); `phi` gives φ(t) and its slope. It is a constant
/// times the first step for derivatives: which halving is accepted does not change with small changes of the problem. It is 0 [`at_rest`].
#[track_caller]
pub(super) fn backtrack<W: Vars>(first: Scalar, rest: Var, line: &Line<W>, phi: impl Fn(Var) -> (Var, Var)) -> Var {
    let first = first.real::<f64>();
    let still = stop_gradient(&first);
    let (factor, _) = scan_until(
        (scalar::<f64>(2.0), rest),
        TRIALS,
        |(_, done)| *done,
        |(factor, _), k| {
            let factor = factor / pace(k);
            let t = factor * still;
            (factor, decreases(t, line, phi(t)))
        },
    );
    stop_gradient(&(factor * (1.0 - rest) + line.known())) * first
}

/// What trial k multiplies or divides a step by.
#[track_caller]
fn pace(k: Var<u32>) -> Var {
    pick(k.real::<f64>().less_than(scalar(PLAIN)), scalar(2.0), scalar(16_777_216.0))
}

/// A step t, by bisection and doubling from 1, with enough decrease and φ'(t) ≥ c₂ φ'(0) (Lewis and Overton 2013), and what `at` gives
/// there: (φ(t), its slope, the gradient). The step is a constant for derivatives. It is 0 [`at_rest`], and what is there is `f` and `gradient`.
#[track_caller]
pub(super) fn weak_wolfe<W: Vars>(rest: Var, line: &Line<W>, (f, gradient): (Var, W), at: impl Fn(Var) -> (Var, Var, W)) -> (Var, Var, W) {
    let number = |v: f64| scalar::<f64>(v);
    // low, high (0: none yet), the next trial; the last trial, done; what was found at the last trial.
    let start = ((number(0.0), number(0.0), number(1.0)), (number(0.0), rest), (f, gradient));
    let (_, (t, _), (f, w)) = scan_until(
        start,
        TRIALS,
        |(_, (_, done), _)| *done,
        |((low, high, t), _, _), k| {
            let (f, d, w) = at(t);
            let falls = decreases(t, line, (f, d));
            let flat = at_most(CURVATURE * line.slope, stop_gradient(&d));
            let (low, high) = (pick(falls, t, low), pick(falls, high, t));
            let open = at_most(high, number(0.0));
            // Ends of the bracket of other scales: in between by scale.
            let far = (16.0 * low).less_than(high) * number(0.0).less_than(low) * number(PLAIN).less_than(k.real());
            let inside = pick(far, low.sqrt() * high.sqrt(), 0.5 * (low + high));
            let shut = pick(at_most(low, number(0.0)), high / pace(k), inside);
            let next = pick(open, pace(k) * t, shut);
            ((low, high, next), (t, falls * flat), (f, w))
        },
    );
    (stop_gradient(&(t + line.known())), f, w)
}
