//! The primal-dual method of Condat and Vũ.
use crate::handles::{double, hypot, like, norm};
use crate::limits::Limits;
use crate::method::Method;
use crate::objective::{Derivatives, Objective, limits};
use crate::operators::LinearOperator;
use crate::prox::{Prox, of};
use crate::step::Step;
use hypertape_autodiff::array::{LeafType, Real};
use hypertape_autodiff::record::{self, DynVar, Scalar, Var};
use hypertape_autodiff::tree::{Structure, V, Vars};
use hypertape_autodiff::{Result, Site};
use std::rc::Rc;

/// The primal-dual method of Condat (2013) and Vũ (2013), for min f(x, p) + g(x, p) + h(K x, p) with f smooth:
///
/// x⁺ = prox_{τg}(x − τ ∇f(x) − τ Kᵀu), u⁺ = prox_{σh*}(u + σ K(2x⁺ − x)), in this order.
///
/// The solution is the pair (x, u) of primal and dual. Optimality map: (x − x⁺, u − u⁺), with the steps of the first iteration.
/// Stopping measure: the norm of ((x − x⁺)/τ, (u − u⁺)/σ). It converges when 1/τ − σ‖K‖² ≥ L/2, where the gradient of f is
/// L-Lipschitz; [`steps_for`](CondatVu::steps_for) gives steps that do.
///
/// `dual_prox` is the proximal operator of the conjugate h*; [`prox::conjugate`](crate::prox::conjugate) makes it from that of h.
///
/// ```
/// use hypertape_autodiff::{Function, record::{constant, zeros}, shape};
/// use hypertape_solvers::{CondatVu, Difference1d, Method, Solve};
/// // Total-variation denoising: prox of the conjugate of λ‖·‖₁ is the projection onto |u| ≤ λ.
/// let y = ndarray::arr1(&[0.0, 0.1, 1.0, 0.9]).into_shared();
/// let fit = Function::record((shape![4], shape![]), |(x, _)| 0.5 * (x - constant(&y)).dot(x - constant(&y)))?;
/// let solver = CondatVu::with(&fit, Difference1d, |u, _step, lambda| u.min(*lambda).max(-*lambda)).tau(0.3).sigma(0.5);
/// let solved = solver.tolerance(1e-9).max_iterations(5000).solve((&y, ndarray::Array1::zeros(3)), 0.1)?;
/// assert!((solved.solution.0[[0]] - 0.1).abs() < 1e-8 && (solved.solution.0[[3]] - 0.9).abs() < 1e-8);
/// # Ok::<(), hypertape_autodiff::Error>(())
/// ```
pub struct CondatVu<S: Structure, D: Structure, P: Structure> {
    f: Derivatives<S, P>,
    operator: Rc<dyn LinearOperator<S, D, P>>,
    primal_prox: Option<Rc<dyn Prox<S, P>>>,
    dual_prox: Rc<dyn Prox<D, P>>,
    tau: Step,
    sigma: Step,
    limits: Limits,
}

impl<S: Structure, D: Structure, P: Structure> Clone for CondatVu<S, D, P> {
    fn clone(&self) -> Self {
        CondatVu {
            f: self.f.clone(),
            operator: self.operator.clone(),
            primal_prox: self.primal_prox.clone(),
            dual_prox: self.dual_prox.clone(),
            tau: self.tau,
            sigma: self.sigma,
            limits: self.limits,
        }
    }
}

