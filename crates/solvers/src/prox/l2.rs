//! The ℓ₂ norm and its square.
use super::definition::{Prox, family};
use super::faces::{Over, cast, kept, project_l2, scaled, shrink, weight};
use hypertape_autodiff::array::Real;
use hypertape_autodiff::record::Var;
use hypertape_autodiff::tree::{Leaf, Structure, V};

family!(
    /// g(x) = w‖x‖₂ over all entries; see [`l2`].
    L2,
    /// g(x) = w‖x‖₂ over all entries, 0 ≤ w ≤ ∞. prox: max(1 − ηw/‖v‖, 0) v. Derivative at the kink ‖v‖ = ηw: 0.
    l2(weight)
);

family!(
    /// g(x) = ½ Σ wᵢxᵢ²; see [`squared_l2`].
    SquaredL2,
    /// g(x) = ½ Σ wᵢxᵢ², with one weight or an array of them, 0 ≤ wᵢ ≤ ∞. prox: v/(1 + ηw).
    squared_l2(weight)
);

impl<T: Real, P: Structure, F: Fn(&V<P>) -> Var + 'static> Prox<Leaf<T>, P> for L2<P, F> {
    fn prox(&self, v: Var<T>, step: Var, p: &V<P>) -> Var<T> {
        shrink(v, scaled("l2", step, weight("l2", (self.0)(p))), Over::All)
    }
    fn conjugate(&self, v: Var<T>, _: Var, p: &V<P>) -> Var<T> {
        // Of the indicator of ‖x‖₂ ≤ w.
        project_l2(v, cast(weight("l2", (self.0)(p))), Over::All)
    }
}

impl<T: Real, P: Structure, F: Fn(&V<P>) -> Var + 'static> Prox<Leaf<T>, P> for SquaredL2<P, F> {
    fn prox(&self, v: Var<T>, step: Var, p: &V<P>) -> Var<T> {
        v / (1.0 + scaled::<T>("squared_l2", step, weight("squared_l2", (self.0)(p))))
    }
    fn conjugate(&self, v: Var<T>, step: Var, p: &V<P>) -> Var<T> {
        v * kept("squared_l2", step, weight("squared_l2", (self.0)(p)))
    }
}
