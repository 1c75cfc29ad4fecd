//! Accelerated proximal gradient descent.
use super::ista::proximal_step;
use crate::handles::{double, norm};
use crate::limits::Limits;
use crate::method::Method;
use crate::objective::{Derivatives, Objective, limits};
use crate::prox::{Prox, of};
use crate::step::Step;
use hypertape_autodiff::Result;
use hypertape_autodiff::array::Real;
use hypertape_autodiff::record::{DynVar, Var, scalar};
use hypertape_autodiff::tree::{Leaf, Structure, V, Vars};
use std::rc::Rc;

/// Accelerated proximal gradient descent, FISTA (Beck and Teboulle 2009), for min f + g:
/// x⁺ = prox_{ηg}(y − η ∇f(y)), t⁺ = (1 + √(1 + 4t²))/2, y⁺ = x⁺ + (t − 1)/t⁺ (x⁺ − x).
///
/// Optimality map: z − prox_{ηg}(z − η ∇f(z, p), p), with the step of the first iteration. Stopping measure:
/// (‖y − prox_{ηg}(y − η ∇f(y))‖ + 2‖x − y‖)/η, which bounds ‖optimality map at x‖/η and needs no gradient but the step's own.
/// It converges for a gradient of f that is L-Lipschitz and η ≤ 1/L.
///
/// ```
/// use hypertape_autodiff::{Function, shape};
/// use hypertape_solvers::{Fista, Solve};
/// let fit = Function::record((shape![2], shape![]), |(z, _)| 0.5 * (z - 1.0).dot(z - 1.0))?;
/// let clipped = Fista::with(&fit, |v, _step, most| v.min(*most));
/// assert_eq!(clipped.solve(&ndarray::arr1(&[0.0, 0.0]), 0.25)?.solution[[0]], 0.25);
/// # Ok::<(), hypertape_autodiff::Error>(())
/// ```
pub struct Fista<S: Structure, P: Structure> {
    f: Derivatives<S, P>,
    prox: Rc<dyn Prox<S, P>>,
    step: Step,
    limits: Limits,
}

impl<S: Structure, P: Structure> Clone for Fista<S, P> {
    fn clone(&self) -> Self {
        Fista { f: self.f.clone(), prox: self.prox.clone(), step: self.step, limits: self.limits }
    }
}

impl<S: Structure, P: Structure> Fista<S, P> {
    /// Of a smooth objective of (z, parameters) and the proximal operator of the other term, with step size 1.
    #[must_use]
    #[track_caller]
    pub fn new<T: Real>(smooth: &Objective<S, P, T>, prox: impl Prox<S, P>) -> Self {
        Fista { f: Derivatives::of(smooth), prox: Rc::new(prox), step: Step::from(1.0), limits: Limits::default() }
    }
    /// The same with a closure of (point, step, parameters).
    #[must_use]
    #[track_caller]
    pub fn with<T: Real, F: Fn(V<S>, Var, &V<P>) -> V<S> + 'static>(smooth: &Objective<S, P, T>, prox: F) -> Self {
        Self::new(smooth, of::<S, P, F>(prox))
    }
    /// η: a number, a variable, one an iteration, or a rule.
    #[must_use]
    pub fn step_size(mut self, step: impl Into<Step>) -> Self {
        self.step = step.into();
        self
    }
}

impl<S: Structure, P: Structure> Method for Fista<S, P> {
    type Solution = S;
    type Params = P;
    type Each = ();
    type State = (S, S, Leaf<f64>);
    fn name(&self) -> &'static str {
        "FISTA"
    }
    fn shapes(&self) -> Result<(S, P, ())> {
        let (z, p) = self.f.gradient.inputs().clone();
        self.f.gradient.program().map(|_| (z, p, ()))
    }
    fn start(&self, z: V<S>, _: &V<P>) -> V<Self::State> {
        (z.clone(), z, scalar(1.0))
    }
    fn step(&self, (x, y, t): V<Self::State>, p: &V<P>, (): (), k: Var<u32>) -> V<Self::State> {
        let next = proximal_step(&self.f, &*self.prox, &y, p, self.step.now(k));
        let u = 0.5 * (1.0 + (1.0 + 4.0 * (t * t)).sqrt());
        let ahead = next.add_scaled((t - 1.0) / u, &next.minus(&x));
        (next, ahead, u)
    }
    fn solution(&self, (x, ..): &V<Self::State>) -> V<S> {
        x.clone()
    }
    fn optimality(&self, z: &V<S>, p: &V<P>) -> V<S> {
        z.minus(&proximal_step(&self.f, &*self.prox, z, p, self.step.first()))
    }
    fn stopping(&self, (x, y, _): &V<Self::State>, p: &V<P>) -> DynVar {
        let step = double(self.step.first());
        ((norm(&self.optimality(y, p)) + 2.0 * norm(&x.minus(y))) / step).to_dyn()
    }
    fn check(&self, steps: Option<usize>) -> Result<(), String> {
        self.step.check("step size", steps)
    }
    fn contraction(&self) -> Option<f64> {
        // Of the proximal step without momentum.
        Some(1.0)
    }
    limits!();
}
