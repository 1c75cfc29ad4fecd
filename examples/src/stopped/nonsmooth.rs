//! Problems with kinks: proximal and projected fixed points, rectifiers.
use super::tables::{camera, diabetes};
use super::{Case, Sort, Stated, by, number, squared_norm, vector};
use hypertape::ndarray::{Array1, Array2, ArrayD, arr1, arr2, s};
use hypertape::prelude::*;
use hypertape::solvers::prox::{self, Prox};
use hypertape_testkit::random;
use std::sync::Arc;

fn gmres(tolerance: f64) -> Arc<dyn LinearSolver> {
    Arc::new(Gmres::tolerance(tolerance).max_iterations(10_000))
}

fn lu(_: f64) -> Arc<dyn LinearSolver> {
    Arc::new(Lu)
}

/// With a basis that holds what the smallest singular values of a long row take.
fn long_gmres(tolerance: f64) -> Arc<dyn LinearSolver> {
    Arc::new(Gmres::tolerance(tolerance).restart(200).max_iterations(10_000))
}

/// What there is besides the problem.
struct Rest {
    theta: ArrayD<f64>,
    start: ArrayD<f64>,
    /// 1/L.
    step: f64,
    adjoint: fn(f64) -> Arc<dyn LinearSolver>,
    sort: Sort,
    seen: bool,
    sides: Vec<f64>,
}

/// min f + g by the proximal gradient method.
fn proximal(
    name: &'static str,
    f: &Function<(Leaf, Leaf), Leaf>,
    prox: impl Prox<Leaf, Leaf>,
    outer: Function<(Leaf, Leaf), Leaf>,
    Rest { theta, start, step, adjoint, sort, seen, sides }: Rest,
) -> Result<Case> {
    let problem = Composite::new(f, prox);
    let solver = by(Ista::new(&problem).step_size(step).max_iterations(100_000), start, theta.clone());
    let sides = sides.into_iter().map(number).collect();
    Stated { name, sort, seen, problem, outer, theta, scale: step, adjoint, solver, sides }.case()
}

/// Least squares, and the distance of the solution from a given one.
fn least_squares(
    x: &Array2<f64>,
    y: &Array1<f64>,
    clean: &Array1<f64>,
    theta: &Leaf,
) -> Result<(Function<(Leaf, Leaf), Leaf>, Function<(Leaf, Leaf), Leaf>)> {
    let d = x.ncols();
    let f = Function::record((shape![d], theta.clone()), |(z, _)| {
        0.5 * (constant(x.to_shared()).dot(z) - constant(y.to_shared())).square().sum()
    })?;
    let outer = Function::record((shape![d], theta.clone()), |(z, _)| (z - constant(clean.to_shared())).square().sum())?;
    Ok((f, outer))
}

/// A random design, and the noisy values of a sparse vector.
fn sparse(seed: u64, n: usize, d: usize) -> (Array2<f64>, Array1<f64>, Array1<f64>) {
    let x = random::normal(seed, (n, d));
    let clean = Array1::from_shape_fn(d, |j| if j % 5 == 0 { 1.0 + 0.3 * (j as f64).sin() } else { 0.0 });
    let y = x.dot(&clean) + 0.5 * random::normal(seed + 1, n);
    (x, y, clean)
}

fn rest(theta: ArrayD<f64>, d: usize, step: f64) -> Rest {
    Rest { theta, start: ArrayD::zeros(vec![d]), step, adjoint: gmres, sort: Sort::NonSmooth, seen: false, sides: vec![] }
}

