//! The inverse trigonometric functions asin x, acos x, atan x and atan2(y, x).
//!
//! asin x = x + x³ P(x²) for |x| ≤ ½, else π/2 − 2 asin √(½(1 − |x|)). atan q = q + q³ A(q²) for |q| ≤ ½. The angle of (x, y) with positive x and y
//! and ratio t = y / x has three cases: atan t for t ≤ ½, π/4 + atan((y − x) / (y + x)) for ½ < t ≤ 2, where the difference is exact (Sterbenz 1974),
//! and π/2 − atan(1 / t) beyond. All cases share one division. The coefficients of P and A minimise the largest error relative to the function (Remez
//! 1934, in 260 bits): 2⁻⁵⁹·⁸ and 2⁻⁵⁷·⁸ in double, 2⁻³¹·⁷ and 2⁻³¹·⁹ in single precision.
//!
//! Errors in double precision, in units in the last place: asin and acos 1.25, atan and atan2 1.5.
use super::words::{Word, c, choose, mul_add, ordered_sum, polynomial_of, with_sign};

const P: [f64; 13] = [
    0.16666666666666763,
    0.07499999999970261,
    0.04464285717512157,
    0.03038194268358696,
    0.022372215661006153,
    0.017351600081260948,
    0.013980961559808689,
    0.011397775209453988,
    0.010786532989522053,
    0.003683028219303439,
    0.02176353074678224,
    -0.02107733497710417,
    0.032676915525832226,
];
const P_SINGLE: [f64; 6] =
    [0.16666659871894834, 0.07500510918319639, 0.04451572006138983, 0.0318176137371932, 0.014402596555477293, 0.037565215645773295];
const A: [f64; 12] = [
    -0.33333333333332993,
    0.19999999999905635,
    -0.14285714276589428,
    0.11111110667815996,
    -0.09090896435693643,
    0.07692076715682628,
    -0.06663837573867733,
    0.058584713174529394,
    -0.05122732524885113,
    0.04188444148009196,
    -0.02746466220156396,
    0.01013674253276159,
];
const A_SINGLE: [f64; 6] =
    [-0.3333332709089358, 0.19999499232063206, -0.1427225145982124, 0.10942371738359152, -0.07989132052940001, 0.038792048646406514];

/// (s, asin s − s, whether |x| ≤ ½), with s = |x| up to ½ and s = √(½(1 − |x|)) beyond.
#[inline(always)]
fn asin_words<T: Word, const FMA: bool>(x: T) -> (T, T, T::Test) {
    let a = x.abs();
    let small = a.at_most(c(0.5));
    let half = c::<T>(0.5) * (T::one() - a);
    let s = T::pick(small, a, half.sqrt());
    let z = T::pick(small, a * a, half);
    (s, s * (z * polynomial_of::<T, FMA, _, _>(z, &P, &P_SINGLE)), small)
}

#[inline(always)]
pub(super) fn asin<T: Word, const FMA: bool>(x: T) -> T {
    let (s, t, small) = asin_words::<T, FMA>(x);
    let (high, low) = ordered_sum(T::half_pi().0, c::<T>(-2.0) * s);
    let y = T::pick(small, s + t, high + (low - (c::<T>(2.0) * t - T::half_pi().1)));
    y.copysign(x)
}

#[inline(always)]
pub(super) fn acos<T: Word, const FMA: bool>(x: T) -> T {
    let (s, t, small) = asin_words::<T, FMA>(x);
    // acos x = base ± (s + t) · (1 or 2), with base π/2, 0 or π.
    let negative = x.less(T::zero());
    let times = T::pick(small, T::one(), T::pick(negative, c(2.0), T::zero()));
    let factor = T::pick(small, T::one(), c(2.0));
    let factor = T::pick(small ^ negative, -factor, factor);
    let (high, low) = ordered_sum(times * T::half_pi().0, factor * s);
    high + (low + mul_add::<T, FMA>(factor, t, times * T::half_pi().1))
}

/// The angle of (x, y) for x, y ≥ 0, not both 0 or infinite: the quotient, and the quarter turns to which its arctangent is added.
#[inline(always)]
fn quotient<T: Word>(y: T, x: T) -> (T, T) {
    let (low, high) = (y.at_most(c::<T>(0.5) * x), y.greater(c::<T>(2.0) * x));
    let top = T::pick(low, y, T::pick(high, -x, y - x));
    let bottom = T::pick(low, x, T::pick(high, y, y + x));
    (top / bottom, T::pick(low, T::zero(), T::pick(high, T::one(), c(0.5))))
}

/// The arctangent of q, and so many quarter turns.
#[inline(always)]
fn angle<T: Word, const FMA: bool>((q, times): (T, T)) -> T {
    let z = q * q;
    let (sum, error) = ordered_sum(times * T::half_pi().0, q);
    sum + (mul_add::<T, FMA>(q * z, polynomial_of::<T, FMA, _, _>(z, &A, &A_SINGLE), times * T::half_pi().1) + error)
}

#[inline(always)]
pub(super) fn atan<T: Word, const FMA: bool>(x: T) -> T {
    angle::<T, FMA>(quotient(x.abs(), T::one())).copysign(x)
}

#[inline(always)]
pub(super) fn atan2<T: Word, const FMA: bool>(y: T, x: T) -> T {
    let (a, b) = (y.abs(), x.abs());
    // If both are infinite, the angle is that of (1, 1). Scaling keeps the sum from overflowing. If both are 0, the quotient is 0.
    let most = choose(1e300, 1e37);
    let scale = T::pick(a.greater(most) | b.greater(most), c(0.25), T::one());
    let both = a.equals(T::infinity()) & b.equals(T::infinity());
    let (a, b) = (T::pick(both, T::one(), a * scale), T::pick(both, T::one(), b * scale));
    let b = T::pick(a.equals(T::zero()) & b.equals(T::zero()), T::one(), b);
    let (q, times) = quotient(a, b);
    let back = T::one().copysign(x).less(T::zero());
    let t = angle::<T, FMA>((T::pick(back, -q, q), T::pick(back, c::<T>(2.0) - times, times)));
    with_sign(t, y.bits())
}
