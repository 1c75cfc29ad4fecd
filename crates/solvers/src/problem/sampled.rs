//! min E f(z, p, batch): an objective that is seen in batches.
use super::{AsProblem, Equation, Objective, Problem, Sampling, Scale, Smooth};
use hypertape_autodiff::array::Real;
use hypertape_autodiff::record::Var;
use hypertape_autodiff::tree::{Leaf, Own, Structure, V};
use hypertape_autodiff::{Function, Result};

/// An objective of (z, parameters, batch), seen one batch at a time. A method takes the function itself: `Sgd::new(&f)`.
///
/// It has no equation: where steps settle depends on the batches. [`whole`](Sampled::whole) adds the objective that the batches stand for, and with it the
/// equation.
#[derive(Debug)]
pub struct Sampled<S: Structure, P: Structure, E: Structure> {
    gradient: Function<(S, P, E), S>,
}

impl<S: Structure, P: Structure, E: Structure> Clone for Sampled<S, P, E> {
    fn clone(&self) -> Self {
        Sampled { gradient: self.gradient.clone() }
    }
}

impl<S: Structure, P: Structure, E: Structure> Sampled<S, P, E> {
    /// Of a function.
    #[must_use]
    #[track_caller]
    pub fn new<T: Real>(f: &Function<(S, P, E), Leaf<T>>) -> Self {
        Sampled { gradient: f.wrt(|(z, _, _)| z).gradient() }
    }
    /// With the whole objective.
    #[must_use]
    #[track_caller]
    pub fn whole<T: Real>(self, f: &Function<(S, P), Leaf<T>>) -> FiniteSum<S, P, E> {
        FiniteSum { sampled: self, whole: Objective::new(f) }
    }
}

impl<S: Structure, P: Structure, E: Structure, T: Real> AsProblem for Function<(S, P, E), Leaf<T>> {
    type Problem = Sampled<S, P, E>;
    #[track_caller]
    fn problem(&self) -> Sampled<S, P, E> {
        Sampled::new(self)
    }
}

impl<S: Structure, P: Structure, E: Structure> Problem for Sampled<S, P, E> {
    type Unknown = S;
    type Params = P;
    type Solution = S;
    fn shapes(&self) -> Result<(S, P)> {
        self.gradient.program()?;
        let (z, p, _) = self.gradient.inputs().clone();
        Ok((z, p))
    }
    fn solution(&self, w: &V<S>, _: &V<P>, _: Scale) -> V<S> {
        w.clone()
    }
}

impl<S: Structure, P: Structure, E: Structure> Sampling for Sampled<S, P, E> {
    type Batch = E;
    fn batch(&self) -> Result<E> {
        self.gradient.program().map(|_| self.gradient.inputs().2.clone())
    }
    #[track_caller]
    fn sampled_gradient(&self, w: &V<S>, p: &V<P>, batch: V<E>) -> V<S> {
        self.gradient.call(Own::<(S, P, E)>((w.clone(), p.clone(), batch)))
    }
}

/// An objective that is seen in batches, and the whole of it: stochastic methods step by batches, and their solution is differentiated by the whole.
///
/// Equation: ∇f(z, p) = 0 of the whole objective.
#[derive(Debug)]
pub struct FiniteSum<S: Structure, P: Structure, E: Structure> {
    sampled: Sampled<S, P, E>,
    whole: Objective<S, P>,
}

impl<S: Structure, P: Structure, E: Structure> Clone for FiniteSum<S, P, E> {
    fn clone(&self) -> Self {
        FiniteSum { sampled: self.sampled.clone(), whole: self.whole.clone() }
    }
}

impl<S: Structure, P: Structure, E: Structure> Problem for FiniteSum<S, P, E> {
    type Unknown = S;
    type Params = P;
    type Solution = S;
    fn shapes(&self) -> Result<(S, P)> {
        self.whole.shapes()
    }
    fn solution(&self, w: &V<S>, _: &V<P>, _: Scale) -> V<S> {
        w.clone()
    }
}

impl<S: Structure, P: Structure, E: Structure> Equation for FiniteSum<S, P, E> {
    /// F is a gradient.
    fn may_have_active_set(&self) -> bool {
        false
    }
    fn residual(&self, w: &V<S>, p: &V<P>, scale: Scale) -> V<S> {
        self.whole.residual(w, p, scale)
    }
}

impl<S: Structure, P: Structure, E: Structure> Smooth for FiniteSum<S, P, E> {
    #[track_caller]
    fn gradient(&self, w: &V<S>, p: &V<P>) -> V<S> {
        self.whole.gradient(w, p)
    }
    #[track_caller]
    fn value_and_gradient(&self, w: &V<S>, p: &V<P>) -> (Var, V<S>) {
        self.whole.value_and_gradient(w, p)
    }
    #[track_caller]
    fn hessian_product(&self, w: &V<S>, p: &V<P>, v: &V<S>) -> V<S> {
        self.whole.hessian_product(w, p, v)
    }
}

impl<S: Structure, P: Structure, E: Structure> Sampling for FiniteSum<S, P, E> {
    type Batch = E;
    fn batch(&self) -> Result<E> {
        self.sampled.batch()
    }
    #[track_caller]
    fn sampled_gradient(&self, w: &V<S>, p: &V<P>, batch: V<E>) -> V<S> {
        self.sampled.sampled_gradient(w, p, batch)
    }
}
