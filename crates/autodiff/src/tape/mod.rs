//! The tape: which recording is open on this thread, and handles of what it holds.
mod handle;
mod literals;
mod operators;
mod recording;
mod var;

pub use handle::DynVar;
pub use literals::IntoConstant;
pub(crate) use literals::literal;
pub(crate) use operators::{binary, broadcast_pair};
pub use recording::{Captured, apply, apply_many, capture, fail, has_failed, is_recording, on_behalf, trace};
pub use var::{Scalar, Var, constant, scalar};
