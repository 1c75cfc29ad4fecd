//! Problems with known derivatives, finite differences and seeded data, for the tests of the workspace.
//!
//! Nothing here uses the library under test: closed forms, plain loops, and dense linear algebra that can be read in a minute.

pub mod allocations;
pub mod dense;
pub mod differences;
pub mod double_double;
pub mod problems;
pub mod random;
