//! Pools of one and of two threads, for each thread that checks.
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::rc::Rc;

thread_local! {
    static POOLS: [Rc<ThreadPool>; 2] = [1, 2].map(|n| {
        Rc::new(ThreadPoolBuilder::new().num_threads(n).build().expect("a pool of two threads can be made"))
    });
}

/// One thread.
pub(super) fn one() -> Rc<ThreadPool> {
    POOLS.with(|p| p[0].clone())
}

/// Two threads.
pub(super) fn two() -> Rc<ThreadPool> {
    POOLS.with(|p| p[1].clone())
}
