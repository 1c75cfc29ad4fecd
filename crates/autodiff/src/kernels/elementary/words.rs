//! Arithmetic that the functions share: polynomials, exact sums and products as two words, powers of two, rounding to integers.
use crate::array::{Element, Kind};
use crate::kernels::isa::fma;

/// ln 2, to 33 bits and the rest.
pub(super) const LN_2: (f64, f64) = (0.6931471804855391, 7.440617110012397e-11);

/// Whether results are asked for in single precision.
#[inline(always)]
pub(super) const fn single<T: Element>() -> bool {
    matches!(T::KIND, Kind::F32)
}

/// a·b + c, fused where the instruction set can.
#[inline(always)]
pub(super) fn mul_add<const FMA: bool>(a: f64, b: f64, c: f64) -> f64 {
    fma::<f64, FMA>(a, b, c)
}

/// c₀ + c₁ x + c₂ x² + …, of at most 32 terms, in pairs, pairs of pairs and so on (Estrin 1960): short chains, for the sake of single
/// numbers.
#[inline(always)]
pub(super) fn polynomial<const FMA: bool, const N: usize>(x: f64, c: &[f64; N]) -> f64 {
    let x2 = x * x;
    let x4 = x2 * x2;
    let x8 = x4 * x4;
    let pair = |i: usize| if i + 1 < N { mul_add::<FMA>(c[i + 1], x, c[i]) } else { c[i] };
    let four = |i: usize| if i + 2 < N { mul_add::<FMA>(pair(i + 2), x2, pair(i)) } else { pair(i) };
    let eight = |i: usize| if i + 4 < N { mul_add::<FMA>(four(i + 4), x4, four(i)) } else { four(i) };
    let sixteen = |i: usize| if i + 8 < N { mul_add::<FMA>(eight(i + 8), x8, eight(i)) } else { eight(i) };
    if 16 < N { mul_add::<FMA>(sixteen(16), x8 * x8, sixteen(0)) } else { sixteen(0) }
}

/// a + b as the rounded sum and its error; exact where |a| ≥ |b| or a = 0 (Dekker 1971).
#[inline(always)]
pub(super) fn ordered_sum(a: f64, b: f64) -> (f64, f64) {
    let s = a + b;
    (s, (a - s) + b)
}

/// a·b as the rounded product and its error; by splitting the factors where there is no fused multiply-add (Dekker 1971), which wants
/// them below 2⁹⁹⁶.
#[inline(always)]
pub(super) fn product<const FMA: bool>(a: f64, b: f64) -> (f64, f64) {
    let p = a * b;
    if FMA {
        return (p, a.mul_add(b, -p));
    }
    let halves = |v: f64| {
        let t = v * 134_217_729.0;
        let high = t - (t - v);
        (high, v - high)
    };
    let ((a, x), (b, y)) = (halves(a), halves(b));
    (p, ((a * b - p) + a * y + x * b) + x * y)
}

/// (n + n′) / (d + d′) with the error of a single rounding, where n′ and d′ are the low words.
#[inline(always)]
pub(super) fn quotient<const FMA: bool>(n: (f64, f64), d: (f64, f64)) -> f64 {
    let inverse = 1.0 / d.0;
    let q = n.0 * inverse;
    let (p, e) = product::<FMA>(q, d.0);
    q + (((n.0 - p) - e) + (n.1 - q * d.1)) * inverse
}

/// 1.5 · 2⁵²: a sum with it is rounded to an integer, which then stands in the low bits.
const ROUNDING: f64 = 6_755_399_441_055_744.0;

/// The nearest integer to x, for |x| < 2⁵¹, and a word whose low bits are that integer.
#[inline(always)]
pub(super) fn nearest(x: f64) -> (f64, u64) {
    let t = x + ROUNDING;
    (t - ROUNDING, t.to_bits())
}

/// 2ⁿ for −1022 ≤ n ≤ 1023, from a word whose low 12 bits are n.
#[inline(always)]
pub(super) fn power_of_two(n: u64) -> f64 {
    f64::from_bits((n << 52).wrapping_add(1.0f64.to_bits()))
}

/// x with its sign changed where bit 63 of `sign` is set.
#[inline(always)]
pub(super) fn with_sign(x: f64, sign: u64) -> f64 {
    f64::from_bits(x.to_bits() ^ (sign & (1 << 63)))
}
