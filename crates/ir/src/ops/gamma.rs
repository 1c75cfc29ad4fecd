//! The logarithm of the gamma function and its derivatives: ln |Γ(x)|, digamma and the polygamma functions, with kernels of their own.
//!
//! Zeros are factors of what polynomials approximate: ln Γ(x) / ((x − 1)(x − 2)) and ψ(x) / (x − x₀), Chebyshev's interpolation with a relative
//! error below 2⁻⁵⁹, computed in 200 bits. Recurrences lead there (Abramowitz and Stegun 1964, 6.1.15, 6.3.5 and 6.4.6), from 10 on the expansions
//! of Stirling (6.1.41, 6.3.18; Bernardo 1976, AS 103). From order 1 on, sums of the series with the remainder of Euler and Maclaurin (6.4.10 and
//! 23.2.3). Below 0, reflection (6.1.17, 6.3.7, 6.4.7), where the distance from the nearest integer is exact.
//!
//! Errors in units in the last place, away from zeros: ln_gamma 2.5 (at 1 and 2, too), digamma 3.5, polygamma 3 for the orders 1 and
//! 2, and about one more for each further order; below 0, ln_gamma 5. At other zeros, and near them, they are as small beside the terms that cancel.
//! Single precision is rounded from double precision.
use crate::array::{Element, Kind, Real};
use crate::operation::{Builder, Elementwise, MicroBuilder, Op, OwnFn, Pointwise, Probe, Probed, Reg, Slope, Value};
use std::f64::consts::PI;

/// ln |Γ(x)|. Slope: ψ(x). At the poles 0, −1, −2, … the value is ∞ and the slope NaN; a derivative of 0 stays 0.
///
/// ```
/// # use hypertape_autodiff::{Function, shape};
/// let f = Function::record(shape![], |x| x.ln_gamma())?;
/// // Γ(5) = 4!, and ψ(5) = 1 + 1/2 + 1/3 + 1/4 − γ.
/// let (value, slope) = f.value_and_gradient(5.0)?;
/// assert!((value - 24_f64.ln()).abs() < 1e-15 && (slope[[]] - 1.5061176684318003).abs() < 1e-15);
/// # Ok::<(), hypertape_autodiff::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct LnGamma;
impl Elementwise for LnGamma {
    fn name(&self) -> &'static str {
        "ln_gamma"
    }
    fn arity(&self) -> usize {
        1
    }
    fn apply<T: Real>(&self, x: &[T]) -> T {
        T::from_f64(libm::lgamma(Element::to_f64(x[0])))
    }
    fn slope(&self, b: &mut Builder, x: &[Value], _: Value, _: usize) -> Slope {
        Slope::Absorb(b.digamma(x[0]))
    }
    fn micro(&self, m: &mut MicroBuilder, x: &[Reg]) -> Reg {
        m.own(OwnFn::new(|_, x| ln_gamma(x)), x[0])
    }
    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Value> {
        b.fold_number(x[0], ln_gamma)
    }
}
impl Probed for LnGamma {
    fn probes(kind: Kind) -> Vec<Probe> {
        let probes = Probe::pointwise(LnGamma, kind, &[&[2.5], &[3.0], &[12.0], &[1.75]]);
        probes
            .into_iter()
            .chain(Probe::pointwise(LnGamma, kind, &[&[-1.5], &[0.5]]).into_iter().map(|p| p.within(0.25).growing(16.0)))
            .collect()
    }
}

