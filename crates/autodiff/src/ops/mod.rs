//! The operations, one file a family.
pub mod activation;
pub mod arithmetic;
pub mod comparison;
pub mod contract;
pub mod control;
mod declare;
pub mod elementary;
pub mod fold;
pub mod linalg;
pub mod literal;
pub mod power;
pub mod registry;
pub mod shape;

#[cfg(test)]
pub(crate) mod testing;
