//! What must hold: of lowerings before they are planned, between passes, and of a finished plan.
mod lowering;

pub(crate) use lowering::lowering;

use super::frame::Frame;
use super::machine::Expanded;
use super::schedule::Schedule;

pub(crate) fn equations(_: &Expanded) -> Result<(), String> {
    Ok(())
}
pub(crate) fn items(_: &Schedule) -> Result<(), String> {
    Ok(())
}
pub(crate) fn memory(_: &Frame) -> Result<(), String> {
    Ok(())
}
