//! The primal-dual method of Condat and Vũ.
use super::{alike, holds_its_problem};
use crate::handles::{double, hypot, norm};
use crate::limits::Limits;
use crate::method::Method;
use crate::problem::{AsProblem, PrimalDual, Scale, primal_dual_step};
use crate::step::Step;
use hypertape_autodiff::ErrorKind;
use hypertape_autodiff::record::{DynVar, Var};
use hypertape_autodiff::tree::{V, Vars};

/// The primal-dual method of Condat (2013) and Vũ (2013), for min f(x, p) + g(x, p) + h(K x, p) with f smooth:
///
/// x⁺ = prox_{τg}(x − τ ∇f(x) − τ Kᵀu), u⁺ = prox_{σh*}(u + σ K(2x⁺ − x)), in this order.
///
/// The solution is the pair (x, u) of primal and dual. Stopping measure: the norm of ((x − x⁺)/τ, (u − u⁺)/σ), with the steps of the first iteration. It converges when 1/τ − σ‖K‖² ≥ L/2, where the gradient of f is
/// L-Lipschitz; [`steps_for`](CondatVu::steps_for) gives steps that do.
///
/// ```
/// use hypertape_autodiff::{Function, record::{constant, zeros}, shape};
/// use hypertape_solvers::{CondatVu, Difference1d, Method, Saddle, Solve};
/// // Total-variation denoising: prox of the conjugate of λ‖·‖₁ is the projection onto |u| ≤ λ.
/// let y = ndarray::arr1(&[0.0, 0.1, 1.0, 0.9]).into_shared();
/// let fit = Function::record((shape![4], shape![]), |(x, _)| 0.5 * (x - constant(&y)).dot(x - constant(&y)))?;
/// let problem = Saddle::with(&fit, Difference1d, |u, _step, lambda| u.min(*lambda).max(-*lambda));
/// let solver = CondatVu::new(&problem).tau(0.3).sigma(0.5);
/// let solved = solver.tolerance(1e-9).max_iterations(5000).solve((&y, ndarray::Array1::zeros(3)), 0.1)?;
/// assert!((solved.solution.0[[0]] - 0.1).abs() < 1e-8 && (solved.solution.0[[3]] - 0.9).abs() < 1e-8);
/// # Ok::<(), hypertape_autodiff::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct CondatVu<Q> {
    problem: Q,
    tau: Step,
    sigma: Step,
    limits: Limits,
}

impl<Q: PrimalDual> CondatVu<Q> {
    /// Of a primal-dual problem, such as a [`Saddle`](crate::Saddle). The steps are those of [`steps_for`](CondatVu::steps_for) with L = 1 and the
    /// operator's own bound of ‖K‖, or 1.
    #[must_use]
    #[track_caller]
    pub fn new(problem: &impl AsProblem<Problem = Q>) -> Self {
        let (problem, one) = (problem.problem(), Step::from(1.0));
        let norm = problem.norm_bound().unwrap_or(1.0);
        CondatVu { problem, tau: one, sigma: one, limits: Limits::default() }.steps_for(1.0, norm)
    }
    /// τ, the step of the primal.
    #[must_use]
    pub fn tau(mut self, tau: impl Into<Step>) -> Self {
        self.tau = tau.into();
        self
    }
    /// σ, the step of the dual.
    #[must_use]
    pub fn sigma(mut self, sigma: impl Into<Step>) -> Self {
        self.sigma = sigma.into();
        self
    }
    /// σ = 1/‖K‖ and τ = 1/(L/2 + ‖K‖), which satisfy 1/τ − σ‖K‖² = L/2. Where a divisor is 0, any step will do: 1 is taken.
    #[must_use]
    pub fn steps_for(self, lipschitz: f64, operator_norm: f64) -> Self {
        let over = |d: f64| if d == 0.0 { 1.0 } else { 1.0 / d };
        self.sigma(over(operator_norm)).tau(over(0.5 * lipschitz + operator_norm))
    }
    /// τ and σ of iteration k.
    #[track_caller]
    fn now(&self, k: Var<u32>) -> Scale {
        Scale { primal: self.tau.now_of("step tau", k), dual: self.sigma.now_of("step sigma", k) }
    }
}

impl<Q: PrimalDual> Method for CondatVu<Q> {
    type Problem = Q;
    alike!();
    type State = (Q::Primal, Q::Dual);
    holds_its_problem!("Condat-Vu");
    fn start(&self, z: V<Self::State>, _: &V<Q::Params>) -> V<Self::State> {
        z
    }
    fn step(&self, z: V<Self::State>, p: &V<Q::Params>, (): (), k: Var<u32>) -> V<Self::State> {
        primal_dual_step(&self.problem, &z, p, self.now(k))
    }
    fn unknown(&self, z: &V<Self::State>, _: &V<Q::Params>) -> V<Self::State> {
        z.clone()
    }
    fn stopping(&self, z: &V<Self::State>, p: &V<Q::Params>) -> DynVar {
        let scale = self.scale();
        let (x, u) = z.minus(&primal_dual_step(&self.problem, z, p, scale));
        let (x, u) = (norm(&x) / double(scale.primal), norm(&u) / double(scale.dual));
        hypot(x.to_dyn(), u.to_dyn())
    }
    fn check(&self, steps: Option<usize>) -> Result<(), ErrorKind> {
        self.tau.check("step tau", steps).and_then(|()| self.sigma.check("step sigma", steps))
    }
    fn scale(&self) -> Scale {
        Scale { primal: self.tau.first_of("step tau"), dual: self.sigma.first_of("step sigma") }
    }
    fn map(&self, z: &V<Self::State>, p: &V<Q::Params>) -> Option<V<Self::State>> {
        Some(primal_dual_step(&self.problem, z, p, self.scale()))
    }
}
