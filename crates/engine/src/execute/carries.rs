//! Where the inputs and outputs of a loop's body lie in each step.
use super::arena::{Base, Bases};
use crate::plan::code::{Buffer, Each, Keeps, Operand, Replay, Row, Scan};

/// Bytes from the lowest to the highest element of one row of a stacked operand: those of the whole, less the steps to the other rows.
fn row_bytes(r: &Row<Operand>) -> usize {
    let others = r.whole.layout.shape[0].saturating_sub(1);
    (r.whole.reach() * r.whole.kind.bytes()).saturating_sub(others * r.step.unsigned_abs())
}

fn row(b: &Bases, r: &Row<Operand>, i: usize) -> Base {
    b.find(&r.whole).part(r.first + r.step * i as isize, row_bytes(r))
}

/// Sets the bases of a body that stay the same from step to step, for part `p`.
pub(super) fn fix(s: &Scan<Operand>, b: &Bases, bases: &mut Bases, p: usize) {
    bases.set(0, b.find(&s.frames[p]));
    bases.set(1, b.find(&s.counter).part(64 * p as isize, 4));
    let first = 2 + s.init.len() + s.items.len();
    for (i, o) in s.constants.iter().enumerate() {
        bases.set(first + i, b.find(o));
    }
}

/// Sets the bases of a body that are rows of arrays, here row i, and the counter.
pub(super) fn rows(s: &Scan<Operand>, b: &Bases, bases: &mut Bases, i: usize) {
    bases.put(1, i as u32);
    for (k, x) in s.items.iter().enumerate() {
        if let Each::Row(r) = x {
            bases.set(2 + s.init.len() + k, row(b, r, i));
        }
    }
    let first = 1 + s.body.inputs + s.init.len();
    for (k, r) in s.stacked.iter().enumerate() {
        bases.set(first + k, row(b, r, i));
    }
}

/// Gives up row i of the stacked results.
pub(super) fn lose(s: &Scan<Operand>, b: &Bases, i: usize) {
    for r in &s.stacked {
        row(b, r, i).lose(r.whole.kind);
    }
}

/// Sets the bases of a body that are parts of a state of replayed loop number `k`; the state lies at `here`.
pub(super) fn state(s: &Scan<Operand>, bases: &mut Bases, k: usize, here: Base) {
    for (i, x) in s.items.iter().enumerate() {
        match x {
            Each::State(of, from, bytes) if *of == k => bases.set(2 + s.init.len() + i, here.part(*from as isize, *bytes)),
            _ => {}
        }
    }
}

/// Where a slot lies: in the pool of the loop that keeps states, or in the player's own memory.
pub(super) fn slot(b: &Bases, kept: &Keeps<Operand>, own: Option<&Operand>, slot: usize) -> Base {
    let (whole, i) = match own {
        Some(own) if slot > kept.slots => (own, slot - kept.slots - 1),
        _ => (&kept.pool, slot),
    };
    b.find(whole).part((i * kept.states.bytes) as isize, kept.states.bytes)
}

/// Sets the bases of a recomputed step: row i of its items, the state before it, and the state after it.
pub(super) fn again(r: &Replay<Operand>, b: &Bases, bases: &mut Bases, i: usize, from: Base, to: Base) {
    bases.set(1, b.find(&r.counter).part(0, 4));
    bases.put(1, i as u32);
    let carries = &r.kept.states.carries;
    let mut out = 1 + r.body.inputs;
    for (k, c) in carries.iter().enumerate() {
        let Some((at, bytes)) = c else { continue };
        bases.set(2 + k, from.part(*at as isize, *bytes));
        bases.set(out, to.part(*at as isize, *bytes));
        out += 1;
    }
    let first = 2 + carries.len();
    for (k, x) in r.items.iter().enumerate() {
        bases.set(first + k, row(b, x, i));
    }
    for (k, o) in r.constants.iter().enumerate() {
        bases.set(first + r.items.len() + k, b.find(o));
    }
}

/// The carries of a loop that takes at most `trip` steps.
pub(super) struct Carries<'a> {
    pub(super) scan: &'a Scan<Operand>,
    pub(super) trip: usize,
}

impl Carries<'_> {
    /// The row of step t: reversed loops run from the last to the first.
    pub(super) fn row(&self, t: usize) -> usize {
        if self.scan.reverse { self.trip - 1 - t } else { t }
    }
    /// Where carry k lies before step t: in a row of the trajectory, or in its final place, or in its final place and a spare buffer by turns, so
    /// that the last step writes the final place.
    pub(super) fn at(&self, b: &Bases, k: usize, t: usize) -> Base {
        let last = b.find(&self.scan.finals[k]);
        match &self.scan.spare[k] {
            Buffer::Same => last,
            _ if t == self.trip => last,
            Buffer::Spare(o) if (self.trip - t) % 2 == 1 => b.find(o),
            Buffer::Spare(_) => last,
            Buffer::Trajectory(o) => {
                let bytes = last.range().len();
                b.find(o).part((self.row(t) * bytes) as isize, bytes)
            }
        }
    }
    /// Copies the state before step t to slot i.
    pub(super) fn keep(&self, b: &Bases, kept: &Keeps<Operand>, t: usize, i: usize) {
        let here = slot(b, kept, None, i);
        for (k, c) in kept.states.carries.iter().enumerate() {
            if let Some((from, bytes)) = c {
                here.part(*from as isize, *bytes).copy_from(self.at(b, k, t));
            }
        }
    }
    /// Ends the loop after `t` steps. It keeps the last state if the loop keeps states, copies carries to their final place, and zeroes the rows of
    /// steps that were not taken.
    pub(super) fn finish(&self, b: &Bases, t: usize) {
        let s = self.scan;
        if let (Some(kept), Some(last)) = (&s.keeps, t.checked_sub(1)) {
            self.keep(b, kept, last, kept.slots);
        }
        for k in 0..s.init.len() {
            if t < self.trip && !matches!(s.spare[k], Buffer::Same) {
                b.find(&s.finals[k]).copy_from(self.at(b, k, t));
            }
        }
        // The steps that were taken have rows lo..hi.
        let (lo, hi) = if s.reverse { (self.trip - t, self.trip) } else { (0, t) };
        let trajectories = s.spare.iter().filter_map(|x| if let Buffer::Trajectory(o) = x { Some(o) } else { None });
        for o in trajectories.chain(s.stacked.iter().map(|r| &r.whole)) {
            let whole = b.find(o);
            let row = whole.range().len() / s.at_most.max(1);
            whole.part(0, lo * row).clear();
            whole.part((hi * row) as isize, (s.at_most - hi) * row).clear();
        }
    }
}
