//! Recomputes the states of an earlier loop, one after the other, from the states that it kept (checkpoints).
use crate::plan::checkpoints::{Ledger, stride};
use crate::plan::code::Replay;
use hypertape_ir::error::Error;

/// Finds the slot that holds a state. The first slots are those of the loop's pool, and the last of them holds its last state. The player's own slots
/// follow.
#[derive(Debug)]
pub(super) struct Player {
    ledger: Ledger,
    /// Slots that may be overwritten with other states.
    mine: std::ops::Range<usize>,
    /// Slots for states between kept ones.
    passing: [usize; 2],
    /// The state that was asked for last, and its slot.
    here: Option<(usize, usize)>,
    /// Number of recomputed steps.
    pub(super) again: u64,
}

/// Recomputes a step. Arguments: the slot of the state before it, the slot for the state after it, and the number of the step.
pub(super) type Advance<'a> = &'a mut dyn FnMut(usize, usize, usize) -> Result<(), Error>;

impl Player {
    pub(super) fn new<O>(r: &Replay<O>) -> Self {
        let last = r.kept.slots;
        let (mine, passing) = if r.alone { (0..last, [last, last + 1]) } else { (last + 3..last + 3 + r.further, [last + 1, last + 2]) };
        Player { ledger: Ledger::new(r.kept.spacing, last, r.further), mine, passing, here: None, again: 0 }
    }
    /// Starts over, with the states that the loop kept in this many steps.
    pub(super) fn begin<O>(&mut self, r: &Replay<O>, steps: usize) {
        self.ledger.begin(steps);
        for t in 0..steps {
            self.ledger.offer(t);
        }
        if !r.alone {
            self.ledger.free.clear();
            self.ledger.free.extend(self.mine.clone());
        }
        self.here = if r.along { None } else { steps.checked_sub(1).map(|t| (t, r.kept.slots)) };
    }
    /// The slot that holds state t, for a loop that reads states from the first to the last.
    pub(super) fn next(&mut self, t: usize, advance: Advance<'_>) -> Result<usize, Error> {
        let (state, slot) = match self.here.or(self.ledger.kept.first().copied()) {
            Some((state, slot)) if state < t => (t, self.walk(state, slot, t, None, advance)?),
            Some(here) => here,
            None => (t, 0),
        };
        self.here = Some((state, slot));
        Ok(slot)
    }
    /// The slot that holds state t, for a loop that reads states from the last to the first.
    pub(super) fn previous(&mut self, t: usize, advance: Advance<'_>) -> Result<usize, Error> {
        if let Some((_, slot)) = self.here.filter(|h| h.0 == t) {
            return Ok(slot);
        }
        while let Some((_, slot)) = self.ledger.kept.pop_if(|k| k.0 > t) {
            if self.mine.contains(&slot) {
                self.ledger.free.push(slot);
            }
        }
        // The state at the start is always kept.
        let (mut state, mut slot) = self.ledger.kept.last().copied().unwrap_or((t, 0));
        while state < t {
            let (to, into) = match self.ledger.free.pop() {
                Some(into) => (state + stride(t - state + 1, self.ledger.free.len() + 2), Some(into)),
                None => (t, None),
            };
            slot = self.walk(state, slot, to, into, advance)?;
            state = to;
            self.ledger.kept.extend(into.map(|i| (state, i)));
        }
        self.here = Some((t, slot));
        Ok(slot)
    }
    /// Recomputes the steps from one state to a later one, and returns the slot of the later state: `into` if given.
    fn walk(&mut self, from: usize, mut slot: usize, to: usize, into: Option<usize>, advance: Advance<'_>) -> Result<usize, Error> {
        for t in from..to {
            let other = self.passing[usize::from(slot == self.passing[0])];
            let next = into.filter(|_| t + 1 == to).unwrap_or(other);
            advance(slot, next, t)?;
            self.again += 1;
            slot = next;
        }
        Ok(slot)
    }
}
