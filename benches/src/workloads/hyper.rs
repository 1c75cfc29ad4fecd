//! Hyperparameters of ridge logistic regression, one for all features or one for each: unrolled and implicit.
use super::{Ready, Size, Workload, call, keep, logistic, ready};
use hypertape::array::AnyView;
use hypertape::implicit::Certifier;
use hypertape::plan::Memory;
use hypertape::prelude::*;
use hypertape_testkit::random::{SQRT_12, sym};
use ndarray::{ArcArray1, ArcArray2, Array0, Array1, arr0};
use std::sync::Arc;

/// Training and validation data: rows and labels ±1.
struct Data {
    d: usize,
    train: (ArcArray2<f64>, ArcArray1<f64>),
    validation: (ArcArray2<f64>, ArcArray1<f64>),
}

fn logistic(x: Var, y: Var, w: Var) -> Var {
    (-(y * x.dot(w))).softplus().mean()
}

impl Data {
    fn new(n: usize, d: usize, rows: usize) -> Self {
        let (x, y) = logistic::dense(400, n, d);
        let xv = sym(410, (rows, d)) * SQRT_12;
        let scores = xv.dot(&(sym(401, d) * 2.0)) + sym(411, rows) * (20.0 * (d as f64 / 200.0).sqrt());
        let yv = scores.mapv(|s| if s > 0.0 { 1.0 } else { -1.0 });
        Data { d, train: (x.into_shared(), y.into_shared()), validation: (xv.into_shared(), yv.into_shared()) }
    }
    /// The objective of (weights, log-penalties).
    fn objective(&self, penalties: Leaf) -> Result<Function<(Leaf, Leaf), Leaf>> {
        Function::record((shape![self.d], penalties), |(w, theta)| {
            logistic(constant(&self.train.0), constant(&self.train.1), w) + 0.5 * (theta.exp() * w.square()).sum()
        })
    }
    fn validation_loss(&self, w: Var) -> Var {
        logistic(constant(&self.validation.0), constant(&self.validation.1), w)
    }
    fn penalties(&self) -> Array1<f64> {
        sym(420, self.d) - 4.0
    }
}

/// 100, 1000 or 10 000 steps of gradient descent, differentiated through.
pub(super) fn unrolled(size: Size, each: bool, variant: &'static str) -> Ready {
    let data = Data::new(2000, 200, 1000);
    let steps = size.of(100, 1000, 10_000);
    ready(move || {
        let theta = if each { shape![data.d] } else { shape![] };
        let descent =
            GradientDescent::new(&data.objective(theta.clone())?).step_size(1.0).unroll(steps).keep(keep(variant, steps * 8 * data.d));
        let f = Function::record(theta, |theta| data.validation_loss(descent.solve(zeros(shape![data.d]), theta)))?;
        match (each, variant) {
            (true, _) => call(f.wrt(|t| t).gradient(), data.penalties()),
            (false, "fwd") => call(f.wrt(|t| t).jvp().output(|(_, t)| t), (arr0(-4.0), arr0(1.0))),
            (false, _) => call(f.wrt(|t| t).gradient(), arr0(-4.0)),
        }
    })
}

fn implicit_data(size: Size) -> Data {
    let (n, d) = size.of((500, 50), (2000, 200), (20_000, 500));
    Data::new(n, d, n / 2)
}

fn lbfgs(objective: &Function<(Leaf, Leaf), Leaf>) -> Lbfgs<Objective<Leaf, Leaf>> {
    Lbfgs::new(objective).tolerance(1e-10).max_iterations(2000)
}

/// The inner solution, to a gradient of 1e-10.
pub(super) fn inner(size: Size) -> Ready {
    let data = implicit_data(size);
    ready(move || {
        let solver = lbfgs(&data.objective(shape![data.d])?).implicit(Cg::default());
        let f = Function::record(shape![data.d], |theta| solver.solve(zeros(shape![data.d]), theta))?;
        call(f, data.penalties())
    })
}

/// The hypergradient at a given inner solution: one linear solve to 1e-12.
pub(super) fn adjoint(size: Size) -> Ready {
    let data = implicit_data(size);
    let solved = NewtonCg::new(&data.objective(shape![data.d])?).tolerance(1e-12).solve(Array1::zeros(data.d), data.penalties())?;
    if !solved.report.converged {
        return Err(format!("the inner problem: {}, gradient {:e}", solved.report.status, solved.report.residual).into());
    }
    ready(move || {
        let given = lbfgs(&data.objective(shape![data.d])?).max_iterations(0).implicit(Cg::tolerance(1e-12));
        let f = Function::record((shape![data.d], shape![data.d]), |(theta, w)| data.validation_loss(given.solve(w, theta)))?;
        call(f.wrt(|(theta, _)| theta).gradient(), (data.penalties(), solved.solution))
    })
}

/// Both. `auto`: the linear solver is chosen. `certified`: then a certificate of the gradient.
pub(super) fn full(size: Size, variant: &'static str) -> Ready {
    let data = implicit_data(size);
    ready(move || {
        let adjoint: Arc<dyn LinearSolver> =
            if variant == "auto" { Arc::new(Auto::tolerance(1e-12)) } else { Arc::new(Cg::tolerance(1e-12)) };
        let objective = data.objective(shape![data.d])?;
        let solver = lbfgs(&objective).implicit(adjoint.clone());
        if variant == "certified" {
            let outer = Function::record((shape![data.d], shape![data.d]), |(w, _)| data.validation_loss(w))?;
            let solved = Function::record(shape![data.d], |theta| {
                let w = solver.solve(zeros(shape![data.d]), theta);
                (data.validation_loss(w), w)
            })?;
            let gradient = solved.wrt(|theta| theta).vjp();
            gradient.plan()?;
            let at = (data.penalties(), (arr0(1.0), Array1::zeros(data.d)));
            let certifier = implicit::certify(&objective, &outer).adjoint(adjoint).prepare()?;
            return Ok(Box::new(Certified { gradient, workspace: None, certifier, at }) as Box<dyn Workload>);
        }
        let f = Function::record(shape![data.d], |theta| data.validation_loss(solver.solve(zeros(shape![data.d]), theta)))?;
        call(f.wrt(|theta| theta).gradient(), data.penalties())
    })
}

/// A point θ, and the cotangents of the loss and of the solution.
type At = (Array1<f64>, (Array0<f64>, Array1<f64>));
/// θ and the cotangents.
type Inputs = (Leaf, (Leaf, Leaf));
/// Loss and solution, and the gradient.
type Outputs = ((Leaf, Leaf), Leaf);

/// A gradient, and then a certificate of it. The certificate solves the adjoint system again: it takes nothing on trust.
struct Certified {
    gradient: Function<Inputs, Outputs>,
    workspace: Option<Workspace<Inputs, Outputs>>,
    certifier: Certifier<Leaf, Leaf>,
    at: At,
}

impl Workload for Certified {
    fn call(&mut self, leaf: &mut dyn FnMut(AnyView<'_>)) -> Result<()> {
        let workspace = self.workspace.get_or_insert_with(|| self.gradient.workspace());
        let ((_, solution), gradient) = workspace.run(&self.at)?;
        let found = self.certifier.at(solution, &self.at.0)?;
        if !found.certified() {
            return Err(Error::new("certify", format!("the gradient is not certified: {}", found.standing)));
        }
        leaf(AnyView::F64(gradient));
        Ok(())
    }
    fn memory(&self) -> Memory {
        self.gradient.plan().map(|p| p.memory()).unwrap_or_default()
    }
    fn plan(&self) -> Result<String> {
        Ok(self.gradient.plan()?.to_string())
    }
}
