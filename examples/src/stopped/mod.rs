//! Problems whose inner solver is stopped where one likes, with the derivative of the solution to compare with.
mod nonsmooth;
mod roots;
mod smooth;
pub mod tables;

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
    stop: Rc<dyn Fn(f64) -> Result<ArrayD<f64>>>,
    truth: Box<dyn Fn() -> Result<Vec<ArrayD<f64>>>>,
}

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
        (self.stop)(residual)
    }
    /// The derivative at the solution, by Newton's method to rounding and a linear solve to rounding; both one-sided ones where they differ, in closed form. It may take
    /// longer than a certificate.
    ///
    /// # Errors
    /// That of the solvers.
    pub fn truth(&self) -> Result<Vec<ArrayD<f64>>> {
        (self.truth)()
    }
    /// What certifies derivatives, with adjoint systems solved to this relative residual.
    ///
    /// # Errors
    /// That of the problem.
    pub fn certifier(&self, adjoint: f64) -> Result<Certifier<Leaf, Leaf>> {
        (self.prepare)((self.adjoint)(adjoint))
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
    pub stop: Rc<dyn Fn(f64) -> Result<ArrayD<f64>>>,
    /// One-sided derivatives, where they are known to differ.
    pub sides: Vec<ArrayD<f64>>,
}

impl<Q: Equation<Unknown = Leaf, Params = Leaf, Solution = Leaf>> Stated<Q> {
    /// With what certifies it, and the derivative at the solution.
    pub(crate) fn case(self) -> Result<Case> {
        let Stated { name, sort, seen, problem, outer, theta, scale, adjoint, stop, sides } = self;
        let (unknown, params) = problem.shapes()?;
        let unknowns = unknown.shape().iter().product();
        let scale = Scale { primal: scale.into(), dual: 1.0.into() };
        let (inner, loss, near, at) = (problem.clone(), outer.clone(), stop.clone(), theta.clone());
        let truth = move || -> Result<Vec<ArrayD<f64>>> {
            if sort == Sort::Weak {
                return Ok(sides.clone());
            }
            let point = near(1e-13)?;
            let solved = implicit::outside(&inner, move |_, _| Ok::<_, std::convert::Infallible>(point.clone()))
                .scale(scale)
                .adjoint(adjoint(1e-15))
                .relative_tolerance(1e-14)
                .accuracy(f64::INFINITY)
                .on_residual(OnResidual::Refine);
            let exact = Function::record(params.clone(), |t| loss.call((solved.solve(zeros(unknown.clone()), t), t)))?;
            Ok(vec![exact.gradient(&at).map_err(|e| Error::new(name, e.to_string()))?])
        };
        let certify = move |solver: Arc<dyn LinearSolver>| implicit::certify(&problem, &outer).scale(scale).adjoint(solver).prepare();
        Ok(Case { name, sort, seen, unknowns, theta, truth: Box::new(truth), adjoint, prepare: Box::new(certify), stop })
    }
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
