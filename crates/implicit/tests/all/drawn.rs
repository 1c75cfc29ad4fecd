//! Certificates of problems drawn at random: every bound lies above the error that a solve to rounding shows.
use hypertape_autodiff::record::{Var, constant, zeros};
use hypertape_autodiff::tree::Leaf;
use hypertape_autodiff::{Function, Result, shape};
use hypertape_implicit::{OnResidual, certify, outside};
use hypertape_linear::{Cg, Gmres, LinearSolver, Lu};
use hypertape_solvers::{Equation, Objective, Root};
use hypertape_testkit::random::{bits, normal, unit};
use ndarray::{Array1, Array2, ArrayD};
use std::convert::Infallible;
use std::sync::Arc;

/// How many are drawn. More of them can be by the environment variable.
fn draws() -> u64 {
    std::env::var("HYPERTAPE_DRAWS").ok().and_then(|v| v.parse().ok()).unwrap_or(300)
}

/// Uniform between two powers of ten.
fn power(seed: u64, i: u64, low: f64, high: f64) -> f64 {
    10f64.powf(low + (high - low) * unit(seed, i))
}

/// Q from a pseudo-random matrix by Gram and Schmidt.
fn orthogonal(seed: u64, n: usize) -> Array2<f64> {
    let mut q = normal(seed, (n, n));
    for j in 0..n {
        for _ in 0..2 {
            for k in 0..j {
                let other = q.column(k).to_owned();
                let along = q.column(j).dot(&other);
                q.column_mut(j).scaled_add(-along, &other);
            }
        }
        let length = q.column(j).dot(&q.column(j)).sqrt();
        q.column_mut(j).mapv_inplace(|v| v / length);
    }
    q
}

/// What came of one draw: the bound, the true error, and the same of the corrected derivative.
type Cell = (Option<[f64; 4]>, String);

fn cell<Q: Equation<Unknown = Leaf, Params = Leaf, Solution = Leaf>>(
    problem: &Q,
    outer: &Function<(Leaf, Leaf), Leaf>,
    theta: &ArrayD<f64>,
    seed: u64,
    adjoint: Arc<dyn LinearSolver>,
) -> Result<Option<Cell>> {
    let n = problem.shapes()?.0.shape().iter().product::<usize>();
    let refined = |start: ArrayD<f64>| -> Result<_> {
        let solver = outside(problem, move |_, _| Ok::<_, Infallible>(start.clone())).adjoint(Lu).relative_tolerance(1e-14);
        let solver = solver.on_residual(OnResidual::Refine).accuracy(f64::INFINITY);
        let point = Function::record(shape![theta.len()], |t| solver.solve(zeros(shape![n]), t))?;
        let value = Function::record(shape![theta.len()], |t| outer.call((solver.solve(zeros(shape![n]), t), t)))?;
        Ok((point.eval(theta)?, value.gradient(theta)?))
    };
    let Ok((root, _)) = refined(ArrayD::zeros(vec![n])) else { return Ok(None) };
    let size = root.iter().map(|v| v * v).sum::<f64>().sqrt();
    let along = normal(seed + 7, n);
    let length = along.dot(&along).sqrt();
    let shift = power(seed, 100, -9.0, 0.0) * size / length;
    let point = &root + &(along * shift).into_dyn();
    // The root that Newton's method reaches from there.
    let Ok((_, truth)) = refined(point.clone()) else { return Ok(None) };
    let found = certify(problem, outer).adjoint(adjoint).prepare()?.at(&point, theta)?;
    // The truth is solved for to 1e-14 of z.
    let own = 1e-14 * (size + truth.iter().map(|v| v * v).sum::<f64>().sqrt());
    let distance = |g: &ArrayD<f64>| (g - &truth).iter().map(|v| v * v).sum::<f64>().sqrt() - own;
    let all = found.bound.zip(found.corrected_bound).map(|(b, c)| [b, distance(&found.gradient), c, distance(&found.corrected)]);
    Ok(Some((all, format!("shift {:.0e}: {found}", shift * length / size))))
}

