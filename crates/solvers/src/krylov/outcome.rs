//! How a linear solve ended.

/// Why a linear solve ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// The true residual is at or under the tolerance.
    Converged,
    /// It is above the tolerance, but as small as rounding allows: no iteration gets below.
    Rounding,
    /// It is above the tolerance, and does not become smaller, though rounding is not the reason.
    Stalled,
    /// It is above the tolerance after all iterations that were allowed.
    IterationLimit,
    /// The least-squares solution of minimum norm of a system that has no solution, where that was asked for.
    LeastSquares,
    /// The residual is as small as was asked for, but conditioning times residual says that x may be wrong by more than the accuracy.
    IllConditioned,
    /// The residual is as small as was asked for, but the operator is singular to rounding: other x have the same residual.
    Singular,
    /// The method cannot go on: a division by zero, which is named.
    Breakdown(&'static str),
    /// The residual grew without bound.
    Diverged,
    /// What is named is not finite.
    NotFinite(&'static str),
    /// The method needs a symmetric operator, and ⟨u, A v⟩ ≠ ⟨v, A u⟩.
    NotSymmetric,
    /// The method needs a definite operator, and met directions with ⟨d, A d⟩ of both signs, or 0.
    NegativeCurvature,
}

impl Status {
    /// In words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Status::Converged => "converged",
            Status::Rounding => "stalled at rounding",
            Status::Stalled => "stalled",
            Status::IterationLimit => "iteration limit",
            Status::LeastSquares => "least squares of minimum norm",
            Status::IllConditioned => "ill-conditioned: the residual is small, and the solution may still be wrong",
            Status::Singular => "singular: the solution is not determined",
            Status::Breakdown(what) | Status::NotFinite(what) => what,
            Status::Diverged => "diverged",
            Status::NotSymmetric => "the operator is not symmetric",
            Status::NegativeCurvature => "the operator is not positive definite, nor negative definite",
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
    /// The backward error ‖b − A x‖ / (‖A‖‖x‖ + ‖b‖), with the estimate of ‖A‖: some ε is what rounding leaves (Rigal and Gaches 1967).
    pub backward: f64,
    /// An estimate of ‖A‖₂ from below, where the method knows one.
    pub norm: Option<f64>,
    /// An estimate of the condition number ‖A‖₂‖A⁻¹‖₂ from below, where one is known: of A on the directions that were explored.
    pub condition: Option<f64>,
    /// What else a reader should know: another sign, another method.
    pub remark: Option<&'static str>,
    /// Why it ended.
    pub status: Status,
}

impl Outcome {
    /// Whether the residual is at or under the tolerance, and no more is known against x.
    #[must_use]
    pub fn converged(&self) -> bool {
        self.status == Status::Converged
    }
    /// Whether x is what was asked for, as far as rounding allows.
    #[must_use]
    pub fn solved(&self) -> bool {
        matches!(self.status, Status::Converged | Status::Rounding | Status::LeastSquares)
    }
}
