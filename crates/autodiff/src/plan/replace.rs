//! Carries of a loop whose new value is written where the old one was read: one buffer instead of two, and less memory to go through.
use super::item::Item;
use super::roots::{Home, Root};
use super::slots::Slots;

/// For each carry of a body, of those that may, whether its new value takes the place of the old one. Marks results that overwrite operands.
pub(crate) fn carries(items: &[Item], roots: &[Root], may: &[bool], slots: &mut Slots) -> Vec<bool> {
    let replaced: Vec<bool> = may.iter().enumerate().map(|(k, may)| *may && replaces(items, roots, k)).collect();
    for (r, root) in roots.iter().enumerate() {
        if let Home::Output(k, _) = root.home {
            slots.over[r] |= replaced.get(k).is_some_and(|yes| *yes);
        }
    }
    replaced
}

/// Whether nothing reads the old value of carry k once part of the new one is written, but the cluster that writes it, index by index.
fn replaces(items: &[Item], roots: &[Root], k: usize) -> bool {
    let Some(old) = roots.iter().position(|r| r.home == Home::Input(1 + k)) else { return false };
    let new: Vec<usize> = (0..roots.len()).filter(|r| matches!(roots[*r].home, Home::Output(o, _) if o == k)).collect();
    let Some(first) = new.iter().map(|r| roots[*r].ready).min().and_then(|ready| ready.checked_sub(1)) else { return false };
    items.iter().enumerate().all(|(i, item)| {
        let mut reads = false;
        item.roots(roots, &mut |r| reads |= r == old);
        !reads || i < first || i == first && index_by_index(item, roots, old, &new, i)
    })
}

/// Whether an item reads each element of `old` at the index at which it writes the same place of `new`, if it does.
fn index_by_index(item: &Item, roots: &[Root], old: usize, new: &[usize], i: usize) -> bool {
    let Item::Cluster(c) = item else { return false };
    let in_order = c.loads.iter().filter(|x| x.root == old).all(|x| x.layout.len() == c.len && x.layout.is_contiguous());
    let in_pieces = c.joins.iter().flat_map(|j| &j.pieces).any(|p| p.seen.root == old);
    let apart_or_same = |r: &usize| {
        let Home::Output(_, at) = roots[*r].home else { return false };
        let node = c.made.iter().find(|m| m.0 == *r).map(|m| m.1);
        node.is_some_and(|n| !item.is_operand(n))
            && roots[*r].len == c.len
            && c.loads.iter().filter(|x| x.root == old).all(|x| x.start.abs_diff(at) >= c.len || x.start == at)
    };
    in_order && !in_pieces && new.iter().filter(|r| roots[**r].ready == i + 1).all(apart_or_same)
}
