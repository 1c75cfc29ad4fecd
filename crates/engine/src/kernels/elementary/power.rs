//! The power xʸ.
//!
//! |x|ʸ = e^(y ln |x|), with the logarithm as two words to 2⁻⁶⁴. As for the logarithm, |x| = 2ᵏ (1 + f) and s = f / (2 + f); then ln(1 + f) = 2s + s³
//! (2/3 + s² P(s²)), where s, s³ and the factor of s³ are two words each. The coefficients of P minimise the largest error relative to the logarithm
//! (Remez 1934, in 260 bits): 2⁻⁶⁶. A negative x has a power only for integers y, and it is negative for odd y. Special values are those of C (ISO
//! 9899, annex F).
//!
//! Error in double precision: 0.8 units in the last place.
use super::exponential::exp_of_sum;
use super::logarithm::split_any;
use super::words::{Word, c, choose, mul_add, ordered_sum, polynomial_of, product};

const P: [f64; 7] = [
    0.40000000000002256,
    0.28571428570099233,
    0.22222222519979395,
    0.18181784362468684,
    0.15386757534819503,
    0.13256813210333945,
    0.1319636926073958,
];
/// The coefficients of P that count in single precision.
const P_SINGLE: [f64; 5] = [P[0], P[1], P[2], P[3], P[4]];
const TWO_THIRDS: (f64, f64) = (0.6666666666666666, 3.700743415417188e-17);
const TWO_THIRDS_SINGLE: (f64, f64) = (0.6666666865348816, -1.9868215517249155e-08);

/// k ln 2 + ln(1 + f) as two words.
#[inline(always)]
fn ln_words<T: Word, const FMA: bool>(k: T, f: T) -> (T, T) {
    let two = c::<T>(2.0);
    let d = two + f;
    let inverse = T::one() / d;
    let s = f * inverse;
    let (p, e) = product::<T, FMA>(s, d);
    let s_low = (((f - p) - e) - s * (f - (d - two))) * inverse;
    let (z, e) = product::<T, FMA>(s, s);
    let z_low = mul_add::<T, FMA>(two * s, s_low, e);
    let (g, e) = ordered_sum(choose(TWO_THIRDS.0, TWO_THIRDS_SINGLE.0), z * polynomial_of::<T, FMA, _, _>(z, &P, &P_SINGLE));
    let g_low = e + choose(TWO_THIRDS.1, TWO_THIRDS_SINGLE.1);
    let (w, e) = product::<T, FMA>(s, z);
    let w_low = e + mul_add::<T, FMA>(s, z_low, s_low * z);
    let (v, e) = product::<T, FMA>(w, g);
    let v_low = e + mul_add::<T, FMA>(w, g_low, w_low * g);
    let (l, e) = ordered_sum(two * s, v);
    let l_low = e + mul_add::<T, FMA>(two, s_low, v_low);
    let (high, e) = ordered_sum(k * T::ln_2().0, l);
    (high, e + mul_add::<T, FMA>(k, T::ln_2().1, l_low))
}

/// aʸ for a ≥ 0, which may be 0 or infinite, and a y so small that y ln a does not overflow; not 0⁰ or ∞⁰.
#[inline(always)]
fn magnitude<T: Word, const FMA: bool>(a: T, y: T) -> T {
    let (k, f) = split_any::<T>(a);
    let extreme = T::pick(a.equals(T::zero()), -T::infinity(), T::infinity());
    let inside = a.greater(T::zero()) & a.less(T::infinity());
    let (l, l_low) = ln_words::<T, FMA>(k, f);
    let (p, e) = product::<T, FMA>(y, l);
    let p = T::pick(inside, p, y * extreme);
    let low = T::pick(inside & p.abs().less(c(800.0)), mul_add::<T, FMA>(y, l_low, e), T::zero());
    exp_of_sum::<T, FMA>(p, low)
}

#[inline(always)]
pub(super) fn pow<T: Word, const FMA: bool>(x: T, y: T) -> T {
    // Where |y| > 2⁸⁰, every power except that of 1 overflows or underflows.
    let most = c::<T>(1_208_925_819_614_629_174_706_176.0);
    let clamped = T::pick(y.greater(most), most, y);
    let clamped = T::pick(clamped.less(-most), -most, clamped);
    let a = x.abs();
    let r = magnitude::<T, FMA>(a, clamped);
    let whole = y.floor().equals(y);
    let half = c::<T>(0.5) * y;
    let odd = whole & !half.floor().equals(half);
    let r = T::pick(odd, r.copysign(x), r);
    let r = T::pick(x.less(T::zero()) & a.less(T::infinity()) & !whole, T::nan(), r);
    let r = T::pick(x.is_nan() | y.is_nan(), T::nan(), r);
    T::pick(x.equals(T::one()) | y.equals(T::zero()), T::one(), r)
}
