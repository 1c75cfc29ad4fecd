//! Runs two halves of a piece of work, at the same time if there is more than one thread.

/// Whether there is more than one thread.
pub(crate) fn threads() -> bool {
    rayon::current_num_threads() > 1
}

/// Runs both and returns both results. With a single thread it calls one after the other, since handing work over costs microseconds.
pub(crate) fn both<A: Send, B: Send>(a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
    if threads() { rayon::join(a, b) } else { (a(), b()) }
}
