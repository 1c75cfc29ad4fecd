//! Clusters delayed until just before something reads them: into the cluster that does, where both run over the same indices.
//!
//! So work before and after a product meets in one loop, and with it the products around it in one reading of their matrix.
use super::item::Item;
use super::roots::{Home, Root};
use super::schedule::Schedule;

/// Items over which a cluster is delayed at the most: what it reads has to stay so long.
const WINDOW: usize = 48;

/// Delays clusters.
pub(crate) fn delay(s: &mut Schedule) {
    let mut last = vec![0; s.roots.len()];
    for (k, item) in s.items.iter().enumerate() {
        item.roots(&s.roots, &mut |r| last[r] = last[r].max(k));
    }
    for k in (0..s.items.len()).rev() {
        let Item::Cluster(c) = &s.items[k] else { continue };
        let made = |r: usize| c.made.iter().any(|m| m.0 == r) || c.endings.iter().any(|e| e.root == r);
        let end = s.items.len().min(k + WINDOW);
        let Some(reader) = (k + 1..end).find(|j| touches(&s.items[*j], &s.roots, made)) else { continue };
        let Item::Cluster(next) = &s.items[reader] else { continue };
        let Some(both) = c.and(next, &s.roots) else { continue };
        both.reads().for_each(|l| last[l.root] = last[l.root].max(reader));
        for r in c.made.iter().map(|m| m.0).chain(c.endings.iter().map(|e| e.root)) {
            let root = &mut s.roots[r];
            root.ready = reader + 1;
            // What is made index by index goes to memory only for later readers.
            root.stored = root.home != Home::Slot || !root.indexwise || last[r] > reader;
        }
        s.items[reader] = Item::Cluster(both);
        s.items[k] = Item::Nothing;
    }
}

fn touches(item: &Item, roots: &[Root], some: impl Fn(usize) -> bool) -> bool {
    let mut found = false;
    item.roots(roots, &mut |r| found |= some(r));
    found
}
