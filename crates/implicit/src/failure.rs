//! Failures of linear solves and of products, on their way between the linear solvers and a recorded function.
use hypertape_autodiff::{Error, ErrorKind};
use hypertape_linear::{Failed, LinearSolver};

/// A product's own error, as the linear solvers carry it.
pub(crate) fn of_product(e: ErrorKind) -> Failed {
    Failed::operator(Error::numeric("product with F_z", e))
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
