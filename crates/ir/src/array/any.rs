//! Arrays, views, shared arrays and slices whose element type is known at run time.
use ndarray::{ArcArray, ArrayD, ArrayViewD, ArrayViewMutD, IxDyn};

/// An owned array.
#[derive(Debug, Clone, PartialEq)]
pub enum AnyArray {
    /// Double precision.
    F64(ArrayD<f64>),
    /// Single precision.
    F32(ArrayD<f32>),
    /// Indices.
    U32(ArrayD<u32>),
}

/// A borrowed array, of any strides.
#[derive(Debug, Clone)]
pub enum AnyView<'a> {
    /// Double precision.
    F64(ArrayViewD<'a, f64>),
    /// Single precision.
    F32(ArrayViewD<'a, f32>),
    /// Indices.
    U32(ArrayViewD<'a, u32>),
}

/// A mutably borrowed array.
#[derive(Debug)]
pub enum AnyViewMut<'a> {
    /// Double precision.
    F64(ArrayViewMutD<'a, f64>),
    /// Single precision.
    F32(ArrayViewMutD<'a, f32>),
    /// Indices.
    U32(ArrayViewMutD<'a, u32>),
}

/// An array shared between the user and recordings: what a constant is.
#[derive(Debug, Clone, PartialEq)]
pub enum Shared {
    /// Double precision.
    F64(ArcArray<f64, IxDyn>),
    /// Single precision.
    F32(ArcArray<f32, IxDyn>),
    /// Indices.
    U32(ArcArray<u32, IxDyn>),
}

/// A contiguous run of elements.
#[derive(Debug, Clone, Copy)]
pub enum Slice<'a> {
    /// Double precision.
    F64(&'a [f64]),
    /// Single precision.
    F32(&'a [f32]),
    /// Indices.
    U32(&'a [u32]),
}

/// A contiguous run of elements to write.
#[derive(Debug)]
pub enum SliceMut<'a> {
    /// Double precision.
    F64(&'a mut [f64]),
    /// Single precision.
    F32(&'a mut [f32]),
    /// Indices.
    U32(&'a mut [u32]),
}

/// Runs `$body` with `$a` bound to the typed array inside.
#[macro_export]
#[doc(hidden)]
macro_rules! each_kind {
    ($enum:ident, $value:expr, $a:ident => $body:expr) => {
        match $value {
            $crate::array::$enum::F64($a) => $body,
            $crate::array::$enum::F32($a) => $body,
            $crate::array::$enum::U32($a) => $body,
        }
    };
}
