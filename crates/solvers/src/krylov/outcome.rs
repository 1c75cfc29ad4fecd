//! How a linear solve ended.

/// Why a linear solve ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// The true residual is at or under the tolerance.
    Converged,
    /// It is not, after all iterations that were allowed.
    IterationLimit,
    /// The method cannot go on: a division by zero, which is named.
    Breakdown(&'static str),
    /// The residual grew without bound, or is not finite.
    Diverged,
    /// The method needs a symmetric operator, and ⟨u, A v⟩ ≠ ⟨v, A u⟩.
    NotSymmetric,
    /// The method needs a positive definite operator, and met a direction with ⟨d, A d⟩ ≤ 0.
    NegativeCurvature,
}

impl Status {
    /// In words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Status::Converged => "converged",
            Status::IterationLimit => "iteration limit",
            Status::Breakdown(what) => what,
            Status::Diverged => "diverged",
            Status::NotSymmetric => "the operator is not symmetric",
            Status::NegativeCurvature => "the operator is not positive definite",
        }
    }
}

/// How a linear solve ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// Iterations; terms of a series.
    pub iterations: usize,
    /// ‖b − A x‖₂, computed from the x that is returned.
    pub residual: f64,
    /// The residual over ‖b‖₂; the residual itself when b = 0.
    pub relative: f64,
    /// Why it ended.
    pub status: Status,
}

impl Outcome {
    /// Whether the residual is at or under the tolerance.
    #[must_use]
    pub fn converged(&self) -> bool {
        self.status == Status::Converged
    }
}
