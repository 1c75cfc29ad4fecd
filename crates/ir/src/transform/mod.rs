//! Programs to programs: derivatives, simplification, many items at once, splitting, restriction, switching variables. Closed under nesting.
mod batch;
mod blocks;
mod diagonals;
mod directions;
mod jvp;
mod linearize;
mod reach;
mod restrict;
mod simplify;
mod skeleton;
pub(crate) mod sums;
mod switching;
mod vjp;

pub use batch::batch;
pub(crate) use batch::{for_items, in_form};
pub use blocks::{Blocks, in_blocks};
pub use diagonals::{Diagonal, Extent, diagonals};
pub use directions::{along_unit, at_once, for_each};
pub use jvp::jvp;
pub use linearize::{Linearized, Parts, linearize, partition};
pub use restrict::{Cut, Restricted, restrict};
pub use simplify::{dead_code, rearrange, select, simplify};
pub use skeleton::skeleton;
pub use sums::{carry_wants, wants};
pub use switching::switching;
pub use vjp::vjp;
