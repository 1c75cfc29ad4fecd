//! Problems whose inner solver is stopped where one likes, with the derivative of the solution to compare with.
mod nonsmooth;
mod roots;
mod smooth;
pub mod tables;

pub use smooth::logistic_penalties;

use hypertape::implicit::Certifier;
use hypertape::ndarray::{Array1, Array2, ArrayD};
use hypertape::prelude::*;
use std::rc::Rc;
use std::sync::Arc;

/// What sort of problem it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sort {
    /// F is smooth at the solution and around it.
    Smooth,
    /// F has kinks; the solution lies on none.
    NonSmooth,
    /// The solution lies on a kink.
    Weak,
}

/// A problem, a parameter, an outer objective, and an inner solver.
pub struct Case {
    /// Its name.
    pub name: &'static str,
    /// Its sort.
    pub sort: Sort,
    /// Whether the method was designed on a problem of this kind.
    pub seen: bool,
    /// The unknowns.
    pub unknowns: usize,
    /// θ.
    pub theta: ArrayD<f64>,
    /// A solver of adjoint systems to this relative residual.
    pub adjoint: fn(f64) -> Arc<dyn LinearSolver>,
    prepare: Box<dyn Fn(Arc<dyn LinearSolver>) -> Result<Certifier<Leaf, Leaf>>>,
    solver: Solver,
    gradient: Rc<Gradient>,
    sides: Vec<ArrayD<f64>>,
}

/// An inner solver that stops where its residual has fallen by a factor: makes what runs it, which gives the point and the iterations.
pub(crate) type Solver = Rc<dyn Fn(f64) -> Result<Run>>;
/// Runs an inner solver.
pub type Run = Box<dyn FnMut() -> Result<(ArrayD<f64>, u64)>>;
type Gradient = dyn Fn(ArrayD<f64>, Arc<dyn LinearSolver>, bool) -> Result<Function<Leaf, Leaf>>;

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Case").field("name", &self.name).field("sort", &self.sort).finish_non_exhaustive()
    }
}

impl Case {
    /// The point at which the inner solver stops, where its residual has fallen by this factor.
    ///
    /// # Errors
    /// That of the solver.
    pub fn stop(&self, residual: f64) -> Result<ArrayD<f64>> {
        Ok((self.solver)(residual)?()?.0)
    }
    /// What runs the inner solver until its residual has fallen by this factor, recorded and planned.
    ///
    /// # Errors
    /// That of the solver.
    pub fn run(&self, residual: f64) -> Result<Run> {
        (self.solver)(residual)
    }
    /// The outer objective of θ, for a point where the inner solver stopped and an adjoint solver. Its gradient is the hypergradient there.
    ///
    /// # Errors
    /// That of the recording.
    pub fn outer(&self, point: ArrayD<f64>, adjoint: Arc<dyn LinearSolver>) -> Result<Function<Leaf, Leaf>> {
        (self.gradient)(point, adjoint, false)
    }
    /// The derivative at the solution, by Newton's method to rounding and a linear solve to rounding; both one-sided ones where they differ, in closed form. It may take
    /// longer than a certificate.
    ///
    /// # Errors
    /// That of the solvers.
    pub fn truth(&self) -> Result<Vec<ArrayD<f64>>> {
        if self.sort == Sort::Weak {
            return Ok(self.sides.clone());
        }
        let exact = (self.gradient)(self.stop(1e-13)?, (self.adjoint)(1e-15), true)?;
        Ok(vec![exact.gradient(&self.theta).map_err(|e| Error::new(self.name, e.to_string()))?])
    }
    /// What certifies derivatives, with adjoint systems solved by this solver.
    ///
    /// # Errors
    /// That of the problem.
    pub fn certifier(&self, adjoint: Arc<dyn LinearSolver>) -> Result<Certifier<Leaf, Leaf>> {
        (self.prepare)(adjoint)
    }
}

/// A problem before its truth is known.
pub(crate) struct Stated<Q: Equation> {
    pub name: &'static str,
    pub sort: Sort,
    pub seen: bool,
    pub problem: Q,
    pub outer: Function<(Leaf, Leaf), Leaf>,
    pub theta: ArrayD<f64>,
    pub scale: f64,
    pub adjoint: fn(f64) -> Arc<dyn LinearSolver>,
    pub solver: Solver,
    /// One-sided derivatives, where they are known to differ.
    pub sides: Vec<ArrayD<f64>>,
}

