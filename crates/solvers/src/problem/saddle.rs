//! min f(x, p) + g(x, p) + h(K x, p), as a pair of primal and dual.
use super::{Equation, Objective, PrimalDual, Problem, Scale, Smooth, asked};
use crate::handles::{double, like};
use crate::operators::LinearOperator;
use crate::prox::{Prox, of};
use hypertape_autodiff::array::{LeafType, Real};
use hypertape_autodiff::record::{self, DynVar, Var};
use hypertape_autodiff::tree::{Leaf, Structure, V, Vars};
use hypertape_autodiff::{Function, Result, Site};
use std::rc::Rc;

/// min f(x, p) + g(x, p) + h(K x, p) over x, with f smooth: the solution is the pair (x, u) of primal and dual.
///
/// `dual_prox` is the proximal operator of the conjugate h*; [`prox::conjugate`](crate::prox::conjugate) makes it from that of h. g is 0 unless
/// [`primal_prox`](Saddle::primal_prox) says otherwise.
///
/// Equation: (x − x⁺, u − u⁺) = 0 with x⁺ = prox_{τg}(x − τ ∇f(x) − τ Kᵀu), u⁺ = prox_{σh*}(u + σ K(2x⁺ − x)), with the steps τ and σ of the method.
pub struct Saddle<S: Structure, D: Structure, P: Structure> {
    f: Objective<S, P>,
    operator: Rc<dyn LinearOperator<S, D, P>>,
    primal: Option<Rc<dyn Prox<S, P>>>,
    dual: Rc<dyn Prox<D, P>>,
}

impl<S: Structure, D: Structure, P: Structure> Clone for Saddle<S, D, P> {
    fn clone(&self) -> Self {
        Saddle { f: self.f.clone(), operator: self.operator.clone(), primal: self.primal.clone(), dual: self.dual.clone() }
    }
}

impl<S: Structure, D: Structure, P: Structure> Saddle<S, D, P> {
    /// Of a smooth objective of (x, parameters), an operator K, and the proximal operator of the conjugate h*.
    #[must_use]
    #[track_caller]
    pub fn new<T: Real>(f: &Function<(S, P), Leaf<T>>, operator: impl LinearOperator<S, D, P>, dual_prox: impl Prox<D, P>) -> Self {
        Saddle { f: Objective::new(f), operator: Rc::new(operator), primal: None, dual: Rc::new(dual_prox) }
    }
    /// The same with a closure of (dual point, σ, parameters).
    #[must_use]
    #[track_caller]
    pub fn with<T: Real, F: Fn(V<D>, Var, &V<P>) -> V<D> + 'static>(
        f: &Function<(S, P), Leaf<T>>,
        operator: impl LinearOperator<S, D, P>,
        dual_prox: F,
    ) -> Self {
        Self::new(f, operator, of::<D, P, F>(dual_prox))
    }
    /// With the proximal operator of g.
    #[must_use]
    pub fn primal_prox(mut self, prox: impl Prox<S, P>) -> Self {
        self.primal = Some(Rc::new(prox));
        self
    }
}

/// (x⁺, u⁺).
#[track_caller]
pub(crate) fn primal_dual_step<Q: PrimalDual>(
    q: &Q,
    (x, u): &(V<Q::Primal>, V<Q::Dual>),
    p: &V<Q::Params>,
    Scale { primal: tau, dual: sigma }: Scale,
) -> (V<Q::Primal>, V<Q::Dual>) {
    let g = asked::primal_gradient(q, x, p).plus(&asked::adjoint(q, u, x, p));
    let next = asked::primal_prox(q, x.zip(&g, &mut |x, g| x - like(tau, g) * g), double(tau), p);
    let ahead = next.plus(&next).minus(x);
    let v = u.zip(&asked::apply(q, ahead, u, p), &mut |u, k| u + like(sigma, k) * k);
    (next, asked::dual_prox(q, v, double(sigma), p))
}

impl<S: Structure, D: Structure, P: Structure> Problem for Saddle<S, D, P> {
    type Unknown = (S, D);
    type Params = P;
    type Solution = (S, D);
    #[track_caller]
    fn shapes(&self) -> Result<((S, D), P)> {
        let (x, p) = self.f.shapes()?;
        let mut types: Vec<LeafType> = x.leaf_types();
        types.extend(p.leaf_types());
        let (dual, traced) = record::trace(&types, Site::caller(), |v| {
            let mut given = v.iter().copied();
            let mut next = |_: &LeafType| given.next().unwrap_or(DynVar::POISON);
            let (x, p) = (x.vars(&mut next), p.vars(&mut next));
            let dual = self.operator.apply(x, &p);
            (dual.structure(), dual.flat())
        });
        traced?;
        Ok(((x, dual), p))
    }
    fn solution(&self, w: &V<(S, D)>, _: &V<P>, _: Scale) -> V<(S, D)> {
        w.clone()
    }
}

impl<S: Structure, D: Structure, P: Structure> Equation for Saddle<S, D, P> {
    fn residual(&self, w: &V<(S, D)>, p: &V<P>, scale: Scale) -> V<(S, D)> {
        w.minus(&primal_dual_step(self, w, p, scale))
    }
}

impl<S: Structure, D: Structure, P: Structure> PrimalDual for Saddle<S, D, P> {
    type Primal = S;
    type Dual = D;
    #[track_caller]
    fn gradient(&self, x: &V<S>, p: &V<P>) -> V<S> {
        self.f.gradient(x, p)
    }
    #[track_caller]
    fn apply(&self, x: V<S>, p: &V<P>) -> V<D> {
        self.operator.apply(x, p)
    }
    #[track_caller]
    fn adjoint(&self, u: V<D>, p: &V<P>) -> V<S> {
        self.operator.adjoint(u, p)
    }
    #[track_caller]
    fn primal_prox(&self, x: V<S>, tau: Var, p: &V<P>) -> V<S> {
        self.primal.as_ref().map_or(x.clone(), |prox| prox.prox(x, tau, p))
    }
    #[track_caller]
    fn dual_prox(&self, u: V<D>, sigma: Var, p: &V<P>) -> V<D> {
        self.dual.prox(u, sigma, p)
    }
    fn norm_bound(&self) -> Option<f64> {
        self.operator.norm_bound()
    }
}
