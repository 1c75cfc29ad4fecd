//! Implicit differentiation of roots, fixed points and minimisers, found by our solvers or by any other code.
mod active;
mod certificate;
mod check;
mod curvature;
mod equation;
mod failure;
mod feed;
mod find;
mod flat;
mod fold;
mod handed;
mod judge;
mod linear_system;
mod method;
mod operator;
mod outside;
mod policy;
mod region;
mod restricted;
mod root;
mod settled;
mod signs;
mod stamp;
mod support;
mod system;

/// The start of the paths of this crate's own files, as lines of code name them.
#[doc(hidden)]
pub const SOURCES: &str = file!().split_at(file!().len() - "lib.rs".len()).0;

pub use certificate::{Certificate, Certifier, Certify, Hypergradient, Limit, Measured, Standing, Term, Work, certify};
pub use check::{Along, CheckHypergradient, Culprit, Direction, HypergradientCheck, Stage, Verdict, check_hypergradient};
pub use curvature::{Curvature, curvature};
pub use hypertape_autodiff::outcome::Uncertified;
pub use method::{Implicit, ImplicitExt};
pub use outside::{Outside, argmin, fixed_point, outside, outside_with, root, root_with};
pub use policy::OnResidual;
