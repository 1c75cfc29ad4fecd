//! Iterative solvers of linear systems A x = b over flat slices, matrix-free: A is a closure.
//!
//! Every solve starts from the x it is given, allocates nothing once its workspace is warm, and returns an [`Outcome`] with the
//! **true** residual ‖b − A x‖, computed from the result.
mod bicgstab;
mod conjugate_gradients;
mod gmres;
mod linear_solver;
mod neumann;
mod normal;
mod outcome;
mod vectors;

pub use bicgstab::Bicgstab;
pub use conjugate_gradients::Cg;
pub use gmres::Gmres;
pub use linear_solver::{LinearSolver, Map, WithAdjoint, Workspace};
pub use neumann::Neumann;
pub use normal::NormalCg;
pub use outcome::{Outcome, Status};
pub use vectors::norm;
