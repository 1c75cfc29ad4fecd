//! Linear operators: what primal-dual methods apply and transpose.
mod compose;
mod difference;
mod linear;
mod matrix;
mod norm;
mod sparse;

pub use compose::{Composed, compose};
pub use difference::{Difference1d, Gradient2d};
pub use linear::LinearOperator;
pub use matrix::{Fixed, Matrix};
pub use norm::operator_norm;
