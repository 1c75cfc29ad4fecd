//! A quadratic program as a layer (OptNet, Amos and Kolter 2017): its KKT conditions are the equation, its solver is the user's own.
mod support;

use faer::linalg::solvers::Solve;
use hypertape::ndarray::{self, Array1, Array2, ArrayViewD, s};
use hypertape::prelude::*;
use support::{Accuracy, agrees, check, flat, random};

/// min ½xᵀQx + pᵀx with Ax = b and Gx ≤ h.
#[derive(Tree, Clone, Copy, Debug)]
struct Qp<L> {
    q: L,
    p: L,
    a: L,
    b: L,
    g: L,
    h: L,
}

/// The solution, the multipliers of equations and those of inequalities.
#[derive(Tree, Clone, Copy, Debug)]
struct Kkt<L> {
    x: L,
    nu: L,
    lambda: L,
}

#[derive(Debug, thiserror::Error)]
#[error("no interior point after {0} steps")]
struct Infeasible(usize);

/// A primal-dual interior-point method: Newton steps on the conditions with λ·slack = μ → 0.
fn interior_point(qp: &Qp<ArrayViewD<'_, f64>>) -> Result<Kkt<Array1<f64>>, Infeasible> {
    let (q, p, a, b, g, h) = (qp.q.d2(), qp.p.d1(), qp.a.d2(), qp.b.d1(), qp.g.d2(), qp.h.d1());
    let (n, e, m) = (p.len(), b.len(), h.len());
    let (mut x, mut nu, mut lambda, mut slack) = (Array1::zeros(n), Array1::zeros(e), Array1::ones(m), Array1::<f64>::ones(m));
    for _ in 0..100 {
        let mu = 0.1 * lambda.dot(&slack) / m as f64;
        let stationarity = q.dot(&x) + &p + a.t().dot(&nu) + g.t().dot(&lambda);
        let (equality, inequality) = (a.dot(&x) - &b, g.dot(&x) + &slack - &h);
        let worst = [&stationarity, &equality, &inequality].iter().flat_map(|r| r.iter()).fold(mu, |w: f64, v| w.max(v.abs()));
        if worst < 1e-13 {
            return Ok(Kkt { x, nu, lambda });
        }
        let (size, mut newton, mut rhs) = (n + e + m, Array2::zeros((n + e + m, n + e + m)), Array1::zeros(n + e + m));
        newton.slice_mut(s![..n, ..n]).assign(&q);
        newton.slice_mut(s![..n, n..n + e]).assign(&a.t());
        newton.slice_mut(s![..n, n + e..]).assign(&g.t());
        newton.slice_mut(s![n..n + e, ..n]).assign(&a);
        newton.slice_mut(s![n + e.., ..n]).assign(&g);
        rhs.slice_mut(s![..n]).assign(&-&stationarity);
        rhs.slice_mut(s![n..n + e]).assign(&-&equality);
        for i in 0..m {
            // G Δx − (s/λ) Δλ = −r − (μ/λ − s), from Δs = μ/λ − s − (s/λ)Δλ.
            newton[[n + e + i, n + e + i]] = -slack[i] / lambda[i];
            rhs[n + e + i] = -inequality[i] - (mu / lambda[i] - slack[i]);
        }
        let matrix = faer::Mat::from_fn(size, size, |i, j| newton[[i, j]]);
        let step = matrix.partial_piv_lu().solve(faer::Col::from_fn(size, |i| rhs[i]));
        let step = Array1::from_shape_fn(size, |i| step[i]);
        if step.iter().any(|v| !v.is_finite()) {
            return Err(Infeasible(size));
        }
        let dlambda = step.slice(s![n + e..]).to_owned();
        let dslack = Array1::from_shape_fn(m, |i| mu / lambda[i] - slack[i] - slack[i] / lambda[i] * dlambda[i]);
        let inside =
            |v: &Array1<f64>, d: &Array1<f64>| v.iter().zip(d).filter(|(_, d)| **d < 0.0).fold(1.0, |t: f64, (v, d)| t.min(-0.99 * v / d));
        let t = inside(&lambda, &dlambda).min(inside(&slack, &dslack));
        x = x + t * &step.slice(s![..n]);
        nu = nu + t * &step.slice(s![n..n + e]);
        lambda = lambda + t * &dlambda;
        slack = slack + t * &dslack;
    }
    Err(Infeasible(100))
}

