//! Reverse- and forward-mode differentiation of recorded array programs.
//!
//! Data flows one way: record → program → transform → plan → execute.
pub mod array;
pub mod error;
pub mod execute;
pub mod function;
pub mod kernels;
pub mod operation;
pub mod ops;
pub mod outcome;
pub mod plan;
mod primitive;
pub mod program;
pub mod record;
pub mod transform;
pub mod tree;

pub use error::{Error, ErrorKind, Lacking, Result, Site, Within};
pub use function::{Allow, Function, GradientCheck, Linear, Workspace, Wrt};
pub use primitive::{Primitive, apply_primitive, apply_shared};
