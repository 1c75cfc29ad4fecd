//! The four faces of a structure, and what fits it.
use crate::array::Real;
use crate::array::{AnyArray, AnyView, LeafType};
use crate::error::{Error, ErrorKind, Site, Vectors};
use crate::tape::{DynVar, Scalar, Var};

/// The shapes of a nesting of leaves: tuples, arrays, vectors and derived structs.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a nesting of shapes",
    note = "a shape is written `shape![..]`; leaves nest in tuples, arrays, `Vec` and structs with `#[derive(Tree)]`"
)]
pub trait Structure: Clone + std::fmt::Debug + Send + Sync + 'static {
    /// The same nesting of handles.
    type Vars: Vars<Structure = Self>;
    /// The same nesting of owned arrays.
    type Arrays: Arrays<Structure = Self> + Feed<Self>;
    /// The same nesting of borrowed arrays.
    type Views<'a>;
    /// Types of the leaves, in order.
    fn leaves(&self, out: &mut Vec<LeafType>);
    /// Handles, one for each leaf in order.
    fn vars(&self, next: &mut dyn FnMut(&LeafType) -> DynVar) -> Self::Vars;
    /// Owned arrays, one for each leaf in order.
    fn arrays(&self, next: &mut dyn FnMut(&LeafType) -> AnyArray) -> Self::Arrays;
    /// Owned arrays of zeros: what [`run_into`](crate::Workspace::run_into) writes into, a first guess, the state of an optimiser.
    fn zeros(&self) -> Self::Arrays {
        self.arrays(&mut |t| AnyArray::full(t, 0.0))
    }
    /// Views, one for each leaf in order.
    fn views<'a>(&self, next: &mut dyn FnMut(&LeafType) -> AnyView<'a>) -> Self::Views<'a>;
    /// Lengths of the vectors in the nesting, in order: with the leaves they tell where each leaf belongs.
    fn lengths(&self, out: &mut dyn FnMut(usize)) {
        let _ = out;
    }
    /// Lengths of the vectors in the nesting, in order.
    fn all_lengths(&self) -> Vec<usize> {
        let mut all = vec![];
        self.lengths(&mut |n| all.push(n));
        all
    }
    /// Types of the leaves, in order.
    fn leaf_types(&self) -> Vec<LeafType> {
        let mut out = vec![];
        self.leaves(&mut out);
        out
    }
}

/// The handles of a structure.
pub type V<S> = <S as Structure>::Vars;

/// A nesting of handles.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a nesting of variables",
    note = "leaves nest in tuples, arrays, `Vec` and structs with `#[derive(Tree)]`; a number becomes a variable with `scalar`"
)]
pub trait Vars: Clone + 'static {
    /// The same nesting of shapes.
    type Structure: Structure<Vars = Self>;
    /// The shapes of these handles.
    fn structure(&self) -> Self::Structure;
    /// The handles, in order.
    fn flatten(&self, out: &mut Vec<DynVar>);
    /// The handles, in order.
    fn flat(&self) -> Vec<DynVar> {
        let mut out = vec![];
        self.flatten(&mut out);
        out
    }
    /// Every handle replaced.
    #[track_caller]
    fn map(&self, f: &mut dyn FnMut(DynVar) -> DynVar) -> Self {
        let flat = self.flat();
        let mut it = flat.into_iter();
        self.structure().vars(&mut |_| it.next().map_or(DynVar::POISON, &mut *f))
    }
    /// Handles of two equal structures, pair by pair.
    #[track_caller]
    fn zip(&self, other: &Self, f: &mut dyn FnMut(DynVar, DynVar) -> DynVar) -> Self {
        same_nesting("zip", self, other, Site::caller());
        let mut it = other.flat().into_iter();
        self.map(&mut |a| f(a, it.next().unwrap_or(DynVar::POISON)))
    }
    /// self − other.
    #[track_caller]
    fn minus(&self, other: &Self) -> Self {
        let at = Site::caller();
        same_nesting("minus", self, other, at);
        self.zip(other, &mut |a, b| a.sub_at(b, at))
    }
    /// self + other.
    #[track_caller]
    fn plus(&self, other: &Self) -> Self {
        let at = Site::caller();
        same_nesting("plus", self, other, at);
        self.zip(other, &mut |a, b| a.add_at(b, at))
    }
    /// self + alpha·other; a number or scalar variable alpha is converted to the element type of each leaf.
    #[track_caller]
    fn add_scaled(&self, alpha: impl Into<Scalar>, other: &Self) -> Self {
        let at = Site::caller();
        same_nesting("add_scaled", self, other, at);
        let alpha = alpha.into().var();
        self.zip(other, &mut |x, y| x.add_at(alpha.cast_like(y, at).mul_at(y, at), at))
    }
    /// alpha·self.
    #[track_caller]
    fn scaled(&self, alpha: impl Into<Scalar>) -> Self {
        let at = Site::caller();
        let alpha = alpha.into().var();
        self.map(&mut |x| alpha.cast_like(x, at).mul_at(x, at))
    }
    /// The inner product over all real leaves.
    #[track_caller]
    fn inner<T: Real>(&self, other: &Self) -> Var<T> {
        let at = Site::caller();
        same_nesting("inner", self, other, at);
        let mut total: Option<DynVar> = None;
        for (a, b) in self.flat().into_iter().zip(other.flat()) {
            if a.kind().is_real() {
                let part = a.mul_at(b, at).sum_at(at).cast_to_at(T::KIND, at);
                total = Some(total.map_or(part, |t| t.add_at(part, at)));
            }
        }
        total.map_or_else(|| crate::record::scalar(0.0), Var::from_dyn)
    }
    /// The squared norm over all real leaves.
    #[track_caller]
    fn norm_squared<T: Real>(&self) -> Var<T> {
        self.inner(self)
    }
}

