//! What arrays of any element type can be asked: their type, their elements as doubles, whether they are finite.
use super::any::{AnyArray, AnyView, AnyViewMut, Shared};
use super::element::{Element, Kind, Real};
use super::leaf_type::{LeafType, Shape};
use crate::each_kind;
use ndarray::{ArrayD, ArrayViewD, IxDyn};

impl AnyArray {
    /// Every element the same.
    pub fn full(t: &LeafType, v: f64) -> Self {
        let dim = IxDyn(&t.shape);
        match t.kind {
            Kind::F64 => AnyArray::F64(ArrayD::from_elem(dim, v)),
            Kind::F32 => AnyArray::F32(ArrayD::from_elem(dim, v as f32)),
            Kind::U32 => AnyArray::U32(ArrayD::from_elem(dim, v as u32)),
        }
    }
    /// Shape and element type.
    pub fn leaf_type(&self) -> LeafType {
        LeafType { shape: each_kind!(AnyArray, self, a => Shape::from_slice(a.shape())), kind: self.kind() }
    }
    /// Element type.
    pub fn kind(&self) -> Kind {
        match self {
            AnyArray::F64(_) => Kind::F64,
            AnyArray::F32(_) => Kind::F32,
            AnyArray::U32(_) => Kind::U32,
        }
    }
    /// Lengths of the axes.
    pub fn shape(&self) -> &[usize] {
        each_kind!(AnyArray, self, a => a.shape())
    }
    /// Borrows.
    pub fn view(&self) -> AnyView<'_> {
        match self {
            AnyArray::F64(a) => AnyView::F64(a.view()),
            AnyArray::F32(a) => AnyView::F32(a.view()),
            AnyArray::U32(a) => AnyView::U32(a.view()),
        }
    }
    /// Borrows to write.
    pub fn view_mut(&mut self) -> AnyViewMut<'_> {
        match self {
            AnyArray::F64(a) => AnyViewMut::F64(a.view_mut()),
            AnyArray::F32(a) => AnyViewMut::F32(a.view_mut()),
            AnyArray::U32(a) => AnyViewMut::U32(a.view_mut()),
        }
    }
    /// Every element as a double, in row-major order.
    pub fn to_f64(&self) -> Vec<f64> {
        each_kind!(AnyArray, self, a => a.iter().map(|v| v.to_f64()).collect())
    }
    /// From doubles in row-major order; `None` if their number is not the type's, or one is no index where the type holds indices.
    pub fn from_f64(t: &LeafType, v: &[f64]) -> Option<Self> {
        let dim = IxDyn(&t.shape);
        if t.kind == Kind::U32 && v.iter().any(|v| *v != f64::from(*v as u32)) {
            return None;
        }
        match t.kind {
            Kind::F64 => ArrayD::from_shape_vec(dim, v.to_vec()).ok().map(AnyArray::F64),
            Kind::F32 => ArrayD::from_shape_vec(dim, v.iter().map(|v| *v as f32).collect()).ok().map(AnyArray::F32),
            Kind::U32 => ArrayD::from_shape_vec(dim, v.iter().map(|v| *v as u32).collect()).ok().map(AnyArray::U32),
        }
    }
}

impl AnyView<'_> {
    /// The same view for a shorter time.
    pub fn reborrow(&self) -> AnyView<'_> {
        match self {
            AnyView::F64(a) => AnyView::F64(a.view()),
            AnyView::F32(a) => AnyView::F32(a.view()),
            AnyView::U32(a) => AnyView::U32(a.view()),
        }
    }
    /// Shape and element type.
    pub fn leaf_type(&self) -> LeafType {
        LeafType { shape: Shape::from_slice(self.shape()), kind: self.kind() }
    }
    /// Element type.
    pub fn kind(&self) -> Kind {
        match self {
            AnyView::F64(_) => Kind::F64,
            AnyView::F32(_) => Kind::F32,
            AnyView::U32(_) => Kind::U32,
        }
    }
    /// Lengths of the axes.
    pub fn shape(&self) -> &[usize] {
        each_kind!(AnyView, self, a => a.shape())
    }
    /// Copies.
    pub fn to_owned(&self) -> AnyArray {
        match self {
            AnyView::F64(a) => AnyArray::F64(a.to_owned()),
            AnyView::F32(a) => AnyArray::F32(a.to_owned()),
            AnyView::U32(a) => AnyArray::U32(a.to_owned()),
        }
    }
    /// Copies, if the system gives the memory.
    pub fn try_to_owned(&self) -> Option<AnyArray> {
        fn copy<T: Element>(a: &ArrayViewD<'_, T>) -> Option<AnyArray> {
            let mut v = vec![];
            v.try_reserve_exact(a.len()).ok()?;
            match a.as_slice() {
                Some(s) => v.extend_from_slice(s),
                None => v.extend(a.iter().copied()),
            }
            ArrayD::from_shape_vec(a.raw_dim(), v).ok().map(T::array)
        }
        each_kind!(AnyView, self, a => copy(a))
    }
    /// Index and value of the first element that is not finite.
    pub fn first_non_finite(&self) -> Option<(Vec<usize>, f64)> {
        match self {
            AnyView::F64(a) => first(a, |v| !v.is_finite()),
            AnyView::F32(a) => first(a, |v| !v.is_finite()),
            AnyView::U32(_) => None,
        }
    }
    /// Index and value of the first element that is NaN.
    pub fn first_nan(&self) -> Option<(Vec<usize>, f64)> {
        match self {
            AnyView::F64(a) => first(a, |v| v.is_nan()),
            AnyView::F32(a) => first(a, |v| v.is_nan()),
            AnyView::U32(_) => None,
        }
    }
}

