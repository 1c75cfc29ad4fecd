//! Failures of linear solves and of products, on their way between the linear solvers and a recorded function.
use hypertape_autodiff::{Error, ErrorKind};
use hypertape_linear::{Failed, LinearSolver, Need};

/// A product's own error, as the linear solvers carry it.
pub(crate) fn of_product(e: ErrorKind) -> Failed {
    Failed::operator(Error::numeric("product with F_z", e))
}

/// Why a solver cannot be asked outside of the solve that finds the point: it lives on what that hands over.
pub(crate) fn outside(solver: &dyn LinearSolver, instead: &str) -> Option<ErrorKind> {
    let what = match solver.needs() {
        n if n.contains(&Need::Estimate) => "the secant pairs of a solve",
        n if n.contains(&Need::Samples) => "the mini-batches of a solve",
        _ => return None,
    };
    Some(ErrorKind::Other(format!("{} needs {what}, and this stands outside of it: {instead}", solver.name())))
}

/// Why a solve has no result, as the cause of a function's error. The error of a product is handed on as it is.
pub(crate) fn of_solve(solver: &dyn LinearSolver, e: Failed) -> ErrorKind {
    match &e {
        Failed::Operator(own) => match own.downcast_ref::<Error>() {
            Some(own) => own.clone().into(),
            None => ErrorKind::User { source: own.clone() },
        },
        _ => ErrorKind::Solve { solver: solver.name(), failed: e },
    }
}
