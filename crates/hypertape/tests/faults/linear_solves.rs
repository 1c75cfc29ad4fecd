//! Solves of linear systems, for the files that look at them directly.
use hypertape::linear::{Failed, Hints, LinearSolver, Operator, Outcome, Side, Tolerance, Workspace};

/// How a solve from the x given ended; x is what it left.
pub(crate) fn solve(s: &dyn LinearSolver, a: &mut dyn Operator, b: &[f64], x: &mut [f64], relative: f64) -> Result<Outcome, Failed> {
    let mut w = Workspace::new(s, b.len());
    w.prepare(a, &Hints { step: Some(1.0) })?;
    w.solve(a, Side::Plain, b, x, Tolerance { relative, absolute: s.stop().absolute })
}

/// Whether x is what was asked for.
pub(crate) fn solved(o: &Result<Outcome, Failed>) -> bool {
    o.as_ref().is_ok_and(Outcome::converged)
}

/// The condition number, where one is known.
pub(crate) fn condition(o: &Result<Outcome, Failed>) -> Option<f64> {
    match o {
        Ok(o) => o.condition,
        Err(Failed::Singular { at, .. } | Failed::Breakdown { at, .. } | Failed::Diverged { at, .. } | Failed::NotConverged { at, .. }) => {
            at.condition
        }
        Err(_) => None,
    }
}
