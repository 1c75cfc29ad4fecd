//! Conjugates, by Moreau's identity.
use super::definition::Prox;
use hypertape_autodiff::record::Var;
use hypertape_autodiff::tree::{Structure, V, Vars};

/// The proximal operator of the conjugate; see [`conjugate`].
#[derive(Debug, Clone)]
pub struct Conjugate<X>(X);

/// The proximal operator of the convex conjugate g* from that of g: prox_{σg*}(v) = v − σ prox_{g/σ}(v/σ) (Moreau 1965). σ > 0.
#[must_use]
pub fn conjugate<X>(prox: X) -> Conjugate<X> {
    Conjugate(prox)
}

impl<S: Structure, P: Structure, X: Prox<S, P>> Prox<S, P> for Conjugate<X> {
    fn prox(&self, v: V<S>, step: Var, p: &V<P>) -> V<S> {
        let inverse = step.recip();
        let inner = self.0.prox(v.scaled(inverse), inverse, p);
        v.add_scaled(-step, &inner)
    }
}
