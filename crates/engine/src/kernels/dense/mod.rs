//! Dense factorisations and solves: recursive, so that most of the work is matrix products.
//!
//! A solve with an upper triangle is a solve with a lower triangle whose rows and columns are in reverse order. A transpose swaps strides. So one
//! routine does all (Gustavson 1997; Toledo 1997 for LU).
mod block;
mod cholesky;
mod lu;
mod triangular;

pub(crate) use cholesky::cholesky;
pub(crate) use lu::{log_det, lu, lu_solve};
pub(crate) use triangular::{solve_triangular, triangle};