/// That two nestings have the same leaves in the same vectors; else the recording fails, because some would be left out.
fn same_nesting<W: Vars>(op: &str, a: &W, b: &W, at: crate::error::Site) {
    let (a, b) = (a.structure().all_lengths(), b.structure().all_lengths());
    if a != b {
        let kind = ErrorKind::Lengths { of: Vectors::Operands, expected: a, given: b };
        crate::record::fail(Error::new(op, kind).at(at));
    }
}

/// A nesting of owned arrays.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a nesting of owned arrays",
    note = "leaves nest in tuples, arrays, `Vec` and structs with `#[derive(Tree)]`"
)]
pub trait Arrays: Clone + Send + 'static {
    /// The same nesting of shapes.
    type Structure: Structure<Arrays = Self>;
    /// The shapes of these arrays.
    fn structure(&self) -> Self::Structure;
    /// Calls `f` with every array, in order, to be written.
    fn each_mut(&mut self, f: &mut dyn FnMut(crate::array::AnyViewMut<'_>));
}

/// Values that fit a structure: references, owned arrays, views, numbers, tuples, arrays, vectors, derived structs.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not fit inputs of the structure `{S}`",
    note = "give a tuple where the function takes a tuple; arrays of different rank go in a tuple, not in [..]"
)]
pub trait Feed<S: Structure> {
    /// Hands out every leaf, in order.
    fn feed<'a>(&'a self, sink: &mut dyn FnMut(AnyView<'a>));
    /// Lengths of the vectors in the nesting, in order, as [`Structure::lengths`]; `usize::MAX` where they are not known.
    fn lengths(&self, out: &mut dyn FnMut(usize)) {
        out(usize::MAX);
    }
}

/// Inside a recording: handles, references to them, numbers and shared arrays that fit a structure.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not fit inputs of the structure `{S}`",
    note = "tuples nest as at `record`: a solver takes (state, parameters)"
)]
pub trait Give<S: Structure> {
    /// The handles.
    #[track_caller]
    fn give(&self) -> S::Vars;
}

/// Handles of a structure, given as they are: for generic code, where `S::Vars` is not known to be [`Give`].
#[derive(Debug, Clone)]
pub struct Own<S: Structure>(pub S::Vars);

impl<S: Structure> Give<S> for Own<S> {
    fn give(&self) -> S::Vars {
        self.0.clone()
    }
}
impl<S: Structure, G: Give<S> + ?Sized> Give<S> for &G {
    #[track_caller]
    fn give(&self) -> S::Vars {
        (**self).give()
    }
}
impl<S: Structure, F: Feed<S> + ?Sized> Feed<S> for &F {
    fn feed<'a>(&'a self, sink: &mut dyn FnMut(AnyView<'a>)) {
        (**self).feed(sink)
    }
    fn lengths(&self, out: &mut dyn FnMut(usize)) {
        (**self).lengths(out);
    }
}
