//! How often the equation of a problem was evaluated by what differentiates its solution.
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Evaluations of an equation, and products with its derivative by the unknown, in implicit derivatives and certificates: those that form the matrix of a direct solver, and those that
/// look at a solution, are among them. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Counter(Arc<[AtomicU64; 2]>);

impl Counter {
    /// Counts an evaluation.
    pub fn evaluated(&self) {
        self.0[0].fetch_add(1, Ordering::Relaxed);
    }
    /// Counts a product.
    pub fn multiplied(&self) {
        self.0[1].fetch_add(1, Ordering::Relaxed);
    }
    /// Evaluations so far.
    #[must_use]
    pub fn evaluations(&self) -> u64 {
        self.0[0].load(Ordering::Relaxed)
    }
    /// Products so far, of either side; those on an active set or with a mini-batch count as one.
    #[must_use]
    pub fn products(&self) -> u64 {
        self.0[1].load(Ordering::Relaxed)
    }
}
