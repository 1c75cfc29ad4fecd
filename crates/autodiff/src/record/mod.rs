//! Recording: operators, methods and control flow that write a program while a closure runs.
mod control;
mod creation;
mod methods;
mod random;
mod sparse;

/// Where the entries of a sparse matrix stand.
pub use crate::operation::named::Pattern;
/// What lies beyond an edge, which triangle is read, and sparse data: choices that methods of variables take.
pub use crate::ops::{convolution::Boundary, difference::Edge, linalg::Triangle, sparse::Csr};
pub use crate::tape::{
    Captured, DynVar, IntoConstant, Scalar, Var, apply, apply_many, capture, constant, fail, has_failed, is_recording, on_behalf, scalar,
    trace,
};
pub use control::{Steps, cond, counted_scan_until, map, scan, scan_storing, scan_until, scan_until_storing};
pub use creation::{concat, iota, ones, ones_like, stack, stop_gradient, zeros, zeros_like};
pub use methods::Operand;
pub use random::{normal, random_index, uniform};
pub use sparse::{SparseConstant, SparseVar, Transposed, csr, csr_with};
