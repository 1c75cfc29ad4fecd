//! One operator after another.
use super::linear::LinearOperator;
use hypertape_autodiff::tree::{Structure, V};
use std::marker::PhantomData;

/// B A: first A, then B. Its adjoint is AᵀBᵀ.
#[derive(Debug, Clone)]
pub struct Composed<A, B, M>(A, B, PhantomData<fn() -> M>);

/// x ↦ `after`(`first`(x)).
#[must_use]
pub fn compose<S, M, D, P, A, B>(after: B, first: A) -> Composed<A, B, M>
where
    S: Structure,
    M: Structure,
    D: Structure,
    P: Structure,
    A: LinearOperator<S, M, P>,
    B: LinearOperator<M, D, P>,
{
    Composed(first, after, PhantomData)
}

impl<S, M, D, P, A, B> LinearOperator<S, D, P> for Composed<A, B, M>
where
    S: Structure,
    M: Structure,
    D: Structure,
    P: Structure,
    A: LinearOperator<S, M, P>,
    B: LinearOperator<M, D, P>,
{
    fn apply(&self, x: V<S>, params: &V<P>) -> V<D> {
        self.1.apply(self.0.apply(x, params), params)
    }
    fn adjoint(&self, u: V<D>, params: &V<P>) -> V<S> {
        self.0.adjoint(self.1.adjoint(u, params), params)
    }
    fn norm_bound(&self) -> Option<f64> {
        Some(self.0.norm_bound()? * self.1.norm_bound()?)
    }
}
