//! Solvers that run outside a recording and unroll inside it.
mod compare;
mod drive;
mod handles;
mod inner;
mod keep;
mod limits;
mod method;
mod methods;
mod operators;
mod optimiser;
mod prepared;
mod problem;
pub mod prox;
mod report;
mod solve;
mod step;
mod unrolled;

/// The start of the paths of this crate's own files, as lines of code name them.
#[doc(hidden)]
pub const SOURCES: &str = file!().split_at(file!().len() - "lib.rs".len()).0;

pub use compare::{Certified, Compare, Comparison, Kinds, Measured, Meter, Phases, Row, compare};
pub use inner::Inner;
pub use keep::Keep;
pub use limits::Limits;
pub use method::{Method, Params, Solution, Unknown};
pub use methods::{AdamDescent, CondatVu, DouglasRachford, Fista, FixedPoint, GradientDescent, Ista, Lbfgs, NewtonCg, Sgd};
pub use operators::{Composed, Difference1d, Fixed, Gradient2d, LinearOperator, Matrix, compose, operator_norm};
pub use optimiser::{Given, Optimiser};
pub use prepared::Prepared;
pub use problem::{
    AsMapping, AsProblem, BothProximal, Composite, Counter, Equation, Equilibrium, FiniteSum, Mapping, Objective, PrimalDual, Problem,
    Proximal, Root, Saddle, Sampled, Sampling, Scale, Smooth, Split, Splitting,
};
pub use prox::Prox;
pub use report::{Ended, Solved};
pub use solve::Solve;
pub use step::Step;
pub use unrolled::Unrolled;
