//! The group lasso.
use super::definition::{Prox, family};
use super::faces::{above, beside_rows, cast, norm_last, not_negative, over_positive};
use hypertape_autodiff::array::Real;
use hypertape_autodiff::record::Var;
use hypertape_autodiff::tree::{Leaf, Structure, V};

family!(
    /// g(x) = Σ_g w_g‖x_g‖₂, a group for each row of the last axis; see [`group`].
    Group,
    /// g(x) = Σ_g w_g‖x_g‖₂, a group for each row of the last axis, with one weight or one for each group (Yuan and Lin 2006).
    /// prox: max(1 − ηw_g/‖v_g‖, 0) v_g. Derivative at a kink: 0.
    group(weight)
);

impl<T: Real, P: Structure, F: Fn(&V<P>) -> Var + 'static> Prox<Leaf<T>, P> for Group<P, F> {
    fn prox(&self, v: Var<T>, step: Var, p: &V<P>) -> Var<T> {
        let (t, size) = (beside_rows(cast(step * not_negative("group", (self.0)(p)))), norm_last(v));
        above(size, t) * (1.0 - over_positive(t, size)) * v
    }
}
