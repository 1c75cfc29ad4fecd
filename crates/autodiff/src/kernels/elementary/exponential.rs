//! eˣ, eˣ − 1, and the logistic functions.
//!
//! x = n ln 2 + r with n the nearest integer to x / ln 2, the product n ln 2 in two words (Cody and Waite 1980), so that |r| ≤ ½ ln 2;
//! then eʳ = 1 + r + r² q(r) and eˣ = 2ⁿ eʳ, with 2ⁿ in two factors, since eʳ 2ⁿ may be subnormal. The coefficients of q minimise the
//! largest error of r q(r) (Remez 1934, in 260 bits), 2⁻⁶¹·⁷ in double and 2⁻³² in single precision.
//!
//! Errors in double precision, in units in the last place: exp 0.75, exp_m1 1.25, sigmoid 2,
//! softplus 1.5.
use super::logarithm::ln_of_sum;
use super::words::{LN_2, mul_add, nearest, ordered_sum, polynomial, power_of_two, single};
use crate::array::Element;
use std::f64::consts::LOG2_E;

const Q: [f64; 11] = [
    0.5,
    0.16666666666666677,
    0.0416666666666667,
    0.008333333333321615,
    0.0013888888888866837,
    0.00019841269886158774,
    2.4801587360557624e-05,
    2.755724418170661e-06,
    2.7557242759130146e-07,
    2.5109044959604557e-08,
    2.0924443324052277e-09,
];
const Q_SINGLE: [f64; 6] =
    [0.5000000046413878, 0.16666666817085576, 0.041666354663360064, 0.008333273048241696, 0.0013941008317196074, 0.0001991417091196635];

/// x = n ln 2 + r + r′: (r, r′, a word whose low bits are n). A second word of x may be given.
#[inline(always)]
pub(super) fn reduce<const FMA: bool>(x: f64, low: f64) -> (f64, f64, u64) {
    let (n, bits) = nearest(x * LOG2_E);
    let high = mul_add::<FMA>(-n, LN_2.0, x);
    let l = n * LN_2.1 - low;
    let r = high - l;
    (r, (high - r) - l, bits)
}

/// r² q(r) + r′ = eʳ − 1 − r to the precision asked for.
#[inline(always)]
fn beyond_linear<T: Element, const FMA: bool>(r: f64, low: f64) -> f64 {
    if single::<T>() {
        return r * r * polynomial::<FMA, _>(r, &Q_SINGLE);
    }
    mul_add::<FMA>(r * r, polynomial::<FMA, _>(r, &Q), low)
}

/// e^(x + x′); of an x outside of the range where this is neither 0 nor ∞, nothing that makes sense.
#[inline(always)]
fn exp_words<T: Element, const FMA: bool>(x: f64, low: f64) -> f64 {
    let (r, r_low, n) = reduce::<FMA>(x, low);
    if single::<T>() {
        return (1.0 + (r + beyond_linear::<T, FMA>(r, 0.0))) * power_of_two(n);
    }
    let (high, error) = ordered_sum(1.0, r);
    let e = high + beyond_linear::<T, FMA>(r, r_low + error);
    let half = n >> 1;
    e * power_of_two(half) * power_of_two(n.wrapping_sub(half))
}

/// e^(x + x′), where x′ does not count beside x.
#[inline(always)]
pub(super) fn exp_of_sum<T: Element, const FMA: bool>(x: f64, low: f64) -> f64 {
    let (least, most) = if single::<T>() { (-150.0, 130.0) } else { (-746.0, 710.0) };
    let y = exp_words::<T, FMA>(x, low);
    let y = if x > most { f64::INFINITY } else { y };
    if x < least { 0.0 } else { y }
}

#[inline(always)]
pub(super) fn exp<T: Element, const FMA: bool>(x: f64) -> f64 {
    exp_of_sum::<T, FMA>(x, 0.0)
}

/// ½ (eˣ − 1), as two words, for −60 ≤ x ≤ 710: ½ (2ⁿ − 1) + ½ 2ⁿ r is exact as two words.
#[inline(always)]
pub(super) fn half_exp_m1<T: Element, const FMA: bool>(x: f64) -> (f64, f64) {
    let (r, r_low, n) = reduce::<FMA>(x, 0.0);
    let half = power_of_two(n.wrapping_sub(1));
    let (high, low) = ordered_sum(half - 0.5, half * r);
    (high, mul_add::<FMA>(half, beyond_linear::<T, FMA>(r, r_low), low))
}

#[inline(always)]
pub(super) fn exp_m1<T: Element, const FMA: bool>(x: f64) -> f64 {
    let most = if single::<T>() { 130.0 } else { 710.0 };
    let clamped = if x < -60.0 { -60.0 } else { x };
    let clamped = if clamped > most { most } else { clamped };
    let (high, low) = half_exp_m1::<T, FMA>(clamped);
    // Halves of the smallest numbers are not exact.
    if x.abs() < 1e-290 { x } else { 2.0 * (high + low) }
}

/// 1 / (1 + e⁻ˣ), with e^−|x|, which cannot overflow.
#[inline(always)]
pub(super) fn sigmoid<T: Element, const FMA: bool>(x: f64) -> f64 {
    let e = exp::<T, FMA>(-x.abs());
    (if x < 0.0 { e } else { 1.0 }) / (1.0 + e)
}

/// ln(1 + eˣ) = max(x, 0) + ln(1 + e^−|x|).
#[inline(always)]
pub(super) fn softplus<T: Element, const FMA: bool>(x: f64) -> f64 {
    let e = exp::<T, FMA>(-x.abs());
    let u = 1.0 + e;
    let l = ln_of_sum::<T, FMA>(u, (1.0 - u) + e, e);
    l + if x < 0.0 { 0.0 } else { x }
}
