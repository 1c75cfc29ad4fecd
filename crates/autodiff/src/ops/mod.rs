//! The operations, one file a family.
pub mod activation;
pub mod arithmetic;
pub mod comparison;
pub mod contract;
pub mod control;
pub mod convolution;
pub mod cumulative;
mod declare;
pub mod difference;
pub mod elementary;
pub mod fold;
pub mod indexing;
pub mod linalg;
pub mod literal;
pub mod power;
pub mod random;
pub mod reduce;
pub mod registry;
pub mod shape;
mod softmax;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
