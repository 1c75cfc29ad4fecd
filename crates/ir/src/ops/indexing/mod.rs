//! Elements chosen by indices that are values themselves: rows of a table, and windows.
mod below;
mod take;
mod window;

pub use below::Below;
pub use take::{ScatterAdd, Take};
pub use window::{PlaceAt, SliceAt};
