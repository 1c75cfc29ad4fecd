//! Array programs: values, operations with their derivatives, transforms from program to program, and a naive reference that runs them.
//!
//! Internal to hypertape: what users need of it is in the facade. It knows nothing of how programs are planned and run fast.
pub mod array;
pub mod error;
pub mod operation;
pub mod ops;
pub mod outcome;
pub mod program;
pub mod reference;
pub mod transform;

pub use error::{Error, ErrorKind, Lacking, Result, Site, Within};
