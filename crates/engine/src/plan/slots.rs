//! Slots and buffer donation: a result gets memory of its own, or overwrites an operand that is last used where the result is made.
use super::frame::{Frame, Slot, Slots};
use super::item::Item;
use super::roots::Home;
use hypertape_ir::error::Result;

/// Gives every stored root of the frame a slot.
pub(crate) fn assign(f: &mut Frame) -> Result<()> {
    let (items, roots, last) = (&f.schedule.items, &f.schedule.roots, &f.last);
    let mut s = Slots { of: vec![None; roots.len()], over: vec![false; roots.len()], ..Slots::default() };
    let slotted = |r: usize| roots[r].home == Home::Slot && roots[r].stored;
    for (k, item) in items.iter().enumerate() {
        let mut made = vec![];
        item.roots(roots, &mut |r| made.extend((slotted(r) && roots[r].ready == k + 1).then_some(r)));
        let mut dying: Vec<usize> = item.in_place(roots).into_iter().filter(|q| last[*q] == k && s.of[*q].is_some()).collect();
        for r in made {
            if s.of[r].is_some() {
                continue;
            }
            let bytes = roots[r].len.saturating_mul(roots[r].kind.bytes());
            let elementwise = matches!(item, Item::Fusion(c) if c.made.iter().any(|m| m.0 == r && !item.is_operand(m.1)));
            let fits = |q: &usize| roots[*q].kind.bytes() == roots[r].kind.bytes() && roots[*q].len == roots[r].len;
            if let (true, Some(i)) = (elementwise, dying.iter().position(fits)) {
                let q = dying.remove(i);
                s.of[r] = s.of[q];
                s.over[r] = true;
                if let Some(slot) = s.of[q] {
                    s.slots[slot].to = last[r];
                }
                continue;
            }
            s.of[r] = Some(s.slots.len());
            s.slots.push(Slot { bytes, from: k, to: last[r], at: 0 });
        }
    }
    for (k, bytes) in f.scratch.iter().enumerate() {
        s.slots.push(Slot { bytes: *bytes, from: k, to: k, at: 0 });
    }
    f.slots = s;
    Ok(())
}
