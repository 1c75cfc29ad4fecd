//! Krylov methods with their settings: CG, GMRES, BiCGStab, normal CG.
use super::{LinearSolve, Outcome, attainable, both, wrong_state};
use crate::operator::Operator;
use hypertape_autodiff::ErrorKind as Problem;
use hypertape_autodiff::record::Scalar;
use hypertape_solvers::krylov::{self, LinearSolver, Map, Status, Workspace};
use std::any::Any;

/// A relative residual of 10⁻¹² unless set, or what the rounding of single precision leaves: implicit derivatives are as exact as their linear
/// solves.
const TOLERANCE: f64 = 1e-12;

/// The operator in the form that the Krylov solvers take.
struct Applied<'a>(&'a mut dyn Operator);

impl Map<f64, Problem> for Applied<'_> {
    fn apply(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Problem> {
        self.0.apply(x, y)
    }
    fn apply_adjoint(&mut self, x: &[f64], y: &mut [f64]) -> Result<bool, Problem> {
        self.0.apply_adjoint(x, y).map(|()| true)
    }
    fn epsilon(&self) -> f64 {
        self.0.epsilon()
    }
}

/// What one workspace owns: the solver's vectors, and two for products that tell what rounding allows.
#[derive(Debug, Default)]
struct State {
    work: Workspace<f64>,
    probes: Vec<f64>,
}

/// Runs a solver. A system that the method cannot take is an error, whatever the policy; a residual above the tolerance is the policy's.
fn run(
    solver: &dyn LinearSolver<f64, Problem>,
    a: &mut dyn Operator,
    b: &[f64],
    x: &mut [f64],
    (tolerance, limit): (f64, usize),
    state: &mut (dyn Any + Send),
) -> Result<Outcome, Problem> {
    let State { work, probes } = state.downcast_mut::<State>().ok_or_else(wrong_state)?;
    // What rounding of the operator leaves at least: no iteration gets below it.
    let floor = 8.0 * a.epsilon() * (b.len() as f64).sqrt();
    let o = solver.solve(&mut Applied(a), b, x, tolerance.max(floor), work)?;
    let condition = o.condition.map_or(String::new(), |c| format!(", condition number about {c:.2e}"));
    let failed = |why: &str| {
        Err(format!("{}: {why} (relative residual {:e} after {} iterations{condition})", solver.name(), o.relative, o.iterations).into())
    };
    let outcome =
        |status, converged| Outcome { iterations: o.iterations as u64, residual: o.relative, status, converged, condition: o.condition };
    // What rounding leaves where ‖A‖‖x‖ is larger than ‖b‖; asked only where the solver did not find its tolerance.
    if matches!(o.status, Status::IterationLimit | Status::Stalled | Status::Breakdown(_))
        && o.relative <= a.epsilon().sqrt()
        && o.relative <= attainable(a, b, x, probes)?
    {
        return Ok(outcome("converged to rounding", true));
    }
    match o.status {
        Status::NotSymmetric => failed("the system is not symmetric; use GMRES, BiCGStab, normal CG or LU"),
        Status::NegativeCurvature => {
            failed("the system is not positive definite, nor negative definite; use GMRES, BiCGStab, normal CG or LU")
        }
        Status::Singular => failed(
            "the system is singular to rounding, so its solution is not determined; if only the scales of its rows differ, divide them by their sizes \
             or use LU; else check the model, or ask for one of the solutions with `NormalCg::default().minimum_norm()`",
        ),
        Status::NotFinite(what) => failed(&format!("{what}; look for the operation that made it")),
        Status::Breakdown(what) if o.relative > a.epsilon().sqrt() => failed(&format!(
            "{what}; the system may be singular: check the model, or ask for one of its solutions with `NormalCg::default().minimum_norm()`"
        )),
        Status::IterationLimit if o.relative > floor && o.iterations < limit => Ok(outcome("stalled before its iteration limit", false)),
        s => {
            let converged = o.solved() || o.relative <= floor && s != Status::IllConditioned;
            Ok(outcome(if converged && s != Status::LeastSquares { "converged" } else { s.words() }, converged))
        }
    }
}

macro_rules! krylov_solver {
    ($(#[$doc:meta])* $name:ident, $label:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name {
            tolerance: Scalar,
            absolute: f64,
            limit: Option<usize>,
        }
        impl Default for $name {
            fn default() -> Self {
                $name { tolerance: Scalar::Value(TOLERANCE), absolute: 0.0, limit: None }
            }
        }
        impl $name {
            /// Stops at this relative residual: a number, or a variable of the recording it is used in. 10⁻¹² unless set.
            #[must_use]
            pub fn tolerance(tolerance: impl Into<Scalar>) -> Self {
                $name { tolerance: tolerance.into(), ..Self::default() }
            }
            /// Stops at this residual ‖b − A x‖ as well, whatever ‖b‖ is; 0 unless set.
            #[must_use]
            pub fn absolute_tolerance(mut self, tolerance: f64) -> Self {
                self.absolute = tolerance;
                self
            }
            /// Applies the operator so often at the most; 10 n + 100 unless set.
            #[must_use]
            pub fn max_iterations(mut self, iterations: usize) -> Self {
                self.limit = Some(iterations);
                self
            }
            fn most(&self, n: usize) -> usize {
                self.limit.unwrap_or(n.saturating_mul(10).saturating_add(100))
            }
            fn solver(&self, n: usize) -> krylov::$name {
                krylov::$name::default().max_iterations(self.most(n))
            }
        }
        impl LinearSolve for $name {
            fn name(&self) -> String {
                $label.into()
            }
            fn tolerance(&self) -> Result<Scalar, String> {
                both(self.tolerance, self.absolute)
            }
            fn absolute_tolerance(&self) -> f64 {
                self.absolute
            }
            fn state_len(&self, n: usize) -> usize {
                LinearSolver::<f64, Problem>::workspace_len(&self.solver(n), n)
            }
            fn state(&self, _: usize) -> Box<dyn Any + Send> {
                Box::<State>::default()
            }
            fn solve(
                &self,
                a: &mut dyn Operator,
                b: &[f64],
                x: &mut [f64],
                tolerance: f64,
                _: Option<f64>,
                state: &mut (dyn Any + Send),
            ) -> Result<Outcome, Problem> {
                run(&self.solver(b.len()), a, b, x, (tolerance, self.most(b.len())), state)
            }
        }
    };
}

