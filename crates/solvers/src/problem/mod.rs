//! Problems: what is solved, apart from how. A method is made from one, and implicit differentiation asks one for its equation.
mod classes;
mod composite;
mod equilibrium;
mod objective;
mod root;
mod saddle;
mod sampled;
mod split;

pub use classes::{Mapping, PrimalDual, Proximal, Sampling, Smooth, Splitting};
pub(crate) use composite::proximal_step;
pub use composite::{BothProximal, Composite};
pub use equilibrium::{AsMapping, Equilibrium};
pub use objective::Objective;
pub use root::Root;
pub use saddle::Saddle;
pub(crate) use saddle::primal_dual_step;
pub use sampled::{FiniteSum, Sampled};
pub use split::Split;

use hypertape_autodiff::Result;
use hypertape_autodiff::record::Scalar;
use hypertape_autodiff::tree::{Structure, V};
use hypertape_linear::Known;

/// The steps in which a proximal equation is written: numbers or variables. 1 unless a method says its own.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// η, or the step τ of the primal.
    pub primal: Scalar,
    /// The step σ of the dual.
    pub dual: Scalar,
}

impl Default for Scale {
    fn default() -> Self {
        Scale { primal: Scalar::Value(1.0), dual: Scalar::Value(1.0) }
    }
}

/// What is solved for, what it depends on, and what the user gets.
///
/// The unknown is the variable of the equation. For most problems it is the solution; for a splitting of two proximal operators it is the point s of which
/// the solution is the prox. Another crate can implement a problem: this trait, [`Equation`] where it has one, and the classes ([`Smooth`], [`Proximal`], …) that
/// its methods ask for.
pub trait Problem: Clone + 'static {
    /// The variable of the equation.
    type Unknown: Structure;
    /// What the problem depends on.
    type Params: Structure;
    /// What the user asks for.
    type Solution: Structure;
    /// Shapes of the unknown and of the parameters.
    ///
    /// # Errors
    /// When the functions it was made from failed.
    fn shapes(&self) -> Result<(Self::Unknown, Self::Params)>;
    /// The solution that an unknown stands for, where the method writes the problem in this scale.
    fn solution(&self, w: &V<Self::Unknown>, params: &V<Self::Params>, scale: Scale) -> V<Self::Solution>;
}

/// A problem that states the equation which its unknown satisfies: F(w, params) = 0.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no equation, so its solution cannot be differentiated implicitly",
    label = "no equation F(w, params) = 0",
    note = "a sampled objective depends on its batches: give the whole objective with `Sampled::new(&f).whole(&g)`, or use `.unroll(steps)`"
)]
pub trait Equation: Problem {
    /// F, in the scale in which the method writes it.
    fn residual(&self, w: &V<Self::Unknown>, params: &V<Self::Params>, scale: Scale) -> V<Self::Unknown>;
    /// What is known of F_w, which is not checked.
    fn known(&self) -> Known {
        Known::default()
    }
}

/// What methods are made from: a problem, or a function that is one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no problem that a method can be made from",
    note = "an objective is a function of (solution, parameters), or of (solution, parameters, batch), with one number as its value; a residual is named, `Root::new(&f)`"
)]
pub trait AsProblem {
    /// The problem.
    type Problem: Problem;
    /// As a problem.
    #[track_caller]
    fn problem(&self) -> Self::Problem;
}

impl<Q: Problem> AsProblem for Q {
    type Problem = Q;
    fn problem(&self) -> Q {
        self.clone()
    }
}
