//! Problems: what is solved, apart from how. A method is made from one, and implicit differentiation asks one for its equation.
pub(crate) mod asked;
mod classes;
mod composite;
mod counter;
mod equilibrium;
mod objective;
mod root;
mod saddle;
mod sampled;
mod split;

pub use classes::{Mapping, PrimalDual, Proximal, Sampling, Smooth, Splitting};
pub(crate) use composite::proximal_step;
pub use composite::{BothProximal, Composite};
pub use counter::Counter;
pub use equilibrium::{AsMapping, Equilibrium};
pub use objective::Objective;
pub use root::Root;
pub use saddle::Saddle;
pub(crate) use saddle::primal_dual_step;
pub use sampled::{FiniteSum, Sampled};
pub use split::Split;

use hypertape_autodiff::Result;
use hypertape_autodiff::record::{Scalar, Var};
use hypertape_autodiff::tree::{Structure, V};
use hypertape_linear::Known;

/// The steps in which a proximal equation is written: numbers or variables. 1 unless a method says its own. As a variable of the recording: `scale.primal.real::<f64>()`.
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
///
/// ```
/// use hypertape_autodiff::record::Var;
/// use hypertape_autodiff::tree::Leaf;
/// use hypertape_autodiff::{Result, shape};
/// use hypertape_solvers::{Equation, GradientDescent, Problem, Scale, Smooth, Solve};
///
/// /// min ½‖w − p‖² over w in ℝ², by its own derivatives.
/// #[derive(Clone)]
/// struct Nearest;
///
/// impl Problem for Nearest {
///     type Unknown = Leaf;
///     type Params = Leaf;
///     type Solution = Leaf;
///     fn shapes(&self) -> Result<(Leaf, Leaf)> {
///         Ok((shape![2], shape![2]))
///     }
///     fn solution(&self, w: &Var, _: &Var, _: Scale) -> Var {
///         *w
///     }
/// }
/// impl Smooth for Nearest {
///     fn gradient(&self, w: &Var, p: &Var) -> Var {
///         *w - *p
///     }
///     fn value_and_gradient(&self, w: &Var, p: &Var) -> (Var, Var) {
///         (0.5 * (*w - *p).square().sum(), *w - *p)
///     }
///     fn hessian_product(&self, _: &Var, _: &Var, v: &Var) -> Var {
///         *v
///     }
/// }
/// /// With an equation, any method on it can be made implicit.
/// impl Equation for Nearest {
///     fn residual(&self, w: &Var, p: &Var, _: Scale) -> Var {
///         *w - *p
///     }
/// }
///
/// let solved = GradientDescent::new(&Nearest).step_size(0.5).solve(&ndarray::arr1(&[0.0, 0.0]), &ndarray::arr1(&[1.0, 3.0]))?;
/// assert!((solved.solution[1] - 3.0).abs() < 1e-6);
/// # Ok::<(), hypertape_autodiff::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no problem",
    note = "of a method, give the problem that it holds: `method.problem()`"
)]
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
    note = "a sampled objective depends on its batches: give the whole objective with `Sampled::new(&f).whole(&g)`; a problem of your own implements `Equation`; `.unroll(steps)` needs no equation",
    note = "of a method, give the problem that it holds: `method.problem()`"
)]
pub trait Equation: Problem {
    /// F, in the scale in which the method writes it.
    fn residual(&self, w: &V<Self::Unknown>, params: &V<Self::Params>, scale: Scale) -> V<Self::Unknown>;
    /// T, where the equation is that of a fixed point, w = T(w): then the Neumann series and the one-step derivative of any code that finds it have the step 1.
    fn fixed_point_map(&self, w: &V<Self::Unknown>, params: &V<Self::Params>) -> Option<V<Self::Unknown>> {
        let _ = (w, params);
        None
    }
    /// F of the mini-batch that is the draw of this number, where the problem can be sampled: E = F over the draws, which are independent. For [`Lissa`](hypertape_linear::Lissa).
    fn sampled_residual(&self, w: &V<Self::Unknown>, params: &V<Self::Params>, scale: Scale, draw: Var<u32>) -> Option<V<Self::Unknown>> {
        let _ = (w, params, scale, draw);
        None
    }
    /// What is known of F_w, which is not checked.
    fn known(&self) -> Known {
        Known::default()
    }
    /// Whether rows of F_w may be those of the identity at a solution, as those of inactive unknowns of a proximal or projected fixed point: whether an active set is looked for where F has kinks.
    fn may_have_active_set(&self) -> bool {
        true
    }
    /// What counts its evaluations and products where its solution is differentiated, if somebody does.
    fn counter(&self) -> Option<Counter> {
        None
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
