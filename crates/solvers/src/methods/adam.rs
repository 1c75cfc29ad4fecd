//! Adam.
use super::{alike, holds_its_problem};
use crate::handles::{hypot, like, norm};
use crate::limits::Limits;
use crate::method::Method;
use crate::problem::{AsProblem, Smooth, asked};
use crate::step::Step;
use hypertape_autodiff::record::{DynVar, Scalar, Var, scalar, zeros_like};
use hypertape_autodiff::tree::{V, Vars};
use hypertape_autodiff::{ErrorKind, Result};

/// Adam (Kingma and Ba 2015) in the tape: m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², z ← z − η m̂/(√(v̂ + ε') + ε), with g = ∇f(z, p) and
/// m̂ = m/(1 − β₁ᵏ), v̂ = v/(1 − β₂ᵏ). ε' is 0 unless it is set.
///
/// Stopping measure: ‖∇f‖. With a fixed η it settles only to a distance near η. √v is kept instead of v, so that gradients of
/// any size are taken.
///
/// **Unrolled near a solution**, the slope of a step is of order η/ε: gradients as small as ε decide on whole steps. After k steps from the solution
/// the derivative is of order (η/ε)ᵏ, exact and useless; a report flags it, and one that is not finite is an error. With
/// [`epsilon_inside_root`](AdamDescent::epsilon_inside_root) of 10⁻⁴, say, a slope is at most 100 η.
#[derive(Debug, Clone)]
pub struct AdamDescent<Q> {
    problem: Q,
    step: Step,
    decay: (f64, f64),
    /// ε, and ε' inside the root.
    epsilon: (f64, f64),
    limits: Limits,
}

impl<Q: Smooth> AdamDescent<Q> {
    /// Of an objective of (z, parameters), with η = 10⁻³, β = (0.9, 0.999), ε = 10⁻⁸.
    #[must_use]
    #[track_caller]
    pub fn new(problem: &impl AsProblem<Problem = Q>) -> Self {
        AdamDescent {
            problem: problem.problem(),
            step: Step::from(1e-3),
            decay: (0.9, 0.999),
            epsilon: (EPSILON, 0.0),
            limits: Limits::default(),
        }
    }
    /// η: a number, a variable, one an iteration, or a rule.
    #[must_use]
    pub fn step_size(mut self, step: impl Into<Step>) -> Self {
        self.step = step.into();
        self
    }
    /// β₁ and β₂.
    #[must_use]
    pub fn decay(mut self, first: f64, second: f64) -> Self {
        self.decay = (first, second);
        self
    }
    /// ε, added to the root: 10⁻⁸ unless it is set.
    #[must_use]
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon.0 = epsilon;
        self
    }
    /// ε', added to v̂ inside the root: 0 unless it is set. It bounds the derivative of a step by η/√ε'.
    #[must_use]
    pub fn epsilon_inside_root(mut self, epsilon: f64) -> Self {
        self.epsilon.1 = epsilon;
        self
    }
}

const EPSILON: f64 = 1e-8;

/// What is wrong with decay rates and both ε.
fn check((first, second): (f64, f64), (outside, inside): (f64, f64)) -> Result<(), ErrorKind> {
    if let Some(b) = [first, second].into_iter().find(|b| !(*b >= 0.0 && *b < 1.0)) {
        return Err(ErrorKind::setting("decay rate", b, "give a number from 0 to below 1"));
    }
    if let Some(e) = [outside, inside].into_iter().find(|e| !(e.is_finite() && *e >= 0.0)) {
        return Err(ErrorKind::setting("epsilon", e, "give a finite number that is not negative, such as 1e-8"));
    }
    if outside == 0.0 && inside == 0.0 {
        return Err(format!("both epsilons are 0, so a gradient of 0 is divided by 0; give one of them, such as {EPSILON:e}").into());
    }
    Ok(())
}

impl<Q: Smooth> Method for AdamDescent<Q> {
    type Problem = Q;
    alike!();
    /// z, m and √v: its squares would leave the range.
    type State = (Q::Unknown, Q::Unknown, Q::Unknown);
    holds_its_problem!("Adam");
    fn start(&self, z: V<Q::Unknown>, _: &V<Q::Params>) -> V<Self::State> {
        let zero = zeros_like(&z);
        (z, zero.clone(), zero)
    }
    fn step(&self, (z, m, r): V<Self::State>, p: &V<Q::Params>, (): (), k: Var<u32>) -> V<Self::State> {
        let (first, second) = self.decay;
        let g = asked::gradient(&self.problem, &z, p);
        let m = m.scaled(first).add_scaled(1.0 - first, &g);
        let root = r.scaled(second.sqrt()).zip(&g.scaled((1.0 - second).sqrt()), &mut hypot);
        let turns: Var = k.real::<f64>() + 1.0;
        let unbias = |decay: f64| if decay == 0.0 { scalar(1.0) } else { 1.0 - (turns * decay.ln()).exp() };
        let (by_m, by_r, step) = (Scalar::from(unbias(first)), Scalar::from(unbias(second).sqrt()), self.step.now(k));
        let update = m.zip(&root, &mut |m, r| {
            let unbiased = r / like(by_r, r);
            let inside = like(self.epsilon.1.sqrt().into(), r);
            let size = if self.epsilon.1 > 0.0 { hypot(unbiased, inside) } else { unbiased };
            m / like(by_m, m) / (size + like(self.epsilon.0.into(), r))
        });
        (z.zip(&update, &mut |z, u| z - like(step, u) * u), m, root)
    }
    fn unknown(&self, (z, ..): &V<Self::State>, _: &V<Q::Params>) -> V<Q::Unknown> {
        z.clone()
    }
    fn stopping(&self, (z, ..): &V<Self::State>, p: &V<Q::Params>) -> DynVar {
        norm(&asked::gradient(&self.problem, z, p)).to_dyn()
    }
    fn check(&self, steps: Option<usize>) -> Result<(), ErrorKind> {
        check(self.decay, self.epsilon)?;
        self.step.check("step size", steps)
    }
}
