//! xʸ.
//!
//! |x|ʸ = e^(y ln |x|), with the logarithm as two words to 2⁻⁶⁴: |x| = 2ᵏ (1 + f) and s = f / (2 + f), as for the logarithm, but s, s³ and
//! its factor as two words; ln(1 + f) = 2s + s³ (2/3 + s² P(s²)). The coefficients of P minimise the largest error relative to the
//! logarithm (Remez 1934, in 260 bits): 2⁻⁶⁶. A negative x has a power for integers y only, negative for odd ones. Special values are
//! those of C (ISO 9899, annex F).
//!
//! Error in double precision: 0.8 units in the last place.
use super::exponential::{exp, exp_of_sum};
use super::logarithm::{ln_of_parts, split_any};
use super::words::{LN_2, mul_add, ordered_sum, polynomial, product, single};
use crate::array::Element;

const P: [f64; 7] = [
    0.40000000000002256,
    0.28571428570099233,
    0.22222222519979395,
    0.18181784362468684,
    0.15386757534819503,
    0.13256813210333945,
    0.1319636926073958,
];
const TWO_THIRDS: (f64, f64) = (0.6666666666666666, 3.700743415417188e-17);

/// k ln 2 + ln(1 + f) as two words.
#[inline(always)]
fn ln_words<const FMA: bool>(k: f64, f: f64) -> (f64, f64) {
    let d = 2.0 + f;
    let inverse = 1.0 / d;
    let s = f * inverse;
    let (p, e) = product::<FMA>(s, d);
    let s_low = (((f - p) - e) - s * (f - (d - 2.0))) * inverse;
    let (z, e) = product::<FMA>(s, s);
    let z_low = mul_add::<FMA>(2.0 * s, s_low, e);
    let (c, e) = ordered_sum(TWO_THIRDS.0, z * polynomial::<FMA, _>(z, &P));
    let c_low = e + TWO_THIRDS.1;
    let (w, e) = product::<FMA>(s, z);
    let w_low = e + mul_add::<FMA>(s, z_low, s_low * z);
    let (v, e) = product::<FMA>(w, c);
    let v_low = e + mul_add::<FMA>(w, c_low, w_low * c);
    let (l, e) = ordered_sum(2.0 * s, v);
    let l_low = e + mul_add::<FMA>(2.0, s_low, v_low);
    let (high, e) = ordered_sum(k * LN_2.0, l);
    (high, e + mul_add::<FMA>(k, LN_2.1, l_low))
}

/// |x|ʸ where both are finite, not 0, and y does not overflow a product.
#[inline(always)]
fn magnitude<T: Element, const FMA: bool>(a: f64, y: f64) -> f64 {
    let (k, f) = split_any::<T>(a);
    let extreme = if a == 0.0 { f64::NEG_INFINITY } else { f64::INFINITY };
    let inside = (a > 0.0) & (a < f64::INFINITY);
    if single::<T>() {
        let l = ln_of_parts::<f64, FMA>(k, f, 0.0);
        return exp::<T, FMA>(y * if inside { l } else { extreme });
    }
    let (l, l_low) = ln_words::<FMA>(k, f);
    let (p, e) = product::<FMA>(y, l);
    let p = if inside { p } else { y * extreme };
    let low = if inside & (p.abs() < 800.0) { mul_add::<FMA>(y, l_low, e) } else { 0.0 };
    exp_of_sum::<T, FMA>(p, low)
}

#[inline(always)]
pub(super) fn pow<T: Element, const FMA: bool>(x: f64, y: f64) -> f64 {
    // Beyond 2⁸⁰ every power but that of 1 has left the range.
    const MOST: f64 = 1_208_925_819_614_629_174_706_176.0;
    let clamped = if y > MOST { MOST } else { y };
    let clamped = if clamped < -MOST { -MOST } else { clamped };
    let a = x.abs();
    let r = magnitude::<T, FMA>(a, clamped);
    let whole = y.floor() == y;
    let odd = whole & ((0.5 * y).floor() != 0.5 * y);
    let r = if odd { r.copysign(x) } else { r };
    let r = if (x < 0.0) & (a < f64::INFINITY) & !whole { f64::NAN } else { r };
    let r = if x.is_nan() | y.is_nan() { f64::NAN } else { r };
    if (x == 1.0) | (y == 0.0) { 1.0 } else { r }
}
