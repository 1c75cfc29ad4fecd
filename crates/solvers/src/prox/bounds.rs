//! Projections onto boxes and the non-negative orthant.
use super::definition::Prox;
use super::faces::{above, cast};
use hypertape_autodiff::array::Real;
use hypertape_autodiff::record::{self, Var, scalar};
use hypertape_autodiff::tree::{Leaf, Structure, V};
use std::marker::PhantomData;
use std::panic::Location;

/// The indicator of a box; see [`between`].
#[derive(Debug, Clone)]
pub struct Between<P, F>(F, PhantomData<fn() -> P>);

/// Projection onto low ≤ x ≤ high, with (low, high) from the parameters: numbers or arrays, low ≤ high. At a bound the derivative is the bound's.
pub fn between<P: Structure, F: Fn(&V<P>) -> (Var, Var) + 'static>(bounds: F) -> Between<P, F> {
    Between(bounds, PhantomData)
}

impl<T: Real, P: Structure, F: Fn(&V<P>) -> (Var, Var) + 'static> Prox<Leaf<T>, P> for Between<P, F> {
    fn prox(&self, v: Var<T>, _: Var, p: &V<P>) -> Var<T> {
        let (low, high) = (self.0)(p);
        let (low, high) = (cast::<T>(low), cast::<T>(high));
        let high = Var::from_dyn(record::apply("between", &[low.to_dyn(), high.to_dyn()], Location::caller(), |b, x| {
            match (b.known_number(x[0]), b.known_number(x[1])) {
                (Some(l), Some(h)) if l > h => b.refuse("between", x, format!("[{l}, {h}] is empty; give the lower bound first")),
                _ => x[1],
            }
        }));
        let (over, under) = (above(v, low), above(high, v));
        let inside = over * under;
        // Where low = high both masks are 0; the lower bound then counts once.
        inside * v + (1.0 - over) * low + over * (1.0 - under) * high
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
        above(v, scalar(0.0)) * v
    }
}
