//! Liveness: the last item that touches each root.
use super::frame::Frame;
use super::item::Item;
use super::roots::Root;
use hypertape_ir::error::Result;

/// Finds the last uses in a frame.
pub(crate) fn find(f: &mut Frame) -> Result<()> {
    f.last = last_uses(&f.schedule.items, &f.schedule.roots);
    Ok(())
}

/// For each root, the last item that reads or writes it. That is the item that makes it if no later item touches it.
pub(crate) fn last_uses(items: &[Item], roots: &[Root]) -> Vec<usize> {
    let mut last: Vec<usize> = roots.iter().map(|r| r.ready.saturating_sub(1)).collect();
    for (k, item) in items.iter().enumerate() {
        item.roots(roots, &mut |r| last[r] = last[r].max(k));
    }
    last
}
