//! What the operations of one workspace have in common of an equation: F_z at one point, and solvers that are ready for it. So the linear systems of a
//! point, forward and transposed, of every order, share one factorisation.
use crate::equation::Equation;
use crate::operator::{Jacobian, Stamp};
use hypertape_autodiff::Result;
use hypertape_autodiff::operation::Common;
use hypertape_linear::{Failed, Hints, LinearSolver, Operator, Workspace};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// F_z, and the solvers of its systems.
#[derive(Debug)]
pub(crate) struct System {
    pub(crate) jacobian: Result<Jacobian>,
    pub(crate) solvers: Solvers,
}

/// A system as one operation holds it.
#[derive(Debug)]
pub(crate) struct Held {
    system: Arc<Mutex<System>>,
    /// Whether this operation was the first to ask for it: it counts what the system executes.
    pub(crate) first: bool,
}

impl Held {
    pub(crate) fn new(e: &Arc<Equation>, common: &mut Common) -> Self {
        let mut first = false;
        let system = common.part(e, || {
            first = true;
            Mutex::new(System { jacobian: Jacobian::new(e), solvers: Solvers::default() })
        });
        Held { system, first }
    }
    /// Operations of one workspace run one after the other: nobody waits.
    pub(crate) fn lock(&self) -> MutexGuard<'_, System> {
        self.system.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Solvers, each made when it is first needed.
#[derive(Debug, Default)]
pub(crate) struct Solvers(Vec<Ready>);

impl Solvers {
    /// The workspace of a solver with these hints, for n unknowns.
    pub(crate) fn of(&mut self, solver: &Arc<dyn LinearSolver>, hints: Hints, n: usize) -> &mut Ready {
        let address = |s: &Arc<dyn LinearSolver>| Arc::as_ptr(s).cast::<()>();
        let found = self.0.iter().position(|r| address(&r.solver) == address(solver) && r.hints == hints);
        let k = found.unwrap_or_else(|| {
            let workspace = Workspace::new(&**solver, n);
            self.0.push(Ready { solver: solver.clone(), hints, workspace, at: None });
            self.0.len() - 1
        });
        &mut self.0[k]
    }
}

/// A solver's workspace, and the point that it is ready for.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) solver: Arc<dyn LinearSolver>,
    hints: Hints,
    workspace: Workspace,
    at: Option<Stamp>,
}

impl Ready {
    /// The workspace, ready for the operator at the point of this stamp.
    pub(crate) fn at(&mut self, a: &mut dyn Operator, stamp: Stamp) -> Result<&mut Workspace, Failed> {
        if self.at != Some(stamp) {
            self.at = None;
            self.workspace.prepare(a, &self.hints)?;
            self.at = Some(stamp);
        }
        Ok(&mut self.workspace)
    }
}
