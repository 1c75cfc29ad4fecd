//! Arithmetic that the functions share: polynomials, exact sums and products as two words, powers of two, rounding to integers.
use crate::kernels::isa::fma;
use std::num::Wrapping;
use std::ops::{Add, BitAnd, BitOr, BitXor, Div, Mul, Neg, Not, Shl, Shr, Sub};

/// The bits of a floating-point number, as an integer that wraps around.
pub(in crate::kernels) trait Bits:
    Copy
    + Add<Output = Self>
    + Sub<Output = Self>
    + BitAnd<Output = Self>
    + BitOr<Output = Self>
    + BitXor<Output = Self>
    + Shl<usize, Output = Self>
    + Shr<usize, Output = Self>
{
    /// A small integer.
    fn of(n: u32) -> Self;
}

impl Bits for Wrapping<u64> {
    #[inline(always)]
    fn of(n: u32) -> Self {
        Wrapping(u64::from(n))
    }
}

impl Bits for Wrapping<u32> {
    #[inline(always)]
    fn of(n: u32) -> Self {
        Wrapping(n)
    }
}

/// What the functions compute with: numbers of a precision, or their names where machine code is written.
pub(in crate::kernels) trait Word:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self>
{
    /// Its bits.
    type Bits: Bits;
    /// Whether a test holds.
    type Test: Copy + BitAnd<Output = Self::Test> + BitOr<Output = Self::Test> + BitXor<Output = Self::Test> + Not<Output = Self::Test>;
    /// Whether it is in single precision, else in double.
    const SINGLE: bool;
    /// The nearest number.
    fn of(v: f64) -> Self;
    /// The bits of a number.
    fn bits(self) -> Self::Bits;
    /// The number of these bits.
    fn of_bits(b: Self::Bits) -> Self;
    /// Whether it is less than another.
    fn less(self, than: Self) -> Self::Test;
    /// Whether it is less than another or equal.
    fn at_most(self, other: Self) -> Self::Test;
    /// Whether it equals another.
    fn equals(self, other: Self) -> Self::Test;
    /// Whether it is not a number.
    fn is_nan(self) -> Self::Test;
    /// `yes` where the test holds, else `no`.
    fn pick(test: Self::Test, yes: Self, no: Self) -> Self;
    /// Its magnitude.
    fn abs(self) -> Self;
    /// Its magnitude with the sign of another.
    fn copysign(self, sign: Self) -> Self;
    /// Its square root.
    fn sqrt(self) -> Self;
    /// The largest integer that is not larger.
    fn floor(self) -> Self;
    /// a·b + c, fused if `FMA`.
    fn mul_add<const FMA: bool>(a: Self, b: Self, c: Self) -> Self;
    /// a·b − p, the rounding error of the product p, for factors that are not extreme.
    fn product_error<const FMA: bool>(a: Self, b: Self, p: Self) -> Self;
    /// a·b + c, where the product may need more bits than a word has, but the sum does not.
    fn cancelling<const FMA: bool>(a: Self, b: Self, c: Self) -> Self;
    /// Whether it is greater than another.
    #[inline(always)]
    fn greater(self, than: Self) -> Self::Test {
        than.less(self)
    }
    /// 0.
    #[inline(always)]
    fn zero() -> Self {
        Self::of(0.0)
    }
    /// 1.
    #[inline(always)]
    fn one() -> Self {
        Self::of(1.0)
    }
    /// ∞.
    #[inline(always)]
    fn infinity() -> Self {
        Self::of(f64::INFINITY)
    }
    /// Not a number.
    #[inline(always)]
    fn nan() -> Self {
        Self::of(f64::NAN)
    }
    /// ln 2 as two words: the first has so few bits that its products with exponents are exact, the second is the rest.
    #[inline(always)]
    fn ln_2() -> (Self, Self) {
        // The first word has 33 bits, in single precision 15.
        (choose(0.6931471804855391, f64::from(0.69314575_f32)), choose(7.440617110012397e-11, 1.4286068e-6))
    }
    /// ½π rounded, and the rest.
    #[inline(always)]
    fn half_pi() -> (Self, Self) {
        (Self::of(std::f64::consts::FRAC_PI_2), choose(6.123233995736766e-17, -4.371139e-8))
    }
}