fn sparsity() -> Result<Vec<Case>> {
    let mut out = vec![];
    let (x, y) = diabetes();
    let (x, v) = (x.slice(s![..300, ..]).to_owned() / 300f64.sqrt(), x.slice(s![300.., ..]).to_owned());
    let (y, u) = (y.slice(s![..300]).to_owned() / 300f64.sqrt(), y.slice(s![300..]).to_owned());
    let f =
        Function::record((shape![10], shape![]), |(z, _)| 0.5 * (constant(x.to_shared()).dot(z) - constant(y.to_shared())).square().sum())?;
    let outer = Function::record((shape![10], shape![]), |(z, _)| {
        0.5 * (constant(v.to_shared()).dot(z) - constant(u.to_shared())).square().mean()
    })?;
    let step = 1.0 / squared_norm(&x);
    let lasso = |t: &Var| t.exp();
    out.push(proximal("lasso, diabetes", &f, prox::l1(lasso), outer, Rest { seen: true, ..rest(number(-2.5), 10, step) })?);

    // Who is above the median, by ℓ₁-penalised logistic regression.
    let labels = y.mapv(f64::signum);
    let f = Function::record((shape![10], shape![]), |(z, _)| {
        (-(constant(labels.to_shared()) * constant((300f64.sqrt() * &x).to_shared()).dot(z))).softplus().mean()
    })?;
    let outer = Function::record((shape![10], shape![]), |(z, _)| {
        (-(constant(u.mapv(f64::signum).to_shared()) * constant(v.to_shared()).dot(z))).softplus().mean()
    })?;
    out.push(proximal("sparse logistic regression, diabetes", &f, prox::l1(lasso), outer, rest(number(-3.5), 10, 4.0 * step))?);

    let (x, y, clean) = sparse(100, 60, 40);
    let step = 1.0 / squared_norm(&x);
    let (f, outer) = least_squares(&x, &y, &clean, &shape![40])?;
    let weights: Vec<f64> = (0..40).map(|j| 1.5 + 0.5 * (j as f64).cos()).collect();
    out.push(proximal("weighted lasso", &f, prox::l1(|t: &Var| t.exp()), outer, rest(vector(&weights), 40, step))?);

    let (f, outer) = least_squares(&x, &y, &clean, &shape![2])?;
    let net = prox::elastic_net(|t: &Var| (t.slice_axis(0, 0, 1).sum(), t.slice_axis(0, 1, 2).sum()));
    out.push(proximal("elastic net", &f, net, outer, Rest { seen: true, ..rest(vector(&[4.0, 2.0]), 40, step) })?);

    let (f, outer) = least_squares(&x, &y, &clean, &shape![])?;
    out.push(proximal("non-negative lasso", &f, prox::non_negative_l1(|t: &Var| *t), outer, rest(number(3.0), 40, step))?);

    let groups = |z: Var| z.reshape(&[40]);
    let f = Function::record((shape![8, 5], shape![]), |(z, _)| {
        0.5 * (constant(x.to_shared()).dot(groups(z)) - constant(y.to_shared())).square().sum()
    })?;
    let outer = Function::record((shape![8, 5], shape![]), |(z, _)| (groups(z) - constant(clean.to_shared())).square().sum())?;
    let rest = Rest { seen: true, start: ArrayD::zeros(vec![8, 5]), ..rest(number(12.0), 40, step) };
    out.push(proximal("group lasso", &f, prox::group(|t: &Var| *t), outer, rest)?);
    Ok(out)
}

