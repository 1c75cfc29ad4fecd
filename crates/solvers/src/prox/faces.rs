//! What projections share: masks of active faces, reductions along the last axis, the exact threshold of a simplex.
use hypertape_autodiff::array::Real;
use hypertape_autodiff::record::{self, Scalar, Var, ones_like, scalar, scan_until, stop_gradient, zeros_like};
use std::panic::Location;

/// A weight or radius: where it is a fixed number, one that is negative makes the recording fail.
#[track_caller]
pub(super) fn not_negative(of: &str, v: Var) -> Var {
    Var::from_dyn(record::apply(of, &[v.to_dyn()], Location::caller(), |b, x| match b.known_number(x[0]) {
        Some(n) if n < 0.0 => b.refuse(of, x, format!("its weight or radius is {n}; give a number that is not negative")),
        _ => x[0],
    }))
}

/// A variable in another element type.
#[track_caller]
pub(super) fn cast<T: Real>(v: Var) -> Var<T> {
    Scalar::from(v).real()
}

/// 1 where low < x, else 0: constant for derivatives, 0 at a tie.
#[track_caller]
pub(super) fn above<T: Real>(x: Var<T>, low: Var<T>) -> Var<T> {
    low.less_than(x)
}

/// Σ over the last axis, kept with length 1; of a number: itself.
#[track_caller]
pub(super) fn sum_last<T: Real>(x: Var<T>) -> Var<T> {
    let mut shape = x.shape();
    let Some(last) = shape.last_mut() else { return x };
    *last = 1;
    x.sum_axis(x.shape().len() - 1).reshape(&shape)
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

/// ‖x‖₂ over the last axis, kept with length 1; derivative 0 at 0.
#[track_caller]
pub(super) fn norm_last<T: Real>(x: Var<T>) -> Var<T> {
    sum_last(x * x).sqrt()
}

/// a/b where b > 0, else 0, with finite derivatives.
#[track_caller]
pub(super) fn over_positive<T: Real>(a: Var<T>, b: Var<T>) -> Var<T> {
    let positive = above(b, zeros_like(&b));
    positive * a / (b + (1.0 - positive))
}

/// τ for each row with Σ max(v − τ, 0) = radius, radius > 0: the rows of the last axis lie on a scaled simplex after max(v − τ, 0).
///
/// From the face of all entries, entries at or under the face's threshold leave it until none does: at most as many turns as entries
/// (Michelot 1986). τ is then computed once more on the last face, so its derivative is that of the face.
#[track_caller]
pub(super) fn simplex_threshold<T: Real>(v: Var<T>, radius: Var<T>) -> Var<T> {
    let entries = v.shape().last().copied().unwrap_or(1);
    let (still, goal) = (stop_gradient(&v), stop_gradient(&radius));

    let threshold = |face: Var<T>, v: Var<T>, radius: Var<T>| over_positive(sum_last(face * v) - radius, sum_last(face));
    let all = ones_like(&still);
    let (face, _) = scan_until(
        (all, scalar::<T>(0.0)),
        entries + 1,
        |(_, done)| *done,
        |(face, _), _| {
            let next = face * above(still, threshold(face, still, goal));
            let left = (face - next).sum();
            (next, 1.0 - above(left, scalar::<T>(0.0)))
        },
    );
    threshold(stop_gradient(&face), v, radius)
}
