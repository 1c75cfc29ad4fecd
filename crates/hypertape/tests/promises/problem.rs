//! Softmax regression on the digits: 640 weights, one log-penalty for each, gradient descent, and the validation loss.
use hypertape::prelude::*;
use hypertape_testkit::problems::digits::{self, CLASSES, FEATURES};
use ndarray::{ArcArray2, Array2};

/// Number of weights, and of penalties.
pub(crate) const WEIGHTS: usize = FEATURES * CLASSES;

pub(crate) struct Problem {
    pub(crate) x: ArcArray2<f64>,
    pub(crate) inner: Function<(Leaf, Leaf), Leaf>,
    pub(crate) descent: GradientDescent<Objective<Leaf, Leaf>>,
    validation: [ArcArray2<f64>; 2],
}

pub(crate) fn weights() -> Leaf {
    shape![FEATURES, CLASSES]
}

pub(crate) fn penalties() -> Array2<f64> {
    digits::log_penalty()
}

fn cross_entropy(scores: Var, labels: Var) -> Var {
    (scores.logsumexp_axis(1) - (scores * labels).sum_axis(1)).mean()
}

impl Problem {
    pub(crate) fn new() -> Self {
        let data = digits::data();
        let step = data.step_size();
        let (x, y) = (data.train.x.into_shared(), data.train.y.into_shared());
        let inner = Function::record((weights(), weights()), |(w, penalty)| {
            cross_entropy(constant(&x).dot(w), constant(&y)) + 0.5 * (penalty.exp() * w.square()).sum()
        })
        .unwrap();
        let descent = GradientDescent::new(&inner).step_size(step);
        Problem { x, inner, descent, validation: [data.validation.x.into_shared(), data.validation.y.into_shared()] }
    }
    pub(crate) fn validation_loss(&self, w: Var) -> Var {
        let [x, y] = &self.validation;
        cross_entropy(constant(x).dot(w), constant(y))
    }
    /// The validation loss of what a solver finds from 0, as a function of the penalties.
    pub(crate) fn outer(&self, solver: &dyn Inner<Leaf, Leaf>) -> Function<Leaf, Leaf> {
        Function::record(weights(), |penalty| self.validation_loss(solver.solve(zeros(weights()), penalty))).unwrap()
    }
    /// K steps, differentiated by the implicit function theorem at the iterate that they reach.
    pub(crate) fn implicit(&self, k: usize, adjoint: impl LinearSolver) -> implicit::Implicit<GradientDescent<Objective<Leaf, Leaf>>> {
        self.descent.clone().tolerance(0.0).max_iterations(k).implicit(adjoint).on_residual(OnResidual::Warn)
    }
}
