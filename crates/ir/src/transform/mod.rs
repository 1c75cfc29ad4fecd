//! Programs to programs: derivatives, simplification, splitting. Closed under nesting.
mod jvp;
mod linearize;
mod simplify;
mod vjp;

pub use jvp::jvp;
pub use linearize::{Linearized, Parts, linearize, partition};
pub use simplify::{dead_code, rearrange, select, simplify};
pub use vjp::vjp;
