//! The element types: f64, f32, and u32 for indices.
use super::any::{AnyArray, AnyView, AnyViewMut, Shared, Slice, SliceMut};
use ndarray::{ArcArray, ArrayD, ArrayViewD, IxDyn, NdFloat};
use std::fmt;

/// Element type of an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Kind {
    /// Double precision.
    #[default]
    F64,
    /// Single precision.
    F32,
    /// Indices: no tangent.
    U32,
}

impl Kind {
    /// Size of one element.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Kind::F64 => 8,
            Kind::F32 | Kind::U32 => 4,
        }
    }
    /// Whether values of this type have derivatives.
    #[must_use]
    pub const fn is_real(self) -> bool {
        !matches!(self, Kind::U32)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::F64 => "f64",
            Kind::F32 => "f32",
            Kind::U32 => "u32",
        })
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f64 {}
    impl Sealed for f32 {}
    impl Sealed for u32 {}
}

/// f64, f32 or u32.
pub trait Element: sealed::Sealed + Copy + Default + PartialEq + PartialOrd + Send + Sync + fmt::Debug + fmt::Display + 'static {
    /// The same type as a value.
    const KIND: Kind;
    /// Nearest value of this type; indices saturate.
    fn from_f64(v: f64) -> Self;
    /// As a double.
    fn to_f64(self) -> f64;
    /// Erases the type.
    fn array(a: ArrayD<Self>) -> AnyArray;
    /// Erases the type of a view.
    fn view(a: ArrayViewD<'_, Self>) -> AnyView<'_>;
    /// Erases the type of a mutable view.
    fn view_mut(a: ndarray::ArrayViewMutD<'_, Self>) -> AnyViewMut<'_>;
    /// Erases the type of a shared array.
    fn shared(a: ArcArray<Self, IxDyn>) -> Shared;
    /// The array, if it has this type.
    fn of_array(a: &AnyArray) -> Option<&ArrayD<Self>>;
    /// The array by value, if it has this type.
    fn into_array(a: AnyArray) -> Option<ArrayD<Self>>;
    /// The mutable array, if it has this type.
    fn of_array_mut(a: &mut AnyArray) -> Option<&mut ArrayD<Self>>;
    /// The view, if it has this type.
    fn of_view<'a>(a: AnyView<'a>) -> Option<ArrayViewD<'a, Self>>;
    /// The mutable view, if it has this type.
    fn of_view_mut<'a>(a: AnyViewMut<'a>) -> Option<ndarray::ArrayViewMutD<'a, Self>>;
    /// The slice, if it has this type.
    fn of_slice<'a>(s: Slice<'a>) -> Option<&'a [Self]>;
    /// The mutable slice, if it has this type.
    fn of_slice_mut<'a, 'b>(s: &'b mut SliceMut<'a>) -> Option<&'b mut [Self]>;
}

macro_rules! element {
    ($t:ty, $kind:ident, $from:expr, $to:expr) => {
        impl Element for $t {
            const KIND: Kind = Kind::$kind;
            #[inline(always)]
            fn from_f64(v: f64) -> Self {
                ($from)(v)
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                ($to)(self)
            }
            fn array(a: ArrayD<Self>) -> AnyArray {
                AnyArray::$kind(a)
            }
            fn view(a: ArrayViewD<'_, Self>) -> AnyView<'_> {
                AnyView::$kind(a)
            }
            fn view_mut(a: ndarray::ArrayViewMutD<'_, Self>) -> AnyViewMut<'_> {
                AnyViewMut::$kind(a)
            }
            fn shared(a: ArcArray<Self, IxDyn>) -> Shared {
                Shared::$kind(a)
            }
            fn of_array(a: &AnyArray) -> Option<&ArrayD<Self>> {
                if let AnyArray::$kind(a) = a { Some(a) } else { None }
            }
            fn into_array(a: AnyArray) -> Option<ArrayD<Self>> {
                if let AnyArray::$kind(a) = a { Some(a) } else { None }
            }
            fn of_array_mut(a: &mut AnyArray) -> Option<&mut ArrayD<Self>> {
                if let AnyArray::$kind(a) = a { Some(a) } else { None }
            }
            fn of_view<'a>(a: AnyView<'a>) -> Option<ArrayViewD<'a, Self>> {
                if let AnyView::$kind(a) = a { Some(a) } else { None }
            }
            fn of_view_mut<'a>(a: AnyViewMut<'a>) -> Option<ndarray::ArrayViewMutD<'a, Self>> {
                if let AnyViewMut::$kind(a) = a { Some(a) } else { None }
            }
            fn of_slice<'a>(s: Slice<'a>) -> Option<&'a [Self]> {
                if let Slice::$kind(s) = s { Some(s) } else { None }
            }
            fn of_slice_mut<'a, 'b>(s: &'b mut SliceMut<'a>) -> Option<&'b mut [Self]> {
                if let SliceMut::$kind(s) = s { Some(s) } else { None }
            }
        }
    };
}
element!(f64, F64, |v| v, |v| v);
element!(f32, F32, |v| v as f32, f64::from);
element!(u32, U32, |v| v as u32, f64::from);

/// f64 or f32: what has derivatives.
pub trait Real: Element + NdFloat {}
impl Real for f64 {}
impl Real for f32 {}