krylov_solver!(
    /// Conjugate gradients, for symmetric positive definite systems, those of minimisers, and negative definite ones. Says so when the system is neither.
    Cg, "CG"
);
krylov_solver!(
    /// Stabilised biconjugate gradients, for any regular system.
    Bicgstab, "BiCGStab"
);
krylov_solver!(
    /// Conjugate gradients on the normal equations, for any regular system, with Aᵀ; see [`NormalCg::minimum_norm`] for singular ones.
    NormalCg, "normal CG"
);

/// Generalised minimal residuals, for any regular system; restarted after 50 steps unless set.
#[derive(Debug, Clone, Copy)]
pub struct Gmres {
    tolerance: Scalar,
    absolute: f64,
    limit: Option<usize>,
    restart: usize,
}

impl Default for Gmres {
    fn default() -> Self {
        Gmres { tolerance: Scalar::Value(TOLERANCE), absolute: 0.0, limit: None, restart: 50 }
    }
}

impl Gmres {
    /// Stops at this relative residual: a number, or a variable of the recording it is used in. 10⁻¹² unless set.
    #[must_use]
    pub fn tolerance(tolerance: impl Into<Scalar>) -> Self {
        Gmres { tolerance: tolerance.into(), ..Self::default() }
    }
    /// Stops at this residual ‖b − A x‖ as well, whatever ‖b‖ is; 0 unless set.
    #[must_use]
    pub fn absolute_tolerance(mut self, tolerance: f64) -> Self {
        self.absolute = tolerance;
        self
    }
    /// Applies the operator so often at the most; 10 n + 100 unless set.
    #[must_use]
    pub fn max_iterations(mut self, iterations: usize) -> Self {
        self.limit = Some(iterations);
        self
    }
    /// Restarts after so many steps; each costs a vector of memory.
    #[must_use]
    pub fn restart(mut self, steps: usize) -> Self {
        self.restart = steps.max(1);
        self
    }
    fn most(&self, n: usize) -> usize {
        self.limit.unwrap_or(n.saturating_mul(10).saturating_add(100))
    }
    fn solver(&self, n: usize) -> krylov::Gmres {
        krylov::Gmres::restart(self.restart.min(n.max(1))).max_iterations(self.most(n))
    }
}

impl LinearSolve for Gmres {
    fn name(&self) -> String {
        "GMRES".into()
    }
    fn tolerance(&self) -> Result<Scalar, String> {
        both(self.tolerance, self.absolute)
    }
    fn absolute_tolerance(&self) -> f64 {
        self.absolute
    }
    fn state_len(&self, n: usize) -> usize {
        LinearSolver::<f64, Problem>::workspace_len(&self.solver(n), n)
    }
    fn state(&self, _: usize) -> Box<dyn Any + Send> {
        Box::<State>::default()
    }
    fn solve(
        &self,
        a: &mut dyn Operator,
        b: &[f64],
        x: &mut [f64],
        tolerance: f64,
        _: Option<f64>,
        state: &mut (dyn Any + Send),
    ) -> Result<Outcome, Problem> {
        run(&self.solver(b.len()), a, b, x, (tolerance, self.most(b.len())), state)
    }
}

impl NormalCg {
    /// Asks for A⁺b: of all x with the least ‖b − A x‖, the one with the least ‖x‖. So a singular system has one solution too: the derivative
    /// is that of the solution which changes least. Without it, a singular system is an error.
    #[must_use]
    pub fn minimum_norm(self) -> MinimumNorm {
        MinimumNorm(self)
    }
}

/// Normal CG that is asked for the solution of minimum norm: see [`NormalCg::minimum_norm`].
#[derive(Debug, Clone, Copy)]
pub struct MinimumNorm(NormalCg);

impl LinearSolve for MinimumNorm {
    fn name(&self) -> String {
        "normal CG, minimum norm".into()
    }
    fn tolerance(&self) -> Result<Scalar, String> {
        LinearSolve::tolerance(&self.0)
    }
    fn state_len(&self, n: usize) -> usize {
        self.0.state_len(n)
    }
    fn state(&self, n: usize) -> Box<dyn Any + Send> {
        self.0.state(n)
    }
    fn solve(
        &self,
        a: &mut dyn Operator,
        b: &[f64],
        x: &mut [f64],
        tolerance: f64,
        _: Option<f64>,
        state: &mut (dyn Any + Send),
    ) -> Result<Outcome, Problem> {
        run(&self.0.solver(b.len()).minimum_norm(), a, b, x, (tolerance, self.0.most(b.len())), state)
    }
}
