//! Functions of one and two numbers, with their first two derivatives and the conventions at kinks.
use super::jet::{Arithmetic, Jet};
use crate::language::{Binary, Index, Unary};
use std::f64::consts::FRAC_2_SQRT_PI;

/// 2/√π ∫₀ˣ e^(−t²) dt: the series near 0, a continued fraction far away (Abramowitz and Stegun 7.1.6, 7.1.14).
fn erf(x: f64) -> f64 {
    let z = x.abs();
    if z < 2.5 {
        let (mut term, mut sum, mut n) = (z, z, 0.0);
        while term > sum * 1e-18 {
            n += 1.0;
            term *= 2.0 * z * z / (2.0 * n + 1.0);
            sum += term;
        }
        return (FRAC_2_SQRT_PI * (-z * z).exp() * sum).copysign(x);
    }
    let mut fraction = z;
    for k in (1..=80).rev() {
        fraction = z + f64::from(k) / 2.0 / fraction;
    }
    let rest = if z > 27.0 { 0.0 } else { (-z * z).exp() / (fraction * std::f64::consts::PI.sqrt()) };
    (1.0 - rest).copysign(x)
}

fn sigmoid(x: f64) -> f64 {
    if x >= 0.0 { 1.0 / (1.0 + (-x).exp()) } else { x.exp() / (1.0 + x.exp()) }
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// A power of a number with the powers of its derivatives.
fn power(cx: &mut Arithmetic, x: Jet, p: f64, f: impl Fn(f64, f64) -> f64) -> Jet {
    let first = if p == 0.0 { 0.0 } else { p * f(x.v, p - 1.0) };
    let second = if p == 0.0 || p == 1.0 { 0.0 } else { p * (p - 1.0) * f(x.v, p - 2.0) };
    cx.chain(x, f(x.v, p), first, second)
}

/// One number.
pub(super) fn unary(cx: &mut Arithmetic, f: Unary, x: Jet) -> Jet {
    let v = x.v;
    match f {
        Unary::Neg => cx.neg(x),
        Unary::Exp => cx.chain(x, v.exp(), v.exp(), v.exp()),
        Unary::ExpM1 => cx.chain_within(x, v.exp_m1(), v.exp(), v.exp(), 1.0),
        Unary::Ln => cx.chain(x, v.ln(), 1.0 / v, -1.0 / (v * v)),
        Unary::Ln1p => {
            let d = 1.0 + v;
            cx.chain(x, v.ln_1p(), 1.0 / d, -1.0 / (d * d))
        }
        Unary::Sqrt if cx.decide(v == 0.0) => {
            cx.convention = true;
            cx.root = true;
            cx.on_kink(true);
            Jet::number(0.0)
        }
        Unary::Sqrt => cx.chain(x, v.sqrt(), 0.5 / v.sqrt(), -0.25 / (v * v.sqrt())),
        Unary::Square => cx.mul(x, x),
        Unary::Recip => cx.chain(x, 1.0 / v, -1.0 / (v * v), 2.0 / (v * v * v)),
        Unary::Abs => match (cx.decide(v > 0.0), cx.decide(v < 0.0)) {
            (true, _) => x,
            (_, true) => cx.neg(x),
            _ => {
                cx.on_kink(true);
                Jet::number(v.abs())
            }
        },
        Unary::Sign => match (cx.decide(v > 0.0), cx.decide(v < 0.0)) {
            (true, _) => Jet::number(1.0),
            (_, true) => Jet::number(-1.0),
            _ => Jet::number(v),
        },
        Unary::Floor => Jet::number(cx.whole(v.floor())),
        Unary::Sin => cx.chain(x, v.sin(), v.cos(), -v.sin()),
        Unary::Cos => cx.chain(x, v.cos(), -v.sin(), -v.cos()),
        Unary::Tan => {
            let t = v.tan();
            cx.chain(x, t, 1.0 + t * t, 2.0 * t * (1.0 + t * t))
        }
        Unary::Asin | Unary::Acos => {
            // Within rounding of ±1 the slope may be infinite.
            cx.convention |= 1.0 - v.abs() <= if cx.single { f64::from(f32::EPSILON) } else { f64::EPSILON };
            let w = (1.0 - v) * (1.0 + v);
            let (first, second) = (1.0 / w.sqrt(), v / (w * w.sqrt()));
            if f == Unary::Asin { cx.chain(x, v.asin(), first, second) } else { cx.chain(x, v.acos(), -first, -second) }
        }
        Unary::Atan => {
            let w = 1.0 + v * v;
            cx.chain(x, v.atan(), 1.0 / w, -2.0 * v / (w * w))
        }
        Unary::Sinh => cx.chain(x, v.sinh(), v.cosh(), v.sinh()),
        Unary::Cosh => cx.chain(x, v.cosh(), v.sinh(), v.cosh()),
        Unary::Tanh => {
            let (t, c) = (v.tanh(), 1.0 / v.cosh());
            cx.chain_within(x, t, c * c, -2.0 * t * c * c, 2.0)
        }
        Unary::Sigmoid => {
            let (s, t) = (sigmoid(v), sigmoid(-v));
            cx.chain_within(x, s, s * t, s * t * (t - s), 1.0)
        }
        Unary::Softplus => {
            let (s, t) = (sigmoid(v), sigmoid(-v));
            cx.chain_within(x, softplus(v), s, s * t, 1.0)
        }
        Unary::LogSigmoid => {
            let (s, t) = (sigmoid(v), sigmoid(-v));
            cx.chain_within(x, -softplus(-v), t, -s * t, 1.0)
        }
        Unary::Relu if cx.decide(v > 0.0) => x,
        Unary::Relu => {
            cx.on_kink(v == 0.0);
            Jet::number(if v.is_nan() { v } else { 0.0 })
        }
        Unary::Erf => {
            let e = FRAC_2_SQRT_PI * (-v * v).exp();
            cx.chain(x, erf(v), e, -2.0 * v * e)
        }
        Unary::Powi(n) => power(cx, x, f64::from(n), |v, p| v.powi(p as i32)),
        Unary::Powf(p) => power(cx, x, p, f64::powf),
        Unary::StopGradient => Jet::number(v),
        Unary::ThroughSingle => {
            // The rounding is part of the value; slopes are rounded on their way.
            let round = |v: f64| f64::from(v as f32);
            if cx.noise > 0.0 { disturbed_single(cx, x) } else { Jet { v: round(v), a: round(x.a), b: round(x.b), ab: round(x.ab) } }
        }
    }
}

/// A rounding to single precision may go either way.
fn disturbed_single(cx: &mut Arithmetic, x: Jet) -> Jet {
    let noise = std::mem::replace(&mut cx.noise, f64::from(f32::EPSILON));
    let y = cx.scale(x, 1.0);
    cx.noise = noise;
    y
}

fn flag(way: bool) -> Jet {
    Jet::number(if way { 1.0 } else { 0.0 })
}

/// The larger of two, or the smaller of their opposites; ties share.
fn larger(cx: &mut Arithmetic, x: Jet, y: Jet) -> Jet {
    if x.v.is_nan() || y.v.is_nan() {
        return Jet::number(f64::NAN);
    }
    match (cx.decide(x.v > y.v), cx.decide(x.v < y.v)) {
        (true, _) => x,
        (_, true) => y,
        _ => {
            cx.on_kink(true);
            Jet { v: x.v, a: (x.a + y.a) / 2.0, b: (x.b + y.b) / 2.0, ab: (x.ab + y.ab) / 2.0 }
        }
    }
}

/// The smaller of two; ties share.
pub(super) fn smaller(cx: &mut Arithmetic, x: Jet, y: Jet) -> Jet {
    let (p, q) = (cx.neg(x), cx.neg(y));
    let m = larger(cx, p, q);
    cx.neg(m)
}

/// Two numbers.
pub(super) fn binary(cx: &mut Arithmetic, f: Binary, x: Jet, y: Jet) -> Jet {
    match f {
        Binary::Add => cx.add(x, y),
        Binary::Sub => cx.sub(x, y),
        Binary::Mul => cx.mul(x, y),
        Binary::Div => cx.div(x, y),
        Binary::Rem => {
            let whole = cx.whole((x.v / y.v).trunc());
            let off = cx.scale(y, -whole);
            let mut r = cx.add(x, off);
            if cx.noise == 0.0 {
                r.v = x.v % y.v;
            }
            r
        }
        Binary::Max => larger(cx, x, y),
        Binary::Min => smaller(cx, x, y),
        Binary::LessThan => flag(cx.decide(x.v < y.v)),
        Binary::AtMost => flag(cx.decide(x.v <= y.v)),
        Binary::GreaterThan => flag(cx.decide(x.v > y.v)),
        Binary::AtLeast => flag(cx.decide(x.v >= y.v)),
        Binary::Equals => flag(cx.decide(x.v == y.v)),
        Binary::Pow => {
            let l = cx.chain(x, x.v.ln(), 1.0 / x.v, -1.0 / (x.v * x.v));
            let e = cx.mul(y, l);
            let p = e.v.exp();
            let mut made = cx.chain(e, p, p, p);
            if cx.noise == 0.0 {
                made.v = x.v.powf(y.v);
            }
            made
        }
        Binary::Atan2 => {
            // The angle by the ratio whose denominator is the larger; the quadrant adds a constant.
            let angle = x.v.atan2(y.v);
            let (x2, y2) = (cx.mul(x, x), cx.mul(y, y));
            let r = cx.add(x2, y2);
            if r.v == 0.0 {
                cx.on_kink(true);
                return Jet::number(angle);
            }
            if x.v.abs() <= y.v.abs() {
                let q = cx.div(x, y);
                let w = 1.0 + q.v * q.v;
                cx.chain(q, angle, 1.0 / w, -2.0 * q.v / (w * w))
            } else {
                let q = cx.div(y, x);
                let w = 1.0 + q.v * q.v;
                cx.chain(q, angle, -1.0 / w, 2.0 * q.v / (w * w))
            }
        }
        Binary::SoftThreshold => {
            let over = cx.decide(x.v.abs() > y.v);
            cx.on_kink(x.v.abs() == y.v);
            match (over, cx.decide(x.v > 0.0), cx.decide(x.v < 0.0)) {
                (true, true, _) => cx.sub(x, y),
                (true, _, true) => cx.add(x, y),
                _ => Jet::number(0.0),
            }
        }
    }
}

/// Between two bounds.
pub(super) fn clamp(cx: &mut Arithmetic, x: Jet, low: Jet, high: Jet) -> Jet {
    let x = larger(cx, x, low);
    smaller(cx, x, high)
}

/// The largest of some; ties share equally. Nothing gives −∞.
pub(super) fn largest(cx: &mut Arithmetic, all: &[Jet]) -> Jet {
    let top = all.iter().fold(f64::NEG_INFINITY, |t, x| if t.is_nan() || x.v.is_nan() { f64::NAN } else { t.max(x.v) });
    let (mut sum, mut count) = (Jet::default(), 0.0);
    for x in all {
        if cx.decide(x.v == top) {
            sum = Jet { v: 0.0, a: sum.a + x.a, b: sum.b + x.b, ab: sum.ab + x.ab };
            count += 1.0;
        }
    }
    if count == 0.0 {
        return Jet::number(top);
    }
    cx.on_kink(count > 1.0);
    let mut share = cx.scale(sum, 1.0 / count);
    share.v = top;
    share
}

/// Two indices. What is below 0 or from 2³² on is no index.
pub(super) fn index(cx: &mut Arithmetic, f: Index, x: u32, y: u32) -> u32 {
    let made = match f {
        Index::Add => x.checked_add(y),
        Index::Sub => x.checked_sub(y),
        Index::Mul => x.checked_mul(y),
        Index::Rem => Some(x.checked_rem(y).unwrap_or(0)),
        Index::Equals => Some(u32::from(x == y)),
        Index::LessThan => Some(u32::from(x < y)),
    };
    made.unwrap_or_else(|| {
        cx.note(|| format!("{f:?} of {x} and {y} as an index"));
        0
    })
}
