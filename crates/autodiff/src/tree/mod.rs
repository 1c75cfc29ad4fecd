//! One structure, four faces: shapes, handles, owned arrays, views. Typed at the door, a flat list of leaves inside.
mod approximate;
mod faces;
mod leaf;
mod ranked;
mod sequences;
mod tuples;

pub use approximate::{Leaves, leaves};
pub use faces::{Arrays, Feed, Give, Own, Structure, V, Vars};
pub use leaf::{AnyLeaf, Leaf};
pub use ranked::Ranked;

/// The shape of an f64 array, or of an f32 array after `f32;`.
///
/// ```
/// use hypertape_autodiff::shape;
/// let (matrix, number, single) = (shape![3, 4], shape![], shape![f32; 5]);
/// # let _ = (matrix, number, single);
/// ```
#[macro_export]
macro_rules! shape {
    (f32; $($d:expr),* $(,)?) => { $crate::tree::Leaf::<f32>::new(&[$($d as usize),*]) };
    ($($d:expr),* $(,)?) => { $crate::tree::Leaf::<f64>::new(&[$($d as usize),*]) };
}

/// The shape of a u32 array: indices, counters, labels.
#[macro_export]
macro_rules! index {
    ($($d:expr),* $(,)?) => { $crate::tree::Leaf::<u32>::new(&[$($d as usize),*]) };
}
