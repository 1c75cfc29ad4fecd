//! Proximal gradient descent.
use super::gradient_descent::descend;
use crate::handles::{double, norm};
use crate::limits::Limits;
use crate::method::Method;
use crate::objective::{Derivatives, Objective, limits};
use crate::prox::{Prox, of};
use crate::step::Step;
use hypertape_autodiff::Result;
use hypertape_autodiff::array::Real;
use hypertape_autodiff::record::{DynVar, Scalar, Var};
use hypertape_autodiff::tree::{Structure, V, Vars};
use std::rc::Rc;

/// Proximal gradient descent z ← prox_{ηg}(z − η ∇f(z, p), p), for min f + g: ISTA (Daubechies, Defrise and De Mol 2004; Combettes and Wajs 2005).
///
/// Optimality map: z − prox_{ηg}(z − η ∇f(z, p), p), with the step of the first iteration. Stopping measure: its norm over η.
/// It converges for a gradient of f that is L-Lipschitz and η < 2/L.
///
/// ```
/// use hypertape_autodiff::{Function, shape};
/// use hypertape_solvers::{Ista, Solve, prox};
/// let fit = Function::record((shape![2], shape![]), |(z, _)| 0.5 * (z - 1.0).dot(z - 1.0))?;
/// let lasso = Ista::new(&fit, prox::l1::<hypertape_autodiff::tree::Leaf, _>(|lambda| *lambda));
/// assert_eq!(lasso.solve(&ndarray::arr1(&[0.0, 0.0]), 0.25)?.solution[[0]], 0.75);
/// # Ok::<(), hypertape_autodiff::Error>(())
/// ```
pub struct Ista<S: Structure, P: Structure> {
    f: Derivatives<S, P>,
    prox: Rc<dyn Prox<S, P>>,
    step: Step,
    limits: Limits,
}

impl<S: Structure, P: Structure> Clone for Ista<S, P> {
    fn clone(&self) -> Self {
        Ista { f: self.f.clone(), prox: self.prox.clone(), step: self.step, limits: self.limits }
    }
}

impl<S: Structure, P: Structure> Ista<S, P> {
    /// Of a smooth objective of (z, parameters) and the proximal operator of the other term, with step size 1.
    #[must_use]
    #[track_caller]
    pub fn new<T: Real>(smooth: &Objective<S, P, T>, prox: impl Prox<S, P>) -> Self {
        Ista { f: Derivatives::of(smooth), prox: Rc::new(prox), step: Step::from(1.0), limits: Limits::default() }
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
    #[track_caller]
    fn next(&self, z: &V<S>, p: &V<P>, step: Scalar) -> V<S> {
        proximal_step(&self.f, &*self.prox, z, p, step)
    }
}

/// prox_{ηg}(z − η ∇f(z, p), p).
#[track_caller]
pub(super) fn proximal_step<S: Structure, P: Structure>(
    f: &Derivatives<S, P>,
    prox: &dyn Prox<S, P>,
    z: &V<S>,
    p: &V<P>,
    step: Scalar,
) -> V<S> {
    let g = f.gradient(z, p);
    prox.prox(descend(z, step, &g), double(step), p)
}

impl<S: Structure, P: Structure> Method for Ista<S, P> {
    type Solution = S;
    type Params = P;
    type Each = ();
    type State = S;
    fn name(&self) -> &'static str {
        "ISTA"
    }
    fn shapes(&self) -> Result<(S, P, ())> {
        let (z, p) = self.f.gradient.inputs().clone();
        self.f.gradient.program().map(|_| (z, p, ()))
    }
    fn start(&self, z: V<S>, _: &V<P>) -> V<S> {
        z
    }
    fn step(&self, z: V<S>, p: &V<P>, (): (), k: Var<u32>) -> V<S> {
        self.next(&z, p, self.step.now(k))
    }
    fn solution(&self, z: &V<S>) -> V<S> {
        z.clone()
    }
    fn optimality(&self, z: &V<S>, p: &V<P>) -> V<S> {
        z.minus(&self.next(z, p, self.step.first()))
    }
    fn stopping(&self, z: &V<S>, p: &V<P>) -> DynVar {
        (norm(&self.optimality(z, p)) / double(self.step.first())).to_dyn()
    }
    fn check(&self, steps: Option<usize>) -> Result<(), String> {
        self.step.check("step size", steps)
    }
    fn contraction(&self) -> Option<f64> {
        Some(1.0)
    }
    limits!();
}
