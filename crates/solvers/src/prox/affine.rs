//! Projection onto an affine set.
use super::definition::Prox;
use super::faces::cast;
use crate::handles::require;
use hypertape_autodiff::array::{Element, Real};
use hypertape_autodiff::ops::require::Condition;
use hypertape_autodiff::record::{Triangle, Var, constant, stop_gradient};
use hypertape_autodiff::tree::{Leaf, Structure, V};
use std::marker::PhantomData;

/// The indicator of {x: A x = b}; see [`affine`].
#[derive(Debug, Clone)]
pub struct Affine<P, F>(F, PhantomData<fn() -> P>);

/// Projection onto {x: A x = b}, with (A, b) from the parameters and A of full row rank: v − Qᵀ(Q v − c), where Q x = c are the same equations with
/// orthonormal rows.
///
/// Q comes of rows divided by their largest entry and three rounds of L⁻¹A, where L is the Cholesky factor of AAᵀ, in the first round with a shift: so
/// A may be conditioned up to 1/(32ε√n) (Fukaya et al. 2020). Rows that depend on each other are an error when it runs.
pub fn affine<P: Structure, F: Fn(&V<P>) -> (Var, Var) + 'static>(equations: F) -> Affine<P, F> {
    Affine(equations, PhantomData)
}

/// The same equations with orthonormal rows.
#[track_caller]
fn orthonormal<T: Real>(a: Var<T>, b: Var<T>) -> (Var<T>, Var<T>) {
    let shape = a.shape();
    let (m, n) = (shape.first().copied().unwrap_or(0), shape.last().copied().unwrap_or(0));
    if m == 0 || n == 0 {
        return (a, b);
    }
    // The set is the same whatever its equations are divided by.
    let largest = stop_gradient(&a).abs().max_keep(&[1]);
    let scale = largest.at_most(0.0).select(1.0, largest);
    let (mut a, mut b) = (a / scale, b / scale.reshape(&[m]));
    let share = 11.0 * (m * n + m * (m + 1)) as f64 * 0.5 * Element::to_f64(T::epsilon());
    let shift = stop_gradient(&a).square().sum() * share;
    let identity: Var<T> = cast(constant(ndarray::Array2::<f64>::eye(m)));
    // How far each row is from the span of those before it: the diagonal of the product of all L.
    let mut apart: Var<T> = cast(constant(ndarray::Array1::<f64>::ones(m)));
    for round in 0..3 {
        let gram = a.dot(a.t());
        let l = if round == 0 { (gram + shift * identity).cholesky() } else { gram.cholesky() };
        (a, b) = (l.solve_triangular(a, Triangle::LOWER), l.solve_triangular(b, Triangle::LOWER));
        apart = apart * stop_gradient(&l).diagonal();
    }
    // Less than that is the rounding of the rows themselves; then the direction is noise.
    let noise = 32.0 * (n as f64).sqrt() * Element::to_f64(T::epsilon());
    let sound = require("affine", "independent part", apart.greater_than(noise).select(apart, 0.0), Condition::Independent);
    // 1, by which the condition stands in all that is read.
    let one = sound / apart;
    (a * one.reshape(&[m, 1]), b * one)
}

impl<T: Real, P: Structure, F: Fn(&V<P>) -> (Var, Var) + 'static> Prox<Leaf<T>, P> for Affine<P, F> {
    #[track_caller]
    fn prox(&self, v: Var<T>, _: Var, p: &V<P>) -> Var<T> {
        let (a, b) = (self.0)(p);
        let (q, c) = orthonormal(cast::<T>(a), cast::<T>(b));
        v - q.t().dot(q.dot(v) - c)
    }
}
