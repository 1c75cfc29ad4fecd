//! Reductions over all axes, one axis, some axes, with the axes dropped or kept at length 1.
use crate::array::{Real, Shape};
use crate::error::{ErrorKind, Nothing};
use crate::operation::{Builder, Value};
use crate::tape::Var;

/// All axes of a value.
fn all(b: &Builder, x: Value) -> Vec<usize> {
    (0..b.shape(x).len()).collect()
}

/// The result of a reduction with the reduced axes put back at length 1.
fn keep(b: &mut Builder, x: Value, axes: &[usize], y: Value) -> Value {
    let shape: Shape = b.shape(x).iter().enumerate().map(|(i, n)| if axes.contains(&i) { 1 } else { *n }).collect();
    b.reshape(y, &shape)
}

/// The mean; refused where it is one of nothing.
fn mean(b: &mut Builder, x: Value, axes: &[usize]) -> Value {
    let shape = b.shape(x);
    let length = |folded: bool| shape.iter().enumerate().filter(|(i, _)| axes.contains(i) == folded).map(|(_, n)| *n).product::<usize>();
    if axes.iter().all(|a| *a < shape.len()) && length(true) == 0 && length(false) > 0 {
        return b.refuse("mean", &[x], ErrorKind::Empty(Nothing::Mean));
    }
    b.mean(x, axes)
}

macro_rules! reductions {
    ($($(#[$doc:meta])* $emit:path, $whole:ident, $axis:ident, $axes:ident, $keep:ident;)*) => { impl<T: Real> Var<T> { $(
        $(#[$doc])*
        ///
        /// Over all elements.
        #[track_caller]
        #[must_use]
        pub fn $whole(self) -> Var<T> { self.unary(stringify!($whole), |b, x| { let axes = all(b, x); $emit(b, x, &axes) }) }
        $(#[$doc])*
        ///
        /// Over one axis, which the result lacks.
        #[track_caller]
        #[must_use]
        pub fn $axis(self, axis: usize) -> Var<T> { self.unary(stringify!($axis), |b, x| $emit(b, x, &[axis])) }
        $(#[$doc])*
        ///
        /// Over some axes (ascending), which the result lacks.
        #[track_caller]
        #[must_use]
        pub fn $axes(self, axes: &[usize]) -> Var<T> { self.unary(stringify!($axes), |b, x| $emit(b, x, axes)) }
        $(#[$doc])*
        ///
        /// Over some axes (ascending), which the result keeps at length 1, ready to broadcast.
        #[track_caller]
        #[must_use]
        pub fn $keep(self, axes: &[usize]) -> Var<T> {
            self.unary(stringify!($keep), |b, x| { let y = $emit(b, x, axes); keep(b, x, axes, y) })
        }
    )* } };
}
reductions! {
    /// Σ x.
    Builder::sum, sum, sum_axis, sum_axes, sum_keep;
    /// Σ x / n; a mean of nothing is refused.
    mean, mean, mean_axis, mean_axes, mean_keep;
    /// Π x; the derivative is exact also where elements are 0.
    Builder::prod, prod, prod_axis, prod_axes, prod_keep;
    /// The largest element; ties share the derivative equally. −∞ of nothing, an error as a result.
    Builder::max, max_all, max_axis, max_axes, max_keep;
    /// The smallest element; ties share the derivative equally. ∞ of nothing, an error as a result.
    Builder::min, min_all, min_axis, min_axes, min_keep;
    /// ln Σ eˣ, without overflow.
    Builder::logsumexp, logsumexp, logsumexp_axis, logsumexp_axes, logsumexp_keep;
    /// Σ |x|.
    Builder::norm_l1, norm_l1, norm_l1_axis, norm_l1_axes, norm_l1_keep;
    /// √Σ x²; derivative 0 at 0.
    Builder::norm_l2, norm_l2, norm_l2_axis, norm_l2_axes, norm_l2_keep;
    /// Σ x².
    Builder::norm_squared, norm2, norm2_axis, norm2_axes, norm2_keep;
    /// max |x|; ties share the derivative equally.
    Builder::norm_max, norm_max, norm_max_axis, norm_max_axes, norm_max_keep;
}

impl<T: Real> Var<T> {
    /// eˣ / Σ eˣ over one axis.
    #[track_caller]
    #[must_use]
    pub fn softmax(self, axis: usize) -> Var<T> {
        self.unary("softmax", |b, x| b.softmax(x, &[axis]))
    }
    /// x − ln Σ eˣ over one axis.
    #[track_caller]
    #[must_use]
    pub fn log_softmax(self, axis: usize) -> Var<T> {
        self.unary("log_softmax", |b, x| b.log_softmax(x, &[axis]))
    }
    /// Running sums along an axis, each with its own element.
    #[track_caller]
    #[must_use]
    pub fn cumulative_sum(self, axis: usize) -> Var<T> {
        self.unary("cumulative_sum", |b, x| b.cumulative_sum(x, axis, false))
    }
}