#[cfg_attr(test, test)]
fn a_layer_that_solves_a_quadratic_program() -> Result<()> {
    let (n, m, e) = (4, 4, 1);
    let solution = Kkt { x: shape![n], nu: shape![e], lambda: shape![m] };
    let data = Qp { q: shape![n, n], p: shape![n], a: shape![e, n], b: shape![e], g: shape![m, n], h: shape![m] };
    let kkt = Function::record((solution.clone(), data), |(z, d)| Kkt {
        x: d.q.dot(z.x) + d.p + d.a.t().dot(z.nu) + d.g.t().dot(z.lambda),
        nu: d.a.dot(z.x) - d.b,
        lambda: z.lambda * (d.g.dot(z.x) - d.h),
    })?;
    let qp = implicit::root(&kkt, |data, _start| interior_point(&data)).adjoint(Gmres::default());

    // A network with the program inside: a portfolio, x ≥ −h and Σ x = 1, whose risk Q = LLᵀ + I is positive definite.
    let one = Array2::eye(n).into_shared();
    let bounds = (-Array2::eye(n)).into_shared();
    let network = Function::record((shape![n, n], (shape![n], shape![n])), |(l, (p, h))| {
        let d = Qp { q: l.dot(l.t()) + constant(&one), p, a: ones(shape![e, n]), b: ones(shape![e]), g: constant(&bounds), h };
        qp.solve(zeros(solution), d).x.square().sum()
    })?;
    let at = (random::sym(2, (n, n)), (ndarray::arr1(&[-1.0, 1.0, 0.5, -0.8]), Array1::zeros(n)));
    let accuracy = Accuracy::with_kinks(n * n * n).solved_to(1e-13);
    let gradient = check(&network, &at, accuracy)?;
    // Some bounds hold with equality, the others do not matter.
    let (_, (_, by_bound)) = &gradient;
    let active = by_bound.iter().filter(|g| g.abs() > 1e-6).count();
    assert_eq!(active, 2, "{by_bound}");

    // Second order: the Hessian-vector product is the derivative of the gradient along the direction.
    let direction = (random::sym(4, (n, n)), (random::sym(5, n), random::sym(6, n)));
    let along = Function::record(network.inputs().clone(), |x| {
        let g = network.wrt(|x| x).gradient().call(x);
        let (l, (p, h)) = g;
        let (dl, (dp, dh)) = (constant(direction.0.clone()), (constant(direction.1.0.clone()), constant(direction.1.1.clone())));
        (l * dl).sum() + (p * dp).sum() + (h * dh).sum()
    })?;
    let product = network.hvp(&at, &direction)?;
    agrees(&along, &at, &product, accuracy)?;
    assert!(flat::<(Leaf, (Leaf, Leaf))>(&product).iter().all(|v| v.is_finite()));

    // What the user's own solver says comes out of `eval`.
    let impossible = (Array2::zeros((n, n)), (Array1::zeros(n), Array1::from_elem(n, -100.0)));
    let e = network.eval(&impossible).err().map(|e| e.to_string());
    println!("{}", e.as_deref().unwrap_or_default());
    assert!(e.as_ref().is_some_and(|e| e.contains("no interior point") && e.contains("quadratic_program.rs")), "{e:?}");
    Ok(())
}

fn main() -> Result<()> {
    a_layer_that_solves_a_quadratic_program()
}
