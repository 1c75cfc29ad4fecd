//! Elementary functions of one number: exponential, logarithm, trigonometric, hyperbolic, error function, and the piecewise constant.
use super::declare::unary;
use crate::array::{Element, Kind, Real};
use crate::operation::{BinaryFn, Builder, Elementwise, MicroBuilder, Op, Pointwise, Probe, Probed, Reg, Slope, Switch, UnaryFn, Value};
use std::f64::consts::FRAC_2_SQRT_PI;

unary! {
    /// eˣ. Slope: y.
    Exp, exp, |p| p.exp(), Exp, slope |b, x, y| Slope::Times(y), at [0.5, -2.0, 0.0];

    /// eˣ − 1, accurate near 0. Slope: y + 1.
    ExpM1, exp_m1, |p| p.exp_m1(), ExpM1, slope |b, x, y| Slope::Times(b.plus_number(y, 1.0)), at [0.5, -2.0, 0.0, 1e-9];

    /// Natural logarithm. Slope: 1/x, infinite at 0, where a derivative of 0 stays 0; NaN below, where there is no value.
    Ln, ln, |p| p.ln(), Ln, slope |b, x, y| Slope::Absorb(log_slope(b, x)), at [1.5, 3.0, 20.0];

    /// ln(1 + x), accurate near 0. Slope: 1/(1 + x), NaN where there is no value.
    Ln1p, ln_1p, |p| p.ln_1p(), Ln1p, slope |b, x, y| {
        let d = b.plus_number(x, 1.0);
        Slope::Absorb(log_slope(b, d))
    }, at [0.5, 2.0, 0.0, 1e-9];

    /// |x|. Slope: sign x, so 0 at 0.
    Abs, abs, |p| p.abs(), Abs, slope |b, x, y| Slope::Masked(b.sign(x)), switch |b, x, y| Some(Switch::Kink(x)),
        at [0.5, -2.0, 1.0];

    /// −1, 0 or 1. Slope: 0.
    Sign, sign, |p| if p > T::zero() { T::one() } else if p < T::zero() { -T::one() } else { p }, Sign,
        slope |b, x, y| Slope::Zero, switch |b, x, y| Some(Switch::Jump(x)), at [0.5, -2.0, 1.0];

    /// The largest integer ≤ x. Slope: 0.
    Floor, floor, |p| p.floor(), Floor, slope |b, x, y| Slope::Zero, switch |b, x, y| b.within_step(x, y).map(Switch::Jump),
        at [0.5, -2.5, 1.25];

    /// Sine. Slope: cos x.
    Sin, sin, |p| p.sin(), Sin, slope |b, x, y| Slope::Times(b.cos(x)), at [0.5, -2.0, 0.0, 10.0];

    /// Cosine. Slope: −sin x.
    Cos, cos, |p| p.cos(), Cos, slope |b, x, y| {
        let s = b.sin(x);
        Slope::Times(b.neg(s))
    }, at [0.5, -2.0, 0.0, 10.0];

    /// Tangent. Slope: 1 + y².
    Tan, tan, |p| p.tan(), Tan, slope |b, x, y| {
        let s = b.square(y);
        Slope::Times(b.plus_number(s, 1.0))
    }, at [0.5, -0.3, 0.0];

    /// Inverse sine. Slope: 1/√(1 − x²), infinite at ±1, where a derivative of 0 stays 0.
    Asin, asin, |p| p.asin(), Asin, slope |b, x, y| Slope::Absorb(arc_slope(b, x)), at [0.1, -0.2, 0.0];

    /// Inverse cosine. Slope: −1/√(1 − x²), infinite at ±1, where a derivative of 0 stays 0.
    Acos, acos, |p| p.acos(), Acos, slope |b, x, y| {
        let s = arc_slope(b, x);
        Slope::Absorb(b.neg(s))
    }, at [0.1, -0.2, 0.0];

    /// Inverse tangent. Slope: 1/(1 + x²).
    Atan, atan, |p| p.atan(), Atan, slope |b, x, y| {
        let s = b.square(x);
        let s = b.plus_number(s, 1.0);
        Slope::Times(b.recip(s))
    }, at [0.5, -2.0, 0.0];

    /// Hyperbolic sine. Slope: cosh x.
    Sinh, sinh, |p| p.sinh(), Sinh, slope |b, x, y| Slope::Times(b.cosh(x)), at [0.5, -2.0, 0.0];

    /// Hyperbolic cosine. Slope: sinh x.
    Cosh, cosh, |p| p.cosh(), Cosh, slope |b, x, y| Slope::Times(b.sinh(x)), at [0.5, -2.0, 0.0];

    /// Hyperbolic tangent. Slope: 1 − y².
    Tanh, tanh, |p| p.tanh(), Tanh, slope |b, x, y| {
        let (s, one) = (b.square(y), b.full_like(y, 1.0));
        Slope::Times(b.sub(one, s))
    }, at [0.5, -2.0, 0.0];

    /// The error function 2/√π ∫₀ˣ e^(−t²) dt. Slope: 2/√π e^(−x²).
    Erf, erf, |p| T::from_f64(libm::erf(Element::to_f64(p))), Erf, slope |b, x, y| {
        let s = b.square(x);
        let s = b.neg(s);
        let e = b.exp(s);
        Slope::Times(b.scale(e, FRAC_2_SQRT_PI))
    }, at [0.5, -1.0, 0.0, 2.5];
}

