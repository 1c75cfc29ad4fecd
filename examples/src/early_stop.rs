//! Ten bilevel problems whose inner solver is cut off by its iteration limit, as benches/peers/early_stop states them.
use crate::stopped::vector;
use hypertape::implicit::Certifier;
use hypertape::ndarray::{Array1, Array2, ArrayD, ArrayViewD, Ix1};
use hypertape::prelude::*;
use hypertape::solvers::prox;
use std::sync::Arc;

/// One problem: its hypergradient in three ways.
#[derive(Debug)]
pub struct Case {
    /// Its name in the tables of the peers.
    pub name: &'static str,
    /// θ.
    pub theta: ArrayD<f64>,
    /// Where the inner method stops.
    pub stop: ArrayD<f64>,
    /// θ ↦ L(z(θ), θ), as by default.
    pub strict: Function<Leaf, Leaf>,
    /// The same, where the point is accepted as it is.
    pub lenient: Function<Leaf, Leaf>,
    /// What certifies the hypergradient at the stop.
    pub certifier: Certifier<Leaf, Leaf>,
}

/// What a problem is, besides its functions.
struct Given {
    name: &'static str,
    theta: Vec<f64>,
    start: Vec<f64>,
    iterations: usize,
    adjoint: Arc<dyn LinearSolver>,
}

/// A case of one of our methods.
fn by_method<M>(given: Given, method: M, outer: &Function<(Leaf, Leaf), Leaf>) -> Result<Case>
where
    M: Method<Each = ()>,
    M::Problem: Equation<Unknown = Leaf, Params = Leaf, Solution = Leaf>,
{
    let Given { name, theta, start, iterations, adjoint } = given;
    let (theta, start) = (vector(&theta), vector(&start));
    let method = method.max_iterations(iterations);
    let whole = |policy: OnResidual| {
        let solver = method.implicit(adjoint.clone()).on_residual(policy);
        Function::record(shape![theta.len()], |t| outer.call((solver.solve(constant(start.to_shared()), t), t)))
    };
    let (strict, lenient) = (whole(OnResidual::default())?, whole(OnResidual::Warn)?);
    let certifier = implicit::certify(method.problem(), outer).scale(method.scale()).adjoint(adjoint.clone()).prepare()?;
    let stop = method.solve(&start, &theta)?.solution;
    Ok(Case { name, theta, stop, strict, lenient, certifier })
}

/// A case of code that the library does not know.
fn by_own_code<Q: Equation<Unknown = Leaf, Params = Leaf, Solution = Leaf>>(
    given: Given,
    problem: &Q,
    outer: &Function<(Leaf, Leaf), Leaf>,
    code: impl Fn(&[f64], Array1<f64>, usize) -> Result<Array1<f64>> + Clone + Send + Sync + 'static,
) -> Result<Case> {
    let Given { name, theta, start, iterations, adjoint } = given;
    let stop = code(&theta, Array1::from(start.clone()), iterations)?.into_dyn();
    let (theta, start) = (vector(&theta), vector(&start));
    let whole = |policy: OnResidual| {
        let code = code.clone();
        let find = move |t: ArrayViewD<'_, f64>, z: ArrayViewD<'_, f64>| {
            let z = z.to_owned().into_dimensionality::<Ix1>().unwrap_or_default();
            code(&t.iter().copied().collect::<Vec<_>>(), z, iterations).map(Array1::into_dyn)
        };
        let solver = implicit::outside(problem, find).adjoint(adjoint.clone()).on_residual(policy);
        Function::record(shape![theta.len()], |t| outer.call((solver.solve(constant(start.to_shared()), t), t)))
    };
    let (strict, lenient) = (whole(OnResidual::default())?, whole(OnResidual::Warn)?);
    let certifier = implicit::certify(problem, outer).adjoint(adjoint.clone()).prepare()?;
    Ok(Case { name, theta, stop, strict, lenient, certifier })
}

/// M[k, j] = sin(a k + b j + c k j), k from `first`.
fn wave(first: usize, [rows, columns]: [usize; 2], [a, b, c]: [f64; 3]) -> Array2<f64> {
    Array2::from_shape_fn((rows, columns), |(k, j)| {
        let (k, j) = ((k + first) as f64, j as f64);
        (a * k + b * j + c * k * j).sin()
    })
}

