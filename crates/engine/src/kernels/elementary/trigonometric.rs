//! The trigonometric functions sin x, cos x and tan x.
//!
//! |x| = n π/2 + r with n the nearest integer to |x| / (π/2). π/2 has three words of 38, 38 and 53 bits, so that the first two products are exact for
//! n < 2¹⁵ (Cody and Waite 1980). r has two words, and |r| ≤ π/4. Then sin r = r + r³ S(r²) and cos r = 1 − ½r² + r⁴ C(r²), and the quadrant n mod 4
//! chooses between them. The coefficients minimise the largest error (Remez 1934, in 260 bits), relative to the sine and the cosine: 2⁻⁵⁸ and 2⁻⁶⁴ in
//! double, 2⁻²⁸ and 2⁻³³ in single precision.
//!
//! Larger arguments are left to the system's functions, which reduce with as many bits of 2/π as are needed (Payne and Hanek 1983).
//!
//! Errors in double precision, in units in the last place: sin and cos 0.9, tan 1.1.
use super::words::{Bits, Number, Word, c, choose, mul_add, nearest, ordered_sum, polynomial_of, quotient, sign_place, with_sign};
use std::f64::consts::FRAC_2_PI;

/// The largest argument that is reduced here.
#[inline(always)]
pub(super) fn reduced<T: Word>() -> T {
    choose(32768.0, 3072.0)
}

const HALF_PI: [f64; 3] = [1.5707963267923333, 2.5633441515839558e-12, 1.0562999066987428e-23];

/// Words of 24, 12 and 24 bits. The first product is exact with a fused multiply-add or in double precision, the second for n < 2¹².
const HALF_PI_SINGLE: [f64; 3] = [1.5707963705062866, -4.371395334601402e-08, 2.5633440682570896e-12];

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
fn reduce<T: Word, const FMA: bool>(x: T) -> (T, T, T::Bits) {
    let (n, bits) = nearest(x.abs() * c(FRAC_2_PI));
    let half_pi = [0, 1, 2].map(|i| choose::<T>(HALF_PI[i], HALF_PI_SINGLE[i]));
    let a = T::cancelling::<FMA>(-n, half_pi[0], x.abs());
    // The sum is exact even where |a| is the smaller: then the difference has few bits.
    let (r, e) = ordered_sum(a, -(n * half_pi[1]));
    (r, mul_add::<T, FMA>(-n, half_pi[2], e), bits)
}

/// Whether the integer in the low bits is even.
#[inline(always)]
fn even<T: Number>(n: T::Bits) -> bool {
    n & T::Bits::of(1) == T::Bits::of(0)
}

/// sin(r + r′) as two words.
#[inline(always)]
fn sin_words<T: Word, const FMA: bool>(r: T, low: T) -> (T, T) {
    let z = r * r;
    let low = low * mul_add::<T, FMA>(c(-0.5), z, T::one());
    (r, mul_add::<T, FMA>(r * z, polynomial_of::<T, FMA, _, _>(z, &S, &S_SINGLE), low))
}

/// cos(r + r′) as two words.
#[inline(always)]
fn cos_words<T: Word, const FMA: bool>(r: T, low: T) -> (T, T) {
    let z = r * r;
    let (one, e) = ordered_sum(T::one(), -(c::<T>(0.5) * z));
    (one, e + mul_add::<T, FMA>(z * z, polynomial_of::<T, FMA, _, _>(z, &C, &C_SINGLE), -(r * low)))
}

#[inline(always)]
pub(super) fn sin<T: Number, const FMA: bool>(x: T) -> T {
    let (r, low, n) = reduce::<T, FMA>(x);
    let (s, c) = (sin_words::<T, FMA>(r, low), cos_words::<T, FMA>(r, low));
    let y = if even::<T>(n) { s.0 + s.1 } else { c.0 + c.1 };
    with_sign(y, (n << (sign_place::<T>() - 1)) ^ x.bits())
}

#[inline(always)]
pub(super) fn cos<T: Number, const FMA: bool>(x: T) -> T {
    let (r, low, n) = reduce::<T, FMA>(x);
    let (s, c) = (sin_words::<T, FMA>(r, low), cos_words::<T, FMA>(r, low));
    let y = if even::<T>(n) { c.0 + c.1 } else { s.0 + s.1 };
    with_sign(y, (n + T::Bits::of(1)) << (sign_place::<T>() - 1))
}

/// sin r / cos r, or −cos r / sin r in odd quadrants.
#[inline(always)]
pub(super) fn tan<T: Number, const FMA: bool>(x: T) -> T {
    let (r, low, n) = reduce::<T, FMA>(x);
    let (s, c) = (sin_words::<T, FMA>(r, low), cos_words::<T, FMA>(r, low));
    let even = even::<T>(n);
    let (s, c) = (ordered_sum(s.0, s.1), ordered_sum(c.0, c.1));
    let top = (if even { s.0 } else { c.0 }, if even { s.1 } else { c.1 });
    let bottom = (if even { c.0 } else { s.0 }, if even { c.1 } else { s.1 });
    with_sign(quotient::<T, FMA>(top, bottom), (n << sign_place::<T>()) ^ x.bits())
}
