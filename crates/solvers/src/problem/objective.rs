//! min f(z, p), f smooth.
use super::{AsProblem, Equation, Problem, Scale, Smooth};
use hypertape_autodiff::array::Real;
use hypertape_autodiff::record::{Scalar, Var};
use hypertape_autodiff::tree::{AnyLeaf, Leaf, Own, Structure, V};
use hypertape_autodiff::{Function, Result};

/// min f(z, p) over z, for a smooth f: a function of (solution, parameters) with one real number as its value, of any element type. A method takes the
/// function itself: `GradientDescent::new(&f)`.
///
/// Equation: ∇f(z, p) = 0.
#[derive(Debug)]
pub struct Objective<S: Structure, P: Structure> {
    gradient: Function<(S, P), S>,
    both: Function<(S, P), (AnyLeaf, S)>,
}

impl<S: Structure, P: Structure> Clone for Objective<S, P> {
    fn clone(&self) -> Self {
        Objective { gradient: self.gradient.clone(), both: self.both.clone() }
    }
}

impl<S: Structure, P: Structure> Objective<S, P> {
    /// Of a function.
    #[must_use]
    #[track_caller]
    pub fn new<T: Real>(f: &Function<(S, P), Leaf<T>>) -> Self {
        let both = f.wrt(|(z, _)| z).value_and_gradient();
        Objective { gradient: both.output(|(_, g)| g), both: both.output(|(y, g)| (y.to_dyn(), g)) }
    }
}

impl<S: Structure, P: Structure, T: Real> AsProblem for Function<(S, P), Leaf<T>> {
    type Problem = Objective<S, P>;
    #[track_caller]
    fn problem(&self) -> Objective<S, P> {
        Objective::new(self)
    }
}

impl<S: Structure, P: Structure> Problem for Objective<S, P> {
    type Unknown = S;
    type Params = P;
    type Solution = S;
    fn shapes(&self) -> Result<(S, P)> {
        self.gradient.program().map(|_| self.gradient.inputs().clone())
    }
    fn solution(&self, w: &V<S>, _: &V<P>, _: Scale) -> V<S> {
        w.clone()
    }
}

impl<S: Structure, P: Structure> Equation for Objective<S, P> {
    /// F is a gradient.
    fn may_have_active_set(&self) -> bool {
        false
    }
    fn residual(&self, w: &V<S>, p: &V<P>, _: Scale) -> V<S> {
        self.gradient(w, p)
    }
}

impl<S: Structure, P: Structure> Smooth for Objective<S, P> {
    #[track_caller]
    fn gradient(&self, w: &V<S>, p: &V<P>) -> V<S> {
        self.gradient.call(Own::<(S, P)>((w.clone(), p.clone())))
    }
    #[track_caller]
    fn value_and_gradient(&self, w: &V<S>, p: &V<P>) -> (Var, V<S>) {
        let (y, g) = self.both.call(Own::<(S, P)>((w.clone(), p.clone())));
        (Scalar::Var(y).real(), g)
    }
    /// Derived where it is recorded, so that a solve without it needs none.
    #[track_caller]
    fn hessian_product(&self, w: &V<S>, p: &V<P>, v: &V<S>) -> V<S> {
        let product = self.gradient.wrt(|(z, _)| z).jvp().output(|(_, t)| t);
        product.call(Own::<((S, P), S)>(((w.clone(), p.clone()), v.clone())))
    }
}
