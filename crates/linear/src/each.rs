//! Batches of independent systems: solved on all threads, each with a result of its own.
use crate::operator::{Operator, Side};
use crate::outcome::Solved;
use crate::solver::{Hints, LinearSolver, tolerance};
use crate::workspace::Workspace;
use hypertape_autodiff::Error;
use hypertape_autodiff::outcome::Failed;
use rayon::prelude::*;

/// Stretches of systems that each thread takes, so that one with dear systems does not hold up the others.
const STRETCHES: usize = 4;

/// The solutions of independent systems A x = b, each with its own operator and right-hand side, of any sizes: on as many threads as there are,
/// in the order of the systems, the same for any
/// number of threads. Systems of one size that follow one another share a workspace.
pub(crate) fn solve_each<A, B>(solver: &dyn LinearSolver, systems: &mut [(A, B)]) -> Vec<Result<Solved, Error>>
where
    A: Operator + Send,
    B: AsRef<[f64]> + Send,
{
    let each = systems.len().div_ceil(STRETCHES * rayon::current_num_threads()).max(1);
    let stretch = |(part, systems): (usize, &mut [(A, B)])| -> Vec<Result<Solved, Error>> {
        let mut kept = None;
        let solved = systems.iter_mut().map(|(a, b)| one(solver, &mut kept, a, b.as_ref()));
        let named = solved.enumerate().map(|(i, s)| s.map_err(|e| Error::from(e).within_one("system", (part * each + i) as u64)));
        named.collect()
    };
    systems.par_chunks_mut(each).enumerate().flat_map_iter(stretch).collect()
}

/// One system, in the workspace that was kept where it has the size.
fn one(solver: &dyn LinearSolver, kept: &mut Option<(usize, Workspace)>, a: &mut dyn Operator, b: &[f64]) -> Result<Solved, Failed> {
    let n = a.len();
    let tolerance = tolerance(solver)?;
    let mut workspace = match kept.take() {
        Some((size, workspace)) if size == n => workspace,
        _ => Workspace::new(solver, n),
    };
    let mut x = vec![0.0; n];
    let ready = workspace.prepare(a, &Hints::default());
    let made = ready.and_then(|()| workspace.solve(a, Side::Plain, b, &mut x, tolerance));
    *kept = Some((n, workspace));
    Ok(Solved { x: x.into(), outcome: made? })
}
