//! min E f(z, p, batch): an objective that is seen in batches.
use super::{AsProblem, Equation, Objective, Problem, Sampling, Scale, Smooth, asked};
use hypertape_autodiff::array::Real;
use hypertape_autodiff::record::Var;
use hypertape_autodiff::tree::{Leaf, Own, Structure, V};
use hypertape_autodiff::{Function, Result};
use std::sync::Arc;

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
        FiniteSum { sampled: self, whole: Objective::new(f), draw: None }
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
pub struct FiniteSum<S: Structure, P: Structure, E: Structure> {
    sampled: Sampled<S, P, E>,
    whole: Objective<S, P>,
    /// The batch of a draw.
    draw: Option<Draw<P, E>>,
}

/// A batch by the number of its draw, and the parameters.
type Draw<P, E> = Arc<dyn Fn(Var<u32>, &V<P>) -> V<E> + Send + Sync>;

impl<S: Structure, P: Structure, E: Structure> std::fmt::Debug for FiniteSum<S, P, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FiniteSum").field("sampled", &self.sampled).field("whole", &self.whole).finish_non_exhaustive()
    }
}

impl<S: Structure, P: Structure, E: Structure> FiniteSum<S, P, E> {
    /// With the batch that is the draw of a number, given the parameters, for linear solvers that look at mini-batches: [`Lissa`](hypertape_linear::Lissa). The mean of the objective over all draws must be the
    /// whole, and different numbers must give independent batches, as the counter of [`random_index`](hypertape_autodiff::record::random_index) does. Whether they do is not checked; the residual
    /// that such a solver reports is that of the whole.
    ///
    /// The same key of the solver draws the same batches at every call. An index among the parameters makes them other ones at every step of an outer loop:
    /// `drawn(|draw, (_, step)| random_index(1, draw + *step * 10_000, index![4], 40))`.
    #[must_use]
    pub fn drawn(self, draw: impl Fn(Var<u32>, &V<P>) -> V<E> + Send + Sync + 'static) -> Self {
        FiniteSum { draw: Some(Arc::new(draw)), ..self }
    }
}

impl<S: Structure, P: Structure, E: Structure> Clone for FiniteSum<S, P, E> {
    fn clone(&self) -> Self {
        FiniteSum { sampled: self.sampled.clone(), whole: self.whole.clone(), draw: self.draw.clone() }
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
    fn sampled_residual(&self, w: &V<S>, p: &V<P>, _: Scale, draw: Var<u32>) -> Option<V<S>> {
        Some(asked::sampled_gradient(self, w, p, self.draw.as_ref()?(draw, p)))
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
