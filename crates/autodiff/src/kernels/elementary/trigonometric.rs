//! sin x, cos x, tan x.
//!
//! |x| = n π/2 + r with n the nearest integer to |x| / (π/2) and π/2 in three words of 38, 38 and 53 bits, so that the first two products
//! are exact for n < 2¹⁵ (Cody and Waite 1980); r has two words and |r| ≤ π/4. Then sin r = r + r³ S(r²), cos r = 1 − ½r² + r⁴ C(r²), and
//! the quadrant n mod 4 chooses. The coefficients minimise the largest error (Remez 1934, in 260 bits), relative to the sine and the
//! cosine: 2⁻⁵⁸ and 2⁻⁶⁴ in double, 2⁻²⁸ and 2⁻³³ in single precision.
//!
//! Larger arguments are left to the system's functions, which reduce with as many bits of 2/π as it takes (Payne and Hanek 1983).
//!
//! Errors in double precision, in units in the last place: sin and cos 0.9, tan 1.1.
use super::words::{mul_add, nearest, ordered_sum, polynomial, quotient, single, with_sign};
use crate::array::Element;
use std::f64::consts::FRAC_2_PI;

/// The largest argument that is reduced here.
pub(super) const REDUCED: f64 = 32768.0;

const HALF_PI: [f64; 3] = [1.5707963267923333, 2.5633441515839558e-12, 1.0562999066987428e-23];

const S: [f64; 6] = [
    -0.16666666666666632,
    0.008333333333322316,
    -0.00019841269829725191,
    2.755731366205311e-06,
    -2.5050753263888143e-08,
    1.589650491157287e-10,
];
const S_SINGLE: [f64; 3] = [-0.16666654873477146, 0.008332173543161452, -0.0001951665580831434];
const C: [f64; 6] = [
    0.0416666666666666,
    -0.001388888888887399,
    2.4801587289394916e-05,
    -2.755731432602761e-07,
    2.0875719558258776e-09,
    -1.1359448656177504e-11,
];
const C_SINGLE: [f64; 3] = [0.041666646747776266, -0.0013887361450182168, 2.4437730095696478e-05];

/// |x| = n π/2 + r + r′: (r, r′, a word whose low bits are n).
#[inline(always)]
fn reduce<const FMA: bool>(x: f64) -> (f64, f64, u64) {
    let (n, bits) = nearest(x.abs() * FRAC_2_PI);
    let a = mul_add::<FMA>(-n, HALF_PI[0], x.abs());
    // Exact even where |a| is the smaller: then the difference has few bits.
    let (r, e) = ordered_sum(a, -(n * HALF_PI[1]));
    (r, mul_add::<FMA>(-n, HALF_PI[2], e), bits)
}

/// sin(r + r′) as two words.
#[inline(always)]
fn sin_words<T: Element, const FMA: bool>(r: f64, low: f64) -> (f64, f64) {
    let z = r * r;
    if single::<T>() {
        return (r, r * z * polynomial::<FMA, _>(z, &S_SINGLE));
    }
    let low = low * mul_add::<FMA>(-0.5, z, 1.0);
    (r, mul_add::<FMA>(r * z, polynomial::<FMA, _>(z, &S), low))
}

/// cos(r + r′) as two words.
#[inline(always)]
fn cos_words<T: Element, const FMA: bool>(r: f64, low: f64) -> (f64, f64) {
    let z = r * r;
    if single::<T>() {
        return (1.0, z * mul_add::<FMA>(z, polynomial::<FMA, _>(z, &C_SINGLE), -0.5));
    }
    let h = 0.5 * z;
    let (one, e) = ordered_sum(1.0, -h);
    (one, e + mul_add::<FMA>(z * z, polynomial::<FMA, _>(z, &C), -(r * low)))
}

#[inline(always)]
pub(super) fn sin<T: Element, const FMA: bool>(x: f64) -> f64 {
    let (r, low, n) = reduce::<FMA>(x);
    let (s, c) = (sin_words::<T, FMA>(r, low), cos_words::<T, FMA>(r, low));
    let y = if n & 1 == 0 { s.0 + s.1 } else { c.0 + c.1 };
    with_sign(y, (n << 62) ^ x.to_bits())
}

#[inline(always)]
pub(super) fn cos<T: Element, const FMA: bool>(x: f64) -> f64 {
    let (r, low, n) = reduce::<FMA>(x);
    let (s, c) = (sin_words::<T, FMA>(r, low), cos_words::<T, FMA>(r, low));
    let y = if n & 1 == 0 { c.0 + c.1 } else { s.0 + s.1 };
    with_sign(y, n.wrapping_add(1) << 62)
}

/// sin r / cos r, or −cos r / sin r in odd quadrants.
#[inline(always)]
pub(super) fn tan<T: Element, const FMA: bool>(x: f64) -> f64 {
    let (r, low, n) = reduce::<FMA>(x);
    let (s, c) = (sin_words::<T, FMA>(r, low), cos_words::<T, FMA>(r, low));
    let even = n & 1 == 0;
    let y = if single::<T>() {
        let (s, c) = (s.0 + s.1, c.0 + c.1);
        if even { s / c } else { c / s }
    } else {
        let (s, c) = (ordered_sum(s.0, s.1), ordered_sum(c.0, c.1));
        let (top, bottom) =
            ((if even { s.0 } else { c.0 }, if even { s.1 } else { c.1 }), (if even { c.0 } else { s.0 }, if even { c.1 } else { s.1 }));
        quotient::<FMA>(top, bottom)
    };
    with_sign(y, (n << 63) ^ x.to_bits())
}