/// ψ⁽ⁿ⁾(x), the derivative of order n + 1 of ln |Γ(x)|: digamma for n = 0, trigamma for n = 1. Slope: ψ⁽ⁿ⁺¹⁾(x). At the poles 0, −1, −2, … ∞ for
/// odd n and NaN for even n, where the signs on both sides differ; a derivative of 0 stays 0.
///
/// ```
/// # use hypertape_autodiff::{Function, shape};
/// # use std::f64::consts::PI;
/// let f = Function::record(shape![], |x| x.digamma())?;
/// // ψ(1) is minus Euler's constant, and ψ′(1) = π² / 6.
/// let (value, slope) = f.value_and_gradient(1.0)?;
/// assert!((value + 0.5772156649015329).abs() < 1e-15 && (slope[[]] - PI * PI / 6.0).abs() < 1e-15);
/// # Ok::<(), hypertape_autodiff::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Polygamma(pub u32);
impl Elementwise for Polygamma {
    fn name(&self) -> &'static str {
        match self.0 {
            0 => "digamma",
            1 => "trigamma",
            _ => "polygamma",
        }
    }
    fn attributes(&self) -> String {
        if self.0 < 2 { String::new() } else { self.0.to_string() }
    }
    fn arity(&self) -> usize {
        1
    }
    fn apply<T: Real>(&self, x: &[T]) -> T {
        T::from_f64(plain_polygamma(self.0, Element::to_f64(x[0])))
    }
    fn slope(&self, b: &mut Builder, x: &[Value], _: Value, _: usize) -> Slope {
        Slope::Absorb(b.polygamma(self.0.saturating_add(1), x[0]))
    }
    fn micro(&self, m: &mut MicroBuilder, x: &[Reg]) -> Reg {
        m.own(OwnFn::new(polygamma).with(self.0), x[0])
    }
    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Value> {
        b.fold_number(x[0], |x| polygamma(self.0, x))
    }
}
impl Probed for Polygamma {
    fn probes(kind: Kind) -> Vec<Probe> {
        let at = |n: u32| {
            let far = Probe::pointwise(Polygamma(n), kind, &[&[2.5], &[4.0], &[12.0]]);
            let near = Probe::pointwise(Polygamma(n), kind, &[&[-1.5], &[1.25]]);
            far.into_iter().chain(near.into_iter().map(|p| p.within(0.25).growing(64.0)))
        };
        (0..3).flat_map(at).collect()
    }
}

impl Builder {
    /// ln |Γ(x)|.
    pub fn ln_gamma(&mut self, a: Value) -> Value {
        self.emit1(Op::new(Pointwise(LnGamma)), &[a])
    }
    /// ψ(x) = d/dx ln Γ(x).
    pub fn digamma(&mut self, a: Value) -> Value {
        self.polygamma(0, a)
    }
    /// ψ⁽ⁿ⁾(x), the derivative of order n of digamma.
    pub fn polygamma(&mut self, n: u32, a: Value) -> Value {
        self.emit1(Op::new(Pointwise(Polygamma(n))), &[a])
    }
}

/// B₂ₖ / (2k (2k − 1)), for k = 1, 2, ….
const STIRLING: [f64; 8] = [
    0.08333333333333333,
    -0.002777777777777778,
    0.0007936507936507937,
    -0.0005952380952380953,
    0.0008417508417508417,
    -0.0019175269175269176,
    0.00641025641025641,
    -0.029550653594771242,
];
/// B₂ₖ / 2k.
const BERNOULLI: [f64; 8] = [
    0.08333333333333333,
    -0.008333333333333333,
    0.003968253968253968,
    -0.004166666666666667,
    0.007575757575757576,
    -0.021092796092796094,
    0.08333333333333333,
    -0.4432598039215686,
];
/// B₂ₖ / (2k)!.
const EULER_MACLAURIN: [f64; 10] = [
    0.08333333333333333,
    -0.001388888888888889,
    3.306878306878307e-05,
    -8.267195767195768e-07,
    2.08767569878681e-08,
    -5.284190138687493e-10,
    1.3382536530684679e-11,
    -3.3896802963225827e-13,
    8.586062056277845e-15,
    -2.174868698558062e-16,
];
/// The zero of digamma above 0, and what its rounding leaves.
const ZERO: (f64, f64) = (1.4616321449683622, 9.549995429965697e-17);
/// Arguments from which on expansions have no more than rounding errors.
const FAR: f64 = 10.0;
/// ln Γ(x) / ((x − 1)(x − 2)) on [1, 2], in powers of x − 1.5.
const FROM_1: [f64; 22] = [
    0.4831289505409809,
    -0.14595989591430608,
    0.06291140107456439,
    -0.031308487501010646,
    0.01679709863127416,
    -0.009425622448525798,
    0.005446457839126065,
    -0.0032120740737152814,
    0.0019229163127905161,
    -0.0011644145847310124,
    0.000711519067515296,
    -0.00043799307479613914,
    0.00027131373861446925,
    -0.0001689178215524898,
    0.00010535512483785591,
    -6.614136022346414e-05,
    4.30276814976503e-05,
    -2.7201673025504752e-05,
    1.3186019073996835e-05,
    -8.355075869795273e-06,
    1.2140008083973407e-05,
    -7.760660152513446e-06,
];
/// The same on [2, 3], in powers of x − 2.5.
const FROM_2: [f64; 17] = [
    0.37957716063055885,
    -0.07466357415449941,
    0.019905154304743208,
    -0.006018768527036914,
    0.0019490574889463365,
    -0.0006586397065650056,
    0.00022905363747507287,
    -8.130229408034726e-05,
    2.929928312004998e-05,
    -1.0682259123883373e-05,
    3.9305860909127655e-06,
    -1.4575541733757617e-06,
    5.436082854534496e-07,
    -2.015090104183497e-07,
    7.585695078040205e-08,
    -3.385821013938236e-08,
    1.2848137769988069e-08,
];
/// ψ(x) / (x − x₀) on [1, 2], in powers of x − 1.5.
const DIGAMMA: [f64; 24] = [
    0.9510558760318328,
    -0.42362742128146047,
    0.24054248424078736,
    -0.14840492305391761,
    0.09498872445283,
    -0.06192213327165706,
    0.04076083394462657,
    -0.02697579684427536,
    0.017907248195969127,
    -0.011908215172584002,
    0.007927024067961237,
    -0.00528001782089874,
    0.0035180800751066694,
    -0.002344650082351321,
    0.0015635679757533885,
    -0.001042261556504223,
    0.0006899717801166841,
    -0.0004599625144612576,
    0.0003268068044141764,
    -0.0002178682145501451,
    9.173383289174792e-05,
    -6.11554261750751e-05,
    0.00012230983055406747,
    -8.153978973309418e-05,
];

