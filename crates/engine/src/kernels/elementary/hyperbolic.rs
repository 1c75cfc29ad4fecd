//! The hyperbolic functions sinh x, cosh x and tanh x.
//!
//! |x| = n ln 2 + r as for the exponential. With a = ½(2ⁿ − 2⁻ⁿ) and b = ½(2ⁿ + 2⁻ⁿ), sinh |x| = a cosh r + b sinh r and cosh x = b cosh r + a sinh
//! r, where sinh r = r + r³ S(r²) and cosh r = 1 + ½r² + r⁴ C(r²). The largest terms, a and ½ 2ⁿ r, are exact, and are summed as two words. tanh |x|
//! = t / (t + 1) with t = ½(e^2|x| − 1). The coefficients minimise the largest error relative to the function (Remez 1934, in 260 bits): 2⁻⁶¹·⁷ and
//! 2⁻⁵⁷ in double, 2⁻³⁷ and 2⁻³³ in single precision.
//!
//! Errors in double precision, in units in the last place: sinh 1.25, cosh 1.1, tanh 1.9.
use super::exponential::{half_exp_m1, reduce};
use super::words::{Bits, Word, c, choose, mul_add, ordered_sum, polynomial_of, power_of_two};

const S: [f64; 5] = [0.16666666666666677, 0.008333333333321615, 0.00019841269886160343, 2.7557244180111033e-06, 2.5109045514053477e-08];
const S_SINGLE: [f64; 3] = [0.16666666754549914, 0.008333288954676667, 0.00019904960651208917];
const C: [f64; 4] = [0.04166666666660284, 0.0013888888927245957, 2.4801508124129265e-05, 2.7625405454768297e-07];
const C_SINGLE: [f64; 2] = [0.0416664594805629, 0.001393540463929567];

/// ¼ 2ⁿ, ¼ 2⁻ⁿ, r and its low word, sinh r − r and cosh r − 1.
struct Parts<T> {
    grown: T,
    shrunk: T,
    r: T,
    low: T,
    sinh: T,
    cosh: T,
}

#[inline(always)]
fn parts<T: Word, const FMA: bool>(x: T) -> Parts<T> {
    let most = choose(710.6, 89.5);
    let x = T::pick(x.greater(most), most, x);
    let (r, low, n) = reduce::<T, FMA>(x, T::zero());
    let z = r * r;
    let s = polynomial_of::<T, FMA, _, _>(z, &S, &S_SINGLE);
    let cosh = mul_add::<T, FMA>(z * z, polynomial_of::<T, FMA, _, _>(z, &C, &C_SINGLE), c::<T>(0.5) * z);
    let grown = power_of_two(n - T::Bits::of(2));
    // For x > 40 this term does not count, and 2⁻ⁿ may be subnormal.
    let shrunk = T::pick(x.greater(c(40.0)), T::zero(), power_of_two(T::Bits::of(0) - n - T::Bits::of(2)));
    Parts { grown, shrunk, r, low, sinh: r * z * s, cosh }
}

#[inline(always)]
pub(super) fn sinh<T: Word, const FMA: bool>(x: T) -> T {
    let p = parts::<T, FMA>(x.abs());
    let (a, b) = (p.grown - p.shrunk, p.grown + p.shrunk);
    let (high, low) = ordered_sum(a, p.grown * p.r);
    let rest = mul_add::<T, FMA>(b, p.sinh + p.low, a * p.cosh);
    let y = c::<T>(2.0) * (high + (low + mul_add::<T, FMA>(p.shrunk, p.r, rest)));
    // Near 0, sinh x is x; quarters of the smallest numbers would not be exact.
    T::pick(x.abs().less(choose(1e-290, 1e-30)), x, y.copysign(x))
}

#[inline(always)]
pub(super) fn cosh<T: Word, const FMA: bool>(x: T) -> T {
    let p = parts::<T, FMA>(x.abs());
    let a = p.grown - p.shrunk;
    let (b, low) = ordered_sum(p.grown, p.shrunk);
    let rest = mul_add::<T, FMA>(a, p.sinh + p.low, b * p.cosh);
    c::<T>(2.0) * (b + mul_add::<T, FMA>(a, p.r, rest + low))
}

#[inline(always)]
pub(super) fn tanh<T: Word, const FMA: bool>(x: T) -> T {
    let (a, most) = (x.abs(), c(22.0));
    let (high, low) = half_exp_m1::<T, FMA>(c::<T>(2.0) * T::pick(a.greater(most), most, a));
    let t = high + low;
    let (u, error) = ordered_sum(T::one(), t);
    let q = t / u;
    // t / (u + e) = q − q e / u, where 1 / u = 1 − q; beyond t = 1 the error of u counts less and less.
    let error = T::pick(t.less(T::one()), error, T::zero());
    mul_add::<T, FMA>(q * error, q - T::one(), q).copysign(x)
}