/// Rows 0 to 39 to train with and rows 40 to 59 to validate.
fn waves(columns: usize, factors: [f64; 3]) -> [Array2<f64>; 2] {
    [wave(0, [40, columns], factors), wave(40, [20, columns], factors)]
}

fn targets(f: impl Fn(f64) -> f64) -> [Array1<f64>; 2] {
    [(0, 40), (40, 20)].map(|(first, n)| indices(n, |k| f(k + first as f64)))
}

fn indices(n: usize, f: impl Fn(f64) -> f64) -> Array1<f64> {
    Array1::from_shape_fn(n, |k| f(k as f64))
}

/// Data inside a recording.
fn data<D: hypertape::ndarray::Dimension>(a: &hypertape::ndarray::Array<f64, D>) -> Var {
    constant(a.to_shared())
}

/// An entry of θ.
fn number_at(t: Var, i: usize) -> Var {
    t.slice_axis(0, i, i + 1).sum()
}

/// |Xz − y|² / 2n.
fn misfit(x: &Array2<f64>, y: &Array1<f64>, z: Var) -> Var {
    0.5 * (data(x).dot(z) - data(y)).square().mean()
}

/// ln cosh r, as a sum of two softplus.
fn log_cosh(r: Var) -> Var {
    0.5 * ((2.0 * r).softplus() + (-2.0 * r).softplus()) - std::f64::consts::LN_2
}

fn ridge(name: &'static str, decades: f64, theta: f64, step: f64, iterations: usize) -> Result<Case> {
    let [mut x, mut v] = waves(10, [0.7, 1.3, 0.5]);
    let scale = indices(10, |j| 10f64.powf(-decades * j / 9.0));
    x *= &scale;
    v *= &scale;
    let [y, u] = targets(|k| (0.9 * k).cos() + 0.5 * (0.3 * k * k).sin());
    let shapes = (shape![10], shape![1]);
    let inner = Function::record(shapes.clone(), |(z, t)| misfit(&x, &y, z) + 0.5 * number_at(t, 0).exp() * z.square().sum())?;
    let outer = Function::record(shapes, |(z, _)| misfit(&v, &u, z))?;
    let given = Given { name, theta: vec![theta], start: vec![0.0; 10], iterations, adjoint: Arc::new(Cholesky) };
    by_method(given, GradientDescent::new(&inner).step_size(step), &outer)
}

fn logistic() -> Result<Case> {
    let [x, v] = waves(8, [0.7, 1.3, 0.5]);
    let [y, u] = targets(|k| if (1.1 * k + 0.3).sin() >= 0.0 { 1.0 } else { -1.0 });
    let loss = |x: &Array2<f64>, y: &Array1<f64>, z: Var| (-(data(y) * data(x).dot(z))).softplus().mean();
    let shapes = (shape![8], shape![8]);
    let inner = Function::record(shapes.clone(), |(z, t)| loss(&x, &y, z) + 0.5 * (t.exp() * z.square()).sum())?;
    let outer = Function::record(shapes, |(z, _)| loss(&v, &u, z))?;
    let theta = (0..8).map(|j| -3.0 + 0.1 * f64::from(j)).collect();
    let given = Given { name: "2_logistic_gd", theta, start: vec![0.0; 8], iterations: 20, adjoint: Arc::new(Cholesky) };
    by_method(given, GradientDescent::new(&inner).step_size(2.0), &outer)
}

/// L-BFGS with memory 10 and steps of length 1.
fn unit_lbfgs(gradient: impl Fn(&Array1<f64>) -> Array1<f64>, start: Array1<f64>, iterations: usize) -> Array1<f64> {
    let (mut z, mut g, mut scale) = (start.clone(), gradient(&start), 1.0);
    let mut pairs: Vec<(Array1<f64>, Array1<f64>)> = vec![];
    for _ in 0..iterations {
        let recent = &pairs[pairs.len().saturating_sub(10)..];
        let (mut q, mut factors) = (g.clone(), vec![]);
        for (s, y) in recent.iter().rev() {
            let a = s.dot(&q) / s.dot(y);
            q.scaled_add(-a, y);
            factors.push(a);
        }
        q *= scale;
        for ((s, y), a) in recent.iter().zip(factors.iter().rev()) {
            let left = a - y.dot(&q) / s.dot(y);
            q.scaled_add(left, s);
        }
        let next = &z - &q;
        let there = gradient(&next);
        let (s, y) = (&next - &z, &there - &g);
        scale = s.dot(&y) / y.dot(&y);
        pairs.push((s, y));
        (z, g) = (next, there);
    }
    z
}

