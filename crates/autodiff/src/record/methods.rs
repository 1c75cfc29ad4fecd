//! What can be done with a variable: the operations as methods.
use super::handle::DynVar;
use super::literals::literal;
use super::operators::binary;
use super::tape;
use super::var::Var;
use crate::array::{Element, Real};
use crate::error::Site;
use crate::operation::{Builder, Value};
use std::panic::Location;

/// A variable or a number, where an operation takes either.
pub trait Operand<T: Real> {
    /// As a variable.
    fn operand(self, at: Site) -> DynVar;
}
impl<T: Real> Operand<T> for Var<T> {
    fn operand(self, _: Site) -> DynVar {
        self.to_dyn()
    }
}
impl<T: Real> Operand<T> for f64 {
    fn operand(self, at: Site) -> DynVar {
        literal(self, T::KIND, at)
    }
}

impl<T: Element> Var<T> {
    /// Applies an emitter to this variable.
    #[track_caller]
    fn unary(self, op: &str, f: impl FnOnce(&mut Builder, Value) -> Value) -> Var<T> {
        Var::from_dyn(tape::apply(op, &[self.to_dyn()], Location::caller(), |b, v| f(b, v[0])))
    }
}

macro_rules! unary {
    ($($(#[$doc:meta])* $name:ident;)*) => { impl<T: Real> Var<T> { $(
        $(#[$doc])*
        #[track_caller]
        #[must_use]
        pub fn $name(self) -> Var<T> { self.unary(stringify!($name), |b, x| b.$name(x)) }
    )* } };
}
unary! {
    /// eˣ.
    exp;
    /// eˣ − 1, accurate near 0.
    exp_m1;
    /// Natural logarithm.
    ln;
    /// ln(1 + x), accurate near 0.
    ln_1p;
    /// Square root; derivative 0 at 0.
    sqrt;
    /// 1/x.
    recip;
    /// |x|; derivative 0 at 0.
    abs;
    /// −1, 0 or 1.
    sign;
    /// The largest integer ≤ x; derivative 0.
    floor;
    /// Sine.
    sin;
    /// Cosine.
    cos;
    /// Tangent.
    tan;
    /// Hyperbolic tangent.
    tanh;
    /// 1/(1 + e⁻ˣ).
    sigmoid;
    /// ln(1 + eˣ).
    softplus;
}

impl<T: Real> Var<T> {
    /// The product of vectors and matrices: the last axis against the first of a vector or the last but one of a matrix.
    #[track_caller]
    #[must_use]
    pub fn dot(self, rhs: Var<T>) -> Var<T> {
        Var::from_dyn(tape::apply("dot", &[self.to_dyn(), rhs.to_dyn()], Location::caller(), |b, v| b.dot(v[0], v[1])))
    }
    /// Σ of all elements.
    #[track_caller]
    #[must_use]
    pub fn sum(self) -> Var<T> {
        self.unary("sum", |b, x| b.sum_all(x))
    }
    /// Σ over one axis, which the result lacks.
    #[track_caller]
    #[must_use]
    pub fn sum_axis(self, axis: usize) -> Var<T> {
        self.unary("sum", |b, x| b.sum(x, &[axis]))
    }
    /// The element-wise larger of two; ties share the derivative equally.
    #[track_caller]
    #[must_use]
    pub fn max(self, rhs: impl Operand<T>) -> Var<T> {
        let at = Location::caller();
        Var::from_dyn(binary("max", self.to_dyn(), rhs.operand(at), at, Builder::maximum))
    }
    /// The element-wise smaller of two; ties share the derivative equally.
    #[track_caller]
    #[must_use]
    pub fn min(self, rhs: impl Operand<T>) -> Var<T> {
        let at = Location::caller();
        Var::from_dyn(binary("min", self.to_dyn(), rhs.operand(at), at, Builder::minimum))
    }
    /// 1 where self < rhs, else 0; no derivative.
    #[track_caller]
    #[must_use]
    pub fn less_than(self, rhs: impl Operand<T>) -> Var<T> {
        let at = Location::caller();
        Var::from_dyn(binary("less_than", self.to_dyn(), rhs.operand(at), at, Builder::less))
    }
}

impl<T: Element> Var<T> {
    /// The same elements in row-major order under another shape.
    #[track_caller]
    #[must_use]
    pub fn reshape(self, shape: &[usize]) -> Var<T> {
        self.unary("reshape", |b, x| b.reshape(x, shape))
    }
    /// Axes in reverse order: the transpose of a matrix.
    #[track_caller]
    #[must_use]
    pub fn t(self) -> Var<T> {
        self.unary("t", |b, x| {
            let axes: Vec<usize> = (0..b.shape(x).len()).rev().collect();
            b.permute(x, &axes)
        })
    }
}

impl Var<u32> {
    /// The indices as real numbers.
    #[track_caller]
    #[must_use]
    pub fn real<T: Real>(self) -> Var<T> {
        Var::from_dyn(self.to_dyn().cast_to_at(T::KIND, Location::caller()))
    }
}