impl AnyViewMut<'_> {
    /// The same view for a shorter time.
    pub fn reborrow(&mut self) -> AnyViewMut<'_> {
        match self {
            AnyViewMut::F64(a) => AnyViewMut::F64(a.view_mut()),
            AnyViewMut::F32(a) => AnyViewMut::F32(a.view_mut()),
            AnyViewMut::U32(a) => AnyViewMut::U32(a.view_mut()),
        }
    }
    /// Shape and element type.
    pub fn leaf_type(&self) -> LeafType {
        match self {
            AnyViewMut::F64(a) => LeafType::new(a.shape(), Kind::F64),
            AnyViewMut::F32(a) => LeafType::new(a.shape(), Kind::F32),
            AnyViewMut::U32(a) => LeafType::new(a.shape(), Kind::U32),
        }
    }
    /// Copies the elements of an array of the same shape and element type; whether it is of these.
    #[must_use]
    pub fn assign(&mut self, from: &AnyView<'_>) -> bool {
        match (self, from) {
            (AnyViewMut::F64(a), AnyView::F64(b)) if a.shape() == b.shape() => a.assign(b),
            (AnyViewMut::F32(a), AnyView::F32(b)) if a.shape() == b.shape() => a.assign(b),
            (AnyViewMut::U32(a), AnyView::U32(b)) if a.shape() == b.shape() => a.assign(b),
            _ => return false,
        }
        true
    }
}

/// Index and value of the first element for which `is` holds; it holds for no finite number.
fn first<T: Real>(a: &ArrayViewD<'_, T>, is: impl Fn(&T) -> bool) -> Option<(Vec<usize>, f64)> {
    // A sum with ∞ or NaN in it is one of them: one pass without branches, then a search (in vain after an overflow).
    let bad = match a.as_slice().or_else(|| a.as_slice_memory_order()) {
        Some(s) => {
            let mut lanes = [T::zero(); 16];
            let chunks = s.chunks_exact(lanes.len());
            let rest = chunks.remainder().iter().fold(T::zero(), |sum, v| sum + *v);
            chunks.for_each(|c| lanes.iter_mut().zip(c).for_each(|(l, v)| *l += *v));
            (!rest.is_finite() || s.len() >= lanes.len() && lanes.iter().any(|l| !l.is_finite())) && s.iter().any(&is)
        }
        None => a.iter().any(&is),
    };
    if !bad {
        return None;
    }
    a.indexed_iter().find(|(_, v)| is(v)).map(|(i, v)| (ndarray::Dimension::slice(&i).to_vec(), Element::to_f64(*v)))
}

impl Shared {
    /// Borrows.
    pub fn view(&self) -> AnyView<'_> {
        match self {
            Shared::F64(a) => AnyView::F64(a.view()),
            Shared::F32(a) => AnyView::F32(a.view()),
            Shared::U32(a) => AnyView::U32(a.view()),
        }
    }
    /// Shape and element type.
    pub fn leaf_type(&self) -> LeafType {
        self.view().leaf_type()
    }
    /// Whether both are the same memory seen the same way.
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Shared::F64(a), Shared::F64(b)) => a.as_ptr() == b.as_ptr() && a.shape() == b.shape() && a.strides() == b.strides(),
            (Shared::F32(a), Shared::F32(b)) => a.as_ptr() == b.as_ptr() && a.shape() == b.shape() && a.strides() == b.strides(),
            (Shared::U32(a), Shared::U32(b)) => a.as_ptr() == b.as_ptr() && a.shape() == b.shape() && a.strides() == b.strides(),
            _ => false,
        }
    }
}

impl From<AnyArray> for Shared {
    fn from(a: AnyArray) -> Self {
        match a {
            AnyArray::F64(a) => Shared::F64(a.into_shared()),
            AnyArray::F32(a) => Shared::F32(a.into_shared()),
            AnyArray::U32(a) => Shared::U32(a.into_shared()),
        }
    }
}
