//! Classes of problems: what a method may ask of one.
use super::Problem;
use hypertape_autodiff::Result;
use hypertape_autodiff::record::Var;
use hypertape_autodiff::tree::{Structure, V};

/// A smooth objective: its value, gradient, and Hessian-vector products.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a smooth objective",
    note = "a term with a proximal operator is taken by ISTA, FISTA, …"
)]
pub trait Smooth: Problem {
    /// ∇f(w, params).
    #[track_caller]
    fn gradient(&self, w: &V<Self::Unknown>, params: &V<Self::Params>) -> V<Self::Unknown>;
    /// f and ∇f, which share their work.
    #[track_caller]
    fn value_and_gradient(&self, w: &V<Self::Unknown>, params: &V<Self::Params>) -> (Var, V<Self::Unknown>);
    /// ∇²f(w, params) v.
    #[track_caller]
    fn hessian_product(&self, w: &V<Self::Unknown>, params: &V<Self::Params>, v: &V<Self::Unknown>) -> V<Self::Unknown>;
}

/// A smooth term f and a term g with a proximal operator.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no proximal term",
    note = "make one of a smooth function and a proximal operator: `Composite::new(&f, prox)`"
)]
pub trait Proximal: Problem {
    /// ∇f(w, params).
    #[track_caller]
    fn gradient(&self, w: &V<Self::Unknown>, params: &V<Self::Params>) -> V<Self::Unknown>;
    /// prox_{step·g(·, params)}(w).
    #[track_caller]
    fn prox(&self, w: V<Self::Unknown>, step: Var, params: &V<Self::Params>) -> V<Self::Unknown>;
}

/// Two terms with proximal operators. The splitting goes over a point of its own; the problem says which unknown it stands for.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not have two proximal operators",
    note = "make one of two operators: `Split::new(shapes, first, second)`, or `composite.smooth_prox(prox)`"
)]
pub trait Splitting: Problem {
    /// Where the method is.
    type Point: Structure;
    /// The point to begin with.
    fn start(&self, w: V<Self::Unknown>) -> V<Self::Point>;
    /// prox_{step·g} of a point.
    #[track_caller]
    fn first(&self, s: &V<Self::Point>, step: Var, params: &V<Self::Params>) -> V<Self::Point>;
    /// prox_{step·f} of a point.
    #[track_caller]
    fn second(&self, s: &V<Self::Point>, step: Var, params: &V<Self::Params>) -> V<Self::Point>;
    /// The unknown that a point stands for.
    #[track_caller]
    fn unknown(&self, s: &V<Self::Point>, step: Var, params: &V<Self::Params>) -> V<Self::Unknown>;
}

/// min f(x) + g(x) + h(K x) with f smooth, over the pair of primal and dual.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a primal-dual problem",
    note = "make one of a smooth function, an operator and the prox of a conjugate: `Saddle::new(&f, operator, dual_prox)`"
)]
pub trait PrimalDual: Problem<Unknown = (Self::Primal, Self::Dual)> {
    /// x.
    type Primal: Structure;
    /// u.
    type Dual: Structure;
    /// ∇f(x, params).
    #[track_caller]
    fn gradient(&self, x: &V<Self::Primal>, params: &V<Self::Params>) -> V<Self::Primal>;
    /// K x.
    #[track_caller]
    fn apply(&self, x: V<Self::Primal>, params: &V<Self::Params>) -> V<Self::Dual>;
    /// Kᵀu.
    #[track_caller]
    fn adjoint(&self, u: V<Self::Dual>, params: &V<Self::Params>) -> V<Self::Primal>;
    /// prox_{τg}.
    #[track_caller]
    fn primal_prox(&self, x: V<Self::Primal>, tau: Var, params: &V<Self::Params>) -> V<Self::Primal>;
    /// prox_{σh*}.
    #[track_caller]
    fn dual_prox(&self, u: V<Self::Dual>, sigma: Var, params: &V<Self::Params>) -> V<Self::Dual>;
    /// A number that ‖K‖₂ does not exceed, where one is known.
    fn norm_bound(&self) -> Option<f64> {
        None
    }
}

/// z = T(z, params).
pub trait Mapping: Problem {
    /// T.
    #[track_caller]
    fn map(&self, w: &V<Self::Unknown>, params: &V<Self::Params>) -> V<Self::Unknown>;
}

/// An objective that is seen in batches.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not seen in batches",
    note = "record the objective with a third input, the batch: `Function::record((solution, params, batch), ..)`"
)]
pub trait Sampling: Problem {
    /// What one step sees.
    type Batch: Structure;
    /// Its shapes.
    ///
    /// # Errors
    /// When the function it was made from failed.
    fn batch(&self) -> Result<Self::Batch>;
    /// The gradient on one batch.
    #[track_caller]
    fn sampled_gradient(&self, w: &V<Self::Unknown>, params: &V<Self::Params>, batch: V<Self::Batch>) -> V<Self::Unknown>;
}
