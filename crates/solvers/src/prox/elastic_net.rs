//! The elastic net.
use super::definition::Prox;
use super::faces::{cast, kept, scaled, weight};
use hypertape_autodiff::array::Real;
use hypertape_autodiff::record::Var;
use hypertape_autodiff::tree::{Leaf, Structure, V};
use std::marker::PhantomData;

/// g(x) = a‖x‖₁ + ½ b‖x‖²; see [`elastic_net`].
#[derive(Debug, Clone)]
pub struct ElasticNet<P, F>(F, PhantomData<fn() -> P>);

/// g(x) = a‖x‖₁ + ½ b‖x‖² with (a, b) from the parameters, 0 ≤ a, b ≤ ∞ (Zou and Hastie 2005). prox: soft(v, ηa)/(1 + ηb).
pub fn elastic_net<P: Structure, F: Fn(&V<P>) -> (Var, Var) + 'static>(weights: F) -> ElasticNet<P, F> {
    ElasticNet(weights, PhantomData)
}

impl<T: Real, P: Structure, F: Fn(&V<P>) -> (Var, Var) + 'static> Prox<Leaf<T>, P> for ElasticNet<P, F> {
    fn prox(&self, v: Var<T>, step: Var, p: &V<P>) -> Var<T> {
        let (a, b) = (self.0)(p);
        let (a, b) =
            (scaled::<T>("elastic_net", step, weight("elastic_net", a)), scaled::<T>("elastic_net", step, weight("elastic_net", b)));
        v.soft_threshold(a) / (1.0 + b)
    }
    fn conjugate(&self, v: Var<T>, step: Var, p: &V<P>) -> Var<T> {
        let (a, b) = (self.0)(p);
        let (a, b) = (cast(weight("elastic_net", a)), weight("elastic_net", b));
        let rest = v.soft_threshold(a);
        rest.abs().at_most(0.0).select(v, v.sign() * a + rest * kept("elastic_net", step, b))
    }
}
