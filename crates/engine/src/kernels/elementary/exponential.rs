//! The exponentials eˣ and eˣ − 1, and the logistic functions.
//!
//! x = n ln 2 + r with n the nearest integer to x / ln 2. The product n ln 2 has two words (Cody and Waite 1980), and |r| ≤ ½ ln 2. Then eʳ = 1 + r +
//! r² q(r) and eˣ = 2ⁿ eʳ. 2ⁿ is two factors, since eʳ 2ⁿ may be subnormal. The coefficients of q minimise the largest error of r q(r) (Remez 1934,
//! in 260 bits), 2⁻⁶¹·⁷ in double and 2⁻³² in single precision.
//!
//! Errors in double precision, in units in the last place: exp 0.75, exp_m1 1.25, sigmoid 2, softplus 1.5.
use super::logarithm::ln_of_sum;
use super::words::{Bits, Word, c, choose, mul_add, nearest, ordered_sum, polynomial_of, power_of_two};
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

/// x + x′ = n ln 2 + r + r′, where x′ is a low word of x: (r, r′, a word whose low bits are n).
#[inline(always)]
pub(super) fn reduce<T: Word, const FMA: bool>(x: T, low: T) -> (T, T, T::Bits) {
    let (n, bits) = nearest(x * c(LOG2_E));
    let high = mul_add::<T, FMA>(-n, T::ln_2().0, x);
    let l = n * T::ln_2().1 - low;
    let r = high - l;
    (r, (high - r) - l, bits)
}

/// r² q(r) + r′, which is e^(r + r′) − 1 − r to the precision of T.
#[inline(always)]
fn beyond_linear<T: Word, const FMA: bool>(r: T, low: T) -> T {
    mul_add::<T, FMA>(r * r, polynomial_of::<T, FMA, _, _>(r, &Q, &Q_SINGLE), low)
}

/// e^(x + x′). Where that is 0 or ∞, the result is meaningless.
#[inline(always)]
fn exp_words<T: Word, const FMA: bool>(x: T, low: T) -> T {
    let (r, r_low, n) = reduce::<T, FMA>(x, low);
    let (high, error) = ordered_sum(T::one(), r);
    let e = high + beyond_linear::<T, FMA>(r, r_low + error);
    let half = n >> 1;
    e * power_of_two(half) * power_of_two(n - half)
}

/// e^(x + x′), where x′ is a low word of x.
#[inline(always)]
pub(super) fn exp_of_sum<T: Word, const FMA: bool>(x: T, low: T) -> T {
    let y = exp_words::<T, FMA>(x, low);
    let y = T::pick(x.greater(choose(710.0, 89.0)), T::infinity(), y);
    T::pick(x.less(choose(-746.0, -104.0)), T::zero(), y)
}

#[inline(always)]
pub(super) fn exp<T: Word, const FMA: bool>(x: T) -> T {
    exp_of_sum::<T, FMA>(x, T::zero())
}

/// ½ (eˣ − 1) as two words, for −60 ≤ x ≤ 710 (89 in single precision). The part ½ (2ⁿ − 1) + ½ 2ⁿ r is exact as two words.
#[inline(always)]
pub(super) fn half_exp_m1<T: Word, const FMA: bool>(x: T) -> (T, T) {
    let (r, r_low, n) = reduce::<T, FMA>(x, T::zero());
    let half = power_of_two::<T>(n - T::Bits::of(1));
    let (high, low) = ordered_sum(half - c(0.5), half * r);
    (high, mul_add::<T, FMA>(half, beyond_linear::<T, FMA>(r, r_low), low))
}

#[inline(always)]
pub(super) fn exp_m1<T: Word, const FMA: bool>(x: T) -> T {
    let (least, most) = (c(-60.0), choose(710.0, 89.0));
    let clamped = T::pick(x.less(least), least, x);
    let clamped = T::pick(clamped.greater(most), most, clamped);
    let (high, low) = half_exp_m1::<T, FMA>(clamped);
    // Near 0, eˣ − 1 is x; halves of the smallest numbers would not be exact.
    T::pick(x.abs().less(choose(1e-290, 1e-30)), x, c::<T>(2.0) * (high + low))
}

/// 1 / (1 + e⁻ˣ), computed from e^−|x|, which cannot overflow.
#[inline(always)]
pub(super) fn sigmoid<T: Word, const FMA: bool>(x: T) -> T {
    let e = exp::<T, FMA>(-x.abs());
    let (u, error) = ordered_sum(T::one(), e);
    let negative = x.less(T::zero());
    let q = T::pick(negative, e, T::one()) / u;
    // n / (u + error) = q − q error / u.
    let inverse = T::pick(negative, T::one() - q, q);
    mul_add::<T, FMA>(-(q * error), inverse, q)
}

/// ln(1 + eˣ) = max(x, 0) + ln(1 + e^−|x|).
#[inline(always)]
pub(super) fn softplus<T: Word, const FMA: bool>(x: T) -> T {
    let e = exp::<T, FMA>(-x.abs());
    let u = T::one() + e;
    let l = ln_of_sum::<T, FMA>(u, (T::one() - u) + e, e);
    l + T::pick(x.less(T::zero()), T::zero(), x)
}
