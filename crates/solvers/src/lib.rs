//! Solvers that run outside a recording and unroll inside it.
mod compare;
mod drive;
mod handles;
mod inner;
mod keep;
mod limits;
mod method;
mod methods;
mod objective;
mod operators;
mod prepared;
pub mod prox;
mod report;
mod solve;
mod step;
mod unrolled;

/// The start of the paths of this crate's own files, as lines of code name them.
#[doc(hidden)]
pub const SOURCES: &str = file!().split_at(file!().len() - "lib.rs".len()).0;

pub use compare::{Compare, Comparison, Measured, Meter, Row, compare};
pub use inner::Inner;
pub use keep::Keep;
pub use limits::Limits;
pub use method::Method;
pub use methods::{Adam, AdamDescent, CondatVu, Fista, FixedPoint, GradientDescent, Ista, Lbfgs, NewtonCg, Sgd};
pub use objective::Objective;
pub use operators::{Composed, Difference1d, Fixed, Gradient2d, LinearOperator, Matrix, compose, operator_norm};
pub use prepared::Prepared;
pub use prox::Prox;
pub use report::{Ended, Solved};
pub use solve::Solve;
pub use step::Step;
pub use unrolled::Unrolled;
