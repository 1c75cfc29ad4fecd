//! Scratch memory seen as another element type.
#![allow(unsafe_code, reason = "the same bytes as another type that allows any")]
use hypertape_ir::array::Element;

/// Scratch memory for elements of type T: as many as fit.
pub(crate) fn scratch_as<T: Element>(x: &mut [f64]) -> &mut [T] {
    let n = size_of_val(x) / size_of::<T>();
    // SAFETY: `Element` is sealed: f64, f32 and u32, for all of which every pattern of bits is a value and 8-byte alignment is enough.
    unsafe { std::slice::from_raw_parts_mut(x.as_mut_ptr().cast(), n) }
}

/// Doubles that hold this many elements of type T.
#[must_use]
pub(crate) fn scratch_for<T: Element>(n: usize) -> usize {
    n.saturating_mul(size_of::<T>()).div_ceil(size_of::<f64>())
}