impl<Q: Equation<Unknown = Leaf, Params = Leaf, Solution = Leaf>> Stated<Q> {
    /// With what differentiates and certifies it.
    pub(crate) fn case(self) -> Result<Case> {
        let Stated { name, sort, seen, problem, outer, theta, scale, adjoint, solver, sides } = self;
        let (unknown, params) = problem.shapes()?;
        let unknowns = unknown.shape().iter().product();
        let scale = Scale { primal: scale.into(), dual: 1.0.into() };
        let (inner, loss) = (problem.clone(), outer.clone());
        let gradient = move |point: ArrayD<f64>, adjoint: Arc<dyn LinearSolver>, refined: bool| {
            let solved = implicit::outside(&inner, move |_, _| Ok::<_, std::convert::Infallible>(point.clone()))
                .scale(scale)
                .adjoint(adjoint)
                .accuracy(f64::INFINITY);
            let solved =
                if refined { solved.relative_tolerance(1e-14).on_residual(OnResidual::Refine) } else { solved.tolerance(f64::MAX) };
            Function::record(params.clone(), |t| loss.call((solved.solve(zeros(unknown.clone()), t), t)))
        };
        let certify = move |solver: Arc<dyn LinearSolver>| implicit::certify(&problem, &outer).scale(scale).adjoint(solver).prepare();
        Ok(Case { name, sort, seen, unknowns, theta, adjoint, prepare: Box::new(certify), solver, gradient: Rc::new(gradient), sides })
    }
}

/// A method that knows its limit of iterations, at a relative residual that is still to be given.
pub(crate) fn by<M>(method: M, start: ArrayD<f64>, theta: ArrayD<f64>) -> Solver
where
    M: Method<Each = ()>,
    M::Problem: Problem<Unknown = Leaf, Params = Leaf, Solution = Leaf>,
{
    let method = method.tolerance(0.0);
    Rc::new(move |t: f64| {
        let method = method.clone().relative_tolerance(t);
        let (start, theta) = (start.clone(), theta.clone());
        let (unknown, params) = method.problem().shapes()?;
        let mut prepared = method.prepare(&unknown, &params)?;
        Ok(Box::new(move || -> Result<_> {
            let solved = prepared.solve(&start, &theta)?;
            Ok((solved.solution, solved.report.iterations.unwrap_or(0)))
        }))
    })
}

/// A symmetric system by conjugate gradients.
pub(crate) fn by_cg(matrix: impl linear::Operator + Clone + 'static, right: Vec<f64>) -> Solver {
    Rc::new(move |t: f64| {
        let mut prepared = Cg::tolerance(t).max_iterations(100_000).prepare(matrix.clone())?;
        let right = right.clone();
        Ok(Box::new(move || -> Result<_> {
            let solved = prepared.solve(&right)?;
            Ok((Array1::from(solved.x).into_dyn(), solved.outcome.iterations))
        }))
    })
}

/// All problems; smaller ones where `quick`.
///
/// # Errors
/// That of the first problem that cannot be stated.
pub fn cases(quick: bool) -> Result<Vec<Case>> {
    let mut all = smooth::cases(quick)?;
    all.extend(roots::cases()?);
    all.extend(nonsmooth::cases(quick)?);
    Ok(all)
}

/// ‖X‖₂² by the power method.
pub(crate) fn squared_norm(x: &Array2<f64>) -> f64 {
    let mut v = Array1::from_shape_fn(x.ncols(), |i| 1.0 + (i as f64).sin());
    let mut size = 0.0;
    for _ in 0..100 {
        v /= v.dot(&v).sqrt();
        v = x.t().dot(&x.dot(&v));
        size = v.dot(&v).sqrt();
    }
    size
}

/// A column of numbers as parameters.
pub(crate) fn vector(v: &[f64]) -> ArrayD<f64> {
    Array1::from(v.to_vec()).into_dyn()
}

/// One number as parameters.
pub(crate) fn number(v: f64) -> ArrayD<f64> {
    hypertape::ndarray::arr0(v).into_dyn()
}
