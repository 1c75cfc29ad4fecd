//! Limited-memory BFGS.
use super::line_search::{at_rest, weak_wolfe};
use crate::handles::{at_most, join, like, norm, ravel, reshape, rows, select, shape, unravel};
use crate::limits::Limits;
use crate::method::Method;
use crate::objective::{Derivatives, Objective, limits};
use hypertape_autodiff::Result;
use hypertape_autodiff::array::{LeafType, Real};
use hypertape_autodiff::record::{self, DynVar, Scalar, Var, scalar, stop_gradient};
use hypertape_autodiff::tree::{AnyLeaf, Leaf, Structure, V, Vars};
use std::panic::Location;

/// Limited-memory BFGS (Liu and Nocedal 1989): z ← z − t H g, with H the two-loop product over the last m pairs s = z⁺ − z, y = g⁺ − g.
///
/// Optimality map: ∇f(z, p). Stopping measure: ‖∇f‖. A pair enters when sᵀy > 10⁻¹⁰ ‖s‖‖y‖, so H stays positive definite. The step t
/// satisfies the weak Wolfe conditions (Lewis and Overton 2013) up to the rounding of f. Unrolled, the derivative is that of the accepted
/// steps: t and the choice of pairs do not change with small changes of the problem. A step shorter than the rounding of z is not made, so further
/// steps leave z and its derivative as they are, and the derivative of those steps alone (`Keep::Last`) is 0. The state has ∇f at z, which
/// `Keep::Last` holds fixed with it.
///
/// ```
/// use hypertape_autodiff::{Function, shape};
/// use hypertape_solvers::{Lbfgs, Method, Solve};
/// let rosenbrock = Function::record((shape![2], shape![]), |(z, a)| {
///     let (x, y) = (z.dot(hypertape_autodiff::record::constant(ndarray::arr1(&[1.0, 0.0]))), z.dot(hypertape_autodiff::record::constant(ndarray::arr1(&[0.0, 1.0]))));
///     (1.0 - x) * (1.0 - x) + a * (y - x * x) * (y - x * x)
/// })?;
/// let solved = Lbfgs::new(&rosenbrock).solve(&ndarray::arr1(&[-1.2, 1.0]), 100.0)?;
/// assert!(solved.report.converged && (solved.solution[[1]] - 1.0).abs() < 1e-6);
/// # Ok::<(), hypertape_autodiff::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Lbfgs<S: Structure, P: Structure> {
    f: Derivatives<S, P>,
    memory: usize,
    limits: Limits,
}

impl<S: Structure, P: Structure> Lbfgs<S, P> {
    /// Of an objective of (z, parameters), with 10 pairs.
    #[must_use]
    #[track_caller]
    pub fn new<T: Real>(objective: &Objective<S, P, T>) -> Self {
        Lbfgs { f: Derivatives::of(objective), memory: 10, limits: Limits::default() }
    }
    /// The number of pairs m.
    #[must_use]
    pub fn memory(mut self, pairs: usize) -> Self {
        self.memory = pairs;
        self
    }
}

/// A pair enters when the cosine of its angle is above this.
const CURVATURE: f64 = 1e-10;

/// aᵀb of two vectors.
#[track_caller]
fn dot(a: DynVar, b: DynVar) -> DynVar {
    record::apply("dot", &[a, b], Location::caller(), |builder, v| builder.dot(v[0], v[1]))
}

#[track_caller]
fn full(t: &LeafType) -> DynVar {
    record::apply("full", &[], Location::caller(), |b, _| b.full(t, 0.0))
}

/// Row i of a matrix.
#[track_caller]
fn row(a: DynVar, i: usize) -> DynVar {
    let n = shape(a).last().copied().unwrap_or(0);
    reshape(rows(a, i, 1), &[n])
}

/// All but the first row, then one more; or as before where `test` is 0.
#[track_caller]
fn push(test: Var, history: DynVar, newest: DynVar) -> DynVar {
    let m = shape(history).first().copied().unwrap_or(1);
    let mut one = shape(newest);
    one.insert(0, 1);
    let newest = reshape(newest, &one);
    let moved = if m > 1 { join(&[rows(history, 1, m - 1), newest]) } else { newest };
    select(test, moved, history)
}

