//! min f(z, p) + g(z, p), f smooth and g with a proximal operator.
use super::{Equation, Objective, Problem, Proximal, Scale, Smooth, Splitting, asked};
use crate::handles::{double, like};
use crate::prox::{Prox, of};
use hypertape_autodiff::array::Real;
use hypertape_autodiff::record::Var;
use hypertape_autodiff::tree::{Leaf, Structure, V, Vars};
use hypertape_autodiff::{Function, Result};
use std::rc::Rc;

/// min f(z, p) + g(z, p) over z: a smooth function, and the proximal operator of the other term. The lasso, for one.
///
/// Equation: z − prox_{ηg}(z − η ∇f(z, p), p) = 0, with the step η of the method.
pub struct Composite<S: Structure, P: Structure> {
    f: Objective<S, P>,
    prox: Rc<dyn Prox<S, P>>,
}

impl<S: Structure, P: Structure> Clone for Composite<S, P> {
    fn clone(&self) -> Self {
        Composite { f: self.f.clone(), prox: self.prox.clone() }
    }
}

impl<S: Structure, P: Structure> Composite<S, P> {
    /// Of a smooth objective of (z, parameters) and the proximal operator of the other term.
    #[must_use]
    #[track_caller]
    pub fn new<T: Real>(f: &Function<(S, P), Leaf<T>>, prox: impl Prox<S, P>) -> Self {
        Composite { f: Objective::new(f), prox: Rc::new(prox) }
    }
    /// The same with a closure of (point, step, parameters).
    #[must_use]
    #[track_caller]
    pub fn with<T: Real, F: Fn(V<S>, Var, &V<P>) -> V<S> + 'static>(f: &Function<(S, P), Leaf<T>>, prox: F) -> Self {
        Self::new(f, of::<S, P, F>(prox))
    }
    /// With the proximal operator of the smooth term too, so that splitting methods take it.
    #[must_use]
    pub fn smooth_prox(self, prox: impl Prox<S, P>) -> BothProximal<S, P> {
        BothProximal { composite: self, smooth: Rc::new(prox) }
    }
}

/// prox_{ηg}(w − η ∇f(w, p), p).
#[track_caller]
pub(crate) fn proximal_step<Q: Proximal>(
    q: &Q,
    w: &V<Q::Unknown>,
    p: &V<Q::Params>,
    step: hypertape_autodiff::record::Scalar,
) -> V<Q::Unknown> {
    let g = asked::smooth_gradient(q, w, p);
    asked::prox(q, w.zip(&g, &mut |w, g| w - like(step, g) * g), double(step), p)
}

impl<S: Structure, P: Structure> Problem for Composite<S, P> {
    type Unknown = S;
    type Params = P;
    type Solution = S;
    fn shapes(&self) -> Result<(S, P)> {
        self.f.shapes()
    }
    fn solution(&self, w: &V<S>, _: &V<P>, _: Scale) -> V<S> {
        w.clone()
    }
}

impl<S: Structure, P: Structure> Equation for Composite<S, P> {
    fn residual(&self, w: &V<S>, p: &V<P>, scale: Scale) -> V<S> {
        w.minus(&proximal_step(self, w, p, scale.primal))
    }
}

impl<S: Structure, P: Structure> Proximal for Composite<S, P> {
    #[track_caller]
    fn gradient(&self, w: &V<S>, p: &V<P>) -> V<S> {
        self.f.gradient(w, p)
    }
    #[track_caller]
    fn prox(&self, w: V<S>, step: Var, p: &V<P>) -> V<S> {
        self.prox.prox(w, step, p)
    }
}

/// A composite problem whose smooth term has a proximal operator too: proximal gradient methods and splitting methods take it, and it has one equation
/// for both, that of [`Composite`].
pub struct BothProximal<S: Structure, P: Structure> {
    composite: Composite<S, P>,
    smooth: Rc<dyn Prox<S, P>>,
}

impl<S: Structure, P: Structure> Clone for BothProximal<S, P> {
    fn clone(&self) -> Self {
        BothProximal { composite: self.composite.clone(), smooth: self.smooth.clone() }
    }
}

impl<S: Structure, P: Structure> Problem for BothProximal<S, P> {
    type Unknown = S;
    type Params = P;
    type Solution = S;
    fn shapes(&self) -> Result<(S, P)> {
        self.composite.shapes()
    }
    fn solution(&self, w: &V<S>, _: &V<P>, _: Scale) -> V<S> {
        w.clone()
    }
}

impl<S: Structure, P: Structure> Equation for BothProximal<S, P> {
    fn residual(&self, w: &V<S>, p: &V<P>, scale: Scale) -> V<S> {
        self.composite.residual(w, p, scale)
    }
}

impl<S: Structure, P: Structure> Proximal for BothProximal<S, P> {
    #[track_caller]
    fn gradient(&self, w: &V<S>, p: &V<P>) -> V<S> {
        Proximal::gradient(&self.composite, w, p)
    }
    #[track_caller]
    fn prox(&self, w: V<S>, step: Var, p: &V<P>) -> V<S> {
        self.composite.prox.prox(w, step, p)
    }
}

impl<S: Structure, P: Structure> Splitting for BothProximal<S, P> {
    type Point = S;
    fn start(&self, w: V<S>) -> V<S> {
        w
    }
    #[track_caller]
    fn first(&self, s: &V<S>, step: Var, p: &V<P>) -> V<S> {
        self.composite.prox.prox(s.clone(), step, p)
    }
    #[track_caller]
    fn second(&self, s: &V<S>, step: Var, p: &V<P>) -> V<S> {
        self.smooth.prox(s.clone(), step, p)
    }
    /// The point itself is no solution; its prox is.
    #[track_caller]
    fn unknown(&self, s: &V<S>, step: Var, p: &V<P>) -> V<S> {
        self.first(s, step, p)
    }
}
