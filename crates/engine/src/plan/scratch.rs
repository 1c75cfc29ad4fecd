//! Scratch: memory that an item needs only while it runs. The parts of a loop leave their shares of folds and sums in it.
use super::codegen;
use super::frame::Frame;
use super::item::{Draft, Item};
use super::roots::Root;
use crate::kernels::group::Group;
use hypertape_ir::array::Kind;
use hypertape_ir::error::Result;

/// Finds the size of the scratch of each item.
pub(crate) fn size(f: &mut Frame) -> Result<()> {
    f.scratch = f.schedule.items.iter().map(|item| bytes(item, &f.schedule.roots)).collect();
    Ok(())
}

/// The bytes of scratch that an item needs. Scratch that is a root of its own is not counted.
fn bytes(item: &Item, roots: &[Root]) -> usize {
    match item {
        Item::Fusion(c) => codegen::group(c, &[], roots).partials().saturating_mul(8),
        Item::Stream(d) => {
            let group = codegen::rowwise(codegen::group(&d.fusion, &[], roots), d.pass.part());
            let partials = group.partials().saturating_add(7).saturating_mul(8) / 64 * 64;
            partials.saturating_add(sums(d, &group, roots[d.matrix.root].kind).saturating_mul(8))
        }
        Item::Step(_) | Item::Nothing => 0,
    }
}

/// The number of doubles that the parts of a matrix pass need for its sums.
pub(crate) fn sums(d: &Draft, g: &Group, kind: Kind) -> usize {
    d.pass.sums(kind, d.ends.len(), g.parts)
}
