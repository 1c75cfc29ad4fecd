//! Recording: handles, operators and control flow that write a program while a closure runs.
mod control;
mod creation;
mod handle;
mod literals;
mod methods;
mod operators;
mod random;
mod sparse;
mod tape;
mod var;

/// What lies beyond an edge, which triangle is read, and sparse data: choices that methods of variables take.
pub use crate::ops::{convolution::Boundary, difference::Edge, linalg::Triangle, sparse::Csr};
pub use control::{Steps, cond, counted_scan_until, map, scan, scan_storing, scan_until, scan_until_storing};
pub use creation::{concat, iota, ones, ones_like, stack, stop_gradient, zeros, zeros_like};
pub use handle::DynVar;
pub use literals::IntoConstant;
pub use methods::Operand;
pub use random::{normal, random_index, uniform};
pub use sparse::{SparseConstant, csr};
pub use tape::{Captured, apply, apply_many, capture, fail, has_failed, is_recording, on_behalf, trace};
pub use var::{Scalar, Var, constant, scalar};
