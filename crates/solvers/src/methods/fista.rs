//! Accelerated proximal gradient descent.
use super::{alike, holds_its_problem};
use crate::handles::{double, norm};
use crate::limits::Limits;
use crate::method::Method;
use crate::problem::{AsProblem, Proximal, Scale, proximal_step};
use crate::step::Step;
use hypertape_autodiff::ErrorKind;
use hypertape_autodiff::record::{DynVar, Var, scalar};
use hypertape_autodiff::tree::{Leaf, V, Vars};

/// Accelerated proximal gradient descent, FISTA (Beck and Teboulle 2009), for min f + g:
/// x⁺ = prox_{ηg}(y − η ∇f(y)), t⁺ = (1 + √(1 + 4t²))/2, y⁺ = x⁺ + (t − 1)/t⁺ (x⁺ − x).
///
/// Stopping measure: (‖y − prox_{ηg}(y − η ∇f(y))‖ + 2‖x − y‖)/η with the step of the first iteration, which bounds
/// ‖x − prox_{ηg}(x − η ∇f(x))‖/η and needs no gradient but the step's own.
/// It converges for a gradient of f that is L-Lipschitz and η ≤ 1/L.
///
/// ```
/// use hypertape_autodiff::{Function, shape};
/// use hypertape_solvers::{Composite, Fista, Solve};
/// let fit = Function::record((shape![2], shape![]), |(z, _)| 0.5 * (z - 1.0).dot(z - 1.0))?;
/// let clipped = Fista::new(&Composite::with(&fit, |v, _step, most| v.min(*most)));
/// assert_eq!(clipped.solve(&ndarray::arr1(&[0.0, 0.0]), 0.25)?.solution[[0]], 0.25);
/// # Ok::<(), hypertape_autodiff::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Fista<Q> {
    problem: Q,
    step: Step,
    limits: Limits,
}

impl<Q: Proximal> Fista<Q> {
    /// Of a smooth term and one with a proximal operator, such as a [`Composite`](crate::Composite), with step size 1.
    #[must_use]
    #[track_caller]
    pub fn new(problem: &impl AsProblem<Problem = Q>) -> Self {
        Fista { problem: problem.problem(), step: Step::from(1.0), limits: Limits::default() }
    }
    /// η: a number, a variable, one an iteration, or a rule.
    #[must_use]
    pub fn step_size(mut self, step: impl Into<Step>) -> Self {
        self.step = step.into();
        self
    }
}

impl<Q: Proximal> Method for Fista<Q> {
    type Problem = Q;
    alike!();
    type State = (Q::Unknown, Q::Unknown, Leaf<f64>);
    holds_its_problem!("FISTA");
    fn start(&self, z: V<Q::Unknown>, _: &V<Q::Params>) -> V<Self::State> {
        (z.clone(), z, scalar(1.0))
    }
    fn step(&self, (x, y, t): V<Self::State>, p: &V<Q::Params>, (): (), k: Var<u32>) -> V<Self::State> {
        let next = proximal_step(&self.problem, &y, p, self.step.now(k));
        let u = 0.5 * (1.0 + (1.0 + 4.0 * (t * t)).sqrt());
        let ahead = next.add_scaled((t - 1.0) / u, &next.minus(&x));
        (next, ahead, u)
    }
    fn unknown(&self, (x, ..): &V<Self::State>, _: &V<Q::Params>) -> V<Q::Unknown> {
        x.clone()
    }
    fn stopping(&self, (x, y, _): &V<Self::State>, p: &V<Q::Params>) -> DynVar {
        let step = self.step.first();
        let moved = y.minus(&proximal_step(&self.problem, y, p, step));
        ((norm(&moved) + 2.0 * norm(&x.minus(y))) / double(step)).to_dyn()
    }
    fn check(&self, steps: Option<usize>) -> Result<(), ErrorKind> {
        self.step.check("step size", steps)
    }
    fn scale(&self) -> Scale {
        Scale { primal: self.step.first(), ..Scale::default() }
    }
    /// The proximal step without momentum.
    fn map(&self, z: &V<Q::Unknown>, p: &V<Q::Params>) -> Option<V<Q::Unknown>> {
        Some(proximal_step(&self.problem, z, p, self.step.first()))
    }
}
