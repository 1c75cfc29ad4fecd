//! Programs to programs: derivatives, simplification, splitting, switching variables. Closed under nesting.
mod jvp;
mod linearize;
mod reach;
mod simplify;
mod switching;
mod vjp;

pub use jvp::jvp;
pub use linearize::{Linearized, Parts, linearize, partition};
pub use simplify::{dead_code, rearrange, select, simplify};
pub use switching::switching;
pub use vjp::vjp;
