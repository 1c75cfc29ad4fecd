//! Linear systems A x = b: for a user's own matrices and maps, and for what implicit differentiation needs.
//!
//! A solver is a value of settings. It is made ready for an
//! [`Operator`] and then solves, for A or Aᵀ, as often as wanted:
//!
//! ```
//! use hypertape_linear::{Lu, Prepare};
//! let a = ndarray::arr2(&[[4.0, 1.0], [2.0, 3.0]]);
//! let x = Lu.prepare(a)?.solve(&[1.0, 2.0])?.x;
//! assert!((x[0] - 0.1).abs() < 1e-15);
//! # Ok::<(), hypertape_linear::Failed>(())
//! ```
//!
//! | solver | of | an iteration |
//! |---|---|---|
//! | [`Auto`] | any A: it looks and chooses | |
//! | [`Cg`] | symmetric definite A; several right-hand sides as a block | one product, for each right-hand side |
//! | [`Minres`] | symmetric A | one product |
//! | [`Gmres`] | any A; several right-hand sides as a block, where asked | one product, the basis of all iterations |
//! | [`Bicgstab`] | any A; BiCGStab(ℓ) near the imaginary axis | two products, few vectors |
//! | [`NormalCg`], [`Lsmr`] | any A with its transpose; least squares, minimum norm | two products |
//! | [`Neumann`], [`OneStep`] | I − αA contracts | one product |
//! | [`Lissa`] | a sum over data, seen in mini-batches; I − αA contracts | one product with a mini-batch: a random estimate |
//! | [`Shine`] | a Hessian, with the secant pairs of the method that found the point | none: an estimate, whose residual is not known unless asked for |
//! | [`Anderson`], [`Broyden`] | the same iteration, accelerated | one product |
//! | [`Lu`], [`Qr`] | any regular A | n products once |
//! | [`Cholesky`], [`Ldlt`] | symmetric definite A, symmetric A | n products once |
//! | [`SparseLu`] | a regular sparse A | as many products as its columns have colours, or none |
//! | [`SparseCholesky`] | a symmetric definite sparse A | the same |
//! | [`Svd`] | any A; minimum norm | n products once |
//!
//! Preconditioners are values of their own: [`Jacobi`] where the matrix is known, [`Hutchinson`] and [`Nystrom`] by products alone, [`InverseMap`] for a user's own.
//!
//! # Many systems
//! - **Many right-hand sides.** [`Prepared::solve_many`] solves A X = B for the columns of B: factors and preconditioners are made once, [`Cg`] and [`Gmres::as_block`] solve the columns as a block, and each
//!   column has a status or an error of its own.
//! - **Batches.** [`Prepare::solve_each`] solves independent systems on all threads. One that fails is named, and leaves the others as they are.
//!
//! Who solves many systems of one size one after another keeps a [`Workspace`], which allocates nothing once warm. An own solver implements [`LinearSolver`] and [`State`]; scaling,
//! counting and judging the result are not its business.
//!
//! # What is promised
//! - **Two ends.** A solve gives an [`Outcome`] with a [`Status`], or [`Failed`] says why there is no result. Both reach a user of derivatives unchanged.
//! - **True residual.** ‖b − A x‖ is computed from the x that is returned. Only [`Shine`] leaves it out, and says so.
//! - **Scale.** Systems whose numbers leave the range when squared are scaled by powers of two, which change no digit: b and A may be of any size
//!   that the element type holds. b = 0 gives x = 0.
//! - **Rounding.** A residual above the tolerance that is as small as rounding allows, 8 ε √n (‖A‖‖x‖ + ‖b‖), has the status `Rounding`.
//! - **Conditioning.** Where the condition number is estimated at 1/√ε or more, and conditioning times residual at more than
//!   [`Stop::accuracy`], the status is `IllConditioned`, not `Converged`. The estimate is one from below: of A on the space that was explored.
//! - **Smallest singular value.** [`Outcome::smallest`] estimates that of A from above, where the method knows one: of A itself, also with a preconditioner.
//! - **Many solutions.** A singular A with b in its range has many x of residual 0. For n up to [`Stop::probe`] such an A is found, up to rounding
//!   (a condition number of 1/(4 ε √n)), and the solve fails as `Singular`. Above that n it is not told from a regular one, unless
//!   GMRES has explored the whole space: the Krylov space of b holds no null vector.
mod anderson;
mod auto;
mod bicgstab;
mod block_cg;
mod block_gmres;
mod block_tridiagonal;
mod broyden;
mod cg;
mod cholesky;
mod condition;
mod definite;
mod dense;
mod each;
mod eigenvalues;
mod estimated;
mod extremes;
mod flat;
mod gmres;
mod hessenberg;
mod hutchinson;
mod ldlt;
mod lissa;
mod lsmr;
mod lu;
mod many;
mod matrices;
mod minres;
mod near;
mod neumann;
mod normal_cg;
mod nystrom;
mod operator;
mod outcome;
mod preconditioner;
mod prepared;
mod probe;
mod qr;
mod right;
mod scratch;
mod secants;
mod shine;
mod solver;
mod sparse;
mod sparse_cholesky;
mod sparse_lu;
mod step;
mod stop;
mod svd;
mod system;
mod triangle;
mod tridiagonal;
mod vectors;
mod workspace;

pub use anderson::Anderson;
pub use auto::Auto;
pub use bicgstab::Bicgstab;
pub use broyden::Broyden;
pub use cg::Cg;
pub use cholesky::Cholesky;
pub use eigenvalues::{Eigenvalues, eigenvalues};
pub use estimated::Estimated;
pub use extremes::{Extremes, extremes};
pub use flat::{flat_directions, singular_values};
pub use gmres::Gmres;
pub use hutchinson::Hutchinson;
pub use hypertape_autodiff::outcome::{Failed, Need, Reached, Status};
pub use ldlt::Ldlt;
pub use lissa::Lissa;
pub use lsmr::Lsmr;
pub use lu::Lu;
pub use many::Many;
pub use matrices::{Diagonal, Single};
pub use minres::Minres;
pub use neumann::{Neumann, OneStep};
pub use normal_cg::NormalCg;
pub use nystrom::Nystrom;
pub use operator::{Closures, Known, Matrix, NoTranspose, Operator, Side, from_fn};
pub use outcome::{Outcome, Solved, Tolerance};
pub use preconditioner::{Inverse, InverseMap, Jacobi, Preconditioner};
pub use prepared::{Prepare, Prepared};
pub use qr::Qr;
pub use secants::Secants;
pub use shine::Shine;
pub use solver::{Column, Ended, Hints, LinearSolver, State};
pub use sparse_cholesky::SparseCholesky;
pub use sparse_lu::SparseLu;
pub use stop::{Goal, Stop};
pub use svd::Svd;
pub use system::{Products, System};
pub use vectors::norm;
pub use workspace::Workspace;
