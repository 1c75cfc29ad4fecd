//! The ℓ_∞ norm.
use super::definition::{Prox, family};
use super::faces::{cast, project_l1, scaled, weight};
use hypertape_autodiff::array::Real;
use hypertape_autodiff::record::Var;
use hypertape_autodiff::tree::{Leaf, Structure, V};

family!(
    /// g(x) = w‖x‖_∞ over all entries; see [`linf`].
    Linf,
    /// g(x) = w‖x‖_∞ over all entries, 0 ≤ w ≤ ∞. prox: v minus its projection onto ‖·‖₁ ≤ ηw, by Moreau's identity.
    linf(weight)
);

impl<T: Real, P: Structure, F: Fn(&V<P>) -> Var + 'static> Prox<Leaf<T>, P> for Linf<P, F> {
    fn prox(&self, v: Var<T>, step: Var, p: &V<P>) -> Var<T> {
        v - project_l1(v, scaled("linf", step, weight("linf", (self.0)(p))))
    }
    fn conjugate(&self, v: Var<T>, _: Var, p: &V<P>) -> Var<T> {
        // Of the indicator of ‖x‖₁ ≤ w.
        project_l1(v, cast(weight("linf", (self.0)(p))))
    }
}