fn constraints() -> Result<Vec<Case>> {
    let mut out = vec![];
    let (x, y, clean) = sparse(200, 50, 30);
    let step = 1.0 / squared_norm(&x);
    let (f, _) = least_squares(&x, &y, &clean, &shape![2])?;
    let outer = Function::record((shape![30], shape![2]), |(z, t)| (z * constant(clean.to_shared())).sum() + t.square().sum())?;
    let box_of = || prox::between(|t: &Var| (t.slice_axis(0, 0, 1).sum(), t.slice_axis(0, 1, 2).sum()));
    let given = Rest { seen: true, adjoint: lu, ..rest(vector(&[-0.05, 0.8]), 30, step) };
    out.push(proximal("box-constrained least squares", &f, box_of(), outer, given)?);

    // The values y are the parameters.
    let f = Function::record((shape![30], shape![50]), |(z, y)| 0.5 * (constant(x.to_shared()).dot(z) - y).square().sum())?;
    let outer = || Function::record((shape![30], shape![50]), |(z, _)| (z - constant(clean.to_shared())).square().sum());
    let values = || y.clone().into_dyn();
    out.push(proximal("non-negative least squares", &f, prox::non_negative(), outer()?, rest(values(), 30, step))?);

    let (f, outer) = least_squares(&x, &y, &clean, &shape![])?;
    let radius = |t: &Var| *t;
    out.push(proximal("least squares on a simplex", &f, prox::simplex(radius), outer.clone(), rest(number(4.0), 30, step))?);
    out.push(proximal("least squares in an l2 ball", &f, prox::l2_ball(radius), outer.clone(), rest(number(1.5), 30, step))?);
    out.push(proximal("least squares in an l1 ball", &f, prox::l1_ball(radius), outer, rest(number(4.0), 30, step))?);

    // The dual of a support vector machine with a Gaussian kernel, 0 ≤ α ≤ C.
    let (x, y) = diabetes();
    let (x, labels) = (x.slice(s![..80, ..]).to_owned(), y.slice(s![..80]).mapv(f64::signum));
    let gram = Array2::from_shape_fn((80, 80), |(i, j)| {
        let d = &x.row(i) - &x.row(j);
        labels[i] * labels[j] * ((-d.dot(&d) / 10.0).exp() + 1.0)
    });
    let f = Function::record((shape![80], shape![]), |(z, _)| 0.5 * (z * constant(gram.to_shared()).dot(z)).sum() - z.sum())?;
    let outer = Function::record((shape![80], shape![]), |(z, _)| (constant(gram.to_shared()).dot(z) - 1.0).square().mean())?;
    let step = 1.0 / squared_norm(&gram).sqrt();
    let margins = prox::between(|t: &Var| (scalar(0.0), t.exp()));
    out.push(proximal("support vector machine, dual, diabetes", &f, margins, outer, Rest { adjoint: lu, ..rest(number(0.0), 80, step) })?);
    Ok(out)
}

/// Total variation along the rows of a photograph, by its dual: min ½‖y − Dᵀu‖² with |u| ≤ λ of the row.
fn total_variation(side: usize) -> Result<Case> {
    let clean = camera().slice(s![64 - side.., ..side]).to_owned();
    let noisy = (&clean + 0.1 * random::normal(300, (side, side))).into_shared();
    let transpose = |u: Var| u.pad(&[0, 1], &[0, 0]) - u.pad(&[0, 0], &[0, 1]);
    let f = Function::record((shape![side, side - 1], shape![side]), |(u, _)| 0.5 * (constant(&noisy) - transpose(u)).square().sum())?;
    let outer = Function::record((shape![side, side - 1], shape![side]), |(u, _)| {
        (constant(&noisy) - transpose(u) - constant(clean.to_shared())).square().sum()
    })?;
    let prox = prox::between(move |t: &Var| {
        let width = t.exp().reshape(&[side, 1]).broadcast_to(&[side, side - 1]);
        (-width, width)
    });
    let given =
        Rest { start: ArrayD::zeros(vec![side, side - 1]), adjoint: long_gmres, seen: true, ..rest(vector(&vec![-2.5; side]), side, 0.25) };
    proximal("total variation along the rows of a photograph", &f, prox, outer, given)
}

/// A layer of rectifiers: z = max(W z + θ u + b, 0).
fn rectifiers() -> Result<Case> {
    let n = 40;
    let w = (0.8 / (n as f64).sqrt() * random::normal(400, (n, n)) * 0.6).into_shared();
    let (u, b) = (random::normal(401, n).into_shared(), (0.3 * random::normal(402, n)).into_shared());
    let map = Function::record((shape![n], shape![2]), |(z, t)| {
        let (strength, shift) = (t.slice_axis(0, 0, 1), t.slice_axis(0, 1, 2));
        (constant(&w).dot(z) + strength * constant(&u) + shift * constant(&b)).relu()
    })?;
    let outer = Function::record((shape![n], shape![2]), |(z, _)| (z - 0.3).square().sum())?;
    let theta = vector(&[0.5, 1.0]);
    let solver = by(FixedPoint::new(&map).max_iterations(100_000), ArrayD::zeros(vec![n]), theta.clone());
    let problem = Equilibrium::new(&map);
    let name = "layer of rectifiers";
    Stated { name, sort: Sort::NonSmooth, seen: false, problem, outer, theta, scale: 1.0, adjoint: gmres, solver, sides: vec![] }.case()
}