/// Bits of the fraction.
#[inline(always)]
pub(super) const fn fraction<T: Word>() -> usize {
    if T::SINGLE { 23 } else { 52 }
}

/// The stored exponent of 1.
#[inline(always)]
pub(super) const fn bias<T: Word>() -> f64 {
    if T::SINGLE { 127.0 } else { 1023.0 }
}

/// Numbers, which a function may look at.
pub(in crate::kernels) trait Number: Word<Test = bool, Bits: PartialEq> {}
impl Number for f64 {}
impl Number for f32 {}

/// What both precisions share.
macro_rules! arithmetic {
    ($bits:ty) => {
        type Bits = Wrapping<$bits>;
        type Test = bool;
        #[inline(always)]
        fn bits(self) -> Self::Bits {
            Wrapping(self.to_bits())
        }
        #[inline(always)]
        fn of_bits(b: Self::Bits) -> Self {
            Self::from_bits(b.0)
        }
        #[inline(always)]
        fn less(self, than: Self) -> bool {
            self < than
        }
        #[inline(always)]
        fn at_most(self, other: Self) -> bool {
            self <= other
        }
        #[inline(always)]
        fn equals(self, other: Self) -> bool {
            self == other
        }
        #[inline(always)]
        fn is_nan(self) -> bool {
            self.is_nan()
        }
        #[inline(always)]
        fn pick(test: bool, yes: Self, no: Self) -> Self {
            if test { yes } else { no }
        }
        #[inline(always)]
        fn abs(self) -> Self {
            self.abs()
        }
        #[inline(always)]
        fn copysign(self, sign: Self) -> Self {
            self.copysign(sign)
        }
        #[inline(always)]
        fn sqrt(self) -> Self {
            self.sqrt()
        }
        #[inline(always)]
        fn floor(self) -> Self {
            self.floor()
        }
        #[inline(always)]
        fn mul_add<const FMA: bool>(a: Self, b: Self, c: Self) -> Self {
            fma::<Self, FMA>(a, b, c)
        }
    };
}

impl Word for f64 {
    arithmetic!(u64);
    const SINGLE: bool = false;
    #[inline(always)]
    fn of(v: f64) -> f64 {
        v
    }
    /// Without fused multiply-add it splits the factors (Dekker 1971), which must be below 2⁹⁹⁶.
    #[inline(always)]
    fn product_error<const FMA: bool>(a: f64, b: f64, p: f64) -> f64 {
        if FMA {
            return a.mul_add(b, -p);
        }
        let halves = |v: f64| {
            let t = v * 134_217_729.0;
            let high = t - (t - v);
            (high, v - high)
        };
        let ((a, x), (b, y)) = (halves(a), halves(b));
        ((a * b - p) + a * y + x * b) + x * y
    }
    /// The callers' factors have so few bits that products are exact.
    #[inline(always)]
    fn cancelling<const FMA: bool>(a: f64, b: f64, c: f64) -> f64 {
        mul_add::<f64, FMA>(a, b, c)
    }
}

impl Word for f32 {
    arithmetic!(u32);
    const SINGLE: bool = true;
    #[inline(always)]
    fn of(v: f64) -> f32 {
        v as f32
    }
    #[inline(always)]
    fn product_error<const FMA: bool>(a: f32, b: f32, p: f32) -> f32 {
        if FMA { a.mul_add(b, -p) } else { (f64::from(a) * f64::from(b) - f64::from(p)) as f32 }
    }
    #[inline(always)]
    fn cancelling<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
        if FMA { a.mul_add(b, c) } else { (f64::from(a) * f64::from(b) + f64::from(c)) as f32 }
    }
}

/// `single` in single precision, else `double`.
#[inline(always)]
pub(super) fn choose<T: Word>(double: f64, single: f64) -> T {
    T::of(if T::SINGLE { single } else { double })
}

/// The nearest number of the type.
#[inline(always)]
pub(super) fn c<T: Word>(v: f64) -> T {
    T::of(v)
}