/// c₀ + c₁ t + c₂ t² + …, even and odd powers apart: two short chains instead of a long one.
#[inline(always)]
fn polynomial<const N: usize>(t: f64, c: &[f64; N]) -> f64 {
    let (square, mut sums) = (t * t, [0.0; 2]);
    for pair in c.chunks(2).rev() {
        sums.iter_mut().zip(pair).for_each(|(sum, c)| *sum = *sum * square + c);
    }
    sums[0] + t * sums[1]
}

/// Whether x is 0, −1, −2, …, as are all numbers below −2⁵².
fn is_pole(x: f64) -> bool {
    x <= 0.0 && x == x.floor()
}

/// x less the nearest integer: exact.
fn from_integer(x: f64) -> f64 {
    x - x.round()
}

fn ln_gamma(x: f64) -> f64 {
    if is_pole(x) {
        return f64::INFINITY;
    }
    if x >= 0.0 || x.is_nan() {
        return ln_gamma_above(x);
    }
    // ln π.
    1.1447298858494002 - (PI * from_integer(x)).sin().abs().ln() - ln_gamma_above(1.0 - x)
}

fn ln_gamma_above(mut x: f64) -> f64 {
    let on_2_to_3 = |x: f64| (x - 1.0) * (x - 2.0) * polynomial(x - 2.5, &FROM_2);
    if x < 1.0 {
        // ln Γ(1 + x) − ln x, without rounding 1 + x, whose distance from 2 is the result's.
        x * (x - 1.0) * polynomial(x - 0.5, &FROM_1) - x.ln()
    } else if x <= 2.0 {
        (x - 1.0) * (x - 2.0) * polynomial(x - 1.5, &FROM_1)
    } else if x <= 3.0 {
        on_2_to_3(x)
    } else if x < FAR {
        let mut product = 1.0;
        while x > 3.0 {
            x -= 1.0;
            product *= x;
        }
        on_2_to_3(x) + f64::ln(product)
    } else {
        let r = 1.0 / x;
        // ½ ln 2π − ½ beside the product, so that no two large numbers are subtracted.
        (x - 0.5) * (x.ln() - 1.0) + (0.4189385332046727 + r * polynomial(r * r, &STIRLING))
    }
}

fn digamma(x: f64) -> f64 {
    if x < 0.0 { digamma_above(1.0 - x) - PI / (PI * from_integer(x)).tan() } else { digamma_above(x) }
}

