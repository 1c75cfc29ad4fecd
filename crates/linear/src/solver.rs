//! What a linear solver is: settings that make a state, and a state that solves.
use crate::operator::Operator;
use crate::outcome::Tolerance;
use crate::stop::{Goal, Stop};
use crate::system::{Products, System};
use hypertape_autodiff::outcome::{Failed, Need, Status};
use hypertape_autodiff::record::Scalar;
use std::fmt::Debug;

/// What is known where the system comes from, at the time of [`State::prepare`].
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Hints {
    /// A number α for which I − αA contracts: the step of the method that found a fixed point.
    pub step: Option<f64>,
}

/// A way to solve A x = b: settings, shared between threads, of which each workspace makes a [`State`].
pub trait LinearSolver: Debug + Send + Sync + 'static {
    /// The field's name of it, with its settings.
    fn name(&self) -> String;
    /// When it stops, and what counts as solved.
    fn stop(&self) -> Stop;
    /// That its settings can work.
    ///
    /// # Errors
    /// [`Failed::Setting`] names the one that cannot.
    fn check(&self) -> Result<(), Failed> {
        self.stop().check()
    }
    /// What it needs besides products; a lack is found before anything runs.
    fn needs(&self) -> Vec<Need> {
        vec![]
    }
    /// Whether it is an approximation by design, whose residual is reported but never an error.
    fn approximate(&self) -> bool {
        false
    }
    /// Whether its result is one draw of a random estimate, whose derivative is not an estimate of the derivative: derivatives of a solve by the operator are refused then.
    fn random(&self) -> bool {
        false
    }
    /// Whether it solves systems of any size, as a part of another system: not with settings that are vectors of one length, such as a
    /// preconditioner that is a map of the user's own, or the places of
    /// entries.
    fn any_size(&self) -> bool {
        true
    }
    /// Bytes that a state for n unknowns holds.
    fn state_bytes(&self, n: usize) -> u64;
    /// A fresh state for n unknowns.
    fn state(&self, n: usize) -> Box<dyn State>;
}

/// The tolerance of a solver whose settings can work.
pub(crate) fn tolerance(solver: &dyn LinearSolver) -> Result<Tolerance, Failed> {
    solver.check()?;
    let stop = solver.stop();
    match stop.tolerance {
        Scalar::Value(relative) => Ok(Tolerance { relative, absolute: stop.absolute }),
        _ => Err(Failed::Setting { what: "tolerance", value: f64::NAN, allowed: "a number; a variable has a value in its recording only" }),
    }
}

/// A solver that is chosen at run time.
impl LinearSolver for std::sync::Arc<dyn LinearSolver> {
    fn name(&self) -> String {
        (**self).name()
    }
    fn stop(&self) -> Stop {
        (**self).stop()
    }
    fn check(&self) -> Result<(), Failed> {
        (**self).check()
    }
    fn needs(&self) -> Vec<Need> {
        (**self).needs()
    }
    fn approximate(&self) -> bool {
        (**self).approximate()
    }
    fn random(&self) -> bool {
        (**self).random()
    }
    fn any_size(&self) -> bool {
        (**self).any_size()
    }
    fn state_bytes(&self, n: usize) -> u64 {
        (**self).state_bytes(n)
    }
    fn state(&self, n: usize) -> Box<dyn State> {
        (**self).state(n)
    }
}

/// What one workspace owns of a solver: vectors, a factorisation, a preconditioner. It never borrows the operator, which is given again.
///
/// It sees right-hand sides near 1 in size, and operators that are scaled where they are far from it: see [`System`].
pub trait State: Debug + Send {
    /// Makes ready for an operator: factorises it, or makes its preconditioner. Allocates nothing.
    ///
    /// # Errors
    /// When the operator fails, is singular, or is not what the method needs.
    fn prepare(&mut self, a: &mut dyn Operator, hints: &Hints) -> Result<(), Failed> {
        let _ = (a, hints);
        Ok(())
    }
    /// Solves A x = b from the x given.
    ///
    /// # Errors
    /// When the operator fails, or it is certain that there is no result.
    fn solve(&mut self, a: &mut System<'_>, b: &[f64], x: &mut [f64], goal: &Goal) -> Result<Ended, Failed>;
    /// Solves A X = B together for several right-hand sides, which follow one another in b and x, with a goal for each. None, and x as it was,
    /// where the method
    /// has no way to do so: then [`solve`](State::solve) is called for each.
    fn solve_block(&mut self, a: &mut System<'_>, b: &[f64], x: &mut [f64], goals: &[Goal]) -> Option<Vec<Column>> {
        let _ = (a, b, x, goals);
        None
    }
}

/// How the iterations for one right-hand side of a block ended.
#[derive(Debug, Clone)]
pub struct Column {
    /// As of [`State::solve`].
    pub ended: Result<Ended, Failed>,
    /// The products in which it took part: one for each iteration of the block, and those that were its own.
    pub products: Products,
}

/// How a method's own iterations ended, in the units of the system that it saw. What becomes of it is found from the true residual.
#[derive(Debug, Clone)]
pub struct Ended {
    /// Iterations made; terms of a series; 0 for a direct method.
    pub iterations: usize,
    /// Why they ended. It is overruled where the true residual says otherwise, unless [`last_word`](Ended::last_word).
    pub said: Result<Status, Failed>,
    /// Whether the method has judged its result itself.
    pub last_word: bool,
    /// ‖b − A x‖ at the end, where it was computed from x. Where it was not, the workspace computes it, unless the method said
    /// [`Status::Estimated`]: then it stays unknown.
    pub residual: Option<f64>,
    /// An estimate of ‖A‖ from below; 0 where there is none.
    pub norm: f64,
    /// An estimate of the condition number from below; 0 where there is none.
    pub condition: f64,
    /// An estimate of the smallest singular value of A from above: of A itself, not of a preconditioned operator.
    pub smallest: Option<f64>,
    /// Whether the whole space was explored, so that the condition number is that of A.
    pub complete: bool,
    /// Applications of a preconditioner.
    pub preconditioned: u64,
    /// What else a reader should know: another sign, another method.
    pub remark: Option<&'static str>,
}

impl Ended {
    /// After so many iterations, for this reason; nothing else is known.
    #[must_use]
    pub fn new(iterations: usize, said: Result<Status, Failed>) -> Self {
        Ended {
            iterations,
            said,
            last_word: false,
            residual: None,
            norm: 0.0,
            condition: 0.0,
            smallest: None,
            complete: false,
            preconditioned: 0,
            remark: None,
        }
    }
}
