//! Mini-batch gradient descent with momentum.
use super::gradient_descent::descend;
use super::holds_its_problem;
use crate::handles::{norm, setting};
use crate::limits::{Limits, one_number};
use crate::method::Method;
use crate::problem::{AsProblem, Sampling, asked};
use crate::step::Step;
use hypertape_autodiff::ErrorKind;
use hypertape_autodiff::Result;
use hypertape_autodiff::ops::require::Condition;
use hypertape_autodiff::record::{self, DynVar, Scalar, Var, zeros_like};
use hypertape_autodiff::tree::{Leaf, V, Vars};

/// Mini-batch gradient descent with momentum: m ← β m + ∇f(z, p, batch), z ← z − η m (Robbins and Monro 1951; Polyak 1964).
///
/// Its fixed point depends on the batches: it is differentiated implicitly where the whole objective is given, `Sampled::new(&f).whole(&g)`.
/// Stopping measure: ‖m‖, the length of the last step over η; at the start, where there is none yet, the largest number.
/// The objective has a third input, the batch: give [`solve_over`](crate::Solve::solve_over) the batches by their leading axis.
#[derive(Debug, Clone)]
pub struct Sgd<Q> {
    problem: Q,
    step: Step,
    momentum: Scalar,
    limits: Limits,
}

impl<Q: Sampling> Sgd<Q> {
    /// Of an objective of (z, parameters, batch), with step size 1 and no momentum.
    #[must_use]
    #[track_caller]
    pub fn new(problem: &impl AsProblem<Problem = Q>) -> Self {
        Sgd { problem: problem.problem(), step: Step::from(1.0), momentum: Scalar::Value(0.0), limits: Limits::default() }
    }
    /// η: a number, a variable, one an iteration, or a rule.
    #[must_use]
    pub fn step_size(mut self, step: impl Into<Step>) -> Self {
        self.step = step.into();
        self
    }
    /// β: a number or a variable.
    #[must_use]
    pub fn momentum(mut self, momentum: impl Into<Scalar>) -> Self {
        self.momentum = momentum.into();
        self
    }
}

impl<Q: Sampling> Method for Sgd<Q> {
    type Problem = Q;
    type Each = Q::Batch;
    type State = (Q::Unknown, Q::Unknown, Leaf<f64>);
    holds_its_problem!("stochastic gradient descent");
    fn each(&self) -> Result<Q::Batch> {
        self.problem.batch()
    }
    fn start(&self, z: V<Q::Unknown>, _: &V<Q::Params>) -> V<Self::State> {
        let m = zeros_like(&z);
        (z, m, record::scalar(f64::MAX))
    }
    fn step(&self, (z, m, _): V<Self::State>, p: &V<Q::Params>, batch: V<Q::Batch>, k: Var<u32>) -> V<Self::State> {
        let g = asked::sampled_gradient(&self.problem, &z, p, batch);
        let m = g.add_scaled(setting(self.name(), "momentum", self.momentum, Condition::Fraction), &m);
        (descend(&z, self.step.now(k), &m), m.clone(), norm(&m))
    }
    fn unknown(&self, (z, ..): &V<Self::State>, _: &V<Q::Params>) -> V<Q::Unknown> {
        z.clone()
    }
    fn stopping(&self, (_, _, measure): &V<Self::State>, _: &V<Q::Params>) -> DynVar {
        measure.to_dyn()
    }
    fn check(&self, steps: Option<usize>) -> Result<(), ErrorKind> {
        if let Scalar::Value(b) = self.momentum
            && !(0.0..1.0).contains(&b)
        {
            return Err(ErrorKind::setting("momentum", b, "give a number from 0 to below 1, or a variable"));
        }
        if let Scalar::Var(b) = self.momentum {
            one_number("the momentum", b)?;
        }
        self.step.check("step size", steps)
    }
}
