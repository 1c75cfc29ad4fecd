//! Proximal gradient descent.
use super::{alike, holds_its_problem};
use crate::handles::{double, norm};
use crate::limits::Limits;
use crate::method::Method;
use crate::problem::{AsProblem, Proximal, Scale, proximal_step};
use crate::step::Step;
use hypertape_autodiff::ErrorKind;
use hypertape_autodiff::record::{DynVar, Scalar, Var};
use hypertape_autodiff::tree::{V, Vars};

/// Proximal gradient descent z ← prox_{ηg}(z − η ∇f(z, p), p), for min f + g: ISTA (Daubechies, Defrise and De Mol 2004; Combettes and Wajs 2005).
///
/// Stopping measure: ‖z − prox_{ηg}(z − η ∇f(z, p), p)‖/η, with the step of the first iteration.
/// It converges for a gradient of f that is L-Lipschitz and η < 2/L.
///
/// ```
/// use hypertape_autodiff::{Function, shape};
/// use hypertape_solvers::{Composite, Ista, Solve, prox};
/// let fit = Function::record((shape![2], shape![]), |(z, _)| 0.5 * (z - 1.0).dot(z - 1.0))?;
/// let lasso = Composite::new(&fit, prox::l1::<hypertape_autodiff::tree::Leaf, _>(|lambda| *lambda));
/// assert_eq!(Ista::new(&lasso).solve(&ndarray::arr1(&[0.0, 0.0]), 0.25)?.solution[[0]], 0.75);
/// # Ok::<(), hypertape_autodiff::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Ista<Q> {
    problem: Q,
    step: Step,
    limits: Limits,
}

impl<Q: Proximal> Ista<Q> {
    /// Of a smooth term and one with a proximal operator, such as a [`Composite`](crate::Composite), with step size 1.
    #[must_use]
    #[track_caller]
    pub fn new(problem: &impl AsProblem<Problem = Q>) -> Self {
        Ista { problem: problem.problem(), step: Step::from(1.0), limits: Limits::default() }
    }
    /// η: a number, a variable, one an iteration, or a rule.
    #[must_use]
    pub fn step_size(mut self, step: impl Into<Step>) -> Self {
        self.step = step.into();
        self
    }
    #[track_caller]
    fn next(&self, z: &V<Q::Unknown>, p: &V<Q::Params>, step: Scalar) -> V<Q::Unknown> {
        proximal_step(&self.problem, z, p, step)
    }
}

impl<Q: Proximal> Method for Ista<Q> {
    type Problem = Q;
    alike!();
    type State = Q::Unknown;
    holds_its_problem!("ISTA");
    fn start(&self, z: V<Q::Unknown>, _: &V<Q::Params>) -> V<Q::Unknown> {
        z
    }
    fn step(&self, z: V<Q::Unknown>, p: &V<Q::Params>, (): (), k: Var<u32>) -> V<Q::Unknown> {
        self.next(&z, p, self.step.now(k))
    }
    fn unknown(&self, z: &V<Q::Unknown>, _: &V<Q::Params>) -> V<Q::Unknown> {
        z.clone()
    }
    fn stopping(&self, z: &V<Q::Unknown>, p: &V<Q::Params>) -> DynVar {
        (norm(&z.minus(&self.next(z, p, self.step.first()))) / double(self.step.first())).to_dyn()
    }
    fn check(&self, steps: Option<usize>) -> Result<(), ErrorKind> {
        self.step.check("step size", steps)
    }
    fn scale(&self) -> Scale {
        Scale { primal: self.step.first(), ..Scale::default() }
    }
    fn map(&self, z: &V<Q::Unknown>, p: &V<Q::Params>) -> Option<V<Q::Unknown>> {
        Some(self.next(z, p, self.step.first()))
    }
}
