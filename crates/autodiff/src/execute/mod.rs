//! Running programs: a naive reference, and the planned executor.
pub mod reference;
