//! Mini-batch gradient descent with momentum.
use super::gradient_descent::descend;
use crate::handles::{norm, setting};
use crate::limits::{Limits, one_number};
use crate::method::Method;
use crate::objective::limits;
use crate::step::Step;
use hypertape_autodiff::array::Real;
use hypertape_autodiff::ops::require::Condition;
use hypertape_autodiff::record::{self, DynVar, Scalar, Var, zeros_like};
use hypertape_autodiff::tree::{Leaf, Own, Structure, V, Vars};
use hypertape_autodiff::{Error, Function, Result, Site};

/// Mini-batch gradient descent with momentum: m ← β m + ∇f(z, p, batch), z ← z − η m (Robbins and Monro 1951; Polyak 1964).
///
/// Optimality map: none. The fixed point depends on the batches; differentiate a method on the whole data implicitly instead.
/// Stopping measure: ‖m‖, the length of the last step over η; at the start, where there is none yet, the largest number.
/// The objective has a third input, the batch: give [`solve_over`](crate::Solve::solve_over) the batches by their leading axis.
#[derive(Debug, Clone)]
pub struct Sgd<S: Structure, P: Structure, E: Structure> {
    gradient: Function<(S, P, E), S>,
    step: Step,
    momentum: Scalar,
    limits: Limits,
}

impl<S: Structure, P: Structure, E: Structure> Sgd<S, P, E> {
    /// Of an objective of (z, parameters, batch), with step size 1 and no momentum.
    #[must_use]
    #[track_caller]
    pub fn new<T: Real>(objective: &Function<(S, P, E), Leaf<T>>) -> Self {
        let gradient = objective.wrt(|(z, _, _)| z).gradient();
        Sgd { gradient, step: Step::from(1.0), momentum: Scalar::Value(0.0), limits: Limits::default() }
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

impl<S: Structure, P: Structure, E: Structure> Method for Sgd<S, P, E> {
    type Solution = S;
    type Params = P;
    type Each = E;
    type State = (S, S, Leaf<f64>);
    fn name(&self) -> &'static str {
        "stochastic gradient descent"
    }
    fn shapes(&self) -> Result<(S, P, E)> {
        self.gradient.program().map(|_| self.gradient.inputs().clone())
    }
    fn start(&self, z: V<S>, _: &V<P>) -> V<Self::State> {
        let m = zeros_like(&z);
        (z, m, record::scalar(f64::MAX))
    }
    fn step(&self, (z, m, _): V<Self::State>, p: &V<P>, batch: V<E>, k: Var<u32>) -> V<Self::State> {
        let g = self.gradient.call(Own::<(S, P, E)>((z.clone(), p.clone(), batch)));
        let m = g.add_scaled(setting(self.name(), "momentum", self.momentum, Condition::Fraction), &m);
        (descend(&z, self.step.now(k), &m), m.clone(), norm(&m))
    }
    fn solution(&self, (z, ..): &V<Self::State>) -> V<S> {
        z.clone()
    }
    #[track_caller]
    fn optimality(&self, z: &V<S>, _: &V<P>) -> V<S> {
        let problem = "its fixed point depends on the batches, so it has no optimality map; differentiate a method on the whole data implicitly, such as \
                       gradient descent, or unroll this one";
        record::fail(Error::new(self.name(), problem).at(Site::caller()));
        z.clone()
    }
    fn stopping(&self, (_, _, measure): &V<Self::State>, _: &V<P>) -> DynVar {
        measure.to_dyn()
    }
    fn check(&self, steps: Option<usize>) -> Result<(), String> {
        if let Scalar::Value(b) = self.momentum
            && !(0.0..1.0).contains(&b)
        {
            return Err(format!("the momentum is {b}; give a number from 0 to below 1, or a variable"));
        }
        if let Scalar::Var(b) = self.momentum {
            one_number("the momentum", b)?;
        }
        self.step.check("step size", steps)
    }
    limits!();
}
