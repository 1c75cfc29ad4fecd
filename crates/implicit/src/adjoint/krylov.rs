//! Krylov methods with their settings: CG, GMRES, BiCGStab, normal CG.
use super::{LinearSolve, Outcome, wrong_state};
use crate::operator::Operator;
use hypertape_autodiff::Problem;
use hypertape_autodiff::record::Scalar;
use hypertape_solvers::krylov::{self, Status, Stop};
use std::any::Any;

/// A relative residual of 10⁻¹² unless set: implicit derivatives are as exact as their linear solves.
const TOLERANCE: f64 = 1e-12;

fn checked(t: Scalar) -> Result<Scalar, String> {
    match t {
        Scalar::Value(v) if !(v.is_finite() && v >= 0.0) => Err(format!("the tolerance is {v}; give a finite number that is not negative, or a variable")),
        t => Ok(t),
    }
}

fn stop(n: usize, tolerance: f64, limit: Option<usize>) -> Stop {
    Stop { tolerance, iterations: limit.unwrap_or(10 * n + 100) }
}

fn outcome(o: krylov::Outcome) -> Result<Outcome, Problem> {
    match o.status {
        Status::Unsuitable(why) => Err(why.into()),
        Status::Breakdown(why) if o.residual > 1e-6 => Err(format!("{why} (relative residual {:e} after {} iterations)", o.residual, o.iterations).into()),
        s => Ok(Outcome { iterations: o.iterations, residual: o.residual, status: s.as_str(), converged: s == Status::Converged }),
    }
}

macro_rules! krylov_solver {
    ($(#[$doc:meta])* $name:ident, $label:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name {
            tolerance: Scalar,
            limit: Option<usize>,
        }
        impl Default for $name {
            fn default() -> Self {
                $name { tolerance: Scalar::Value(TOLERANCE), limit: None }
            }
        }
        impl $name {
            /// Stops at this relative residual: a number, or a variable of the recording it is used in. 10⁻¹² unless set.
            #[must_use]
            pub fn tolerance(tolerance: impl Into<Scalar>) -> Self {
                $name { tolerance: tolerance.into(), ..Self::default() }
            }
            /// Applies the operator so often at the most; 10 n + 100 unless set.
            #[must_use]
            pub fn max_iterations(mut self, iterations: usize) -> Self {
                self.limit = Some(iterations);
                self
            }
        }
        impl LinearSolve for $name {
            fn name(&self) -> String {
                $label.into()
            }
            fn tolerance(&self) -> Result<Scalar, String> {
                checked(self.tolerance)
            }
            fn state_len(&self, n: usize) -> usize {
                krylov::$name::len(n)
            }
            fn state(&self, n: usize) -> Box<dyn Any + Send> {
                Box::new(krylov::$name::new(n))
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
                let s = state.downcast_mut::<krylov::$name>().ok_or_else(wrong_state)?;
                outcome(krylov_solver!(@run $name, s, a, b, x, stop(b.len(), tolerance, self.limit)))
            }
        }
    };
    (@run NormalCg, $s:ident, $a:ident, $b:ident, $x:ident, $stop:expr) => {
        $s.solve(&mut |v, out, adjoint| if adjoint { $a.apply_adjoint(v, out) } else { $a.apply(v, out) }, $b, $x, $stop)?
    };
    (@run $name:ident, $s:ident, $a:ident, $b:ident, $x:ident, $stop:expr) => {
        $s.solve(&mut |v, out| $a.apply(v, out), $b, $x, $stop)?
    };
}

krylov_solver!(
    /// Conjugate gradients, for symmetric positive definite systems: those of minimisers. Says so when the system is not.
    Cg, "CG"
);
krylov_solver!(
    /// Stabilised biconjugate gradients, for any regular system.
    Bicgstab, "BiCGStab"
);
krylov_solver!(
    /// Conjugate gradients on the normal equations, for any system, with Aᵀ.
    NormalCg, "normal CG"
);

/// Generalised minimal residuals, for any regular system; restarted after 50 steps unless set.
#[derive(Debug, Clone, Copy)]
pub struct Gmres {
    tolerance: Scalar,
    limit: Option<usize>,
    restart: usize,
}

impl Default for Gmres {
    fn default() -> Self {
        Gmres { tolerance: Scalar::Value(TOLERANCE), limit: None, restart: 50 }
    }
}

impl Gmres {
    /// Stops at this relative residual: a number, or a variable of the recording it is used in. 10⁻¹² unless set.
    #[must_use]
    pub fn tolerance(tolerance: impl Into<Scalar>) -> Self {
        Gmres { tolerance: tolerance.into(), ..Self::default() }
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
}

impl LinearSolve for Gmres {
    fn name(&self) -> String {
        "GMRES".into()
    }
    fn tolerance(&self) -> Result<Scalar, String> {
        checked(self.tolerance)
    }
    fn state_len(&self, n: usize) -> usize {
        krylov::Gmres::len(n, self.restart)
    }
    fn state(&self, n: usize) -> Box<dyn Any + Send> {
        Box::new(krylov::Gmres::new(n, self.restart))
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
        let s = state.downcast_mut::<krylov::Gmres>().ok_or_else(wrong_state)?;
        outcome(s.solve(&mut |v: &[f64], out: &mut [f64]| a.apply(v, out), b, x, stop(b.len(), tolerance, self.limit))?)
    }
}
