//! Numbers and arrays that are part of the program.
use super::handle::{DynVar, Var};
use super::tape;
use crate::array::{Element, Kind, LeafType, Real, Shared};
use crate::error::{Error, Site};
use ndarray::{ArcArray, Array, Dimension};
use std::panic::Location;

/// A number as a scalar of an element type.
pub(super) fn literal(v: f64, kind: Kind, at: Site) -> DynVar {
    if v.is_nan() {
        tape::fail(Error::NonFinite { what: "a literal".into(), index: vec![], value: v, at: Some(at) });
    }
    tape::apply("literal", &[], at, |b, _| b.full(&LeafType::new(&[], kind), v))
}

/// A number.
#[track_caller]
#[must_use]
pub fn scalar<T: Real>(value: f64) -> Var<T> {
    Var::from_dyn(literal(value, T::KIND, Location::caller()))
}

/// What can become a constant without a copy: a moved array, or a shared one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot become a constant without a copy",
    note = "give an owned array, or share it first: `let x = x.into_shared();` and `constant(&x)`"
)]
pub trait IntoConstant {
    /// Its element type.
    type Element: Element;
    /// The shared array.
    fn into_constant(self) -> Shared;
}
impl<T: Element, D: Dimension> IntoConstant for Array<T, D> {
    type Element = T;
    fn into_constant(self) -> Shared {
        T::shared(self.into_dyn().into_shared())
    }
}
impl<T: Element, D: Dimension> IntoConstant for ArcArray<T, D> {
    type Element = T;
    fn into_constant(self) -> Shared {
        T::shared(self.into_dyn())
    }
}
impl<T: Element, D: Dimension> IntoConstant for &ArcArray<T, D> {
    type Element = T;
    fn into_constant(self) -> Shared {
        T::shared(self.clone().into_dyn())
    }
}

/// An array as part of the program: read where it lies, never copied, not differentiated.
///
/// The recording fails if an element is not finite.
#[track_caller]
pub fn constant<C: IntoConstant>(value: C) -> Var<C::Element> {
    let at = Location::caller();
    let shared = value.into_constant();
    if let Some((index, value)) = shared.view().first_non_finite() {
        tape::fail(Error::NonFinite { what: "a constant".into(), index, value, at: Some(at) });
    }
    Var::from_dyn(tape::apply("constant", &[], at, |b, _| b.constant(shared)))
}
