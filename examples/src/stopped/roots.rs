//! Roots and fixed points.
use super::{Case, Solver, Sort, Stated, by, number, vector};
use hypertape::ndarray::{Array1, Array2, ArrayD};
use hypertape::prelude::*;
use hypertape_testkit::random;
use std::rc::Rc;
use std::sync::Arc;

fn gmres(tolerance: f64) -> Arc<dyn LinearSolver> {
    Arc::new(Gmres::tolerance(tolerance).max_iterations(10_000))
}

fn lu(_: f64) -> Arc<dyn LinearSolver> {
    Arc::new(Lu)
}

/// A fixed point z = T(z, θ), by plain iteration.
fn equilibrium(
    (name, seen): (&'static str, bool),
    map: &Function<(Leaf, Leaf), Leaf>,
    outer: Function<(Leaf, Leaf), Leaf>,
    theta: ArrayD<f64>,
    start: ArrayD<f64>,
) -> Result<Case> {
    let problem = Equilibrium::new(map);
    let solver = by(FixedPoint::new(map).max_iterations(100_000), start, theta.clone());
    Stated { name, sort: Sort::Smooth, seen, problem, outer, theta, scale: 1.0, adjoint: gmres, solver, sides: vec![] }.case()
}

/// A root, approached along a fixed direction from a point that is right to rounding.
fn root(
    (name, seen): (&'static str, bool),
    residual: &Function<(Leaf, Leaf), Leaf>,
    outer: Function<(Leaf, Leaf), Leaf>,
    theta: ArrayD<f64>,
    solution: ArrayD<f64>,
) -> Result<Case> {
    let solver: Solver = Rc::new(move |t: f64| {
        let mut sign = -1.0;
        let near = solution.mapv(|z| {
            sign = -sign;
            z * (1.0 + 0.5 * sign * t)
        });
        Ok(Box::new(move || Ok((near.clone(), 0))))
    });
    Stated { name, sort: Sort::Smooth, seen, problem: Root::new(residual), outer, theta, scale: 1.0, adjoint: lu, solver, sides: vec![] }
        .case()
}

/// A layer tanh(W z + θ u + b) with ‖W‖ near `factor`; a strictly triangular part makes it far from normal.
fn layer(name: &'static str, seen: bool, n: usize, factor: f64, triangular: f64) -> Result<Case> {
    let q = {
        // A reflection, so that the norm is known.
        let v = random::normal(60, n);
        let v = &v / v.dot(&v).sqrt();
        Array2::from_shape_fn((n, n), |(i, j)| f64::from(u8::from(i == j)) - 2.0 * v[i] * v[j])
    };
    let t = random::normal(61, (n, n));
    let w = Array2::from_shape_fn((n, n), |(i, j)| factor * q[(i, j)] + if j > i { triangular * t[(i, j)] / n as f64 } else { 0.0 })
        .into_shared();
    let (u, b) = (random::normal(62, n).into_shared(), (0.1 * random::normal(63, n)).into_shared());
    let map = Function::record((shape![n], shape![2]), |(z, t)| {
        let (strength, shift) = (t.slice_axis(0, 0, 1), t.slice_axis(0, 1, 2));
        (constant(&w).dot(z) + strength * constant(&u) + shift * constant(&b)).tanh()
    })?;
    let outer = Function::record((shape![n], shape![2]), |(z, _)| (z - 0.1).square().sum())?;
    equilibrium((name, seen), &map, outer, vector(&[0.2, 1.0]), ArrayD::zeros(vec![n]))
}

/// E − e sin E = M: Kepler's equation.
fn kepler() -> Result<Case> {
    let residual = Function::record((shape![], shape![2]), |(z, t)| {
        let (e, m) = (t.slice_axis(0, 0, 1).sum(), t.slice_axis(0, 1, 2).sum());
        z - e * z.sin() - m
    })?;
    let outer = Function::record((shape![], shape![2]), |(z, t)| z.cos() - t.slice_axis(0, 0, 1).sum())?;
    let (e, m) = (0.9_f64, 0.7);
    let z = (0..200).fold(m, |z: f64, _| z - (z - e * z.sin() - m) / (1.0 - e * z.cos()));
    root(("Kepler's equation", false), &residual, outer, vector(&[e, m]), number(z))
}

/// An electrical grid: three loads behind lines, each takes the power θ p, so z(1 − z) and couplings.
fn loads() -> Result<Case> {
    let lines = hypertape::ndarray::arr2(&[[3.0, -1.0, -0.5], [-1.0, 2.5, -1.0], [-0.5, -1.0, 2.0]]);
    let power = hypertape::ndarray::arr1(&[0.04, 0.06, 0.03]);
    let residual =
        Function::record((shape![3], shape![]), |(z, t)| constant(lines.to_shared()).dot(z - 1.0) + t * constant(power.to_shared()) / z)?;
    let outer = Function::record((shape![3], shape![]), |(z, t)| (1.0 - z).square().sum() + 0.01 * t)?;
    // The derivative of the loads is diagonal; a few hundred relaxed steps are enough.
    let mut z = Array1::<f64>::ones(3);
    for _ in 0..2000 {
        let f = lines.dot(&(&z - 1.0)) + &power / &z;
        z -= &(0.2 * f);
    }
    root(("loads on a grid", false), &residual, outer, number(1.0), z.into_dyn())
}

/// A softmax by its optimality system: min Σ x ln x − cᵀx with 1ᵀx = 1, unknowns (x, ν).
fn entropic() -> Result<Case> {
    let c = random::normal(70, 6).into_shared();
    let residual = Function::record((shape![7], shape![]), |(w, t)| {
        let (x, nu) = (w.slice_axis(0, 0, 6), w.slice_axis(0, 6, 7));
        concat(0, &[x.ln() + 1.0 - t * constant(&c) + nu.broadcast_to(&[6]), x.sum_keep(&[0]) - 1.0])
    })?;
    let outer = Function::record((shape![7], shape![]), |(w, _)| (w.slice_axis(0, 0, 6) - 0.2).square().sum())?;
    let e = c.mapv(|c| (1.5 * c).exp());
    let total = e.sum();
    let mut w: Vec<f64> = e.iter().map(|e| e / total).collect();
    w.push(total.ln() - 1.0);
    root(("softmax by its optimality system", true), &residual, outer, number(1.5), vector(&w))
}

pub(super) fn cases() -> Result<Vec<Case>> {
    let scalar = || shape![];
    let cube = Function::record((scalar(), scalar()), |(z, x)| z * z * z - x)?;
    let fold = Function::record((scalar(), scalar()), |(z, t)| z * z - t)?;
    let value = || Function::record((scalar(), scalar()), |(z, _)| z);
    Ok(vec![
        layer("tanh layer, not normal", true, 50, 0.6, 8.0)?,
        layer("tanh layer, factor 0.999", true, 20, 0.999, 0.0)?,
        root(("cube root", true), &cube, value()?, number(2.0), number(2f64.cbrt()))?,
        root(("fold", true), &fold, value()?, number(1e-4), number(1e-2))?,
        kepler()?,
        loads()?,
        entropic()?,
    ])
}
