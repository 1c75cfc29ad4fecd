//! min g(z, p) + f(z, p), both with proximal operators and without a gradient.
use super::{Equation, Problem, Scale, Splitting};
use crate::handles::double;
use crate::prox::Prox;
use hypertape_autodiff::Result;
use hypertape_autodiff::record::Var;
use hypertape_autodiff::tree::{Structure, V, Vars};
use std::rc::Rc;

/// min g(z, p) + f(z, p) over z, by two proximal operators (Lions and Mercier 1979).
///
/// The unknown is the splitting point s; the solution is z = prox_{ηg}(s). Equation: z − prox_{ηf}(2z − s) = 0, with the step η of the method. The point
/// depends on η, the solution does not.
pub struct Split<S: Structure, P: Structure> {
    shapes: (S, P),
    first: Rc<dyn Prox<S, P>>,
    second: Rc<dyn Prox<S, P>>,
}

impl<S: Structure, P: Structure> Clone for Split<S, P> {
    fn clone(&self) -> Self {
        Split { shapes: self.shapes.clone(), first: self.first.clone(), second: self.second.clone() }
    }
}

impl<S: Structure, P: Structure> Split<S, P> {
    /// Of the shapes of z and of the parameters, and the proximal operators of g and f, in this order.
    #[must_use]
    pub fn new(shapes: (S, P), first: impl Prox<S, P>, second: impl Prox<S, P>) -> Self {
        Split { shapes, first: Rc::new(first), second: Rc::new(second) }
    }
}

impl<S: Structure, P: Structure> Problem for Split<S, P> {
    type Unknown = S;
    type Params = P;
    type Solution = S;
    fn shapes(&self) -> Result<(S, P)> {
        Ok(self.shapes.clone())
    }
    fn solution(&self, w: &V<S>, p: &V<P>, scale: Scale) -> V<S> {
        self.first(w, double(scale.primal), p)
    }
}

impl<S: Structure, P: Structure> Equation for Split<S, P> {
    fn residual(&self, s: &V<S>, p: &V<P>, scale: Scale) -> V<S> {
        let step = double(scale.primal);
        let z = self.first(s, step, p);
        z.minus(&self.second(&z.plus(&z).minus(s), step, p))
    }
}

impl<S: Structure, P: Structure> Splitting for Split<S, P> {
    type Point = S;
    fn start(&self, w: V<S>) -> V<S> {
        w
    }
    #[track_caller]
    fn first(&self, s: &V<S>, step: Var, p: &V<P>) -> V<S> {
        self.first.prox(s.clone(), step, p)
    }
    #[track_caller]
    fn second(&self, s: &V<S>, step: Var, p: &V<P>) -> V<S> {
        self.second.prox(s.clone(), step, p)
    }
    fn unknown(&self, s: &V<S>, _: Var, _: &V<P>) -> V<S> {
        s.clone()
    }
}
