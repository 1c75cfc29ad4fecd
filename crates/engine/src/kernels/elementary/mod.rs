//! Elementary functions without branches, which the compiler turns into vector code. Errors are at most 2 units in the last place.
//!
//! Each family of functions has a file. Its head gives the formula, the reduction of the argument, the source of the coefficients, and the error.
//! Every function is written for one number. A loop over a slice, compiled for an instruction set, becomes a loop over vectors, and gives each number
//! the same bits as a call for that number alone. Special values are selected at the end, without jumps. Where machine code is written, most functions
//! are called with names instead of numbers (`Word`), and so write themselves down.
//!
//! Functions compute in the precision of their arguments, with a polynomial for each precision, so that a vector holds twice as many numbers of
//! single precision. `FMA` says whether the instruction set has a fused multiply-add; results of instruction sets with and without it may differ in
//! the last place.
mod error_function;
mod exponential;
mod hyperbolic;
mod inverse_trigonometric;
mod logarithm;
mod power;
mod trigonometric;
pub(super) mod words;

use hypertape_ir::array::{Element, Kind, Real};
use hypertape_ir::operation::{BinaryFn, UnaryFn};

/// Calls the function for f32 or f64, whichever T is; conversions of a type to itself cost nothing.
macro_rules! in_own_precision {
    ($($x:ident),+ => $family:ident::$f:ident::<$FMA:ident>) => {
        match T::KIND {
            Kind::F32 => T::from_f64(f64::from($family::$f::<f32, $FMA>($(Element::to_f64($x) as f32),+))),
            _ => T::from_f64($family::$f::<f64, $FMA>($(Element::to_f64($x)),+)),
        }
    };
}

macro_rules! of_one {
    ($($(#[$doc:meta])* $name:ident = $family:ident;)*) => {$(
        $(#[$doc])*
        #[inline(always)]
        pub(crate) fn $name<T: Real, const FMA: bool>(x: T) -> T {
            in_own_precision!(x => $family::$name::<FMA>)
        }
    )*};
}
of_one! {
    /// eˣ.
    exp = exponential;
    /// eˣ − 1.
    exp_m1 = exponential;
    /// 1 / (1 + e⁻ˣ).
    sigmoid = exponential;
    /// ln(1 + eˣ).
    softplus = exponential;
    /// ln x.
    ln = logarithm;
    /// ln(1 + x).
    ln_1p = logarithm;
    /// sin x; see [`beyond_reduction`].
    sin = trigonometric;
    /// cos x; see [`beyond_reduction`].
    cos = trigonometric;
    /// tan x; see [`beyond_reduction`].
    tan = trigonometric;
    /// The angle in [−π/2, π/2] whose sine is x.
    asin = inverse_trigonometric;
    /// The angle in [0, π] whose cosine is x.
    acos = inverse_trigonometric;
    /// The angle in [−π/2, π/2] whose tangent is x.
    atan = inverse_trigonometric;
    /// ½(eˣ − e⁻ˣ).
    sinh = hyperbolic;
    /// ½(eˣ + e⁻ˣ).
    cosh = hyperbolic;
    /// sinh x / cosh x.
    tanh = hyperbolic;
    /// 2/√π ∫₀ˣ e^(−t²) dt.
    erf = error_function;
}

/// xʸ.
#[inline(always)]
pub(crate) fn pow<T: Real, const FMA: bool>(x: T, y: T) -> T {
    in_own_precision!(x, y => power::pow::<FMA>)
}

/// The angle of the point (x, y), in [−π, π].
#[inline(always)]
pub(crate) fn atan2<T: Real, const FMA: bool>(y: T, x: T) -> T {
    in_own_precision!(y, x => inverse_trigonometric::atan2::<FMA>)
}

/// Whether `sin`, `cos` and `tan` leave this argument to [`periodic`].
#[inline(always)]
pub(crate) fn beyond_reduction<T: Real>(x: T) -> bool {
    let most = match T::KIND {
        Kind::F32 => f64::from(trigonometric::reduced::<f32>()),
        _ => trigonometric::reduced::<f64>(),
    };
    let x = Element::to_f64(x).abs();
    x > most || x.is_nan()
}

/// The system's function for arguments beyond the reduction, if f is sin, cos or tan.
#[inline(always)]
pub(crate) fn periodic<T: Real>(f: UnaryFn) -> Option<fn(T) -> T> {
    match f {
        UnaryFn::Sin => Some(T::sin),
        UnaryFn::Cos => Some(T::cos),
        UnaryFn::Tan => Some(T::tan),
        _ => None,
    }
}

/// The functions of one number that are arithmetic and selections alone, of numbers or of their names.
pub(super) fn of_word<T: words::Word, const FMA: bool>(f: UnaryFn, x: T) -> Option<T> {
    Some(match f {
        UnaryFn::Exp => exponential::exp::<T, FMA>(x),
        UnaryFn::ExpM1 => exponential::exp_m1::<T, FMA>(x),
        UnaryFn::Sigmoid => exponential::sigmoid::<T, FMA>(x),
        UnaryFn::Softplus => exponential::softplus::<T, FMA>(x),
        UnaryFn::Ln => logarithm::ln::<T, FMA>(x),
        UnaryFn::Ln1p => logarithm::ln_1p::<T, FMA>(x),
        UnaryFn::Asin => inverse_trigonometric::asin::<T, FMA>(x),
        UnaryFn::Acos => inverse_trigonometric::acos::<T, FMA>(x),
        UnaryFn::Atan => inverse_trigonometric::atan::<T, FMA>(x),
        UnaryFn::Sinh => hyperbolic::sinh::<T, FMA>(x),
        UnaryFn::Cosh => hyperbolic::cosh::<T, FMA>(x),
        UnaryFn::Tanh => hyperbolic::tanh::<T, FMA>(x),
        UnaryFn::Erf => error_function::erf::<T, FMA>(x),
        _ => return None,
    })
}

/// The same, of two numbers.
pub(super) fn of_two_words<T: words::Word, const FMA: bool>(f: BinaryFn, a: T, b: T) -> Option<T> {
    match f {
        BinaryFn::Pow => Some(power::pow::<T, FMA>(a, b)),
        BinaryFn::Atan2 => Some(inverse_trigonometric::atan2::<T, FMA>(a, b)),
        _ => None,
    }
}
