//! Checks: of lowerings before they are planned, of what must hold between passes, and of a finished plan.
mod equations;
mod geometry;
mod items;
mod lowering;
mod memory;
#[cfg(test)]
mod mutations;
mod nested;
mod plan;

pub(super) use equations::equations;
pub(super) use items::items;
pub(super) use lowering::lowering;
pub(super) use memory::memory;
pub(super) use plan::plan;
