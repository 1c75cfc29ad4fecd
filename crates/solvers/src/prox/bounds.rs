//! Projections onto boxes and the non-negative orthant.
use super::definition::Prox;
use super::faces::{cast, scaled};
use hypertape_autodiff::Site;
use hypertape_autodiff::array::Real;
use hypertape_autodiff::record::{self, Var};
use hypertape_autodiff::tree::{Leaf, Structure, V};
use std::marker::PhantomData;

/// The indicator of a box; see [`between`].
#[derive(Debug, Clone)]
pub struct Between<P, F>(F, PhantomData<fn() -> P>);

/// Projection onto low ≤ x ≤ high, with (low, high) from the parameters: numbers or arrays, low ≤ high, either of them infinite where there is no
/// bound. At a bound the derivative is the bound's, where both are equal the lower one's.
pub fn between<P: Structure, F: Fn(&V<P>) -> (Var, Var) + 'static>(bounds: F) -> Between<P, F> {
    Between(bounds, PhantomData)
}

impl<P: Structure, F: Fn(&V<P>) -> (Var, Var) + 'static> Between<P, F> {
    /// The bounds; an error where they cross, now or when it runs.
    #[track_caller]
    fn bounds(&self, p: &V<P>) -> (Var, Var) {
        let (low, high) = (self.0)(p);
        let checked = record::apply("between", &[low.to_dyn(), high.to_dyn()], Site::caller(), |b, x| {
            let (mut low, mut high) = (x[0], x[1]);
            let shapes = [b.shape(low), b.shape(high)];
            let sizes = shapes.each_ref().map(|s| s.iter().product::<usize>());
            if shapes[0] != shapes[1] && !sizes.contains(&1) {
                let whole = &shapes[usize::from(sizes[1] > sizes[0])];
                (low, high) = (b.broadcast_to(low, whole), b.broadcast_to(high, whole));
            }
            b.require_bounds(low, high, "between")
        });
        (low, Var::from_dyn(checked))
    }
}

impl<T: Real, P: Structure, F: Fn(&V<P>) -> (Var, Var) + 'static> Prox<Leaf<T>, P> for Between<P, F> {
    fn prox(&self, v: Var<T>, _: Var, p: &V<P>) -> Var<T> {
        let (low, high) = self.bounds(p);
        let (low, high) = (cast::<T>(low), cast::<T>(high));
        v.at_most(low).select(low, v.at_least(high).select(high, v))
    }
    fn conjugate(&self, v: Var<T>, step: Var, p: &V<P>) -> Var<T> {
        // Of the sum of max(low x, high x).
        let (low, high) = self.bounds(p);
        let (low, high) = (scaled::<T>("between", step, low), scaled::<T>("between", step, high));
        // v − v is 0, and NaN where v is.
        #[allow(clippy::eq_op, reason = "0, and NaN where v is")]
        let inside = v - v;
        v.at_most(low).select(v - low, v.at_least(high).select(v - high, inside))
    }
}

/// The indicator of x ≥ 0; see [`non_negative`].
#[derive(Debug, Clone, Copy)]
pub struct NonNegative;

/// Projection onto x ≥ 0: max(v, 0). Derivative at 0: 0.
#[must_use]
pub fn non_negative() -> NonNegative {
    NonNegative
}

impl<T: Real, P: Structure> Prox<Leaf<T>, P> for NonNegative {
    fn prox(&self, v: Var<T>, _: Var, _: &V<P>) -> Var<T> {
        v.relu()
    }
    fn conjugate(&self, v: Var<T>, _: Var, _: &V<P>) -> Var<T> {
        // Of the indicator of x ≤ 0.
        v.greater_than(0.0).select(0.0, v)
    }
}