/// 1/x, but NaN below 0: where a logarithm has no value, it has no slope.
fn log_slope(b: &mut Builder, x: Value) -> Value {
    let (zero, none, one) = (b.full_like(x, 0.0), b.full_like(x, f64::NAN), b.full_like(x, 1.0));
    let outside = b.less(x, zero);
    // A factor, so that higher derivatives have it too.
    let defined = b.select(outside, none, one);
    let slope = b.recip(x);
    b.mul(slope, defined)
}

/// 1/√((1 − x)(1 + x)); the product keeps its digits near ±1.
fn arc_slope(b: &mut Builder, x: Value) -> Value {
    let one = b.full_like(x, 1.0);
    let (low, high) = (b.sub(one, x), b.add(one, x));
    let s = b.mul(low, high);
    let s = b.root(s);
    b.recip(s)
}

/// The angle of the point (x, y) from the first axis, in (−π, π]; operands y, x. Slopes: x/(x² + y²) for y, −y/(x² + y²) for x, and 0 at
/// the origin by convention.
#[derive(Debug, Clone, PartialEq)]
pub struct Atan2;
impl Elementwise for Atan2 {
    fn name(&self) -> &'static str {
        "atan2"
    }
    fn arity(&self) -> usize {
        2
    }
    fn apply<T: Real>(&self, x: &[T]) -> T {
        x[0].atan2(x[1])
    }
    fn slope(&self, b: &mut Builder, x: &[Value], _: Value, i: usize) -> Slope {
        // Over the larger of both, so that no square leaves the range; the quotient does not depend on it.
        let (p, q) = (b.abs(x[0]), b.abs(x[1]));
        let size = b.maximum(p, q);
        let least = if b.kind(size) == Kind::F32 { f64::from(f32::MIN_POSITIVE) } else { f64::MIN_POSITIVE };
        let least = b.full_like(size, least);
        let size = b.maximum(size, least);
        let size = b.stop_gradient(size);
        let r = b.recip(size);
        let at = [b.mul(x[0], r), b.mul(x[1], r)];
        let (p, q) = (b.square(at[0]), b.square(at[1]));
        let s = b.add(p, q);
        let r = b.div(r, s);
        let other = if i == 0 { at[1] } else { b.neg(at[0]) };
        Slope::Times(b.absorb(other, r))
    }
    fn micro(&self, m: &mut MicroBuilder, x: &[Reg]) -> Reg {
        m.binary(BinaryFn::Atan2, x[0], x[1])
    }
    fn switching(&self, b: &mut Builder, x: &[Value], _: Value) -> Vec<Switch> {
        // It jumps by 2π across the half of the first axis where x < 0.
        let (zero, far) = (b.full_like(x[1], 0.0), b.full_like(x[1], f64::INFINITY));
        let left = b.less(x[1], zero);
        vec![Switch::Jump(b.select(left, x[0], far))]
    }
}
impl Probed for Atan2 {
    fn probes(kind: Kind) -> Vec<Probe> {
        Probe::pointwise(Atan2, kind, &[&[0.5, 1.0], &[-2.0, 0.5], &[1.0, -1.5], &[0.0, 1.0]])
    }
}

impl Builder {
    /// The angle of the point (x, y) from the first axis, in (−π, π].
    pub fn atan2(&mut self, y: Value, x: Value) -> Value {
        self.emit1(Op::new(Pointwise(Atan2)), &[y, x])
    }
    /// The smallest integer ≥ x. Slope: 0.
    pub fn ceil(&mut self, a: Value) -> Value {
        let a = self.neg(a);
        let a = self.floor(a);
        self.neg(a)
    }
    /// (−1)ⁿ of whole numbers n.
    pub(crate) fn alternating(&mut self, n: Value) -> Value {
        let half = self.scale(n, 0.5);
        let half = self.floor(half);
        let even = self.scale(half, 2.0);
        let odd = self.sub(n, even);
        let odd = self.scale(odd, -2.0);
        self.plus_number(odd, 1.0)
    }
    /// The distances x − y and y + 1 − x from both ends of the step of y = floor x, with signs that alternate from one step to the next.
    pub(crate) fn within_step(&mut self, x: Value, y: Value) -> [Value; 2] {
        let (sign, below) = (self.alternating(y), self.sub(x, y));
        let one = self.full_like(x, 1.0);
        let above = self.sub(one, below);
        [self.mul(sign, below), self.mul(sign, above)]
    }
    /// x·ln y, and 0 where x is 0, whatever y: the terms of entropies and divergences.
    pub fn x_ln_y(&mut self, x: Value, y: Value) -> Value {
        let l = self.ln(y);
        self.absorb(x, l)
    }
    /// a + s for a number s.
    pub fn plus_number(&mut self, a: Value, s: f64) -> Value {
        let s = self.full_like(a, s);
        self.add(a, s)
    }
}
