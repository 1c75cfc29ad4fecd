//! Projections onto the ℓ₁ and ℓ₂ balls.
use super::definition::{Prox, family};
use super::faces::{Over, cast, project_l1, project_l2, radius, scaled, shrink};
use hypertape_autodiff::array::Real;
use hypertape_autodiff::record::Var;
use hypertape_autodiff::tree::{Leaf, Structure, V};

family!(
    /// The indicator of {‖x‖₁ ≤ r} over all entries; see [`l1_ball`].
    L1Ball,
    /// Projection onto {‖x‖₁ ≤ r} over all entries, 0 ≤ r ≤ ∞ (Duchi et al. 2008): v inside, else soft thresholding by the τ that gives the norm r.
    /// On the border the derivative is that of the inside; the ball of r = 0 is the point 0.
    l1_ball(radius)
);

family!(
    /// The indicator of {‖x‖₂ ≤ r} over all entries; see [`l2_ball`].
    L2Ball,
    /// Projection onto {‖x‖₂ ≤ r} over all entries, 0 ≤ r ≤ ∞: min(1, r/‖v‖) v. On the sphere itself the derivative is that of the inside; the ball
    /// of r = 0 is the point 0.
    l2_ball(radius)
);

impl<T: Real, P: Structure, F: Fn(&V<P>) -> Var + 'static> Prox<Leaf<T>, P> for L1Ball<P, F> {
    fn prox(&self, v: Var<T>, _: Var, p: &V<P>) -> Var<T> {
        project_l1(v, cast(radius("l1_ball", (self.0)(p))))
    }
    fn conjugate(&self, v: Var<T>, step: Var, p: &V<P>) -> Var<T> {
        // Of r‖·‖_∞.
        v - project_l1(v, scaled("l1_ball", step, radius("l1_ball", (self.0)(p))))
    }
}

impl<T: Real, P: Structure, F: Fn(&V<P>) -> Var + 'static> Prox<Leaf<T>, P> for L2Ball<P, F> {
    fn prox(&self, v: Var<T>, _: Var, p: &V<P>) -> Var<T> {
        project_l2(v, cast(radius("l2_ball", (self.0)(p))), Over::All)
    }
    fn conjugate(&self, v: Var<T>, step: Var, p: &V<P>) -> Var<T> {
        // Of r‖·‖₂.
        shrink(v, scaled("l2_ball", step, radius("l2_ball", (self.0)(p))), Over::All)
    }
}
