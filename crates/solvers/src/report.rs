//! What a solve returns.
use hypertape_autodiff::operation::Report;
use hypertape_autodiff::outcome::Status;
use hypertape_autodiff::tree::Structure;

/// A solution, and how it was found.
#[derive(Debug, Clone)]
pub struct Solved<S: Structure> {
    /// The solution.
    pub solution: S::Arrays,
    /// Iterations, the stopping measure at the solution, and whether it is at or under the tolerance.
    pub report: Report,
}

/// How a loop ended: a [`Report`] without a name, which costs no allocation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ended {
    /// Iterations made.
    pub iterations: u64,
    /// The stopping measure at the solution.
    pub residual: f64,
    /// What it was compared with.
    pub tolerance: f64,
    /// Whether the residual is at or under the tolerance.
    pub converged: bool,
    /// Converged, at the iteration limit, stalled (the stopping measure no longer falls: rounding or a kink keeps it up, and more iterations do not
    /// help), or diverged.
    pub status: Status,
}

impl Ended {
    /// From what the loop counted: its turns, whether the last one was undone, the numbers at the solution, and whether it stalled.
    pub(crate) fn new(turns: u32, [undone, residual, tolerance, stalled]: [f64; 4]) -> Self {
        let converged = residual <= tolerance;
        let status = match (converged, residual.is_finite()) {
            (true, _) => Status::Converged,
            (_, true) if stalled != 0.0 => Status::Stalled,
            (_, true) => Status::IterationLimit,
            _ => Status::Diverged,
        };
        let iterations = u64::from(turns).saturating_sub(u64::from(undone != 0.0));
        Ended { iterations, residual, tolerance, converged, status }
    }
    /// With the name of the method.
    #[must_use]
    pub fn report(self, name: &'static str) -> Report {
        let Ended { iterations, residual, tolerance, converged, status } = self;
        Report {
            name: name.into(),
            iterations: Some(iterations),
            residual,
            tolerance,
            converged,
            status,
            active: None,
            pairs: None,
            remark: None,
        }
    }
}
