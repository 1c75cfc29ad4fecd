//! Promises that can be counted: bytes, allocations of a replay, and readings of the data, at the sizes of real problems.
mod auxiliary;
mod batches;
mod bytes;
mod planned_once;
mod problem;
mod products;
mod replays;

use hypertape_testkit::allocations::Counting;
use std::sync::{Mutex, MutexGuard, PoisonError};

#[global_allocator]
static MEMORY: Counting = Counting::new();

/// One test at a time: the allocator sees all threads.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}
