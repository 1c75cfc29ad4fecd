//! The Neumann series and its first term: approximations by design, which say how far off they are.
use super::{LinearSolve, Outcome, both, true_residual, wrong_state};
use crate::operator::Operator;
use hypertape_autodiff::ErrorKind as Problem;
use hypertape_autodiff::record::Scalar;
use hypertape_solvers::krylov::norm;
use std::any::Any;

/// The first terms of A⁻¹ = α Σ_k (I − αA)ᵏ: so many, or until the residual is small.
///
/// With the step of the method that found the point, K terms at the solution equal backpropagation through its last K steps
/// (Lorraine, Vicol and Duvenaud 2020). Converges when the spectral radius of I − αA is below 1; growth is reported as divergence.
#[derive(Debug, Clone, Copy)]
pub struct Neumann {
    terms: usize,
    tolerance: Option<Scalar>,
    absolute: f64,
    step: Option<f64>,
}

impl Neumann {
    /// So many terms, with the step of the method that found the point: an approximation, whose residual is reported. Terms that are 0, or too
    /// small to change the sum, are left out, so that a huge number means all that count; the report has the number of terms made.
    #[must_use]
    pub fn terms(terms: usize) -> Self {
        Neumann { terms, tolerance: None, absolute: 0.0, step: None }
    }
    /// As many terms as the relative residual needs to be at or under a number or variable, at most 100 000: the backward iteration of
    /// equilibrium networks. After k terms the residual is (I − αA)ᵏ b, the next term over α, so watching it costs nothing.
    #[must_use]
    pub fn tolerance(tolerance: impl Into<Scalar>) -> Self {
        Neumann { terms: 100_000, tolerance: Some(tolerance.into()), absolute: 0.0, step: None }
    }
    /// Stops at this residual ‖b − A x‖ as well where it stops at a tolerance, whatever ‖b‖ is; 0 unless set.
    #[must_use]
    pub fn absolute_tolerance(mut self, tolerance: f64) -> Self {
        self.absolute = tolerance;
        self
    }
    /// With another α.
    #[must_use]
    pub fn step(mut self, alpha: f64) -> Self {
        self.step = Some(alpha);
        self
    }
}

/// One application of the method's own step instead of the inverse: α. Exact where the step's Jacobian vanishes at the solution, as for
/// Newton's method (Bolte, Pauwels and Vaiter 2023); the "Jacobian-free" gradient of equilibrium networks (Fung et al. 2022).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct OneStep {
    step: Option<f64>,
}

impl OneStep {
    /// With a given α.
    #[must_use]
    pub fn step(alpha: f64) -> Self {
        OneStep { step: Some(alpha) }
    }
}

fn alpha(own: Option<f64>, hint: Option<f64>, name: &str) -> Result<f64, Problem> {
    match own.or(hint) {
        Some(a) if a.is_finite() && a != 0.0 => Ok(a),
        Some(a) => Err(format!("{name} was given the step α = {a}; give one for which I − αA contracts").into()),
        None => {
            Err(format!("{name} needs a step α for which I − αA contracts: the method that found the point has none; give it with `step`")
                .into())
        }
    }
}

