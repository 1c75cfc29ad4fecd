//! Carry donation, buffer donation in loops: a step writes the new value of a carry over the old one, so that the carry needs one buffer, not two.
use super::frame::Frame;
use super::item::Item;
use super::roots::{Home, Root};
use super::uses::Uses;
use hypertape_ir::error::Result;

/// Decides for each carry whether its new value overwrites the old one, and marks the results that overwrite an operand.
pub(crate) fn donate(f: &mut Frame) -> Result<()> {
    let may = &f.may_replace;
    if !may.contains(&true) {
        f.replaces = vec![false; may.len()];
        return Ok(());
    }
    let (items, roots) = (&f.schedule.items, &f.schedule.roots);
    let uses = Uses::of(items, roots);
    // For each carry, the root of its old value, and the roots of its new value.
    let (mut old, mut new) = (vec![None; may.len()], vec![vec![]; may.len()]);
    for (r, root) in roots.iter().enumerate() {
        match root.home {
            Home::Input(i) if (1..=may.len()).contains(&i) && old[i - 1].is_none() => old[i - 1] = Some(r),
            Home::Output(k, _) if k < may.len() => new[k].push(r),
            _ => {}
        }
    }
    f.replaces = (0..may.len()).map(|k| may[k] && old[k].is_some_and(|old| replaces(items, roots, &uses, old, &new[k]))).collect();
    for (r, root) in roots.iter().enumerate() {
        if let Home::Output(k, _) = root.home {
            f.slots.over[r] |= f.replaces.get(k).is_some_and(|yes| *yes);
        }
    }
    Ok(())
}

/// Whether nothing reads the old value once part of the new value is written. The fusion that writes the new value may read the old one index by
/// index.
fn replaces(items: &[Item], roots: &[Root], uses: &Uses, old: usize, new: &[usize]) -> bool {
    let Some(first) = new.iter().map(|r| roots[*r].ready).min().and_then(|ready| ready.checked_sub(1)) else { return false };
    uses.each(old).all(|i| i < first || i == first && index_by_index(&items[i], roots, old, new, i))
}

/// Whether item `i` reads the elements of `old` that it overwrites only at their own index.
fn index_by_index(item: &Item, roots: &[Root], old: usize, new: &[usize], i: usize) -> bool {
    let Item::Fusion(c) = item else { return false };
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
