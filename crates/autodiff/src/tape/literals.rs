//! Numbers and arrays that are part of the program.
use super::handle::DynVar;
use super::recording;
use crate::array::{Element, Kind, LeafType, Shared};
use crate::error::{Error, ErrorKind, Site};
use ndarray::{ArcArray, Array, Dimension};

/// A number as a scalar of an element type.
pub(crate) fn literal(v: f64, kind: Kind, at: Site) -> DynVar {
    if v.is_nan() {
        let kind = ErrorKind::NotFinite { what: "a literal".into(), index: vec![], value: v };
        recording::fail(Error::new("literal", kind).at(at));
    }
    recording::apply("literal", &[], at, |b, _| b.full(&LeafType::new(&[], kind), v))
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