fn robust() -> Result<Case> {
    let [x, v] = waves(10, [0.6, 1.1, 0.37]);
    let [y, u] = targets(|k| 2.0 * (0.8 * k).cos() + (0.2 * k * k).sin());
    let shapes = (shape![10], shape![2]);
    let inner = Function::record(shapes.clone(), |(z, t)| {
        let r = data(&x).dot(z) - number_at(t, 1).exp() * data(&y);
        log_cosh(r).mean() + 0.5 * number_at(t, 0).exp() * z.square().sum()
    })?;
    let outer = Function::record(shapes, |(z, _)| log_cosh(data(&v).dot(z) - data(&u)).mean())?;
    let code = move |t: &[f64], start: Array1<f64>, iterations: usize| {
        let gradient = |z: &Array1<f64>| {
            let r = x.dot(z) - t[1].exp() * &y;
            x.t().dot(&r.mapv(f64::tanh)) / 40.0 + t[0].exp() * z
        };
        Ok(unit_lbfgs(gradient, start, iterations))
    };
    let (theta, adjoint) = (vec![-3.0, 0.2], Arc::new(Cholesky));
    let given = Given { name: "4_logcosh_lbfgs", theta, start: vec![0.0; 10], iterations: 6, adjoint };
    by_own_code(given, &Objective::new(&inner), &outer, code)
}

/// z = tanh(W z + U θ + b).
fn layer(name: &'static str, w: Array2<f64>, u: Array2<f64>, b: Array1<f64>, theta: Vec<f64>, iterations: usize) -> Result<Case> {
    let shapes = (shape![20], shape![theta.len()]);
    let goal = indices(20, |i| 0.3 * (0.4 * i).sin());
    let map = Function::record(shapes.clone(), |(z, t)| (data(&w).dot(z) + data(&u).dot(t) + data(&b)).tanh())?;
    let outer = Function::record(shapes, |(z, t)| 0.5 * (z - data(&goal)).square().sum() + 0.05 * t.square().sum())?;
    let given = Given { name, theta, start: vec![0.0; 20], iterations, adjoint: Arc::new(Lu) };
    by_method(given, FixedPoint::new(&map), &outer)
}

fn layers() -> Result<[Case; 2]> {
    let q =
        Array2::from_shape_fn((20, 20), |(i, j)| (2.0 / 21f64).sqrt() * (std::f64::consts::PI * ((i + 1) * (j + 1)) as f64 / 21.0).sin());
    let turned = Array2::from_shape_fn((20, 20), |(i, j)| 0.93 * q[((i + 1) % 20, j)]);
    let column = Array2::from_shape_fn((20, 1), |(i, _)| (1.0 + 0.5 * i as f64).sin());
    let shift = |size: f64| indices(20, |i| size * (0.8 * i).cos());
    let slow = (&q * &indices(20, |i| 0.9985 * (0.15 * i).cos())).dot(&q);
    Ok([
        layer("5_fixed_point_0.9", turned, column, shift(0.1), vec![0.2], 40)?,
        layer("6_fixed_point_0.99", slow, wave(0, [20, 3], [0.9, 0.4, 0.3]), shift(0.01), vec![0.02, -0.01, 0.015], 500)?,
    ])
}

