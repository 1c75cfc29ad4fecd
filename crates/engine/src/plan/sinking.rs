//! Sinking: a fusion moves down into the first fusion that reads it, if both run over the same indices.
//!
//! This collects the work between two products in one loop, so that a matrix pass can fuse it with both products.
use super::item::Item;
use super::liveness::last_uses;
use super::roots::{Home, Root};
use super::schedule::Schedule;
use super::thresholds::SINKING_WINDOW;
use hypertape_ir::error::Result;

/// Sinks fusions, the last one first.
pub(crate) fn sink(s: &mut Schedule) -> Result<()> {
    let mut last = last_uses(&s.items, &s.roots);
    for k in (0..s.items.len()).rev() {
        let Item::Fusion(c) = &s.items[k] else { continue };
        let made = |r: usize| c.made.iter().any(|m| m.0 == r) || c.endings.iter().any(|e| e.root == r);
        let end = s.items.len().min(k + SINKING_WINDOW);
        let Some(reader) = (k + 1..end).find(|j| touches(&s.items[*j], &s.roots, made)) else { continue };
        let Item::Fusion(next) = &s.items[reader] else { continue };
        let Some(both) = c.and(next, &s.roots) else { continue };
        both.reads().for_each(|l| last[l.root] = last[l.root].max(reader));
        for r in c.made.iter().map(|m| m.0).chain(c.endings.iter().map(|e| e.root)) {
            let root = &mut s.roots[r];
            root.ready = reader + 1;
            // A result made index by index goes to memory only if an item after the reader reads it.
            root.stored = root.home != Home::Slot || !root.elementwise || last[r] > reader;
        }
        s.items[reader] = Item::Fusion(both);
        s.items[k] = Item::Nothing;
    }
    Ok(())
}

fn touches(item: &Item, roots: &[Root], some: impl Fn(usize) -> bool) -> bool {
    let mut found = false;
    item.roots(roots, &mut |r| found |= some(r));
    found
}
