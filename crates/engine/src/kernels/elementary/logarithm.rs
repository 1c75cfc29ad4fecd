//! The logarithms ln x and ln(1 + x).
//!
//! x = 2ᵏ (1 + f) with √½ ≤ 1 + f < √2, and s = f / (2 + f). Then ln(1 + f) = 2 artanh s = 2s + s R(s²) = f − (½f² − s (½f² + R)). The last form
//! keeps f, which is exact, apart from the rounded terms (Ng 1985, in the Berkeley and Sun libraries). The coefficients of R(z) / z minimise the
//! largest error of R (Remez 1934, in 260 bits): 2⁻⁵⁸·⁵ in double and 2⁻²⁹ in single precision.
//!
//! Errors in double precision, in units in the last place: ln 0.8, ln_1p 0.9.
use super::words::{Bits, Word, bias, c, choose, fraction, mul_add, polynomial_of};

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
pub(super) fn split<T: Word>(x: T) -> (T, T) {
    let sqrt_half = c::<T>(std::f64::consts::FRAC_1_SQRT_2).bits();
    let of_fraction = (T::Bits::of(1) << fraction::<T>()) - T::Bits::of(1);
    // 2⁵² (2²³ in single precision), whose low bits can take an integer.
    let shift = choose::<T>(4_503_599_627_370_496.0, 8_388_608.0);
    let t = x.bits() + (T::one().bits() - sqrt_half);
    let k = T::of_bits((t >> fraction::<T>()) | shift.bits()) - (shift + c(bias::<T>()));
    (k, T::of_bits((t & of_fraction) + sqrt_half) - T::one())
}

/// The same, also for subnormal numbers.
#[inline(always)]
pub(super) fn split_any<T: Word>(x: T) -> (T, T) {
    let tiny = x.less(choose(f64::MIN_POSITIVE, f64::from(f32::MIN_POSITIVE)));
    let (k, f) = split(T::pick(tiny, x * c(18_014_398_509_481_984.0), x));
    (k - T::pick(tiny, c(54.0), T::zero()), f)
}

/// k ln 2 + ln(1 + f) + error, for a small error.
#[inline(always)]
pub(super) fn ln_of_parts<T: Word, const FMA: bool>(k: T, f: T, error: T) -> T {
    let s = f / (c::<T>(2.0) + f);
    let z = s * s;
    let r = z * polynomial_of::<T, FMA, _, _>(z, &R, &R_SINGLE);
    let h = c::<T>(0.5) * f * f;
    let low = mul_add::<T, FMA>(k, T::ln_2().1, error);
    mul_add::<T, FMA>(k, T::ln_2().0, -((h - mul_add::<T, FMA>(s, h + r, low)) - f))
}

#[inline(always)]
pub(super) fn ln<T: Word, const FMA: bool>(x: T) -> T {
    let (k, f) = split_any::<T>(x);
    let y = ln_of_parts::<T, FMA>(k, f, T::zero());
    let y = T::pick(x.less(T::infinity()), y, x);
    let y = T::pick(x.equals(T::zero()), -T::infinity(), y);
    T::pick(x.less(T::zero()), T::nan(), y)
}

/// ln(u + e) for a rounded sum u = 1 + x > 0 and its error e.
#[inline(always)]
pub(super) fn ln_of_sum<T: Word, const FMA: bool>(u: T, e: T, x: T) -> T {
    let (k, f) = split(u);
    // Near 1 only x itself is exact enough. Elsewhere ln(u + e) = ln u + e / u, where a few bits of 1 / u are enough: they come from a difference of
    // bit patterns, which are roughly logarithms, and a step of Newton's method.
    let near = k.equals(T::zero());
    let inverse = T::of_bits(c::<T>(0.94921875).bits() + (T::one().bits() - u.bits()));
    let inverse = inverse * (c::<T>(2.0) - u * inverse);
    let f = T::pick(near, x, f);
    let e = T::pick(near | k.greater(choose(100.0, 30.0)), T::zero(), e * inverse);
    ln_of_parts::<T, FMA>(k, f, e)
}

#[inline(always)]
pub(super) fn ln_1p<T: Word, const FMA: bool>(x: T) -> T {
    let one = T::one();
    let u = one + x;
    let t = u - one;
    let y = ln_of_sum::<T, FMA>(u, (one - (u - t)) + (x - t), x);
    let y = T::pick(x.less(T::infinity()), y, x);
    let y = T::pick(x.equals(-one), -T::infinity(), y);
    let y = T::pick(x.equals(T::zero()), x, y);
    T::pick(x.less(-one), T::nan(), y)
}