fn digamma_above(mut x: f64) -> f64 {
    let on_1_to_2 = |x: f64| ((x - ZERO.0) - ZERO.1) * polynomial(x - 1.5, &DIGAMMA);
    if x < 1.0 {
        on_1_to_2(1.0 + x) - 1.0 / x
    } else if x < FAR {
        let mut sum = 0.0;
        while x > 2.0 {
            x -= 1.0;
            sum += 1.0 / x;
        }
        on_1_to_2(x) + sum
    } else {
        let r = 1.0 / x;
        x.ln() - (0.5 * r + r * r * polynomial(r * r, &BERNOULLI))
    }
}

fn polygamma(n: u32, x: f64) -> f64 {
    let odd = n % 2 == 1;
    if is_pole(x) {
        return if odd { f64::INFINITY } else { f64::NAN };
    }
    if n == 0 {
        return digamma(x);
    }
    let sign = if odd { 1.0 } else { -1.0 };
    if x >= 0.0 || x.is_nan() {
        return sign * series(n, x);
    }
    // The sum over all integers, which are those around the nearest one, less the sum over those that the series does not have.
    let f = from_integer(x);
    sign * (term(n, f) + series(n, 1.0 + f) + sign * (series(n, 1.0 - f) - series(n, 1.0 - x)))
}

/// n! / xⁿ⁺¹, of factors that overflow only if it does.
fn term(n: u32, x: f64) -> f64 {
    let r = 1.0 / x;
    (1..=n).fold(r, |p, k| p * (f64::from(k) * r))
}

/// n! Σ 1 / (x + k)ⁿ⁺¹ over k = 0, 1, …, for n > 0 and x > 0.
fn series(n: u32, x: f64) -> f64 {
    let order = f64::from(n);
    let steps = (FAR + order - x).ceil().max(0.0);
    let far = x + steps;
    let integral = term(n - 1, far);
    let first = integral * (order / far);
    let (mut rising, mut rest) = (first * ((order + 1.0) / far), 0.0);
    for (k, c) in EULER_MACLAURIN.iter().enumerate() {
        let s = order + 2.0 * k as f64;
        rest += c * rising;
        rising *= ((s + 2.0) / far) * ((s + 3.0) / far);
    }
    // From the smallest to the largest.
    (0..steps as u32).rev().fold(integral + (0.5 * first + rest), |sum, k| sum + term(n, x + f64::from(k)))
}

/// The same for every order by the series and the derivatives of the expansion (Abramowitz and Stegun 1964, 6.4.11), further out, and by those of
/// π cot πx below 0.
fn plain_polygamma(n: u32, x: f64) -> f64 {
    let odd = n % 2 == 1;
    if is_pole(x) {
        return if odd { f64::INFINITY } else { f64::NAN };
    }
    let sign = if odd { 1.0 } else { -1.0 };
    if x < 0.0 {
        let cot = 1.0 / (PI * from_integer(x)).tan();
        // A polynomial in the cotangent c, whose derivative is −π (1 + c²).
        let mut p = vec![0.0, PI];
        for _ in 0..n {
            let mut d = vec![0.0; p.len() + 1];
            for (k, c) in p.iter().enumerate().skip(1) {
                d[k - 1] -= PI * k as f64 * c;
                d[k + 1] -= PI * k as f64 * c;
            }
            p = d;
        }
        return -sign * plain_polygamma(n, 1.0 - x) - p.iter().rev().fold(0.0, |y, c| y * cot + c);
    }
    // m (m + 1) … (m + n − 1) / xᵐ⁺ⁿ.
    let rising = |m: u32, n: u32, x: f64| (0..n).fold(x.powi(-(m as i32)), |p, i| p * f64::from(m + i) / x);
    let steps = 40 + 10 * n;
    let far = x + f64::from(steps);
    let integral = if n == 0 { -far.ln() } else { rising(1, n - 1, far) };
    let expansion: f64 =
        [1.0 / 12.0, -1.0 / 120.0, 1.0 / 252.0, -1.0 / 240.0].iter().zip(1..).map(|(c, k)| c * rising(2 * k, n, far)).sum();
    sign * (integral + 0.5 * rising(1, n, far) + expansion + (0..steps).map(|k| rising(1, n, x + f64::from(k))).sum::<f64>())
}
