//! Elementwise methods: functions of one variable, comparisons, selection.
use super::Operand;
use crate::array::{Element, Kind, Real};
use crate::error::{ErrorKind, Site};
use crate::operation::{Builder, Value};
use crate::ops::require::Condition;
use crate::tape;
use crate::tape::Var;
use crate::tape::{binary, broadcast_pair};

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
    /// x².
    square;
    /// 1/x.
    recip;
    /// |x|; derivative 0 at 0.
    abs;
    /// −1, 0 or 1; derivative 0.
    sign;
    /// The largest integer ≤ x; derivative 0.
    floor;
    /// Sine.
    sin;
    /// Cosine.
    cos;
    /// Tangent.
    tan;
    /// Inverse sine.
    asin;
    /// Inverse cosine.
    acos;
    /// Inverse tangent.
    atan;
    /// Hyperbolic sine.
    sinh;
    /// Hyperbolic cosine.
    cosh;
    /// Hyperbolic tangent.
    tanh;
    /// 1/(1 + e⁻ˣ).
    sigmoid;
    /// ln(1 + eˣ).
    softplus;
    /// −ln(1 + e⁻ˣ).
    log_sigmoid;
    /// max(x, 0); derivative 0 at 0.
    relu;
    /// The error function 2/√π ∫₀ˣ e^{−t²} dt.
    erf;
    /// ln |Γ(x)|; infinite at 0, −1, −2, ….
    ln_gamma;
    /// ψ(x), the derivative of ln Γ(x); NaN at 0, −1, −2, ….
    digamma;
}

macro_rules! pair {
    ($bound:ident: $($(#[$doc:meta])* $name:ident => $emit:ident;)*) => { impl<T: $bound> Var<T> { $(
        $(#[$doc])*
        #[track_caller]
        #[must_use]
        pub fn $name(self, rhs: impl Operand<T>) -> Var<T> {
            let at = Site::caller();
            Var::from_dyn(binary(stringify!($name), self.to_dyn(), rhs.operand(at), at, Builder::$emit))
        }
    )* } };
}
pair! {
    Real:
    /// The larger of two; ties share the derivative equally.
    max => maximum;
    /// The smaller of two; ties share the derivative equally.
    min => minimum;
    /// 1 where self ≤ rhs, else 0; no derivative.
    at_most => less_equal;
    /// 1 where self > rhs, else 0; no derivative.
    greater_than => greater;
    /// 1 where self ≥ rhs, else 0; no derivative.
    at_least => greater_equal;
    /// Self to the power of an array or number.
    pow => pow;
    /// The angle of the point (rhs, self).
    atan2 => atan2;
}
pair! {
    Element:
    /// 1 where self < rhs, else 0; no derivative.
    less_than => less;
    /// 1 where both are equal, else 0; no derivative.
    equals => equal;
}

impl<T: Real> Var<T> {
    /// xⁿ for an integer n.
    #[track_caller]
    #[must_use]
    pub fn powi(self, n: i32) -> Var<T> {
        self.unary("powi", |b, x| b.powi(x, n))
    }
    /// xᵖ for a number p; x ≥ 0 unless p is whole.
    #[track_caller]
    #[must_use]
    pub fn powf(self, p: f64) -> Var<T> {
        self.unary("powf", |b, x| match p.is_finite() {
            true => b.powf(x, p),
            false => {
                let kind = ErrorKind::Setting { what: "exponent".into(), value: p, element: None, allowed: "give a finite number" };
                b.refuse("powf", &[x], kind)
            }
        })
    }
    /// sign(x) max(|x| − t, 0) for a threshold t ≥ 0; derivative 0 at the kink.
    #[track_caller]
    #[must_use]
    pub fn soft_threshold(self, threshold: impl Operand<T>) -> Var<T> {
        let at = Site::caller();
        let t = tape::apply("soft_threshold", &[threshold.operand(at)], at, |b, t| {
            b.require(t[0], Condition::NotNegative, "soft_threshold", "threshold")
        });
        Var::from_dyn(binary("soft_threshold", self.to_dyn(), t, at, Builder::soft_threshold))
    }
    /// The nearest point of [low, high]; derivative 1 inside, 0 outside.
    #[track_caller]
    #[must_use]
    pub fn clamp(self, low: impl Operand<T>, high: impl Operand<T>) -> Var<T> {
        let at = Site::caller();
        let operands = [self.to_dyn(), low.operand(at), high.operand(at)];
        Var::from_dyn(tape::apply("clamp", &operands, at, |b, v| {
            let high = ordered(b, v[1], v[2], "clamp");
            let [x, low, high] = together(b, [v[0], v[1], high]);
            b.clamp(x, low, high)
        }))
    }
    /// `yes` where self is not 0, else `no`. What is not chosen has derivative exactly 0, whatever its value.
    #[track_caller]
    #[must_use]
    pub fn select(self, yes: impl Operand<T>, no: impl Operand<T>) -> Var<T> {
        let at = Site::caller();
        let operands = [self.to_dyn(), yes.operand(at), no.operand(at)];
        Var::from_dyn(tape::apply("select", &operands, at, |b, v| {
            let [test, yes, no] = together(b, [v[0], v[1], v[2]]);
            b.select(test, yes, no)
        }))
    }
    /// The same numbers in another precision.
    #[track_caller]
    #[must_use]
    pub fn cast<U: Real>(self) -> Var<U> {
        Var::from_dyn(self.to_dyn().cast_to_at(U::KIND, Site::caller()))
    }
    /// The numbers as indices: rounded towards 0; no derivative.
    ///
    /// A number below 0, from 2³² on or NaN is an error when the function runs, and so is one from 2²⁴ on in single precision, which does not
    /// tell integers apart there. Sums, differences, products and remainders of indices that are no indices are errors, too.
    #[track_caller]
    #[must_use]
    pub fn index(self) -> Var<u32> {
        Var::from_dyn(self.to_dyn().cast_to_at(Kind::U32, Site::caller()))
    }
}

/// Three operands at their common shape.
fn together(b: &mut Builder, v: [Value; 3]) -> [Value; 3] {
    let (x, y) = broadcast_pair(b, v[0], v[1]);
    let (x, z) = broadcast_pair(b, x, v[2]);
    let (y, z) = broadcast_pair(b, y, z);
    [x, y, z]
}

/// The upper bounds, each at least its lower one; an error about `of` otherwise, now or when it runs.
fn ordered(b: &mut Builder, low: Value, high: Value, of: &str) -> Value {
    let one = |v: Value| b.type_of(v).len() == 1;
    if one(low) || one(high) || b.shape(low) == b.shape(high) {
        return b.require_bounds(low, high, of);
    }
    let (low, high) = broadcast_pair(b, low, high);
    b.require_bounds(low, high, of)
}

impl Var<u32> {
    /// The indices as real numbers.
    #[track_caller]
    #[must_use]
    pub fn real<T: Real>(self) -> Var<T> {
        Var::from_dyn(self.to_dyn().cast_to_at(T::KIND, Site::caller()))
    }
}
