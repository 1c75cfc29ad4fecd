//! ln x and ln(1 + x).
//!
//! x = 2ᵏ (1 + f) with √½ ≤ 1 + f < √2 and s = f / (2 + f); then ln(1 + f) = 2 artanh s = 2s + s R(s²) = f − (½f² − s (½f² + R)), which
//! keeps f, an exact number, apart from what is rounded (Ng 1985, in the Berkeley and Sun libraries). The coefficients of R(z) / z
//! minimise the largest error of R (Remez 1934, in 260 bits): 2⁻⁵⁸·⁵ in double and 2⁻²⁹ in single precision.
//!
//! Errors in double precision, in units in the last place: ln 0.8, ln_1p 0.9.
use super::words::{LN_2, mul_add, polynomial, single};
use crate::array::Element;

const R: [f64; 7] = [
    0.6666666666666734,
    0.3999999999941432,
    0.28571428742474875,
    0.22222198563486206,
    0.18183564866614768,
    0.15314035837105533,
    0.14796105420032596,
];
const R_SINGLE: [f64; 3] = [0.666667764151312, 0.3997753697831075, 0.2987186230237422];

/// x = 2ᵏ (1 + f) for a normal positive x: (k, f).
#[inline(always)]
pub(super) fn split(x: f64) -> (f64, f64) {
    const SQRT_HALF: u64 = std::f64::consts::FRAC_1_SQRT_2.to_bits();
    const FRACTION: u64 = (1 << 52) - 1;
    /// 2⁵², in whose low bits an integer stands.
    const SHIFT: f64 = 4_503_599_627_370_496.0;
    let t = x.to_bits().wrapping_add(1.0f64.to_bits() - SQRT_HALF);
    let k = f64::from_bits((t >> 52) | SHIFT.to_bits()) - (SHIFT + 1023.0);
    (k, f64::from_bits((t & FRACTION).wrapping_add(SQRT_HALF)) - 1.0)
}

/// The same for a subnormal number too.
#[inline(always)]
pub(super) fn split_any<T: Element>(x: f64) -> (f64, f64) {
    if single::<T>() {
        return split(x);
    }
    let tiny = x < f64::MIN_POSITIVE;
    let (k, f) = split(if tiny { x * 18_014_398_509_481_984.0 } else { x });
    (k - if tiny { 54.0 } else { 0.0 }, f)
}

/// k ln 2 + ln(1 + f) + c, for a small c.
#[inline(always)]
pub(super) fn ln_of_parts<T: Element, const FMA: bool>(k: f64, f: f64, c: f64) -> f64 {
    let s = f / (2.0 + f);
    let z = s * s;
    let r = z * if single::<T>() { polynomial::<FMA, _>(z, &R_SINGLE) } else { polynomial::<FMA, _>(z, &R) };
    let h = 0.5 * f * f;
    let low = mul_add::<FMA>(k, LN_2.1, c);
    mul_add::<FMA>(k, LN_2.0, -((h - mul_add::<FMA>(s, h + r, low)) - f))
}

#[inline(always)]
pub(super) fn ln<T: Element, const FMA: bool>(x: f64) -> f64 {
    let (k, f) = split_any::<T>(x);
    let y = ln_of_parts::<T, FMA>(k, f, 0.0);
    let y = if x < f64::INFINITY { y } else { x };
    let y = if x == 0.0 { f64::NEG_INFINITY } else { y };
    if x < 0.0 { f64::NAN } else { y }
}

/// ln(u + c) for a rounded sum u = 1 + x > 0 and its error c.
#[inline(always)]
pub(super) fn ln_of_sum<T: Element, const FMA: bool>(u: f64, c: f64, x: f64) -> f64 {
    let (k, f) = split(u);
    // Near 1 nothing but x itself is exact enough; elsewhere ln(u + c) = ln u + c / u, where a few bits of 1 / u do.
    let near = k == 0.0;
    let inverse = f64::from_bits(0x7FDE_6000_0000_0000u64.wrapping_sub(u.to_bits()));
    let inverse = inverse * (2.0 - u * inverse);
    let f = if near { x } else { f };
    let c = if near | (k > 100.0) { 0.0 } else { c * inverse };
    ln_of_parts::<T, FMA>(k, f, c)
}

#[inline(always)]
pub(super) fn ln_1p<T: Element, const FMA: bool>(x: f64) -> f64 {
    let u = 1.0 + x;
    let t = u - 1.0;
    let y = ln_of_sum::<T, FMA>(u, (1.0 - (u - t)) + (x - t), x);
    let y = if x < f64::INFINITY { y } else { x };
    let y = if x == -1.0 { f64::NEG_INFINITY } else { y };
    let y = if x == 0.0 { x } else { y };
    if x < -1.0 { f64::NAN } else { y }
}
