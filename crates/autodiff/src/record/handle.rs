//! Handles: `Copy`, without lifetime, meaningful only while their recording is open.
use super::tape;
use crate::array::{Element, Kind, LeafType, Real, Shape};
use std::marker::PhantomData;
use std::panic::Location;

/// A variable of the open recording, of an element type known at run time.
#[derive(Debug, Clone, Copy)]
pub struct DynVar {
    pub(super) tape: u32,
    pub(super) region: u32,
    pub(super) index: u32,
    pub(super) kind: Kind,
}

impl DynVar {
    /// What an operation gives when it cannot be recorded; the recording keeps the error.
    pub const POISON: DynVar = DynVar { tape: 0, region: 0, index: u32::MAX, kind: Kind::F64 };
    /// Element type.
    #[must_use]
    pub fn kind(self) -> Kind {
        self.kind
    }
    /// Whether both are the same variable of the same recording.
    #[must_use]
    pub fn same_value(self, other: DynVar) -> bool {
        (self.tape, self.region, self.index) == (other.tape, other.region, other.index)
    }
    /// Shape and element type; `None` when its recording is not open.
    #[must_use]
    pub fn leaf_type(self) -> Option<LeafType> {
        tape::leaf_type(self)
    }
}

/// A variable of the open recording.
///
/// Operators broadcast as NumPy does. Nothing is computed while recording; a mistake is kept by the recording, and
/// `Function::record` returns it with the user's line.
#[derive(Debug)]
pub struct Var<T: Element = f64>(DynVar, PhantomData<(*const (), T)>);

impl<T: Element> Clone for Var<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T: Element> Copy for Var<T> {}

impl<T: Element> Var<T> {
    /// The handle as this element type; the recording reports a mismatch where it is used.
    #[must_use]
    pub fn from_dyn(v: DynVar) -> Self {
        Var(v, PhantomData)
    }
    /// The handle without its element type.
    #[must_use]
    pub fn to_dyn(self) -> DynVar {
        self.0
    }
    /// Lengths of the axes; empty when its recording is not open.
    #[must_use]
    pub fn shape(self) -> Shape {
        self.0.leaf_type().map(|t| t.shape).unwrap_or_default()
    }
}

/// A number that is fixed now, or a scalar variable of the open recording.
#[derive(Debug, Clone, Copy)]
pub enum Scalar {
    /// Fixed.
    Value(f64),
    /// A variable.
    Var(DynVar),
}

impl From<f64> for Scalar {
    fn from(v: f64) -> Self {
        Scalar::Value(v)
    }
}
impl<T: Real> From<Var<T>> for Scalar {
    fn from(v: Var<T>) -> Self {
        Scalar::Var(v.to_dyn())
    }
}
impl Scalar {
    /// As a variable of the open recording.
    #[track_caller]
    #[must_use]
    pub fn var(self) -> DynVar {
        match self {
            Scalar::Var(v) => v,
            Scalar::Value(v) => super::literals::literal(v, Kind::F64, Location::caller()),
        }
    }
    /// As a variable of the given element type.
    #[track_caller]
    #[must_use]
    pub fn real<T: Real>(self) -> Var<T> {
        let at = Location::caller();
        match self {
            Scalar::Value(v) => Var::from_dyn(super::literals::literal(v, T::KIND, at)),
            Scalar::Var(v) => Var::from_dyn(v.cast_to_at(T::KIND, at)),
        }
    }
}
