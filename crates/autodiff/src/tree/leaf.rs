//! One array: of an element type known at compile time, or at run time.
use super::faces::{Arrays, Feed, Give, Structure, Vars};
use crate::array::{AnyArray, AnyView, AnyViewMut, Element, Kind, LeafType, Real, Shape};
use crate::error::Site;
use crate::tape::{DynVar, Var};
use ndarray::{ArcArray, ArrayBase, ArrayD, ArrayViewD, Data, Dimension, IxDyn};
use std::marker::PhantomData;

/// The shape of one array of `T`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf<T: Element = f64>(LeafType, PhantomData<T>);

impl<T: Element> Leaf<T> {
    /// From lengths of the axes; `[]` is a number.
    pub fn new(shape: impl AsRef<[usize]>) -> Self {
        Leaf(LeafType::new(shape.as_ref(), T::KIND), PhantomData)
    }
    /// Lengths of the axes.
    #[must_use]
    pub fn shape(&self) -> &Shape {
        &self.0.shape
    }
    /// Shape and element type.
    #[must_use]
    pub fn leaf_type(&self) -> &LeafType {
        &self.0
    }
}

fn zeros<T: Element>(t: &LeafType) -> ArrayD<T> {
    ArrayD::from_elem(IxDyn(&t.shape), T::default())
}

impl<T: Element> Structure for Leaf<T> {
    type Vars = Var<T>;
    type Arrays = ArrayD<T>;
    type Views<'a> = ArrayViewD<'a, T>;
    fn leaves(&self, out: &mut Vec<LeafType>) {
        out.push(self.0.clone());
    }
    fn vars(&self, next: &mut dyn FnMut(&LeafType) -> DynVar) -> Var<T> {
        Var::from_dyn(next(&self.0))
    }
    fn arrays(&self, next: &mut dyn FnMut(&LeafType) -> AnyArray) -> ArrayD<T> {
        T::into_array(next(&self.0)).unwrap_or_else(|| zeros(&self.0))
    }
    fn views<'a>(&self, next: &mut dyn FnMut(&LeafType) -> AnyView<'a>) -> ArrayViewD<'a, T> {
        // A view of another element type cannot come from a function with these outputs; an empty view stands in.
        T::of_view(next(&self.0)).unwrap_or_else(|| ndarray::aview1::<T>(&[]).into_dyn())
    }
}
impl<T: Element> Vars for Var<T> {
    type Structure = Leaf<T>;
    fn structure(&self) -> Leaf<T> {
        Leaf::new(self.shape())
    }
    fn flatten(&self, out: &mut Vec<DynVar>) {
        out.push(self.to_dyn());
    }
}
impl<T: Element> Arrays for ArrayD<T> {
    type Structure = Leaf<T>;
    fn structure(&self) -> Leaf<T> {
        Leaf::new(self.shape())
    }
    fn each_mut(&mut self, f: &mut dyn FnMut(AnyViewMut<'_>)) {
        f(T::view_mut(self.view_mut()));
    }
}
impl<T: Element, S: Data<Elem = T>, D: Dimension> Feed<Leaf<T>> for ArrayBase<S, D> {
    fn feed<'a>(&'a self, sink: &mut dyn FnMut(AnyView<'a>)) {
        sink(T::view(self.view().into_dyn()));
    }
    fn lengths(&self, _: &mut dyn FnMut(usize)) {}
}
macro_rules! number {
    ($($t:ty)*) => { $(
        impl Feed<Leaf<$t>> for $t {
            fn feed<'a>(&'a self, sink: &mut dyn FnMut(AnyView<'a>)) {
                sink(<$t as Element>::view(ndarray::aview0(self).into_dyn()));
            }
        fn lengths(&self, _: &mut dyn FnMut(usize)) {}
        }
    )* };
}
number!(f64 f32 u32);

impl<T: Element> Give<Leaf<T>> for Var<T> {
    fn give(&self) -> Var<T> {
        *self
    }
}
impl<T: Real> Give<Leaf<T>> for f64 {
    #[track_caller]
    fn give(&self) -> Var<T> {
        crate::record::scalar(*self)
    }
}
impl Give<Leaf<u32>> for u32 {
    #[track_caller]
    fn give(&self) -> Var<u32> {
        let of = LeafType::new(&[], Kind::U32);
        Var::from_dyn(crate::record::apply("literal", &[], Site::caller(), |b, _| b.full(&of, f64::from(*self))))
    }
}
impl<T: Element, D: Dimension> Give<Leaf<T>> for ArcArray<T, D> {
    #[track_caller]
    fn give(&self) -> Var<T> {
        crate::record::constant(self)
    }
}

/// The shape of one array whose element type is known at run time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnyLeaf(pub LeafType);

impl Structure for AnyLeaf {
    type Vars = DynVar;
    type Arrays = AnyArray;
    type Views<'a> = AnyView<'a>;
    fn leaves(&self, out: &mut Vec<LeafType>) {
        out.push(self.0.clone());
    }
    fn vars(&self, next: &mut dyn FnMut(&LeafType) -> DynVar) -> DynVar {
        next(&self.0)
    }
    fn arrays(&self, next: &mut dyn FnMut(&LeafType) -> AnyArray) -> AnyArray {
        next(&self.0)
    }
    fn views<'a>(&self, next: &mut dyn FnMut(&LeafType) -> AnyView<'a>) -> AnyView<'a> {
        next(&self.0)
    }
}
impl Vars for DynVar {
    type Structure = AnyLeaf;
    fn structure(&self) -> AnyLeaf {
        AnyLeaf(self.leaf_type().unwrap_or(LeafType::new(&[], Kind::F64)))
    }
    fn flatten(&self, out: &mut Vec<DynVar>) {
        out.push(*self);
    }
}
impl Arrays for AnyArray {
    type Structure = AnyLeaf;
    fn structure(&self) -> AnyLeaf {
        AnyLeaf(self.leaf_type())
    }
    fn each_mut(&mut self, f: &mut dyn FnMut(AnyViewMut<'_>)) {
        match self {
            AnyArray::F64(a) => f(AnyViewMut::F64(a.view_mut())),
            AnyArray::F32(a) => f(AnyViewMut::F32(a.view_mut())),
            AnyArray::U32(a) => f(AnyViewMut::U32(a.view_mut())),
        }
    }
}
impl Feed<AnyLeaf> for AnyArray {
    fn feed<'a>(&'a self, sink: &mut dyn FnMut(AnyView<'a>)) {
        sink(self.view());
    }
    fn lengths(&self, _: &mut dyn FnMut(usize)) {}
}
impl Feed<AnyLeaf> for AnyView<'_> {
    fn feed<'a>(&'a self, sink: &mut dyn FnMut(AnyView<'a>)) {
        sink(self.reborrow());
    }
    fn lengths(&self, _: &mut dyn FnMut(usize)) {}
}
impl Give<AnyLeaf> for DynVar {
    fn give(&self) -> DynVar {
        *self
    }
}
