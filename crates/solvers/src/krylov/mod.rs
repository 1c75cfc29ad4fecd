//! Iterative solvers of linear systems A x = b over flat slices, matrix-free: A is a closure.
//!
//! Every solve starts from the x it is given, allocates nothing once its workspace is warm, and returns an [`Outcome`] with the
//! **true** residual ‖b − A x‖, computed from the result.
//!
//! # What is promised
//! - **Scale.** Systems whose numbers leave the range when squared are scaled by powers of two, which change no digit: b and A may be of any size
//!   that the element type holds.
//! - **Rounding.** A residual above the tolerance that is as small as rounding allows, 8 ε √n (‖A‖‖x‖ + ‖b‖), has the status `Rounding`.
//! - **Conditioning.** Where the condition number is estimated at 1/√ε or more, and conditioning times residual at more than
//!   [`Stop::accuracy`], the status is `IllConditioned`, not `Converged`. The estimate is one from below: of A on the space that was explored.
//! - **Many solutions.** A singular A with b in its range has many x of residual 0. For n up to [`Stop::probe`] such an A is found, up to rounding
//!   (a condition number of 1/(4 ε √n)), and the status is `Singular`. Above that n it is not told from a regular one, unless
//!   GMRES has explored the whole space: the Krylov space of b holds no null vector.
mod bicgstab;
mod conjugate_gradients;
mod gmres;
mod hessenberg;
mod linear_solver;
mod neumann;
mod normal;
mod outcome;
mod probe;
mod stop;
mod system;
mod tridiagonal;
mod vectors;

pub use bicgstab::Bicgstab;
pub use conjugate_gradients::Cg;
pub use gmres::Gmres;
pub use linear_solver::{LinearSolver, Map, WithAdjoint, Workspace};
pub use neumann::Neumann;
pub use normal::NormalCg;
pub use outcome::{Outcome, Status};
pub use stop::Stop;
pub use vectors::norm;