fn draw(i: u64) -> Result<Option<Cell>> {
    let seed = 1000 * i;
    let n = 1 + (bits(seed, 1) % 12) as usize;
    let p = 1 + (bits(seed, 2) % 12) as usize;
    let small = power(seed, 3, -3.0, 0.0);
    let spectrum: Array1<f64> = (0..n).map(|k| small.powf(k as f64 / (n - 1).max(1) as f64)).collect();
    let (u, v) = (orthogonal(seed + 1, n), orthogonal(seed + 2, n));
    let wild = power(seed, 4, -2.0, 0.5);
    let speed = power(seed, 5, -0.5, 0.8);
    let (b, target) = (normal(seed + 3, (n, p)), normal(seed + 4, n));
    let theta = normal(seed + 5, p).into_dyn();
    let tolerance = power(seed, 6, -12.0, -0.3);
    let kind = bits(seed, 8) % 4;
    let (b, target, scale) = (b.into_shared(), target.into_shared(), small * wild / speed);
    if kind == 3 {
        return chain(seed, &theta, small, tolerance);
    }
    let outer = Function::record((shape![n], shape![p]), |(z, t)| {
        let rest = (speed * z).cos().sum() * wild + 0.1 * t.square().sum();
        0.5 * (z - constant(&target)).square().sum() + rest
    })?;
    if kind == 0 {
        let m = (&u * &spectrum).dot(&u.t()).into_shared();
        let inner = Function::record((shape![n], shape![p]), |(z, t): (Var, Var)| {
            let (m, b) = (constant(&m), constant(&b));
            0.5 * (z * m.dot(z)).sum() - (z * b.dot(t)).sum() + scale * 0.3 / speed * ((speed * z).cos() * t.sum().exp().ln_1p()).sum()
        })?;
        return cell(&Objective::new(&inner), &outer, &theta, seed, Arc::new(Cg::tolerance(tolerance)));
    }
    let m = (&u * &spectrum).dot(&v.t()).into_shared();
    let root = Function::record((shape![n], shape![p]), |(z, t): (Var, Var)| {
        let (m, b) = (constant(&m), constant(&b));
        m.dot(z) - b.dot(t) + scale * (speed * z + t.sum()).sin()
    })?;
    let adjoint: Arc<dyn LinearSolver> = if kind == 1 { Arc::new(Gmres::tolerance(tolerance)) } else { Arc::new(Lu) };
    cell(&Root::new(&root), &outer, &theta, seed, adjoint)
}

/// Unknowns of which each is moved by the squares of those before it, and an outer objective of the later ones alone: the first step does not have the direction of what is left.
fn chain(seed: u64, theta: &ArrayD<f64>, bend: f64, tolerance: f64) -> Result<Option<Cell>> {
    let (n, p) = (2 + (bits(seed, 9) % 5) as usize, theta.len());
    let mut c = normal(seed + 8, (n, n));
    c.indexed_iter_mut().filter(|((i, j), _)| j >= i).for_each(|(_, v)| *v = 0.0);
    let mut b = normal(seed + 9, (n, p));
    b.slice_mut(ndarray::s![n / 2.., ..]).fill(0.0);
    let (c, b, weights) = (c.into_shared(), b.into_shared(), normal(seed + 10, n - n / 2).into_shared());
    let root =
        Function::record((shape![n], shape![p]), |(z, t): (Var, Var)| z - bend * constant(&c).dot(z.square()) - constant(&b).dot(t))?;
    let outer = Function::record((shape![n], shape![p]), |(z, t): (Var, Var)| {
        (constant(&weights) * z.slice_axis(0, n / 2, n)).sum() * (1.0 + t.sum().sin())
    })?;
    let adjoint: Arc<dyn LinearSolver> = if tolerance < 1e-6 { Arc::new(Lu) } else { Arc::new(Gmres::tolerance(tolerance)) };
    cell(&Root::new(&root), &outer, theta, seed, adjoint)
}

#[test]
fn bounds_lie_above_the_errors() -> Result<()> {
    let (mut drawn, mut certified, mut low) = (0, 0, vec![]);
    for i in 0..draws() {
        let Some((bounds, words)) = draw(i).map_err(|e| hypertape_autodiff::Error::new("draw", format!("{i}: {e}")))? else { continue };
        drawn += 1;
        let Some([bound, error, rest, left]) = bounds else { continue };
        certified += 1;
        if error > bound || left > rest {
            low.push(format!("draw {i}: {error:e} above {bound:e}, or {left:e} above {rest:e}\n{words}"));
        }
    }
    println!("{drawn} problems drawn, {certified} certified, {} bounds too low", low.len());
    assert!(low.is_empty(), "{}", low.join("\n\n"));
    assert!(10 * certified >= 6 * drawn, "{certified} of {drawn}");
    Ok(())
}
