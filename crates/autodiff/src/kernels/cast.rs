//! Slices of a generic element type seen as slices of the concrete type that it is.
#![allow(unsafe_code, reason = "strided loops and slices of generic elements; each block says why it is sound")]
use crate::array::Element;

/// The same slice, if `A` and `B` are the same type.
pub(crate) fn cast<A: Element, B: Element>(x: &[A]) -> Option<&[B]> {
    // SAFETY: `Element` is sealed and `KIND` differs between its types, so equal kinds mean the same type.
    (A::KIND == B::KIND).then(|| unsafe { std::slice::from_raw_parts(x.as_ptr().cast(), x.len()) })
}

/// The same slice, if `A` and `B` are the same type.
pub(crate) fn cast_mut<A: Element, B: Element>(x: &mut [A]) -> Option<&mut [B]> {
    // SAFETY: as in `cast`; the borrow is passed on, so it stays exclusive.
    (A::KIND == B::KIND).then(|| unsafe { std::slice::from_raw_parts_mut(x.as_mut_ptr().cast(), x.len()) })
}