fn newton() -> Result<Case> {
    let near = |up: f64, down: f64, own: f64| {
        Array2::from_shape_fn((5, 5), |(i, j)| match j as i64 - i as i64 {
            1 => up,
            -1 => down,
            0 => own,
            _ => 0.0,
        })
    };
    let (a, d) = (near(-1.0, -1.0, 2.0), near(0.5, -0.5, 0.0));
    let shapes = (shape![5], shape![2]);
    let residual = Function::record(shapes.clone(), |(z, t)| {
        data(&a).dot(z) + z * data(&d).dot(z) - number_at(t, 0) * (number_at(t, 1) * z).exp() / 36.0
    })?;
    let goal = indices(5, |i| 0.1 * (i + 1.0));
    let outer = Function::record(shapes, |(z, _)| 0.5 * (z - data(&goal)).square().sum())?;
    let code = move |t: &[f64], mut z: Array1<f64>, iterations: usize| {
        for _ in 0..iterations {
            let (slope, heat) = (d.dot(&z), t[0] / 36.0 * (t[1] * &z).mapv(f64::exp));
            let f = a.dot(&z) + &z * &slope - &heat;
            let own = slope - t[1] * heat;
            let jacobian = Array2::from_shape_fn((5, 5), |(i, j)| a[(i, j)] + z[i] * d[(i, j)] + if i == j { own[i] } else { 0.0 });
            z -= &Lu.prepare(jacobian)?.solve(&f.to_vec())?.x;
        }
        Ok(z)
    };
    let (theta, adjoint) = (vec![2.5, 1.2], Arc::new(Lu));
    let given = Given { name: "7_newton_root", theta, start: vec![0.7; 5], iterations: 3, adjoint };
    by_own_code(given, &Root::new(&residual), &outer, code)
}

/// The Lasso, and with two parameters the elastic net.
fn sparse(name: &'static str, theta: Vec<f64>, iterations: usize) -> Result<Case> {
    let [x, v] = waves(20, [0.7, 1.3, 0.5]);
    let mut w = Array1::zeros(20);
    [(0, 1.0), (3, -0.8), (7, 0.6), (12, -0.4)].iter().for_each(|(j, value)| w[*j] = *value);
    let [noise, other] = targets(|k| 0.3 * (0.9 * k + 0.1 * k * k).cos());
    let (y, u) = (x.dot(&w) + noise, v.dot(&w) + other);
    let (shapes, net) = ((shape![20], shape![theta.len()]), theta.len() == 2);
    let smooth = Function::record(shapes.clone(), |(z, t)| {
        let fit = misfit(&x, &y, z);
        if net { fit + 0.5 * number_at(t, 1).exp() * z.square().sum() } else { fit }
    })?;
    let outer = Function::record(shapes, |(z, _)| misfit(&v, &u, z))?;
    let problem = Composite::new(&smooth, prox::l1(|t: &Var| number_at(*t, 0).exp()));
    let given = Given { name, theta, start: vec![0.0; 20], iterations, adjoint: Arc::new(Lu) };
    by_method(given, Ista::new(&problem).step_size(0.4), &outer)
}

fn non_negative() -> Result<Case> {
    let [x, v] = waves(12, [0.6, 1.1, 0.37]);
    let w = indices(12, |j| (1.9 * j).cos());
    let [noise, other] = targets(|k| 0.5 * (0.2 * k * k).sin());
    let (y, u) = (x.dot(&w) + noise, v.dot(&w) + other);
    let (even, odd) = (indices(40, |k| 1.0 - k % 2.0), indices(40, |k| k % 2.0));
    let q = indices(40, |k| (0.5 * k).cos());
    let shapes = (shape![12], shape![2]);
    let smooth = Function::record(shapes.clone(), |(z, t)| {
        let weights = number_at(t, 0).exp() * data(&even) + data(&odd);
        0.5 * (weights * (data(&x).dot(z) - data(&y) - number_at(t, 1) * data(&q)).square()).mean()
    })?;
    let outer = Function::record(shapes, |(z, _)| misfit(&v, &u, z))?;
    let problem = Composite::new(&smooth, prox::non_negative());
    let (name, theta, adjoint) = ("10_nnls_projected_gradient", vec![0.3, 0.2], Arc::new(Lu));
    let given = Given { name, theta, start: vec![0.5; 12], iterations: 30, adjoint };
    by_method(given, Ista::new(&problem).step_size(0.4), &outer)
}

/// All ten.
///
/// # Errors
/// That of the first problem that cannot be stated.
pub fn cases() -> Result<Vec<Case>> {
    let [fast, slow] = layers()?;
    Ok(vec![
        ridge("1_ridge_gd", 0.0, -2.0, 0.5, 12)?,
        logistic()?,
        ridge("3_ill_conditioned_ridge_gd", 2.15, -10.5, 1.0, 50_000)?,
        robust()?,
        fast,
        slow,
        newton()?,
        sparse("8_lasso_proximal_gradient", vec![-3.0], 20)?,
        sparse("9_elastic_net_proximal_gradient", vec![-2.5, -2.5], 40)?,
        non_negative()?,
    ])
}
