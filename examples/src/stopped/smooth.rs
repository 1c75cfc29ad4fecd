//! Minimisers of smooth objectives.
use super::tables::{camera, diabetes};
use super::{Case, Sort, Stated, by, by_cg, number, squared_norm, vector};
use crate::digits::Digits;
use hypertape::ndarray::{Array1, Array2, ArrayD, s};
use hypertape::prelude::*;
use hypertape::record::Csr;
use hypertape_testkit::random;
use std::sync::Arc;

fn cg(tolerance: f64) -> Arc<dyn LinearSolver> {
    Arc::new(Cg::tolerance(tolerance).max_iterations(100_000))
}

fn cholesky(_: f64) -> Arc<dyn LinearSolver> {
    Arc::new(Cholesky)
}

/// Iterations at the most of methods of first order.
const LONG: usize = 100_000;

/// A shared array inside a recording.
macro_rules! data {
    ($($name:ident),*) => { $(let $name = constant($name.to_shared());)* };
}

type Objectives = (Function<(Leaf, Leaf), Leaf>, Function<(Leaf, Leaf), Leaf>);

/// A case of an objective, by a method that is given a relative residual and knows its limit of iterations.
fn minimum<M: Method<Problem = Objective<Leaf, Leaf>, Each = ()>>(
    (name, seen): (&'static str, bool),
    (inner, outer): Objectives,
    theta: ArrayD<f64>,
    start: ArrayD<f64>,
    adjoint: fn(f64) -> Arc<dyn LinearSolver>,
    method: M,
) -> Result<Case> {
    let solver = by(method, start, theta.clone());
    Stated { name, sort: Sort::Smooth, seen, problem: Objective::new(&inner), outer, theta, scale: 1.0, adjoint, solver, sides: vec![] }
        .case()
}

/// Mean loss of a linear model with log-penalties on all weights, and the loss on other rows.
fn regression(
    [x, other]: [&Array2<f64>; 2],
    [y, target]: [&Array1<f64>; 2],
    penalties: usize,
    loss: impl Fn(Var, Var) -> Var,
) -> Result<Objectives> {
    let (n, d) = x.dim();
    let shape = if penalties == 0 { shape![] } else { shape![penalties] };
    let inner = Function::record((shape![d], shape.clone()), |(z, t)| {
        data!(x, y);
        loss(x.dot(z), y).sum() / n as f64 + 0.5 * (t.exp() * z.square()).sum()
    })?;
    let outer = Function::record((shape![d], shape), |(z, _)| {
        data!(other, target);
        loss(other.dot(z), target).mean()
    })?;
    Ok((inner, outer))
}

fn halves(x: &Array2<f64>, y: &Array1<f64>, at: usize) -> ([Array2<f64>; 2], [Array1<f64>; 2]) {
    ([x.slice(s![..at, ..]).to_owned(), x.slice(s![at.., ..]).to_owned()], [y.slice(s![..at]).to_owned(), y.slice(s![at..]).to_owned()])
}

fn square(f: Var, y: Var) -> Var {
    0.5 * (f - y).square()
}
fn logistic(f: Var, y: Var) -> Var {
    (-(y * f)).softplus()
}
/// ln cosh(f − y) = |r| + ln(1 + e^(−2|r|)) − ln 2, here as a sum of two softplus.
fn log_cosh(f: Var, y: Var) -> Var {
    let r = 2.0 * (f - y);
    0.5 * (r.softplus() + (-r).softplus()) - std::f64::consts::LN_2
}
fn poisson(f: Var, y: Var) -> Var {
    f.exp() - y * f
}

/// Rows of random features and the noisy values of a linear model, 2n of them.
fn synthetic(seed: u64, n: usize, d: usize, decades: f64) -> (Array2<f64>, Array1<f64>) {
    let mut x = random::normal(seed, (2 * n, d));
    for (j, mut c) in x.columns_mut().into_iter().enumerate() {
        c *= 10f64.powf(-decades * j as f64 / (d - 1).max(1) as f64);
    }
    let f = x.dot(&random::normal(seed + 1, d)) + 0.3 * random::normal(seed + 2, 2 * n);
    (x, f)
}

fn regressions(quick: bool) -> Result<Vec<Case>> {
    let mut out = vec![];
    let (x, y) = diabetes();
    let (parts, targets) = halves(&x, &y, 300);
    let (xs, ys) = (parts.each_ref(), targets.each_ref());
    let step = |size: f64, n: usize, bend: f64, penalty: f64| 1.0 / (bend * size / n as f64 + penalty);
    let size = squared_norm(xs[0]);
    let zeros10 = || vector(&[0.0; 10]);

    let f = regression(xs, ys, 0, square)?;
    let gd = GradientDescent::new(&f.0).step_size(step(size, 300, 1.0, (-4f64).exp())).max_iterations(LONG);
    out.push(minimum(("ridge, diabetes", true), f, number(-4.0), zeros10(), cg, gd)?);
    let f = regression(xs, ys, 10, log_cosh)?;
    let gd = GradientDescent::new(&f.0).step_size(step(size, 300, 1.0, (-3f64).exp())).max_iterations(LONG);
    out.push(minimum(("log cosh regression, diabetes, 10 penalties", false), f, vector(&[-3.0; 10]), zeros10(), cg, gd)?);

    for (name, seen, decades, penalty) in
        [("logistic", true, 0.0, -3.0), ("logistic, condition 1e3", true, 2.0, -8.0), ("logistic, condition 1e5", true, 3.0, -12.0)]
    {
        let (x, f) = synthetic(10, 300, 30, decades);
        let (parts, targets) = halves(&x, &f.mapv(f64::signum), 300);
        let (xs, ys) = (parts.each_ref(), targets.each_ref());
        let f = regression(xs, ys, 0, logistic)?;
        let solver = Lbfgs::new(&f.0).max_iterations(LONG);
        out.push(minimum((name, seen), f, number(penalty), vector(&[0.0; 30]), cg, solver)?);
    }
    let (x, f) = synthetic(20, 200, 30, 0.5);
    let (parts, targets) = halves(&x, &f.mapv(f64::signum), 200);
    let (xs, ys) = (parts.each_ref(), targets.each_ref());
    let f = regression(xs, ys, 30, logistic)?;
    let theta: Vec<f64> = (0..30).map(|i| -4.0 + (i as f64).sin()).collect();
    let solver = Lbfgs::new(&f.0).max_iterations(LONG);
    out.push(minimum(("logistic, 30 penalties", true), f, vector(&theta), vector(&[0.0; 30]), cg, solver)?);

    let (x, f) = synthetic(30, 200, 12, 0.5);
    let counts = f.mapv(|f| (0.5 * f).clamp(-2.0, 2.0).exp().round());
    let (parts, targets) = halves(&x, &counts, 200);
    let (xs, ys) = (parts.each_ref(), targets.each_ref());
    let f = regression(xs, ys, 0, poisson)?;
    let solver = Lbfgs::new(&f.0).max_iterations(LONG);
    out.push(minimum(("Poisson regression", false), f, number(-4.0), vector(&[0.0; 12]), cg, solver)?);
    out.push(digits(if quick { 200 } else { 1000 })?);
    Ok(out)
}

/// Logistic regression with a log-penalty for each feature, the workload `implicit_full` of the yardstick: n rows of d random features for training, half as many for validation.
///
/// # Errors
/// None that these data have.
pub fn logistic_penalties((n, d): (usize, usize)) -> Result<Case> {
    let truth = random::sym(401, d) * 2.0;
    let rows = |seed: u64, noise: u64, n: usize| {
        let x = random::sym(seed, (n, d)) * random::SQRT_12;
        let scores = x.dot(&truth) + random::sym(noise, n) * (20.0 * (d as f64 / 200.0).sqrt());
        (x, scores.mapv(|s| if s > 0.0 { 1.0 } else { -1.0 }))
    };
    let ((x, y), (other, target)) = (rows(400, 402, n), rows(410, 411, n / 2));
    let f = regression([&x, &other], [&y, &target], d, logistic)?;
    let theta = (random::sym(420, d) - 4.0).into_dyn();
    let solver = Lbfgs::new(&f.0).max_iterations(LONG);
    minimum(("logistic regression, a penalty for each feature", false), f, theta, vector(&vec![0.0; d]), cg, solver)
}

/// Softmax regression on the digits, a penalty for each class.
fn digits(rows: usize) -> Result<Case> {
    let d = Digits::load().map_err(|e| Error::new("digits", e.to_string()))?;
    let (x, y) = (d.x_train.slice(s![..rows, ..]).to_owned(), d.y_train.slice(s![..rows, ..]).to_owned());
    let (v, u) = (&d.x_validation, &d.y_validation);
    let loss = |x: Var, y: Var, z: Var| {
        let f = x.matmul(z);
        f.logsumexp_axis(1).sum() - (y * f).sum()
    };
    let (x, y) = (&x, &y);
    let inner = Function::record((shape![64, 10], shape![10]), |(z, t)| {
        data!(x, y);
        loss(x, y, z) / rows as f64 + 0.5 * (t.exp() * z.square()).sum()
    })?;
    let outer = Function::record((shape![64, 10], shape![10]), |(z, _)| loss(constant(v), constant(u), z) / v.nrows() as f64)?;
    let solver = Lbfgs::new(&inner).max_iterations(LONG);
    minimum(("softmax regression, digits", false), (inner, outer), vector(&[-5.0; 10]), ArrayD::zeros(vec![64, 10]), cg, solver)
}

/// Kernel ridge regression, solved by conjugate gradients.
fn kernel(rows: usize) -> Result<Case> {
    let (x, y) = diabetes();
    let gram = |a: &Array2<f64>, b: &Array2<f64>| {
        Array2::from_shape_fn((a.nrows(), b.nrows()), |(i, j)| {
            let d = &a.row(i) - &b.row(j);
            (-d.dot(&d) / 40.0).exp()
        })
    };
    let (a, b) = (x.slice(s![..rows, ..]).to_owned(), x.slice(s![rows..2 * rows, ..]).to_owned());
    let (k, c) = (gram(&a, &a), gram(&b, &a));
    let (y, target) = (y.slice(s![..rows]).to_owned(), y.slice(s![rows..2 * rows]).to_owned());
    // The largest eigenvalue is about a third of the rows.
    let theta = (rows as f64 / 3.0 * 1e-8).ln();
    let inner = {
        let (k, y) = (&k, &y);
        Function::record((shape![rows], shape![]), |(z, t)| {
            data!(k, y);
            0.5 * (z * k.dot(z)).sum() + 0.5 * t.exp() * z.square().sum() - (y * z).sum()
        })?
    };
    let outer = Function::record((shape![rows], shape![]), |(z, _)| {
        let (c, target) = (&c, &target);
        data!(c, target);
        (c.dot(z) - target).square().mean()
    })?;
    let mut matrix = k;
    matrix.diag_mut().mapv_inplace(|v| v + theta.exp());
    let solver = by_cg(matrix, y.to_vec());
    let problem = Objective::new(&inner);
    let (name, theta) = ("kernel ridge, diabetes, condition 1e8", number(theta));
    Stated { name, sort: Sort::Smooth, seen: true, problem, outer, theta, scale: 1.0, adjoint: cholesky, solver, sides: vec![] }.case()
}

/// min Σ ¼ z⁴ + ½ a z² − b z.
fn quartic() -> Result<Case> {
    let inner = Function::record((shape![5], shape![2]), |(z, t)| {
        let (a, b) = (t.slice_axis(0, 0, 1), t.slice_axis(0, 1, 2));
        (0.25 * z.powi(4) + 0.5 * a * z.square() - b * (iota(5).real::<f64>() + 1.0) * z).sum()
    })?;
    let outer = Function::record((shape![5], shape![2]), |(z, t)| (z - 1.0).square().sum() + t.square().sum())?;
    let solver = GradientDescent::new(&inner).step_size(0.05).max_iterations(LONG);
    minimum(("quartic", true), (inner, outer), vector(&[0.1, 0.8]), vector(&[0.5; 5]), cg, solver)
}

/// −Δz + z³ = θ₁f₁ + θ₂f₂ on a square, 0 at its border.
fn diffusion(side: usize) -> Result<Case> {
    let n = side * side;
    let (mut at, mut columns, mut values) = (vec![0], vec![], vec![]);
    let scale = ((side + 1) as f64).powi(2);
    for i in 0..side {
        for j in 0..side {
            for (on, k, v) in [
                (i > 0, (i.wrapping_sub(1), j), -1.0),
                (j > 0, (i, j.wrapping_sub(1)), -1.0),
                (true, (i, j), 4.0),
                (j + 1 < side, (i, j + 1), -1.0),
                (i + 1 < side, (i + 1, j), -1.0),
            ] {
                if on {
                    columns.push((k.0 * side + k.1) as u32);
                    values.push(scale * v);
                }
            }
            at.push(columns.len());
        }
    }
    let a = Csr::new([n, n], at, columns, values)?;
    let place = |k: usize| ((k / side + 1) as f64 / (side + 1) as f64, (k % side + 1) as f64 / (side + 1) as f64);
    let f = [1.0, 2.0].map(|m: f64| Array1::from_shape_fn(n, |k| 100.0 * (m * 3.0 * place(k).0).sin() * (m * 2.0 * place(k).1).cos()));
    let target = Array1::from_shape_fn(n, |k| place(k).0 * place(k).1);
    let inner = Function::record((shape![n], shape![2]), |(z, t)| {
        let (a, f) = (csr(&a), [constant(f[0].to_shared()), constant(f[1].to_shared())]);
        let load = t.slice_axis(0, 0, 1) * f[0] + t.slice_axis(0, 1, 2) * f[1];
        (0.5 * z * a.dot(z) + 0.25 * z.powi(4) - load * z).sum() / n as f64
    })?;
    let outer =
        Function::record((shape![n], shape![2]), |(z, t)| (z - constant(target.to_shared())).square().mean() + 1e-3 * t.square().sum())?;
    let solver = NewtonCg::new(&inner).max_iterations(50);
    let name = if side >= 100 { "reaction and diffusion, n = 10 000" } else { "reaction and diffusion" };
    minimum((name, false), (inner, outer), vector(&[1.0, 0.5]), ArrayD::zeros(vec![n]), cg, solver)
}

/// A deblurred photograph: min ½‖K z − y‖² + ½eᵗ‖D z‖² with a blur K and differences D.
fn deblurring(side: usize) -> Result<Case> {
    let clean = camera().slice(s![16..16 + side, 16..16 + side]).to_owned();
    let filter = Array2::from_shape_fn((5, 5), |(i, j)| (-0.25 * ((i as f64 - 2.0).powi(2) + (j as f64 - 2.0).powi(2))).exp());
    let filter = &filter / filter.sum();
    let noise = 0.02 * random::normal(40, (side, side));
    let blur = |z: Var| z.convolve(constant(filter.to_shared()), Boundary::Periodic, [1, 1]);
    let blurred = Function::record(shape![side, side], blur)?.eval(&clean)?;
    let y = (&blurred + &noise.into_dyn()).into_shared();
    let inner = Function::record((shape![side, side], shape![]), |(z, t)| {
        let slopes = z.difference(0, Edge::Zero).square().sum() + z.difference(1, Edge::Zero).square().sum();
        0.5 * (blur(z) - constant(&y)).square().sum() + 0.5 * t.exp() * slopes
    })?;
    let outer = Function::record((shape![side, side], shape![]), |(z, _)| (z - constant(clean.to_shared())).square().sum())?;
    let solver = Lbfgs::new(&inner).memory(20).max_iterations(LONG);
    minimum(("deblurring of a photograph", false), (inner, outer), number(-5.0), ArrayD::zeros(vec![side, side]), cg, solver)
}

/// A quadratic with eigenvalues evenly spaced in log from 1 to 1/κ, whose derivative is known in closed form.
fn spectrum(n: usize, condition: f64) -> Result<Case> {
    let d = Array1::from_shape_fn(n, |i| condition.powf(-(i as f64) / (n - 1) as f64));
    let (b, c) = (random::normal(50, n), random::normal(51, n));
    let inner = {
        let (d, b) = (&d, &b);
        Function::record((shape![n], shape![]), |(z, t)| {
            data!(d, b);
            (0.5 * d * z.square() - t * b * z).sum()
        })?
    };
    let outer = Function::record((shape![n], shape![]), |(z, _)| {
        let (c, d) = (&c, &d);
        data!(c, d);
        (c * d.sqrt() * z).sum() + 0.5 * (d * z).square().sum()
    })?;
    let solver = by_cg(linear::Diagonal(d.to_vec()), b.to_vec());
    let name = if n >= 10_000 { "even spectrum, n = 10 000, condition 1e4" } else { "even spectrum" };
    let problem = Objective::new(&inner);
    Stated { name, sort: Sort::Smooth, seen: false, problem, outer, theta: number(1.0), scale: 1.0, adjoint: cg, solver, sides: vec![] }
        .case()
}

pub(super) fn cases(quick: bool) -> Result<Vec<Case>> {
    let mut all = regressions(quick)?;
    all.push(kernel(if quick { 60 } else { 150 })?);
    all.push(quartic()?);
    all.push(diffusion(if quick { 16 } else { 100 })?);
    all.push(deblurring(if quick { 16 } else { 32 })?);
    all.push(if quick { spectrum(300, 1e4)? } else { spectrum(10_000, 1e4)? });
    Ok(all)
}
