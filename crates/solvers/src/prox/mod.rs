//! Proximal operators and projections: prox_{ηg}(v) = argmin_x g(x) + ‖x − v‖²/(2η) (Moreau 1962).
//!
//! Weights, radii and bounds are closures of the parameters, and differentiated; [`number`] fixes one. They are in double precision, whatever the point
//! is in: `|p| p.cast()` makes one of a parameter in single precision. At a kink the derivative is
//! that of the active face: an element of the conservative Jacobian (Bolte and Pauwels 2021).
//!
//! An operator that goes straight into a problem takes the types of the parameters from there. One that stands by itself has them named: `prox::l1::<Leaf, _>(|w| *w)`.
//!
//! ```
//! use hypertape_autodiff::{Function, shape, tree::Leaf};
//! use hypertape_solvers::{Composite, prox};
//! let fit = Function::record((shape![2], shape![]), |(z, _)| 0.5 * z.square().sum())?;
//! let lasso = Composite::new(&fit, prox::l1(|w| *w));
//! let weight = prox::l1::<Leaf, _>(|w| *w);
//! let same = Composite::new(&fit, weight);
//! # let _ = (lasso, same);
//! # Ok::<(), hypertape_autodiff::Error>(())
//! ```
mod affine;
mod balls;
mod bounds;
mod conjugate;
mod definition;
mod elastic_net;
mod faces;
mod group;
mod l1;
mod l2;
mod linf;
mod simplex;

pub use affine::{Affine, affine};
pub use balls::{L1Ball, L2Ball, l1_ball, l2_ball};
pub use bounds::{Between, NonNegative, between, non_negative};
pub use conjugate::{Conjugate, conjugate};
pub use definition::{Of, Prox, number, of};
pub use elastic_net::{ElasticNet, elastic_net};
pub use group::{Group, group};
pub use l1::{L1, NonNegativeL1, l1, non_negative_l1};
pub use l2::{L2, SquaredL2, l2, squared_l2};
pub use linf::{Linf, linf};
pub use simplex::{Simplex, simplex};
