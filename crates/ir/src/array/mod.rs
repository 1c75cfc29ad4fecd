//! Element types, shapes, and arrays whose element type is known at run time.
mod any;
mod convert;
mod element;
mod layout;
mod leaf_type;

pub use any::{AnyArray, AnyView, AnyViewMut, Shared, Slice, SliceMut};
pub use element::{Element, Kind, Real};
pub use layout::Layout;
pub use leaf_type::{LeafType, Shape};
