//! Operations without what only unread outputs need, each found once while a transform asks for it again and again.
//!
//! A loop asks its body which inputs it needs before and after it leaves something out, and so does every loop around it. Without a memory
//! of the answers, the work would double with each level of nesting.
use super::Op;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

/// An operation with fewer inputs and outputs.
#[derive(Debug)]
pub struct Pruned {
    /// What remains.
    pub op: Op,
    /// For each input, whether it is kept.
    pub inputs: Vec<bool>,
    /// For each output, whether it is kept.
    pub outputs: Vec<bool>,
}

/// Answers, by operation and by which outputs are read. Each holds its operation, so that no other can have its address.
type Answers = HashMap<(*const (), Vec<bool>), (Op, Arc<Option<Pruned>>)>;

thread_local! {
    /// How many questions are open on this thread, and the answers since the first of them.
    static OPEN: RefCell<(usize, Answers)> = RefCell::new((0, HashMap::new()));
}

/// Keeps the answers of [`pruned`] until it is dropped.
pub(crate) struct Remember;

impl Remember {
    pub(crate) fn new() -> Self {
        OPEN.with_borrow_mut(|open| open.0 += 1);
        Remember
    }
}

impl Drop for Remember {
    fn drop(&mut self) {
        let forgotten = OPEN.with_borrow_mut(|open| {
            open.0 -= 1;
            if open.0 == 0 { std::mem::take(&mut open.1) } else { HashMap::new() }
        });
        // Outside the borrow: a user's operation may do anything when it is dropped.
        drop(forgotten);
    }
}

/// What [`prune`](super::Operation::prune) of the operation says.
pub(crate) fn pruned(op: &Op, read: &[bool]) -> Arc<Option<Pruned>> {
    if op.bodies().is_empty() {
        return Arc::new(op.prune(read));
    }
    let _open = Remember::new();
    let key = (Arc::as_ptr(&op.0).cast(), read.to_vec());
    if let Some(known) = OPEN.with_borrow(|open| open.1.get(&key).map(|k| k.1.clone())) {
        return known;
    }
    let made = Arc::new(op.prune(read));
    OPEN.with_borrow_mut(|open| open.1.insert(key, (op.clone(), made.clone())));
    made
}
