//! Projections onto the ℓ₁ and ℓ₂ balls.
use super::definition::{Prox, family};
use super::faces::{above, cast, not_negative, over_positive, simplex_threshold};
use hypertape_autodiff::array::Real;
use hypertape_autodiff::record::{Var, stop_gradient};
use hypertape_autodiff::tree::{Leaf, Structure, V};

family!(
    /// The indicator of {‖x‖₁ ≤ r} over all entries; see [`l1_ball`].
    L1Ball,
    /// Projection onto {‖x‖₁ ≤ r} over all entries, r > 0 (Duchi et al. 2008): v inside, else soft thresholding by the τ that gives the norm r.
    l1_ball(radius)
);

family!(
    /// The indicator of {‖x‖₂ ≤ r} over all entries; see [`l2_ball`].
    L2Ball,
    /// Projection onto {‖x‖₂ ≤ r} over all entries: min(1, r/‖v‖) v. On the sphere itself the derivative is that of the inside.
    l2_ball(radius)
);

/// The projection onto ‖x‖₁ ≤ r.
#[track_caller]
pub(super) fn project_l1<T: Real>(v: Var<T>, radius: Var<T>) -> Var<T> {
    let n = v.shape().iter().product();
    let size = v.abs();
    let tau = simplex_threshold(size.reshape(&[n]), radius).reshape(&[]);
    let outside = above(stop_gradient(&size).sum(), stop_gradient(&radius));
    outside * v.soft_threshold(tau) + (1.0 - outside) * v
}

impl<T: Real, P: Structure, F: Fn(&V<P>) -> Var + 'static> Prox<Leaf<T>, P> for L1Ball<P, F> {
    fn prox(&self, v: Var<T>, _: Var, p: &V<P>) -> Var<T> {
        project_l1(v, cast(not_negative("l1_ball", (self.0)(p))))
    }
}

impl<T: Real, P: Structure, F: Fn(&V<P>) -> Var + 'static> Prox<Leaf<T>, P> for L2Ball<P, F> {
    fn prox(&self, v: Var<T>, _: Var, p: &V<P>) -> Var<T> {
        let (r, size) = (cast(not_negative("l2_ball", (self.0)(p))), (v * v).sum().sqrt());
        let outside = above(size, r);
        (outside * over_positive(r, size) + (1.0 - outside)) * v
    }
}
