//! The frame under construction: the items of a block, and the memory that they get.
use super::demand::Demand;
use super::schedule::Schedule;

/// A stretch of the frame: `bytes` from byte `at` on. It is in use from item `from` to item `to`, both included.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    pub(crate) bytes: usize,
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) at: usize,
}

/// The slots of roots, then one slot of scratch for each item.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    pub(crate) slots: Vec<Slot>,
    /// For each root, its slot.
    pub(crate) of: Vec<Option<usize>>,
    /// For each root, whether it overwrites an operand of the item that makes it.
    pub(crate) over: Vec<bool>,
    pub(crate) bytes: usize,
}

/// The items of a block, and what is decided of their memory so far.
pub(crate) struct Frame {
    pub(crate) schedule: Schedule,
    /// In the body of a loop: for each carry, whether its new value may be written over the old one. The first outputs are the new values of the
    /// carries, and the inputs after the first are the old values.
    pub(crate) may_replace: Vec<bool>,
    /// For each item, the bytes of its scratch.
    pub(crate) scratch: Vec<usize>,
    /// For each root, the last item that touches it.
    pub(crate) last: Vec<usize>,
    pub(crate) slots: Slots,
    /// The operation that needs the most bytes of the frame.
    pub(crate) most: Demand,
    /// For each carry, whether its new value is written over the old one.
    pub(crate) replaces: Vec<bool>,
}

impl Frame {
    pub(crate) fn new(schedule: Schedule, may_replace: &[bool]) -> Self {
        let may_replace = may_replace.to_vec();
        Frame { schedule, may_replace, scratch: vec![], last: vec![], slots: Slots::default(), most: Demand::default(), replaces: vec![] }
    }
}
