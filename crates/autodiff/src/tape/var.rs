//! Typed handles, and numbers that may be variables.
use super::handle::DynVar;
use super::literals::{self, IntoConstant};
use super::recording;
use crate::array::{Element, Kind, Real, Shape};
use crate::error::{Error, ErrorKind, Site};
use std::marker::PhantomData;
use std::rc::Rc;

/// A variable of the open recording.
///
/// Operators broadcast as NumPy does. Nothing is computed while recording; a mistake is kept by the recording, and
/// `Function::record` returns it with the user's line.
#[derive(Debug)]
pub struct Var<T: Element = f64>(DynVar, PhantomData<(Rc<RecordingOfOneThread>, T)>);

/// Names, in the compiler's message, why a variable stays on its thread.
#[derive(Debug)]
enum RecordingOfOneThread {}

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
            Scalar::Value(v) => literals::literal(v, Kind::F64, Site::caller()),
        }
    }
    /// As a variable of the given element type.
    #[track_caller]
    #[must_use]
    pub fn real<T: Real>(self) -> Var<T> {
        let at = Site::caller();
        match self {
            Scalar::Value(v) => Var::from_dyn(literals::literal(v, T::KIND, at)),
            Scalar::Var(v) => Var::from_dyn(v.cast_to_at(T::KIND, at)),
        }
    }
}

/// A number.
#[track_caller]
#[must_use]
pub fn scalar<T: Real>(value: f64) -> Var<T> {
    Var::from_dyn(literals::literal(value, T::KIND, Site::caller()))
}

/// An array as part of the program: read where it lies, never copied, not differentiated.
///
/// The recording fails if an element is not finite.
#[track_caller]
pub fn constant<C: IntoConstant>(value: C) -> Var<C::Element> {
    let at = Site::caller();
    let shared = value.into_constant();
    if let Some((index, value)) = shared.view().first_non_finite() {
        let kind = ErrorKind::NotFinite { what: "a constant".into(), index, value };
        recording::fail(Error::new("constant", kind).at(at));
    }
    Var::from_dyn(recording::apply("constant", &[], at, |b, _| b.constant(shared)))
}