/// Huber's regression: the gradient has kinks.
fn huber() -> Result<Case> {
    let (x, y) = diabetes();
    let f = Function::record((shape![10], shape![]), |(z, t)| {
        let r = (constant(x.to_shared()).dot(z) - constant(y.to_shared())).abs();
        let inside = r.at_most(0.5);
        inside.select(0.5 * r.square(), 0.5 * r - 0.125).mean() + 0.5 * t.exp() * z.square().sum()
    })?;
    let outer = Function::record((shape![10], shape![]), |(z, _)| (z - 0.1).square().sum())?;
    let (start, theta) = (vector(&[0.0; 10]), number(-4.0));
    let descent = GradientDescent::new(&f).step_size(442.0 / squared_norm(&x)).max_iterations(100_000);
    let solver = by(descent, start, theta.clone());
    let problem = Objective::new(&f);
    let name = "Huber's regression, diabetes";
    Stated { name, sort: Sort::NonSmooth, seen: false, problem, outer, theta, scale: 1.0, adjoint: gmres, solver, sides: vec![] }.case()
}

/// A coordinate whose bound is met with multiplier 0, and a coefficient that has just come to 0: derivatives differ from side to side.
fn weak() -> Result<Vec<Case>> {
    // min ½ zᵀHz − θ bᵀz, z ≤ 1: at θ = 1 the unconstrained solution has z₁ = 1.
    let h = arr2(&[[2.0, 0.5, 0.0], [0.5, 1.0, 0.3], [0.0, 0.3, 1.5]]);
    let b = h.dot(&arr1(&[1.0, 0.4, -0.2]));
    let quadratic = |z: Var, c: Var| 0.5 * (z * constant(h.to_shared()).dot(z)).sum() - (c * z).sum();
    let f = Function::record((shape![3], shape![]), |(z, t)| quadratic(z, t * constant(b.to_shared())))?;
    let outer = || Function::record((shape![3], shape![]), |(z, _)| z.square().sum());
    let given = || Rest { sort: Sort::Weak, seen: true, adjoint: lu, ..rest(number(1.0), 3, 0.4) };
    // 2 zᵀż with H ż = r on the free coordinates, the others at rest.
    let slope = |z: &Array1<f64>, r: &Array1<f64>, free: &[usize]| -> Result<f64> {
        let part = Array2::from_shape_fn((free.len(), free.len()), |(i, j)| h[(free[i], free[j])]);
        let right: Vec<f64> = free.iter().map(|i| r[*i]).collect();
        let moved = Lu.prepare(part)?.solve(&right)?.x;
        Ok(free.iter().zip(&moved).map(|(i, m)| 2.0 * z[*i] * m).sum())
    };
    let below = prox::between(|_: &Var| (scalar(f64::NEG_INFINITY), scalar(1.0)));
    let z = arr1(&[1.0, 0.4, -0.2]);
    let sides = vec![slope(&z, &b, &[0, 1, 2])?, slope(&z, &b, &[1, 2])?];
    let one = proximal("weakly active bound", &f, below, outer()?, Rest { sides, ..given() })?;
    // The lasso where a coefficient leaves 0: |bᵢ − (Hz)ᵢ| = λ at zᵢ = 0.
    let z = arr1(&[0.8, 0.0, -0.3]);
    let c = h.dot(&z) + arr1(&[0.5, 0.5, -0.5]);
    let f = Function::record((shape![3], shape![]), |(z, _)| quadratic(z, constant(c.to_shared())))?;
    let signs = arr1(&[-1.0, -1.0, 1.0]);
    let sides = vec![slope(&z, &signs, &[0, 1, 2])?, slope(&z, &signs, &[0, 2])?];
    let given = Rest { theta: number(0.5), sides, ..given() };
    let two = proximal("lasso at the end of a piece", &f, prox::l1(|t: &Var| *t), outer()?, given)?;
    Ok(vec![one, two])
}

pub(super) fn cases(quick: bool) -> Result<Vec<Case>> {
    let mut all = sparsity()?;
    all.extend(constraints()?);
    all.push(total_variation(if quick { 16 } else { 64 })?);
    all.push(rectifiers()?);
    all.push(huber()?);
    all.extend(weak()?);
    Ok(all)
}
