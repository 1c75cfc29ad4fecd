//! Elementary functions to about 2⁻⁹⁰ in unevaluated sums of two doubles (Dekker 1971): what faster ones are measured against.
//!
//! Series and Newton steps that can be read in a minute; nothing is fast, and arguments are those of ordinary numbers.
use std::ops::{Add, Div, Mul, Neg, Sub};

/// `high + low`, where `high` is the sum rounded.
#[derive(Debug, Clone, Copy)]
pub struct Double {
    /// The nearest double.
    pub high: f64,
    /// What it lacks.
    pub low: f64,
}

const LN_2: [f64; 3] = [0.6931471804855391, 7.440617110012397e-11, -1.3124698417785255e-27];
const HALF_PI: [f64; 4] = [1.5707963267923333, 2.5633441515839558e-12, 1.0562999066987428e-23, -5.278473996974669e-40];
/// 2 / √π.
const TWO_OVER_ROOT_PI: Double = Double { high: std::f64::consts::FRAC_2_SQRT_PI, low: 1.533545961316588e-17 };

fn ordered(a: f64, b: f64) -> Double {
    let s = a + b;
    Double { high: s, low: b - (s - a) }
}

/// a + b, exactly.
#[must_use]
pub fn sum(a: f64, b: f64) -> Double {
    let s = a + b;
    let t = s - a;
    Double { high: s, low: (a - (s - t)) + (b - t) }
}

/// a·b, exactly unless the error underflows.
#[must_use]
pub fn product(a: f64, b: f64) -> Double {
    let p = a * b;
    Double { high: p, low: a.mul_add(b, -p) }
}

impl From<f64> for Double {
    fn from(v: f64) -> Self {
        Double { high: v, low: 0.0 }
    }
}

impl Neg for Double {
    type Output = Double;
    fn neg(self) -> Double {
        Double { high: -self.high, low: -self.low }
    }
}

impl<T: Into<Double>> Add<T> for Double {
    type Output = Double;
    fn add(self, b: T) -> Double {
        let b = b.into();
        let (s, t) = (sum(self.high, b.high), sum(self.low, b.low));
        let u = ordered(s.high, s.low + t.high);
        ordered(u.high, u.low + t.low)
    }
}

impl<T: Into<Double>> Sub<T> for Double {
    type Output = Double;
    fn sub(self, b: T) -> Double {
        self + -b.into()
    }
}

impl<T: Into<Double>> Mul<T> for Double {
    type Output = Double;
    fn mul(self, b: T) -> Double {
        let b = b.into();
        let p = product(self.high, b.high);
        ordered(p.high, p.low + (self.high * b.low + self.low * b.high))
    }
}

impl<T: Into<Double>> Div<T> for Double {
    type Output = Double;
    fn div(self, b: T) -> Double {
        let b = b.into();
        let q = self.high / b.high;
        let r = self - b * q;
        let q2 = r.high / b.high;
        let r = r - b * q2;
        ordered(q, q2) + r.high / b.high
    }
}

impl Double {
    fn scaled(self, n: i32) -> Double {
        // In two factors: 2ⁿ itself may overflow.
        let (a, b) = (2f64.powi(n / 2), 2f64.powi(n - n / 2));
        Double { high: self.high * a * b, low: self.low * a * b }
    }
    fn sqrt(self) -> Double {
        let s = self.high.sqrt();
        if s == 0.0 { self } else { Double::from(s) + (self - product(s, s)) / (2.0 * s) }
    }
    /// Newton's correction of y for a residual δ of the angle.
    fn turned(y: f64, d: Double) -> Double {
        Double::from(y) + d - d * d * d / 3.0
    }
}

/// eˣ − 1 by its series, after eight halvings; |x| ≤ 1.
fn exp_m1_small(x: Double) -> Double {
    let r = x.scaled(-8);
    let (mut term, mut total) = (r, r);
    for k in 2..16 {
        term = term * r / f64::from(k);
        total = total + term;
    }
    (0..8).fold(total, |e, _| e * 2.0 + e * e)
}

/// e^(x) 2ᵏ, where k keeps the result away from the subnormal numbers.
#[must_use]
pub fn exp_scaled(x: Double, k: i32) -> Double {
    let n = (x.high / LN_2[0]).round();
    let r = LN_2.iter().fold(x, |r, l| r - product(n, *l));
    (exp_m1_small(r) + 1.0).scaled(n as i32 + k)
}

/// eˣ.
#[must_use]
pub fn exp(x: impl Into<Double>) -> Double {
    exp_scaled(x.into(), 0)
}

/// eˣ − 1.
#[must_use]
pub fn exp_m1(x: f64) -> Double {
    if x.abs() < 0.5 { exp_m1_small(x.into()) } else { exp(x) - 1.0 }
}

/// ln x.
#[must_use]
pub fn ln(x: impl Into<Double>) -> Double {
    let x = x.into();
    let mut k = 0;
    let mut m = x;
    // Into [2/3, 4/3]: near 1 only the series is exact relative to the result.
    while m.high > 4.0 / 3.0 {
        let step = if m.high > 1e20 { 64 } else { 1 };
        m = m.scaled(-step);
        k += step;
    }
    while m.high < 2.0 / 3.0 {
        let step = if m.high < 1e-20 { 64 } else { 1 };
        m = m.scaled(step);
        k -= step;
    }
    let s = (m - 1.0) / (m + 1.0);
    let z = s * s;
    let (mut power, mut total) = (s, s);
    for j in 1..26 {
        power = power * z;
        total = total + power / f64::from(2 * j + 1);
    }
    LN_2.iter().rev().fold(total * 2.0, |t, l| t + product(f64::from(k), *l))
}

/// ln(1 + x).
#[must_use]
pub fn ln_1p(x: f64) -> Double {
    ln(sum(1.0, x))
}

