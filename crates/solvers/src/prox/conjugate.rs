//! Conjugates.
use super::definition::Prox;
use hypertape_autodiff::record::Var;
use hypertape_autodiff::tree::{Structure, V};

/// The proximal operator of the conjugate; see [`conjugate`].
#[derive(Debug, Clone)]
pub struct Conjugate<X>(X);

/// The proximal operator of the convex conjugate g* from that of g, σ > 0: by the formula that g has for it, else by Moreau's identity (1965)
/// prox_{σg*}(v) = v − σ prox_{g/σ}(v/σ). The conjugate of the conjugate is g.
#[must_use]
pub fn conjugate<X>(prox: X) -> Conjugate<X> {
    Conjugate(prox)
}

impl<S: Structure, P: Structure, X: Prox<S, P>> Prox<S, P> for Conjugate<X> {
    fn prox(&self, v: V<S>, step: Var, p: &V<P>) -> V<S> {
        self.0.conjugate(v, step, p)
    }
    fn conjugate(&self, v: V<S>, step: Var, p: &V<P>) -> V<S> {
        self.0.prox(v, step, p)
    }
}
