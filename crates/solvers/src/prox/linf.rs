//! The ℓ_∞ norm.
use super::balls::project_l1;
use super::definition::{Prox, family};
use super::faces::{cast, not_negative};
use hypertape_autodiff::array::Real;
use hypertape_autodiff::record::Var;
use hypertape_autodiff::tree::{Leaf, Structure, V};

family!(
    /// g(x) = w‖x‖_∞ over all entries; see [`linf`].
    Linf,
    /// g(x) = w‖x‖_∞ over all entries, w > 0. prox: v minus its projection onto ‖·‖₁ ≤ ηw, by Moreau's identity.
    linf(weight)
);

impl<T: Real, P: Structure, F: Fn(&V<P>) -> Var + 'static> Prox<Leaf<T>, P> for Linf<P, F> {
    fn prox(&self, v: Var<T>, step: Var, p: &V<P>) -> Var<T> {
        v - project_l1(v, cast(step * not_negative("linf", (self.0)(p))))
    }
}
