//! Two halves of a piece of work: at the same time if there are threads for it.

/// Whether there is more than one thread.
pub(crate) fn threads() -> bool {
    rayon::current_num_threads() > 1
}

/// Runs both and gives both results. Without a second thread nothing is handed over, which would cost microseconds.
pub(crate) fn both<A: Send, B: Send>(a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
    if threads() { rayon::join(a, b) } else { (a(), b()) }
}