/// Adds up to `terms` terms, until the relative residual is at or under `goal` if there is one.
fn series(
    terms: usize,
    goal: Option<f64>,
    alpha: f64,
    a: &mut dyn Operator,
    b: &[f64],
    x: &mut [f64],
    state: &mut (dyn Any + Send),
) -> Result<Outcome, Problem> {
    let [term, product] = state.downcast_mut::<[Vec<f64>; 2]>().ok_or_else(wrong_state)?;
    // x holds the sum, `term` the last power (I − αA)ᵏ αb.
    term.iter_mut().zip(b).for_each(|(t, b)| *t = alpha * b);
    x.copy_from_slice(term);
    let first = norm(term);
    let enough = goal.map(|g| g * first);
    let (mut size, mut made) = (first, 1);
    // Terms under ε²‖x‖ change nothing that is seen; beyond 100 000 of them each doubling must halve them.
    let (mut idle, mut before, mut stalled) = (false, first, false);
    while made < terms && enough.is_none_or(|e| size > e) && size.is_finite() && !idle && !stalled {
        a.apply(term, product)?;
        term.iter_mut().zip(product.iter()).for_each(|(t, p)| *t -= alpha * p);
        x.iter_mut().zip(term.iter()).for_each(|(x, t)| *x += t);
        size = norm(term);
        made += 1;
        if made.is_power_of_two() {
            stalled = made > 100_000 && size > 0.5 * before;
            before = size;
        }
        idle = size == 0.0 || made.is_multiple_of(64) && size <= f64::EPSILON * f64::EPSILON * norm(x);
    }
    let residual = true_residual(a, b, x, product)?;
    if made >= 3 && size > first || !size.is_finite() {
        // Terms beyond the range have grown to its end at least.
        let growth = (size.min(f64::MAX) / first).powf(1.0 / (made - 1) as f64);
        return Err(format!("the Neumann series diverges: its terms grow by {growth:.3} each; use CG or GMRES, or a smaller step").into());
    }
    // What rounding of the operator leaves of each term.
    let floor = 8.0 * a.epsilon() * (b.len() as f64).sqrt();
    let converged = residual <= goal.map_or(a.epsilon().sqrt(), |g| g.max(floor));
    let status = match (goal, converged) {
        (Some(_), true) => "converged",
        (Some(_), false) => "iteration limit",
        (None, _) if size > first => "diverged: the terms of the series grow",
        (None, _) if stalled => "stalled: the terms of the series do not get smaller",
        (None, _) if made < terms => "all terms that change it",
        (None, _) => "truncated series",
    };
    Ok(Outcome { iterations: made as u64, residual, status, converged, condition: None })
}

impl LinearSolve for Neumann {
    fn name(&self) -> String {
        if self.tolerance.is_some() { "Neumann".into() } else { format!("Neumann, {} terms", self.terms) }
    }
    fn tolerance(&self) -> Result<Scalar, String> {
        if self.terms == 0 {
            return Err("a Neumann series of no terms is 0; give at least one".into());
        }
        both(self.tolerance.unwrap_or(Scalar::Value(0.0)), self.absolute)
    }
    fn absolute_tolerance(&self) -> f64 {
        self.absolute
    }
    fn state_len(&self, n: usize) -> usize {
        2 * n
    }
    fn state(&self, n: usize) -> Box<dyn Any + Send> {
        Box::new([vec![0.0; n], vec![0.0; n]])
    }
    fn solve(
        &self,
        a: &mut dyn Operator,
        b: &[f64],
        x: &mut [f64],
        tolerance: f64,
        step: Option<f64>,
        state: &mut (dyn Any + Send),
    ) -> Result<Outcome, Problem> {
        let goal = self.tolerance.map(|_| tolerance);
        series(self.terms, goal, alpha(self.step, step, "a Neumann series")?, a, b, x, state)
    }
    fn approximate(&self) -> bool {
        self.tolerance.is_none()
    }
}

impl LinearSolve for OneStep {
    fn name(&self) -> String {
        "one step".into()
    }
    fn state_len(&self, n: usize) -> usize {
        2 * n
    }
    fn state(&self, n: usize) -> Box<dyn Any + Send> {
        Box::new([vec![0.0; n], vec![0.0; n]])
    }
    fn solve(
        &self,
        a: &mut dyn Operator,
        b: &[f64],
        x: &mut [f64],
        _: f64,
        step: Option<f64>,
        state: &mut (dyn Any + Send),
    ) -> Result<Outcome, Problem> {
        let outcome = series(1, None, alpha(self.step, step, "one-step differentiation")?, a, b, x, state)?;
        Ok(Outcome { status: "one step", ..outcome })
    }
    fn approximate(&self) -> bool {
        true
    }
}
