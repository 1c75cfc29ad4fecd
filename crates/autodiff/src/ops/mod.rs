//! The operations, one file a family.
pub mod arithmetic;
pub mod contract;
pub mod control;
pub mod elementary;
pub mod fold;
pub mod linalg;
pub mod literal;
pub mod shape;

#[cfg(test)]
pub(crate) mod testing;
