//! The group lasso.
use super::definition::{Prox, family};
use super::faces::{Over, beside_rows, cast, project_l2, scaled, shrink, weight};
use hypertape_autodiff::array::Real;
use hypertape_autodiff::record::Var;
use hypertape_autodiff::tree::{Leaf, Structure, V};

family!(
    /// g(x) = Σ_g w_g‖x_g‖₂, a group for each row of the last axis; see [`group`].
    Group,
    /// g(x) = Σ_g w_g‖x_g‖₂, a group for each row of the last axis, with one weight or one for each group, 0 ≤ w ≤ ∞ (Yuan and Lin 2006).
    /// prox: max(1 − ηw_g/‖v_g‖, 0) v_g. Derivative at a kink: 0.
    group(weight)
);

impl<T: Real, P: Structure, F: Fn(&V<P>) -> Var + 'static> Prox<Leaf<T>, P> for Group<P, F> {
    fn prox(&self, v: Var<T>, step: Var, p: &V<P>) -> Var<T> {
        shrink(v, beside_rows(scaled("group", step, weight("group", (self.0)(p)))), Over::Rows)
    }
    fn conjugate(&self, v: Var<T>, _: Var, p: &V<P>) -> Var<T> {
        // Of the indicator of ‖x_g‖₂ ≤ w_g.
        project_l2(v, beside_rows(cast(weight("group", (self.0)(p)))), Over::Rows)
    }
}
