//! Reverse- and forward-mode differentiation of recorded array programs.
//!
//! Data flows one way: record → program → transform → plan → execute. Recordings and functions are here; what they record is in `hypertape-ir`, what
//! plans and runs it in `hypertape-engine`.
pub mod function;
mod primitive;
pub mod record;
mod tape;
pub mod tree;

pub use function::{Allow, Function, GradientCheck, Linear, SparseDerivative, Workspace, Wrt};
pub use hypertape_engine::plan;
pub use hypertape_ir::{
    Error, ErrorKind, Lacking, Result, Site, Within, array, each_kind, each_operation, error, operation, ops, outcome, program, transform,
};
pub use primitive::{Primitive, apply_primitive, apply_shared};

/// Running programs: the planned executor, and the naive reference.
pub mod execute {
    pub use hypertape_engine::execute::*;
    pub use hypertape_engine::kernels::make_packing_buffers;
    pub use hypertape_ir::reference;
}
