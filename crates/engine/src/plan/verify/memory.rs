//! What must hold between passes over a frame: lifetimes reach to the last use, slots are long enough, slots in use together do not overlap.
use crate::plan::demand::aligned;
use crate::plan::frame::{Frame, Slot};
use crate::plan::roots::Home;
use std::collections::{BTreeMap, BTreeSet};

/// Checks what is decided of a frame so far. An error says what is wrong.
pub(crate) fn memory(f: &Frame) -> Result<(), String> {
    let (items, roots) = (&f.schedule.items, &f.schedule.roots);
    if f.scratch.len() != items.len() {
        return Err(format!("{} items have {} sizes of scratch", items.len(), f.scratch.len()));
    }
    for (k, item) in items.iter().enumerate() {
        let mut problem = None;
        item.roots(roots, &mut |r| problem = problem.take().or_else(|| touched(f, k, r)));
        if let Some(problem) = problem {
            return Err(format!("item {k} touches root {r}, {what}", r = problem.0, what = problem.1));
        }
    }
    if f.replaces.iter().zip(&f.may_replace).any(|(does, may)| *does && !may) {
        return Err("a carry is written where it was read, though later loops read it".into());
    }
    // Before packing, all slots lie at 0.
    if f.slots.bytes > 0 { apart(&f.slots.slots, f.slots.bytes) } else { Ok(()) }
}

/// What is wrong with a root that item `k` touches, if anything.
fn touched(f: &Frame, k: usize, r: usize) -> Option<(usize, String)> {
    let root = &f.schedule.roots[r];
    if f.last.get(r).is_some_and(|last| *last < k) {
        return Some((r, format!("whose last use is said to be item {}", f.last[r])));
    }
    if root.home != Home::Slot || f.slots.of.is_empty() {
        return None;
    }
    let Some(slot) = f.slots.of[r].map(|s| &f.slots.slots[s]) else { return Some((r, "which has no slot".into())) };
    if k < slot.from || slot.to < k {
        return Some((r, format!("whose slot is in use from item {} to {}", slot.from, slot.to)));
    }
    let bytes = root.len.saturating_mul(root.kind.bytes());
    (slot.bytes < bytes).then(|| (r, format!("of {bytes} bytes in a slot of {}", slot.bytes)))
}

/// Checks that slots in use together do not overlap, and that slots lie within the frame.
fn apart(slots: &[Slot], frame: usize) -> Result<(), String> {
    let mut order: Vec<usize> = (0..slots.len()).filter(|i| slots[*i].bytes > 0).collect();
    order.sort_by_key(|i| slots[*i].from);
    // The slots in use, by their last use and by address.
    let (mut ends, mut places) = (BTreeSet::new(), BTreeMap::new());
    for i in order {
        let s = &slots[i];
        while let Some((to, j)) = ends.first().copied().filter(|(to, _): &(usize, usize)| *to < s.from) {
            ends.remove(&(to, j));
            places.remove(&slots[j].at);
        }
        let end = s.at.saturating_add(s.bytes);
        if s.at != aligned(s.at) || end > frame {
            return Err(format!("slot {i} lies at {}..{end} of a frame of {frame}", s.at));
        }
        let before = places.range(..end).next_back().map(|(_, j): (&usize, &usize)| *j);
        if let Some(j) = before.filter(|j| slots[*j].at + slots[*j].bytes > s.at) {
            return Err(format!("slots {j} and {i} overlap, and are both in use at item {}", s.from));
        }
        ends.insert((s.to, i));
        places.insert(s.at, i);
    }
    Ok(())
}
