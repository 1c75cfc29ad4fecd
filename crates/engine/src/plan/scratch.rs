//! Scratch: memory that an item needs only while it runs, where the parts of a loop leave their shares of folds and sums.
use super::codegen;
use super::frame::Frame;
use super::item::{Draft, Item};
use super::roots::Root;
use crate::kernels::group::Group;
use hypertape_ir::array::Kind;
use hypertape_ir::error::Result;

/// Sizes the scratch of every item.
pub(crate) fn size(f: &mut Frame) -> Result<()> {
    f.scratch = f.schedule.items.iter().map(|item| bytes(item, &f.schedule.roots)).collect();
    Ok(())
}

/// Bytes of scratch that an item needs, besides roots that are scratch.
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

/// Doubles that the parts of a pass need for its sums.
pub(crate) fn sums(d: &Draft, g: &Group, kind: Kind) -> usize {
    d.pass.sums(kind, d.ends.len(), g.parts)
}
