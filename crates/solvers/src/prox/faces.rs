//! What proximal operators share: settings that are looked at, thresholds, directions, and the projection onto a simplex.
//!
//! Masks select and never multiply, so an infinite value that is masked stays out of values and derivatives; a NaN stays a NaN.
use crate::handles::require;
use hypertape_autodiff::array::{Kind, Real};
use hypertape_autodiff::ops::require::Condition;
use hypertape_autodiff::record::{Scalar, Var, scalar, scan_until, stop_gradient};

/// A weight: an error where it is negative or NaN, now or when it runs. ∞ is allowed.
#[track_caller]
pub(super) fn weight(of: &str, w: Var) -> Var {
    require(of, "weight", w, Condition::NotNegative)
}

/// The radius of a ball: an error where it is negative or NaN, now or when it runs. ∞ is allowed: the ball is the whole space.
#[track_caller]
pub(super) fn radius(of: &str, r: Var) -> Var {
    require(of, "radius", r, Condition::NotNegative)
}

/// ηw in the element type of the point; where w is infinite it is a constant, so that no derivative meets ∞.
#[track_caller]
pub(super) fn scaled<T: Real>(of: &str, step: Var, w: Var) -> Var<T> {
    let step = require(of, "step", step, Condition::FiniteNotNegative);
    let finite = w.abs().less_than(f64::INFINITY);
    cast(finite.select(step * finite.select(w, 0.0), stop_gradient(&w)))
}

/// w/(σ + w), 1 for an infinite weight: what the conjugate of ½w‖x‖² leaves of a point.
#[track_caller]
pub(super) fn kept<T: Real>(of: &str, step: Var, w: Var) -> Var<T> {
    let step = require(of, "step", step, Condition::Positive);
    let finite = w.abs().less_than(f64::INFINITY);
    let w = finite.select(w, 0.0);
    cast(finite.select(w / (step + w), 1.0))
}

/// A variable in another element type.
#[track_caller]
pub(super) fn cast<T: Real>(v: Var) -> Var<T> {
    Scalar::from(v).real()
}

/// Over what a norm or sum goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    /// All entries.
    All,
    /// The last axis, kept with length 1; of a number: itself.
    Rows,
}

impl Over {
    #[track_caller]
    fn sum<T: Real>(self, x: Var<T>) -> Var<T> {
        match (self, x.shape().len()) {
            (Over::All, _) => x.sum(),
            (Over::Rows, 0) => x,
            (Over::Rows, n) => x.sum_keep(&[n - 1]),
        }
    }
    #[track_caller]
    fn largest<T: Real>(self, x: Var<T>) -> Var<T> {
        match (self, x.shape().len()) {
            (Over::All, _) => x.max_all(),
            (Over::Rows, 0) => x,
            (Over::Rows, n) => x.max_keep(&[n - 1]),
        }
    }
}

/// A number, or one for each row, with a last axis of length 1 to go with rows.
#[track_caller]
pub(super) fn beside_rows<T: Real>(w: Var<T>) -> Var<T> {
    let mut shape = w.shape();
    if shape.is_empty() {
        return w;
    }
    shape.push(1);
    w.reshape(&shape)
}

/// (x/‖x‖₂, ‖x‖₂), at 0: (0, 0). The norm is a constant for derivatives; those of the direction are exact except at 0.
///
/// Squares are those of x over its largest entry, so they stay in range; neither result depends on the scale, which is a constant therefore.
#[track_caller]
pub(super) fn direction<T: Real>(x: Var<T>, over: Over) -> (Var<T>, Var<T>) {
    let largest = over.largest(stop_gradient(&x).abs());
    let zero = largest.at_most(0.0);
    let scale = zero.select(1.0, largest);
    let u = x / scale;
    let length = zero.select(1.0, over.sum(u * u)).sqrt();
    (u / length, zero.select(0.0, scale * stop_gradient(&length)))
}

/// max(‖x‖₂ − t, 0) x/‖x‖₂; derivative 0 at the kink.
#[track_caller]
pub(super) fn shrink<T: Real>(x: Var<T>, t: Var<T>, over: Over) -> Var<T> {
    let (direction, size) = direction(x, over);
    let kept = size.at_most(stop_gradient(&t));
    let t = kept.select(0.0, t);
    kept.select(0.0, x - t * direction)
}

/// The nearest point with ‖·‖₂ ≤ r; on the sphere the derivative is that of the inside, for r = 0 it is that of the point 0.
#[track_caller]
pub(super) fn project_l2<T: Real>(x: Var<T>, r: Var<T>, over: Over) -> Var<T> {
    let (direction, size) = direction(x, over);
    let still = stop_gradient(&r);
    let inside = size.at_most(still) * still.greater_than(0.0);
    let r = inside.select(0.0, r);
    inside.select(x, r * direction)
}

/// The nearest point with ‖·‖₁ ≤ r over all entries, by the simplex that |x| is projected onto; on its border the derivative is that of the inside,
/// for r = 0 it is that of the point 0.
#[track_caller]
pub(super) fn project_l1<T: Real>(x: Var<T>, r: Var<T>) -> Var<T> {
    let (size, shape) = (x.abs(), x.shape());
    let still = stop_gradient(&r);
    let inside = stop_gradient(&size).sum().at_most(still) * still.greater_than(0.0);
    let r = inside.select(1.0, r);
    let sizes = onto_simplex(size.reshape(&[shape.iter().product()]), r).reshape(&shape);
    inside.select(x, x.sign() * sizes)
}

/// The nearest point of {x ≥ 0, Σ x = r} to each row of the last axis, 0 ≤ r < ∞: max(v − τ, 0) with the τ that gives the sum.
///
/// Entries are taken relative to the largest one of the row, so what matters of them does not cancel: with u = v − max v, τ lies between −r and 0, and
/// entries with u ≤ −r are 0. From the face of the others, entries at or under the face's threshold leave it until none does: at most as many turns as
/// entries (Michelot 1986). τ is then computed once more on the last face, so its derivative is that of the face. A shift of all entries changes no
/// result, so the largest one is a constant. For r = 0 the result is 0, and its derivative by v is 0.
#[track_caller]
pub(super) fn onto_simplex<T: Real>(v: Var<T>, radius: Var<T>) -> Var<T> {
    let entries = v.shape().last().copied().unwrap_or(1);
    let u = v - Over::Rows.largest(stop_gradient(&v));
    let (still, goal) = (stop_gradient(&u), stop_gradient(&radius));

    let threshold = |face: Var<T>, u: Var<T>, radius: Var<T>| (Over::Rows.sum(face.select(u, 0.0)) - radius) / Over::Rows.sum(face);
    // The largest entries, which are 0, never leave, whatever rounding does, so a face is never empty; NaN stays and shows.
    let below = if T::KIND == Kind::F32 { -f64::from(f32::from_bits(1)) } else { -f64::from_bits(1) };
    let stays = |least: Var<T>| 1.0 - still.at_most(least.min(below));
    let (face, _) = scan_until(
        (stays(-goal), scalar::<T>(0.0)),
        entries + 1,
        |(_, done)| *done,
        |(face, _), _| {
            let next = face * stays(threshold(face, still, goal));
            let left = (face - next).sum();
            (next, left.at_most(0.0))
        },
    );
    let face = stop_gradient(&face);
    let u = goal.greater_than(0.0).select(u, still);
    face.select(u - threshold(face, u, radius), 0.0)
}
