//! Projection onto an affine set.
use super::definition::Prox;
use super::faces::cast;
use hypertape_autodiff::array::Real;
use hypertape_autodiff::record::{self, Var};
use hypertape_autodiff::tree::{Leaf, Structure, V};
use std::marker::PhantomData;
use std::panic::Location;

/// The indicator of {x: A x = b}; see [`affine`].
#[derive(Debug, Clone)]
pub struct Affine<P, F>(F, PhantomData<fn() -> P>);

/// Projection onto {x: A x = b}, with (A, b) from the parameters and A of full row rank: v − Aᵀ(AAᵀ)⁻¹(A v − b).
/// AAᵀ is factored by Cholesky; rows that depend on each other are an error when it runs.
pub fn affine<P: Structure, F: Fn(&V<P>) -> (Var, Var) + 'static>(equations: F) -> Affine<P, F> {
    Affine(equations, PhantomData)
}

impl<T: Real, P: Structure, F: Fn(&V<P>) -> (Var, Var) + 'static> Prox<Leaf<T>, P> for Affine<P, F> {
    #[track_caller]
    fn prox(&self, v: Var<T>, _: Var, p: &V<P>) -> Var<T> {
        let at = Location::caller();
        let (a, b) = (self.0)(p);
        let (a, b) = (cast::<T>(a), cast::<T>(b));
        let (gram, residual) = (a.dot(a.t()), a.dot(v) - b);
        let multiplier = record::apply("affine", &[gram.to_dyn(), residual.to_dyn()], at, |b, x| b.solve_positive(x[0], x[1]));
        v - a.t().dot(Var::from_dyn(multiplier))
    }
}
