//! Dense linear algebra over the last two axes; leading axes are a batch.
mod cholesky;
mod lu;
mod matrices;
mod solve;
mod triangular;

pub use crate::operation::named::Triangle;
pub use cholesky::Cholesky;
pub use lu::{LogDet, Lu};
pub use solve::{Factors, Solve};
pub use triangular::{Triangular, TriangularSolve};
