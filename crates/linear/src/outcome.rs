//! What a solve gives: a solution, and how it was found.
use crate::system::Products;
use hypertape_autodiff::outcome::Status;
use ndarray::Array1;

/// The residual at which a solve stops: the larger of the two counts.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Tolerance {
    /// ‖b − A x‖/‖b‖, below 1.
    pub relative: f64,
    /// ‖b − A x‖.
    pub absolute: f64,
}

/// A solution, and how it was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Solved {
    /// x.
    pub x: Array1<f64>,
    /// How the solve ended. It is for the caller to look at: a residual above the tolerance is no error here.
    pub outcome: Outcome,
}

/// How a linear solve ended.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Outcome {
    /// Why it ended.
    pub status: Status,
    /// Iterations; terms of a series; 0 for a direct method.
    pub iterations: u64,
    /// ‖b − A x‖₂/‖b‖₂, computed from the x that is returned; 0 when b = 0. NaN where it is not known: see [`Status::Estimated`].
    pub residual: f64,
    /// ‖b − A x‖₂, NaN where it is not known.
    pub absolute: f64,
    /// What the residual was compared with: the tolerance, relative to ‖b‖, but not below what rounding leaves.
    pub tolerance: f64,
    /// The backward error ‖b − A x‖ / (‖A‖‖x‖ + ‖b‖), with the estimate of ‖A‖: some ε is what rounding leaves (Rigal and Gaches 1967).
    pub backward: f64,
    /// An estimate of ‖A‖₂ from below, where one is known.
    pub norm: Option<f64>,
    /// An estimate of the condition number ‖A‖‖A⁻¹‖ from below, where one is known: of A on the directions that were explored, or of the
    /// preconditioned operator.
    pub condition: Option<f64>,
    /// An estimate of the smallest singular value σ of A from above, up to rounding, in the units of A, where one is known: of A itself, also
    /// with a preconditioner. ‖x − A⁻¹b‖ ≤ ‖b − A x‖/σ holds for the exact σ, so what this gives for the error is an estimate from below.
    ///
    /// It is the least of ‖A v‖/‖v‖ (of vᵀA v/vᵀv for CG) over the space that was explored: of b for an iterative method, and of a pseudo-random vector too where a
    /// singular operator was looked for. By the factors of a direct method it is what inverse iteration finds; [`Svd`](crate::Svd) gives the smallest singular value that it
    /// does not count as 0. An estimate of 0 says that A is singular to rounding on that space.
    ///
    /// None of BiCGStab, Neumann, Anderson, Broyden and one step, nor of any method with a preconditioner, but by that second space.
    pub smallest: Option<f64>,
    /// Products that were made, by kind.
    pub products: Products,
    /// What else a reader should know: another sign, another method.
    pub remark: Option<&'static str>,
}

impl Outcome {
    /// Of b = 0.
    pub(crate) fn zero() -> Self {
        Outcome {
            status: Status::Converged,
            iterations: 0,
            residual: 0.0,
            absolute: 0.0,
            tolerance: 0.0,
            backward: 0.0,
            norm: None,
            condition: None,
            smallest: None,
            products: Products::default(),
            remark: None,
        }
    }
    /// Whether x is what was asked for, as far as rounding allows.
    #[must_use]
    pub fn converged(&self) -> bool {
        self.status.converged()
    }
}
