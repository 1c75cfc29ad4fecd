//! Elementary functions of one number.
use crate::array::Real;
use crate::operation::{Builder, Elementwise, MicroBuilder, Op, Pointwise, Reg, Slope, UnaryFn, Value};

/// Declares a unary elementwise function: docs, type, emitter, value, micro-instruction, slope.
macro_rules! unary {
    ($($(#[$doc:meta])* $name:ident, $emit:ident, |$p:ident| $value:expr, $fun:ident, slope |$b:ident, $x:ident, $y:ident| $slope:expr;)*) => { $(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name;
        impl Elementwise for $name {
            fn name(&self) -> &'static str { stringify!($emit) }
            fn arity(&self) -> usize { 1 }
            fn apply<T: Real>(&self, x: &[T]) -> T { let $p = x[0]; $value }
            fn slope(&self, $b: &mut Builder, x: &[Value], $y: Value, _: usize) -> Slope { let $x = x[0]; let _ = (&$b, $x, $y); $slope }
            fn micro(&self, m: &mut MicroBuilder, x: &[Reg]) -> Reg { m.unary(UnaryFn::$fun, x[0]) }
        }
        impl Builder {
            $(#[$doc])*
            pub fn $emit(&mut self, a: Value) -> Value { self.emit1(Op::new(Pointwise($name)), &[a]) }
        }
    )* };
}

unary! {
    /// eˣ. Slope: y.
    Exp, exp, |p| p.exp(), Exp, slope |b, x, y| Slope::Times(y);
    /// eˣ − 1, accurate near 0. Slope: y + 1.
    ExpM1, exp_m1, |p| p.exp_m1(), ExpM1, slope |b, x, y| { let one = b.full_like(y, 1.0); Slope::Times(b.add(y, one)) };
    /// Natural logarithm. Slope: 1/x.
    Ln, ln, |p| p.ln(), Ln, slope |b, x, y| Slope::Absorb(b.recip(x));
    /// ln(1 + x), accurate near 0. Slope: 1/(1 + x).
    Ln1p, ln_1p, |p| p.ln_1p(), Ln1p, slope |b, x, y| { let one = b.full_like(x, 1.0); let d = b.add(x, one); Slope::Absorb(b.recip(d)) };
    /// √x. Slope: 1/(2y), and 0 at x = 0 by convention.
    Sqrt, sqrt, |p| p.sqrt(), Sqrt, slope |b, x, y| {
        let (one, zero) = (b.full_like(y, 1.0), b.full_like(y, 0.0));
        let flat = b.equal(y, zero);
        let safe = b.select(flat, one, y);
        let r = b.recip(safe);
        let half = b.scale(r, 0.5);
        Slope::Times(b.select(flat, zero, half))
    };
    /// 1/x. Slope: −y².
    Recip, recip, |p| p.recip(), Recip, slope |b, x, y| { let s = b.mul(y, y); Slope::Absorb(b.neg(s)) };
    /// |x|. Slope: sign x, so 0 at 0.
    Abs, abs, |p| p.abs(), Abs, slope |b, x, y| Slope::Times(b.sign(x));
    /// −1, 0 or 1. Slope: 0.
    Sign, sign, |p| if p > T::zero() { T::one() } else if p < T::zero() { -T::one() } else { p }, Sign, slope |b, x, y| Slope::Zero;
    /// The largest integer ≤ x. Slope: 0.
    Floor, floor, |p| p.floor(), Floor, slope |b, x, y| Slope::Zero;
    /// Sine. Slope: cos x.
    Sin, sin, |p| p.sin(), Sin, slope |b, x, y| Slope::Times(b.cos(x));
    /// Cosine. Slope: −sin x.
    Cos, cos, |p| p.cos(), Cos, slope |b, x, y| { let s = b.sin(x); Slope::Times(b.neg(s)) };
    /// Tangent. Slope: 1 + y².
    Tan, tan, |p| p.tan(), Tan, slope |b, x, y| { let (s, one) = (b.mul(y, y), b.full_like(y, 1.0)); Slope::Times(b.add(s, one)) };
    /// Hyperbolic tangent. Slope: 1 − y².
    Tanh, tanh, |p| p.tanh(), Tanh, slope |b, x, y| { let (s, one) = (b.mul(y, y), b.full_like(y, 1.0)); Slope::Times(b.sub(one, s)) };
    /// 1/(1 + e⁻ˣ). Slope: y(1 − y).
    Sigmoid, sigmoid, |p| if p >= T::zero() { (T::one() + (-p).exp()).recip() } else { let e = p.exp(); e / (T::one() + e) }, Sigmoid,
        slope |b, x, y| { let one = b.full_like(y, 1.0); let s = b.sub(one, y); Slope::Times(b.mul(y, s)) };
    /// ln(1 + eˣ). Slope: sigmoid x.
    Softplus, softplus, |p| p.max(T::zero()) + (-p.abs()).exp().ln_1p(), Softplus, slope |b, x, y| Slope::Times(b.sigmoid(x));
}
