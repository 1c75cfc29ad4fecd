//! Hyperparameters of ridge logistic regression, one for all features or one for each: unrolled and implicit.
use super::{Made, Size, call, keep, logistic};
use hypertape::prelude::*;
use hypertape_testkit::random::{SQRT_12, sym};
use ndarray::{ArcArray1, ArcArray2, Array1, arr0};
use std::error::Error;

/// Training and validation data, and the objective of (weights, log-penalties).
struct Problem<P: Structure> {
    d: usize,
    train: Objective<Leaf, P>,
    validation: (ArcArray2<f64>, ArcArray1<f64>),
}

fn logistic(x: Var, y: Var, w: Var) -> Var {
    (-(y * x.dot(w))).softplus().mean()
}

impl<P: Structure<Vars = Var>> Problem<P> {
    fn new(n: usize, d: usize, rows: usize, penalties: P) -> Result<Self> {
        let (x, y) = logistic::dense(400, n, d);
        let (x, y) = (x.into_shared(), y.into_shared());
        let xv = sym(410, (rows, d)) * SQRT_12;
        let scores = xv.dot(&(sym(401, d) * 2.0)) + sym(411, rows) * (20.0 * (d as f64 / 200.0).sqrt());
        let yv = scores.mapv(|s| if s > 0.0 { 1.0 } else { -1.0 });
        let train = Function::record((shape![d], penalties), |(w, theta)| {
            logistic(constant(&x), constant(&y), w) + 0.5 * (theta.exp() * w.square()).sum()
        })?;
        Ok(Problem { d, train, validation: (xv.into_shared(), yv.into_shared()) })
    }
    fn validation_loss(&self, w: Var) -> Var {
        logistic(constant(&self.validation.0), constant(&self.validation.1), w)
    }
}

fn thetas(d: usize) -> Array1<f64> {
    sym(420, d) - 4.0
}

/// 100, 1000 or 10 000 steps of gradient descent, differentiated through.
pub(super) fn unrolled(size: Size, each: bool, variant: &str) -> Made {
    let steps = size.of(100, 1000, 10_000);
    let outer = |p: &Problem<Leaf>, theta: Leaf| {
        let descent = GradientDescent::new(&p.train).step_size(1.0).unroll(steps).keep(keep(variant));
        Function::record(theta, |theta| p.validation_loss(descent.solve(zeros(shape![p.d]), theta)))
    };
    let (n, d) = (2000, 200);
    let theta = if each { shape![d] } else { shape![] };
    let f = outer(&Problem::new(n, d, 1000, theta.clone())?, theta)?;
    match (each, variant) {
        (true, _) => call(f.wrt(|t| t).gradient(), thetas(d)),
        (false, "fwd") => call(f.wrt(|t| t).jvp().output(|(_, t)| t), (arr0(-4.0), arr0(1.0))),
        (false, _) => call(f.wrt(|t| t).gradient(), arr0(-4.0)),
    }
}

fn implicit(size: Size) -> Result<Problem<Leaf>> {
    let (n, d) = size.of((500, 50), (2000, 200), (20_000, 500));
    Problem::new(n, d, n / 2, shape![d])
}

fn solver(p: &Problem<Leaf>) -> Lbfgs<Leaf, Leaf> {
    Lbfgs::new(&p.train).tolerance(1e-10).max_iterations(2000)
}

/// The inner solution, to a gradient of 1e-10.
pub(super) fn inner(size: Size) -> Made {
    let p = implicit(size)?;
    let solver = solver(&p).implicit(Cg::default());
    let f = Function::record(shape![p.d], |theta| solver.solve(zeros(shape![p.d]), theta))?;
    call(f, thetas(p.d))
}

/// The hypergradient at a given inner solution: one linear solve to 1e-12.
pub(super) fn adjoint(size: Size) -> Made {
    let p = implicit(size)?;
    let solution = solve_exactly(&p)?;
    let given = solver(&p).max_iterations(0).tolerance(1e-9).implicit(Cg::tolerance(1e-12));
    let f = Function::record((shape![p.d], shape![p.d]), |(theta, w)| p.validation_loss(given.solve(w, theta)))?;
    call(f.wrt(|(theta, _)| theta).gradient(), (thetas(p.d), solution))
}

fn solve_exactly(p: &Problem<Leaf>) -> Result<Array1<f64>, Box<dyn Error>> {
    let solved = NewtonCg::new(&p.train).tolerance(1e-12).solve(Array1::zeros(p.d), thetas(p.d))?;
    if !solved.report.converged {
        return Err(format!("the inner problem: {}, gradient {:e}", solved.report.status, solved.report.residual).into());
    }
    Ok(solved.solution.into_dimensionality()?)
}

/// Both.
pub(super) fn full(size: Size) -> Made {
    let p = implicit(size)?;
    let solver = solver(&p).implicit(Cg::tolerance(1e-12));
    let f = Function::record(shape![p.d], |theta| p.validation_loss(solver.solve(zeros(shape![p.d]), theta)))?;
    call(f.wrt(|theta| theta).gradient(), thetas(p.d))
}