/// H g by the two loops. `pairs` holds s, y and 1/sᵀy, which is 0 where there is no pair yet; H₀ = γ I.
#[track_caller]
fn two_loops(g: DynVar, (s, y, rho): (DynVar, DynVar, DynVar), gamma: DynVar, memory: usize) -> DynVar {
    let mut q = g;
    let mut alphas = vec![];
    for i in (0..memory).rev() {
        let alpha = reshape(rows(rho, i, 1), &[]) * dot(row(s, i), q);
        q = q - alpha * row(y, i);
        alphas.push(alpha);
    }
    let mut r = gamma * q;
    for (i, alpha) in alphas.into_iter().rev().enumerate() {
        let beta = reshape(rows(rho, i, 1), &[]) * dot(row(y, i), r);
        r = r + (alpha - beta) * row(s, i);
    }
    r
}

impl<S: Structure, P: Structure> Method for Lbfgs<S, P> {
    type Solution = S;
    type Params = P;
    type Each = ();
    /// z; f and ∇f at z; the pairs' s, y and 1/sᵀy, and γ.
    type State = (S, (Leaf<f64>, S), (AnyLeaf, AnyLeaf, AnyLeaf, AnyLeaf));
    fn name(&self) -> &'static str {
        "L-BFGS"
    }
    fn shapes(&self) -> Result<(S, P, ())> {
        let (z, p) = self.f.gradient.inputs().clone();
        self.f.gradient.program().map(|_| (z, p, ()))
    }
    fn start(&self, z: V<S>, p: &V<P>) -> V<Self::State> {
        let (f, g) = self.f.both(&z, p);
        let flat = ravel(&z);
        let (n, kind) = (shape(flat).first().copied().unwrap_or(0), flat.kind());
        let history = full(&LeafType::new(&[self.memory, n], kind));
        // The first step has length 1 at the most: γ = 1/max(1, ‖g‖).
        let gamma = like(Scalar::from(norm(&g).max(1.0).recip()), flat);
        (z, (f, g), (history, history, full(&LeafType::new(&[self.memory], kind)), gamma))
    }
    fn step(&self, (z, (f, g), (s, y, rho, gamma)): V<Self::State>, p: &V<P>, (): (), _: Var<u32>) -> V<Self::State> {
        let flat = ravel(&g);
        let direction = two_loops(flat, (s, y, rho), gamma, self.memory);
        let slope: Var = Scalar::Var(dot(direction, flat)).real();
        // Rounding may spoil the direction; the gradient is always one of descent.
        let direction = select(scalar::<f64>(0.0).less_than(slope), direction, flat);
        let slope: Var = Scalar::Var(dot(direction, flat)).real();
        let back = unravel(direction, &z);
        let moved = |t: Var| z.zip(&back, &mut |z, d| z - like(t.into(), d) * d);
        let (t, value, gradient) = weak_wolfe(at_rest(&z, norm(&back)), f, -slope, &g, |t| {
            let (value, gradient) = self.f.both(&moved(t), p);
            let along = -gradient.inner::<f64>(&back);
            (value, along, gradient)
        });
        let next = moved(t);
        let (ds, dy) = (ravel(&next.minus(&z)), ravel(&gradient.minus(&g)));
        let (sy, yy, ss) = (dot(ds, dy), dot(dy, dy), dot(ds, ds));
        let product = double(sy);
        let enough = CURVATURE * (double(yy).sqrt() * double(ss).sqrt());
        let keep = stop_gradient(&(1.0 - at_most(product, enough)));
        let one = scalar::<f64>(1.0);
        let safe = |v: DynVar| select(keep, v, like(one.into(), v));
        let (inverse, scale) = (like(one.into(), sy) / safe(sy), safe(sy) / safe(yy));
        let pairs = (push(keep, s, ds), push(keep, y, dy), push(keep, rho, inverse), select(keep, scale, gamma));
        (next, (value, gradient), pairs)
    }
    fn solution(&self, (z, ..): &V<Self::State>) -> V<S> {
        z.clone()
    }
    fn optimality(&self, z: &V<S>, p: &V<P>) -> V<S> {
        self.f.gradient(z, p)
    }
    fn stopping(&self, (_, (_, g), _): &V<Self::State>, _: &V<P>) -> DynVar {
        norm(g).to_dyn()
    }
    fn check(&self, _: Option<usize>) -> Result<(), String> {
        if self.memory == 0 { Err("it remembers no pairs; give `memory` at least 1".into()) } else { Ok(()) }
    }
    limits!();
}

#[track_caller]
fn double(v: DynVar) -> Var {
    Scalar::Var(v).real()
}