/// ln(1 + eˣ).
#[must_use]
pub fn softplus(x: f64) -> Double {
    if x > 0.0 {
        return softplus(-x) + x;
    }
    let e = exp(x);
    if e.high < 1e-12 { e - e * e / 2.0 + e * e * e / 3.0 } else { ln(e + 1.0) }
}

/// 1 / (1 + e⁻ˣ).
#[must_use]
pub fn sigmoid(x: f64) -> Double {
    let e = exp(-x.abs());
    if x < 0.0 { e / (e + 1.0) } else { Double::from(1.0) / (e + 1.0) }
}

/// sin x and cos x, for |x| up to 10⁵.
#[must_use]
pub fn sin_cos(x: f64) -> (Double, Double) {
    let n = (x / HALF_PI[0]).round();
    let r = HALF_PI.iter().fold(Double::from(x), |r, p| r - product(n, *p));
    let (mut term, mut s, mut c) = (r, r, Double::from(1.0));
    for k in 2..32 {
        if k % 2 == 0 {
            // The term of the sine before, times r / k, is that of the cosine.
            term = term * r / f64::from(k);
            c = if k % 4 == 2 { c - term } else { c + term };
        } else {
            term = term * r / f64::from(k);
            s = if k % 4 == 3 { s - term } else { s + term };
        }
    }
    match (n as i64).rem_euclid(4) {
        0 => (s, c),
        1 => (c, -s),
        2 => (-s, -c),
        _ => (-c, s),
    }
}

/// tan x.
#[must_use]
pub fn tan(x: f64) -> Double {
    let (s, c) = sin_cos(x);
    s / c
}

/// The angle whose tangent is x.
#[must_use]
pub fn atan(x: impl Into<Double>) -> Double {
    let x = x.into();
    let y = x.high.atan();
    let (s, c) = sin_cos(y);
    // atan x − y = atan((x − tan y) / (1 + x tan y)); scaled, for a large x.
    let scale = 1.0 / x.high.abs().max(1.0);
    let x = x * scale;
    Double::turned(y, (x * c - s * scale) / (c * scale + x * s))
}

fn half_pi() -> Double {
    HALF_PI.iter().rev().fold(Double::from(0.0), |t, p| t + *p)
}

/// The angle whose sine is x.
#[must_use]
pub fn asin(x: f64) -> Double {
    if x.abs() == 1.0 { half_pi() * x } else { atan(Double::from(x) / (sum(1.0, -x) * sum(1.0, x)).sqrt()) }
}

/// The angle whose cosine is x.
#[must_use]
pub fn acos(x: f64) -> Double {
    if x == -1.0 { half_pi() * 2.0 } else { atan((sum(1.0, -x) / sum(1.0, x)).sqrt()) * 2.0 }
}

/// The angle of the point (x, y).
#[must_use]
pub fn atan2(y: f64, x: f64) -> Double {
    if x == 0.0 {
        return half_pi() * y.signum();
    }
    let t = atan(Double::from(y) / x);
    if x > 0.0 { t } else { t + half_pi() * 2f64.copysign(y) }
}

/// ½(eˣ − e⁻ˣ).
#[must_use]
pub fn sinh(x: f64) -> Double {
    let e = exp_m1(x);
    // With t = eˣ − 1: ½ (t + t / (t + 1)).
    if x.abs() < 0.5 { (e + e / (e + 1.0)) * 0.5 } else { half_difference(x) }
}

fn half_difference(x: f64) -> Double {
    // e^x itself may overflow where half of it does not.
    exp_scaled(x.into(), -1) - exp_scaled((-x).into(), -1)
}

/// ½(eˣ + e⁻ˣ).
#[must_use]
pub fn cosh(x: f64) -> Double {
    exp_scaled(x.into(), -1) + exp_scaled((-x).into(), -1)
}

/// sinh x / cosh x.
#[must_use]
pub fn tanh(x: f64) -> Double {
    let x = x.clamp(-40.0, 40.0);
    sinh(x) / cosh(x)
}

/// 2/√π ∫₀ˣ e^(−t²) dt, by the series whose terms have one sign.
#[must_use]
pub fn erf(x: f64) -> Double {
    let x2 = product(x, x);
    let (mut term, mut total) = (Double::from(x), Double::from(x));
    let mut k = 1.0;
    while term.high.abs() > total.high.abs() * 1e-33 {
        term = term * x2 * 2.0 / (2.0 * k + 1.0);
        total = total + term;
        k += 1.0;
    }
    total * exp(-x2) * TWO_OVER_ROOT_PI
}

/// xʸ for a positive x.
#[must_use]
pub fn pow(x: f64, y: f64) -> Double {
    exp(ln(x) * y)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// sin² + cos² = 1, ln eˣ = x, tan atan x = x, and so on, to 2⁻⁹⁰.
    #[test]
    fn functions_satisfy_their_identities() {
        let small = |d: Double, scale: f64| assert!(d.high.abs() <= scale.abs() * 2f64.powi(-90), "{d:?} for {scale}");
        for i in -200..=200 {
            let x = f64::from(i) * 0.0371 + 1e-3;
            let (s, c) = sin_cos(x);
            small(s * s + c * c - 1.0, 1.0);
            small(ln(exp(x)) - x, x.abs().max(1.0));
            small(cosh(x) * cosh(x) - sinh(x) * sinh(x) - 1.0, cosh(x).high.powi(2));
            small(exp(ln_1p(x.abs())) - sum(1.0, x.abs()), x.abs() + 1.0);
            small(exp_m1(x) + 1.0 - exp(x), 1.0 + exp(x).high);
            let y = 0.1 * x;
            small(atan(tan(y)) - y, y);
        }
    }
}
