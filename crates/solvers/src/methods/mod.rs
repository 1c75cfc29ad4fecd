//! The methods, one a file.
mod adam;
mod condat_vu;
mod fista;
mod fixed_point;
mod gradient_descent;
mod ista;
mod lbfgs;
mod line_search;
mod newton_cg;
mod rest;
mod sgd;

pub use adam::{Adam, AdamDescent};
pub use condat_vu::CondatVu;
pub use fista::Fista;
pub use fixed_point::FixedPoint;
pub use gradient_descent::GradientDescent;
pub use ista::Ista;
pub use lbfgs::Lbfgs;
pub use newton_cg::NewtonCg;
pub use sgd::Sgd;