/// a·b + c, fused where the instruction set can.
#[inline(always)]
pub(super) fn mul_add<T: Word, const FMA: bool>(a: T, b: T, c: T) -> T {
    T::mul_add::<FMA>(a, b, c)
}

/// c₀ + c₁ x + c₂ x² + …, of at most 32 terms, in pairs, pairs of pairs and so on (Estrin 1960). The chains of operations are short, which helps
/// where a single number is computed.
#[inline(always)]
pub(super) fn polynomial<T: Word, const FMA: bool, const N: usize>(x: T, c: &[f64; N]) -> T {
    let x2 = x * x;
    let x4 = x2 * x2;
    let x8 = x4 * x4;
    let c = |i: usize| T::of(c[i]);
    let pair = |i: usize| if i + 1 < N { mul_add::<T, FMA>(c(i + 1), x, c(i)) } else { c(i) };
    let four = |i: usize| if i + 2 < N { mul_add::<T, FMA>(pair(i + 2), x2, pair(i)) } else { pair(i) };
    let eight = |i: usize| if i + 4 < N { mul_add::<T, FMA>(four(i + 4), x4, four(i)) } else { four(i) };
    let sixteen = |i: usize| if i + 8 < N { mul_add::<T, FMA>(eight(i + 8), x8, eight(i)) } else { eight(i) };
    if 16 < N { mul_add::<T, FMA>(sixteen(16), x8 * x8, sixteen(0)) } else { sixteen(0) }
}

/// The polynomial with the coefficients of the precision.
#[inline(always)]
pub(super) fn polynomial_of<T: Word, const FMA: bool, const N: usize, const M: usize>(x: T, double: &[f64; N], single: &[f64; M]) -> T {
    if T::SINGLE { polynomial::<T, FMA, M>(x, single) } else { polynomial::<T, FMA, N>(x, double) }
}

/// a + b as the rounded sum and its error; exact where |a| ≥ |b| or a = 0 (Dekker 1971).
#[inline(always)]
pub(super) fn ordered_sum<T: Word>(a: T, b: T) -> (T, T) {
    let s = a + b;
    (s, (a - s) + b)
}

/// a·b as the rounded product and its error.
#[inline(always)]
pub(super) fn product<T: Word, const FMA: bool>(a: T, b: T) -> (T, T) {
    let p = a * b;
    (p, T::product_error::<FMA>(a, b, p))
}

/// (n + n′) / (d + d′) with the error of a single rounding, where n′ and d′ are the low words.
#[inline(always)]
pub(super) fn quotient<T: Word, const FMA: bool>(n: (T, T), d: (T, T)) -> T {
    let inverse = T::one() / d.0;
    let q = n.0 * inverse;
    let (p, e) = product::<T, FMA>(q, d.0);
    q + (((n.0 - p) - e) + (n.1 - q * d.1)) * inverse
}

/// The nearest integer to x, for |x| < 2⁵¹ (2²² in single precision), and a word whose low bits are that integer.
#[inline(always)]
pub(super) fn nearest<T: Word>(x: T) -> (T, T::Bits) {
    // 1.5 · 2⁵² (1.5 · 2²³ in single precision): a sum with it is rounded to an integer, which then stands in the low bits.
    let rounding = choose::<T>(6_755_399_441_055_744.0, 12_582_912.0);
    let t = x + rounding;
    (t - rounding, t.bits())
}

/// 2ⁿ, which must be a normal number, from a word whose low bits are n.
#[inline(always)]
pub(super) fn power_of_two<T: Word>(n: T::Bits) -> T {
    T::of_bits((n << fraction::<T>()) + T::one().bits())
}

/// The number of the sign bit.
#[inline(always)]
pub(super) const fn sign_place<T: Word>() -> usize {
    if T::SINGLE { 31 } else { 63 }
}

/// x, negated if the sign bit of `sign` is 1.
#[inline(always)]
pub(super) fn with_sign<T: Word>(x: T, sign: T::Bits) -> T {
    T::of_bits(x.bits() ^ (sign & (T::Bits::of(1) << sign_place::<T>())))
}
