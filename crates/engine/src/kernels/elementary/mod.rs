//! Elementary functions without branches, which the compiler turns into vector code: at most 2 units in the last place off.
//!
//! One file for a family: formula, reduction of the argument, where the coefficients come from, error. Everything is written for one
//! number; a loop over a slice, compiled for an instruction set, becomes a loop over vectors, and a number on its own gives the same bits
//! as a number among others. Special values are chosen at the end, never jumped to.
//!
//! Functions compute in the precision of their arguments, with polynomials of a length for each, so that twice as many single
//! numbers fit a vector. `FMA` says whether the instruction set has a fused multiply-add; results of instruction
//! sets with and without it may differ in the last place.
mod error_function;
mod exponential;
mod hyperbolic;
mod inverse_trigonometric;
mod logarithm;
mod power;
mod trigonometric;
mod words;

use hypertape_ir::array::{Element, Kind, Real};
use hypertape_ir::operation::UnaryFn;

/// Calls a function of words; conversions of a type to itself cost nothing.
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

/// The function of an argument beyond the reduction, if it is one of those that have one.
#[inline(always)]
pub(crate) fn periodic<T: Real>(f: UnaryFn) -> Option<fn(T) -> T> {
    match f {
        UnaryFn::Sin => Some(T::sin),
        UnaryFn::Cos => Some(T::cos),
        UnaryFn::Tan => Some(T::tan),
        _ => None,
    }
}
