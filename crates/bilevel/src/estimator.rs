//! What an estimator of the hypergradient is: settings that are prepared for a problem, then asked at one point after the other.
use crate::calls::{Calls, Phases};
use crate::problem::Bilevel;
use hypertape_autodiff::Result;
use hypertape_linear::Status;
use hypertape_solvers::Equation;
use serde::{Deserialize, Serialize};

/// What one outer step leaves for the next: all of it is saved with a run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Memory {
    /// The inner unknown, its leaves one after the other.
    #[serde(with = "crate::state::bits")]
    pub solution: Vec<f64>,
    /// The adjoint.
    #[serde(with = "crate::state::bits")]
    pub adjoint: Vec<f64>,
    /// Mini-batches drawn so far.
    pub draws: u64,
    /// Of the parts, where a problem has several.
    pub parts: Vec<Memory>,
}

/// How accurate an estimate shall be; what is not given here the estimator's own settings say.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Ask {
    /// The stopping measure of the inner solver.
    pub inner: Option<f64>,
    /// The residual of the adjoint system, ‖L_z − F_zᵀw‖.
    pub adjoint: Option<f64>,
    /// Whether a certificate is wanted: the error of the hypergradient, and a bound of it.
    pub certify: bool,
}

/// How one of the two solves ended.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Solve {
    /// Iterations.
    pub iterations: u64,
    /// The stopping measure of the inner solver; ‖L_z − F_zᵀw‖ of the adjoint.
    pub residual: f64,
    /// Whether it is at or under its tolerance. A solve of a fixed number of steps does not converge.
    pub converged: bool,
}

impl Solve {
    pub(crate) fn new(iterations: u64, residual: f64, status: Status) -> Self {
        Solve { iterations, residual, converged: status.converged() }
    }
}

/// What a certificate says of a hypergradient: see [`hypertape_implicit::certify`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Certified {
    /// The estimate of the error.
    pub estimate: f64,
    /// A bound of it, where every test passed.
    pub bound: Option<f64>,
}

/// A hypergradient, and what it took.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// The outer objective at the inner solution that was found.
    pub value: f64,
    /// The hypergradient.
    pub gradient: Vec<f64>,
    /// How far from a minimum it says that x is: ‖x − P(x − g)‖, a step of size 1 back into the set of the outer variables, which is ‖g‖ where nothing holds them. [`Asked::at`](crate::Asked::at) sets it.
    pub length: f64,
    /// What is missing of the value at the inner solution, to first order, where the estimator can tell: −wᵀF, with the adjoint w and the residual F of the inner equation.
    pub correction: f64,
    /// The inner solve.
    pub inner: Option<Solve>,
    /// The adjoint solve.
    pub adjoint: Option<Solve>,
    /// Its error, where it was asked for and the estimator can tell.
    pub certified: Option<Certified>,
    /// What was evaluated.
    pub phases: Phases,
}

/// An estimator that is ready for a problem.
pub trait Oracle {
    /// The name of the estimator.
    fn name(&self) -> String;
    /// The value and the hypergradient at x.
    ///
    /// # Errors
    /// What the solves say; inputs that are not finite.
    fn at(&mut self, x: &[f64], memory: &mut Memory, ask: Ask) -> Result<Estimate>;
    /// The value at x, for loops that ask for no hypergradient: the one of the estimate is empty, and so is its adjoint solve. An estimator that cannot do with less finds and counts both.
    ///
    /// # Errors
    /// As [`at`](Oracle::at).
    fn value(&mut self, x: &[f64], memory: &mut Memory, ask: Ask) -> Result<Estimate> {
        let e = self.at(x, memory, Ask { certify: false, ..ask })?;
        Ok(Estimate { gradient: vec![], length: f64::NAN, ..e })
    }
    /// The stopping measure of the inner solver where it would start, and what finding it took: what tolerances are relative to. 1 where there is none.
    ///
    /// # Errors
    /// As [`at`](Oracle::at).
    fn first_measure(&mut self, x: &[f64], memory: &Memory) -> Result<(f64, Calls)> {
        let _ = (x, memory);
        Ok((1.0, Calls::default()))
    }
    /// Whether its error falls with the tolerances that are asked for: loops that choose them take no other estimator.
    fn takes_tolerances(&self) -> bool {
        false
    }
    /// The entries of the inner unknown, where there is one.
    fn unknowns(&self) -> Option<usize> {
        None
    }
    /// Its settings in one line, by which a run knows the files of its own estimator.
    fn settings(&self) -> String {
        self.name()
    }
}

/// Settings of an estimator.
pub trait Estimator<Q: Equation> {
    /// Records and plans everything once.
    ///
    /// # Errors
    /// Settings that cannot work; functions that failed or do not fit.
    fn prepare(&self, problem: &Bilevel<Q>) -> Result<Box<dyn Oracle>>;
}
