//! What a solve returns.
use hypertape_autodiff::operation::Report;
use hypertape_autodiff::tree::Structure;

/// A solution, and how it was found.
#[derive(Debug, Clone)]
pub struct Solved<S: Structure> {
    /// The solution.
    pub solution: S::Arrays,
    /// Iterations, the stopping measure at the solution, and whether it is at or under the tolerance.
    pub report: Report,
}

/// The report of a loop that ended; the status says "converged" or "iteration limit".
pub(crate) fn report(name: &str, steps: u32, undone: f64, residual: f64, tolerance: f64) -> Report {
    let converged = residual <= tolerance;
    let status = match (converged, residual.is_finite()) {
        (true, _) => "converged",
        (_, true) => "iteration limit",
        _ => "diverged (not finite)",
    };
    let iterations = u64::from(steps).saturating_sub(u64::from(undone != 0.0));
    Report { name: name.into(), iterations, residual, tolerance, converged, status }
}