impl<S: Structure, D: Structure, P: Structure> CondatVu<S, D, P> {
    /// Of a smooth objective of (x, parameters), an operator K, and the proximal operator of the conjugate h*. The steps are those of
    /// [`steps_for`](CondatVu::steps_for) with L = 1 and the operator's own bound of ‖K‖, or 1.
    #[must_use]
    #[track_caller]
    pub fn new<T: Real>(smooth: &Objective<S, P, T>, operator: impl LinearOperator<S, D, P>, dual_prox: impl Prox<D, P>) -> Self {
        let norm = operator.norm_bound().unwrap_or(1.0);
        let one = Step::from(1.0);
        let operator: Rc<dyn LinearOperator<S, D, P>> = Rc::new(operator);
        let dual_prox: Rc<dyn Prox<D, P>> = Rc::new(dual_prox);
        let f = Derivatives::of(smooth);
        CondatVu { f, operator, primal_prox: None, dual_prox, tau: one, sigma: one, limits: Limits::default() }.steps_for(1.0, norm)
    }
    /// The same with a closure of (dual point, σ, parameters).
    #[must_use]
    #[track_caller]
    pub fn with<T: Real, F: Fn(V<D>, Var, &V<P>) -> V<D> + 'static>(
        smooth: &Objective<S, P, T>,
        operator: impl LinearOperator<S, D, P>,
        dual_prox: F,
    ) -> Self {
        Self::new(smooth, operator, of::<D, P, F>(dual_prox))
    }
    /// The proximal operator of g.
    #[must_use]
    pub fn primal_prox(mut self, prox: impl Prox<S, P>) -> Self {
        self.primal_prox = Some(Rc::new(prox));
        self
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
    #[track_caller]
    fn next(&self, (x, u): &(V<S>, V<D>), p: &V<P>, tau: Scalar, sigma: Scalar) -> (V<S>, V<D>) {
        let g = self.f.gradient(x, p).plus(&self.operator.adjoint(u.clone(), p));
        let moved = x.zip(&g, &mut |x, g| x - like(tau, g) * g);
        let next = match &self.primal_prox {
            Some(prox) => prox.prox(moved, double(tau), p),
            None => moved,
        };
        let ahead = next.plus(&next).minus(x);
        let v = u.zip(&self.operator.apply(ahead, p), &mut |u, k| u + like(sigma, k) * k);
        (next, self.dual_prox.prox(v, double(sigma), p))
    }
}

impl<S: Structure, D: Structure, P: Structure> Method for CondatVu<S, D, P> {
    type Solution = (S, D);
    type Params = P;
    type Each = ();
    type State = (S, D);
    fn name(&self) -> &'static str {
        "Condat-Vu"
    }
    #[track_caller]
    fn shapes(&self) -> Result<((S, D), P, ())> {
        self.f.gradient.program()?;
        let (x, p) = self.f.gradient.inputs().clone();
        let mut types: Vec<LeafType> = x.leaf_types();
        types.extend(p.leaf_types());
        let (dual, traced) = record::trace(&types, Site::caller(), |v| {
            let mut given = v.iter().copied();
            let mut next = |_: &LeafType| given.next().unwrap_or(DynVar::POISON);
            let (x, p) = (x.vars(&mut next), p.vars(&mut next));
            let dual = self.operator.apply(x, &p);
            (dual.structure(), dual.flat())
        });
        traced?;
        Ok(((x, dual), p, ()))
    }
    fn start(&self, z: V<(S, D)>, _: &V<P>) -> V<(S, D)> {
        z
    }
    fn step(&self, z: V<(S, D)>, p: &V<P>, (): (), k: Var<u32>) -> V<(S, D)> {
        self.next(&z, p, self.tau.now_of("step tau", k), self.sigma.now_of("step sigma", k))
    }
    fn solution(&self, z: &V<(S, D)>) -> V<(S, D)> {
        z.clone()
    }
    fn optimality(&self, z: &V<(S, D)>, p: &V<P>) -> V<(S, D)> {
        z.minus(&self.next(z, p, self.tau.first_of("step tau"), self.sigma.first_of("step sigma")))
    }
    fn stopping(&self, z: &V<(S, D)>, p: &V<P>) -> DynVar {
        let (x, u) = self.optimality(z, p);
        let (x, u) = (norm(&x) / double(self.tau.first_of("step tau")), norm(&u) / double(self.sigma.first_of("step sigma")));
        hypot(x.to_dyn(), u.to_dyn())
    }
    fn check(&self, steps: Option<usize>) -> Result<(), String> {
        self.tau.check("step tau", steps).and_then(|()| self.sigma.check("step sigma", steps))
    }
    fn contraction(&self) -> Option<f64> {
        Some(1.0)
    }
    limits!();
}
