//! The methods, one a file.
mod adam;
mod condat_vu;
mod douglas_rachford;
mod extra_pairs;
mod fista;
mod fixed_point;
mod gradient_descent;
mod ista;
mod lbfgs;
mod line_search;
mod newton_cg;
mod rest;
mod sgd;

pub use adam::AdamDescent;
pub use condat_vu::CondatVu;
pub use douglas_rachford::DouglasRachford;
pub use fista::Fista;
pub use fixed_point::FixedPoint;
pub use gradient_descent::GradientDescent;
pub use ista::Ista;
pub use lbfgs::Lbfgs;
pub use newton_cg::NewtonCg;
pub use sgd::Sgd;

/// What every method with the fields `problem` and `limits` says of itself in the same words.
macro_rules! holds_its_problem {
    ($name:literal) => {
        fn name(&self) -> &'static str {
            $name
        }
        fn problem(&self) -> &Q {
            &self.problem
        }
        fn limits(&self) -> &crate::limits::Limits {
            &self.limits
        }
        fn limits_mut(&mut self) -> &mut crate::limits::Limits {
            &mut self.limits
        }
    };
}
pub(crate) use holds_its_problem;

/// A method whose steps are all alike gets nothing but its counter.
macro_rules! alike {
    () => {
        type Each = ();
        fn each(&self) -> hypertape_autodiff::Result<()> {
            Ok(())
        }
    };
}
pub(crate) use alike;
