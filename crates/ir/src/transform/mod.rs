//! Programs to programs: derivatives, simplification, splitting, restriction, switching variables. Closed under nesting.
mod jvp;
mod linearize;
mod reach;
mod restrict;
mod simplify;
mod skeleton;
mod switching;
mod vjp;

pub use jvp::jvp;
pub use linearize::{Linearized, Parts, linearize, partition};
pub use restrict::{Cut, Restricted, restrict};
pub use simplify::{dead_code, rearrange, select, simplify};
pub use skeleton::skeleton;
pub use switching::switching;
pub use vjp::vjp;
