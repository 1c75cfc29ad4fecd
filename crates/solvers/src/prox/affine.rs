//! Projection onto an affine set.
use super::definition::Prox;
use super::faces::cast;
use crate::handles::require;
use hypertape_autodiff::array::{Element, Real};
use hypertape_autodiff::error::Many;
use hypertape_autodiff::ops::require::Condition;
use hypertape_autodiff::record::{self, Triangle, Var, constant, scalar, stop_gradient};
use hypertape_autodiff::tree::{Leaf, Structure, V};
use hypertape_autodiff::{Error, ErrorKind, Site};
use std::marker::PhantomData;

/// The indicator of {x: A x = b}; see [`affine`].
#[derive(Debug, Clone)]
pub struct Affine<P, F>(F, PhantomData<fn() -> P>);

/// Projection onto {x: A x = b}, with (A, b) from the parameters and A of full row rank: v − Qᵀ(Q v − c), where Q x = c are the same equations with
/// orthonormal rows.
///
/// Q comes of rows divided by their largest entry and three rounds of L⁻¹A, where L is the Cholesky factor of AAᵀ, in the first two rounds with a shift: so
/// A may be conditioned up to 1/(32ε√n) (Fukaya et al. 2020). Rows that depend on each other are an error, when it runs or where there are more than
/// columns.
pub fn affine<P: Structure, F: Fn(&V<P>) -> (Var, Var) + 'static>(equations: F) -> Affine<P, F> {
    Affine(equations, PhantomData)
}

/// The same equations with orthonormal rows.
#[track_caller]
fn orthonormal<T: Real>(a: Var<T>, b: Var<T>) -> (Var<T>, Var<T>) {
    let shape = a.shape();
    let (m, n) = (shape.first().copied().unwrap_or(0), shape.last().copied().unwrap_or(0));
    if m == 0 {
        return (a, b);
    }
    if m > n && shape.len() == 2 {
        let kind = ErrorKind::TooMany { of: Many::Rows, given: m as u64, most: n as u64 };
        record::fail(Error::new("affine", kind).at(Site::caller()));
        return (a, b);
    }
    let epsilon = Element::to_f64(T::epsilon());
    // The set is the same whatever its equations are divided by.
    let largest = stop_gradient(&a).abs().max_keep(&[1]);
    let scale = largest.at_most(0.0).select(1.0, largest);
    let (mut a, mut b) = (a / scale, b / scale.reshape(&[m]));
    let share = 11.0 * (m * n + m * (m + 1)) as f64 * 0.5 * epsilon;
    let identity: Var<T> = cast(constant(ndarray::Array2::<f64>::eye(m)));
    let shift = stop_gradient(&a).square().sum() * share;
    // How far each row is from the span of those before it: what the rows were divided by in turn.
    let mut apart: Var<T> = cast(constant(ndarray::Array1::<f64>::ones(m)));
    for shift in [shift, cast(scalar(8.0 * n as f64 * epsilon))] {
        let l = (a.dot(a.t()) + shift * identity).cholesky();
        (a, b) = (l.solve_triangular(a, Triangle::LOWER), l.solve_triangular(b, Triangle::LOWER));
        let length = stop_gradient(&a).norm_l2_axis(1);
        apart = apart * stop_gradient(&l).diagonal() * length;
        let by = length.at_most(0.0).select(1.0, length);
        (a, b) = (a / by.reshape(&[m, 1]), b / by);
    }
    // Less than that is the rounding of the rows themselves; then the direction is noise.
    let noise = 32.0 * (n as f64).sqrt() * epsilon;
    let sound = require("affine", "independent part", apart.greater_than(noise).select(apart, 0.0), Condition::Independent);
    // 1, by which the condition stands in all that is read.
    let one = sound / apart;
    (a, b) = (a * one.reshape(&[m, 1]), b * one);
    let l = a.dot(a.t()).cholesky();
    (l.solve_triangular(a, Triangle::LOWER), l.solve_triangular(b, Triangle::LOWER))
}

impl<T: Real, P: Structure, F: Fn(&V<P>) -> (Var, Var) + 'static> Prox<Leaf<T>, P> for Affine<P, F> {
    #[track_caller]
    fn prox(&self, v: Var<T>, _: Var, p: &V<P>) -> Var<T> {
        let (a, b) = (self.0)(p);
        let (q, c) = orthonormal(cast::<T>(a), cast::<T>(b));
        // Twice: of a point far away, the first leaves the rounding of that point.
        let near = v - q.t().dot(q.dot(v) - c);
        near - q.t().dot(q.dot(near) - c)
    }
}
