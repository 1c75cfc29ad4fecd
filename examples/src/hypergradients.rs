//! Every way to differentiate K steps of gradient descent on the softmax regression, measured against the exact hypergradient.
use crate::softmax_regression::{LOG_PENALTY, SoftmaxRegression, single, weights};
use hypertape::Result;
use hypertape::prelude::*;
use hypertape_testkit::allocations::Counting;
use ndarray::ArrayD;

/// A solver with a way to differentiate it.
pub type Way = Box<dyn Inner<Leaf, Leaf>>;

/// Bytes of an iterate: 64 weights for each of 10 digits.
const ITERATE: u64 = 64 * 10 * 8;

/// Every way to differentiate K steps of gradient descent.
#[must_use]
pub fn ways(problem: &SoftmaxRegression, k: usize) -> Vec<(&'static str, Way)> {
    let descent = GradientDescent::new(&problem.inner).step_size(problem.step_size);
    let unrolled = |keep| Box::new(descent.unroll(k).keep(keep)) as Way;
    // K steps and no more: that the iterate is not the solution is what the comparison is about, so it is accepted and reported.
    let stopped = descent.clone().tolerance(0.0).max_iterations(k);
    fn implicit(method: &GradientDescent<Objective<Leaf, Leaf>>, adjoint: impl LinearSolver) -> Way {
        Box::new(method.implicit(adjoint).on_residual(OnResidual::Warn))
    }
    vec![
        ("unrolled, every iterate", unrolled(Keep::All)),
        ("unrolled, √K iterates", unrolled(Keep::Sqrt)),
        ("unrolled, 16 iterates", unrolled(Keep::Bytes(16 * ITERATE))),
        ("unrolled, last K/10 steps", unrolled(Keep::Last(k / 10))),
        ("implicit, CG", implicit(&stopped, Cg::default())),
        ("implicit, GMRES", implicit(&stopped, Gmres::default())),
        ("implicit, Neumann, K terms", implicit(&stopped, Neumann::terms(k))),
        ("implicit, one step", implicit(&stopped, OneStep::default())),
        ("implicit, dense Cholesky", implicit(&stopped, Cholesky)),
    ]
}

/// The hypergradient of the validation loss, by Newton's method to 10⁻¹² and a dense Cholesky solve.
///
/// # Errors
/// When the problem cannot be recorded or solved.
pub fn exact(problem: &SoftmaxRegression) -> Result<ArrayD<f64>> {
    let f = Function::record(weights(), |log_penalty| {
        let solver = NewtonCg::new(&problem.inner).tolerance(1e-12).implicit(Cholesky);
        problem.validation_loss(solver.solve(zeros(weights()), log_penalty))
    })?;
    f.gradient(&single(LOG_PENALTY))
}

/// What the allocator counts, as comparisons ask for it.
struct Allocated(&'static Counting);
impl Meter for Allocated {
    fn live(&self) -> u64 {
        self.0.live() as u64
    }
    fn peak(&self) -> u64 {
        self.0.peak() as u64
    }
    fn reset_peak(&self) {
        self.0.reset_peak();
    }
}

/// One way, measured so often; not run where its plan needs more than `limit` bytes.
///
/// # Errors
/// When the way cannot be recorded.
pub fn measured(
    problem: &SoftmaxRegression,
    way: &dyn Inner<Leaf, Leaf>,
    exact: &ArrayD<f64>,
    memory: &'static Counting,
    limit: u64,
    repeats: usize,
) -> Result<Row> {
    let memory = Allocated(memory);
    let compare = Compare::default().reference::<Leaf>(exact).meter(&memory).limit(limit).repeats(repeats);
    compare.one(way, weights(), &single(LOG_PENALTY), |inner, penalty| problem.validation_loss(inner.solve(zeros(weights()), penalty)))
}
