//! The Neumann series and its first term: approximations by design, which say how far off they are.
use crate::operator::Operator;
use crate::solver::{Ended, Hints, LinearSolver, State};
use crate::step::{self, Step, step_settings};
use crate::stop::{Goal, Stop};
use crate::system::System;
use crate::vectors::{axpy, from_right, norm, scale};
use hypertape_autodiff::outcome::{Failed, Need, Reached, Status};
use hypertape_autodiff::record::Scalar;

/// The first terms of A⁻¹ = α Σ_k (I − αA)ᵏ (Neumann 1877): so many, or until the residual is small.
///
/// With the step of the method that found the point, K terms at the solution equal backpropagation through its last K steps
/// (Lorraine, Vicol and Duvenaud 2020). Converges when the spectral radius of I − αA is below 1; growth is reported as divergence. The terms are
/// added to no start, unless [`from_start`](Neumann::from_start) says so.
#[derive(Debug, Clone, Copy)]
pub struct Neumann {
    terms: usize,
    tolerance: Option<Scalar>,
    absolute: f64,
    step: Step,
    from_start: bool,
}

/// Terms at the most where there is a tolerance; beyond as many, each doubling must halve them.
const MOST: usize = 100_000;
/// Terms from which on a doubling that takes off less than a hundredth is a standstill.
const SOME: usize = 10_000;

impl Neumann {
    /// So many terms, with the step of the method that found the point: an approximation, whose residual is reported. Terms that are 0, or too
    /// small to change the sum, are left out, so that a huge number means all that count; the report has the number of terms made. There is no tolerance: [`Status::Converged`] says that the residual is at
    /// most √ε of b, else [`Status::Truncated`].
    #[must_use]
    pub fn terms(terms: usize) -> Self {
        Neumann { terms, tolerance: None, absolute: 0.0, step: Step::Method, from_start: false }
    }
    /// As many terms as the relative residual needs to be at or under a number or variable, at most 100 000: the backward iteration of
    /// equilibrium networks. After k terms the residual is (I − αA)ᵏ b, the next term over α, so watching it costs nothing.
    #[must_use]
    pub fn tolerance(tolerance: impl Into<Scalar>) -> Self {
        Neumann { terms: MOST, tolerance: Some(tolerance.into()), absolute: 0.0, step: Step::Method, from_start: false }
    }
    /// Stops at this residual ‖b − A x‖ as well where it stops at a tolerance, whatever ‖b‖ is; 0 unless set.
    #[must_use]
    pub fn absolute_tolerance(mut self, tolerance: f64) -> Self {
        self.absolute = tolerance;
        self
    }
    /// Adds the terms to the start x₀: x₀ + α Σ_k (I − αA)ᵏ (b − A x₀), which are as many steps x ← x + α (b − A x) from there (Richardson 1911), gradient
    /// descent on ½ xᵀA x − bᵀx for a symmetric A. A start that is not 0 takes one product more.
    ///
    /// ```
    /// use hypertape_linear::{Diagonal, Neumann, Prepare, Side};
    /// // x ← x + ½ (1 − x), twice from 3.
    /// let mut solver = Neumann::terms(2).step(0.5).from_start().prepare(Diagonal(vec![1.0]))?;
    /// assert_eq!(solver.solve_from(&[3.0], &[1.0], Side::Plain)?.x[0], 1.5);
    /// # Ok::<(), hypertape_linear::Failed>(())
    /// ```
    #[must_use]
    pub fn from_start(mut self) -> Self {
        self.from_start = true;
        self
    }
}

step_settings!(Neumann);

/// One application of the method's own step instead of the inverse: α. Exact where the step's Jacobian vanishes at the solution, as for
/// Newton's method (Bolte, Pauwels and Vaiter 2023); the "Jacobian-free" gradient of equilibrium networks (Fung et al. 2022).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct OneStep {
    step: Step,
}

impl OneStep {
    /// With a given α.
    #[must_use]
    pub fn step(alpha: f64) -> Self {
        OneStep { step: Step::Given(alpha) }
    }
}

impl LinearSolver for Neumann {
    fn name(&self) -> String {
        if self.tolerance.is_some() { "Neumann".into() } else { format!("Neumann, {} terms", self.terms) }
    }
    fn stop(&self) -> Stop {
        Stop { tolerance: self.tolerance.unwrap_or(Scalar::Value(0.0)), absolute: self.absolute, ..Stop::never() }
    }
    fn check(&self) -> Result<(), Failed> {
        if self.terms == 0 {
            return Err(Failed::Setting { what: "number of terms of a Neumann series", value: 0.0, allowed: "at least one" });
        }
        self.step.check()?;
        self.stop().check()
    }
    fn needs(&self) -> Vec<Need> {
        self.step.needs()
    }
    fn approximate(&self) -> bool {
        self.tolerance.is_none()
    }
    fn state_bytes(&self, n: usize) -> u64 {
        16 * n as u64
    }
    fn state(&self, n: usize) -> Box<dyn State> {
        Box::new(Series {
            terms: self.terms,
            asked: self.tolerance.is_some(),
            from: self.step,
            from_start: self.from_start,
            step: 0.0,
            term: vec![0.0; n],
            product: vec![0.0; n],
        })
    }
}

impl LinearSolver for OneStep {
    fn name(&self) -> String {
        "one step".into()
    }
    fn stop(&self) -> Stop {
        Stop::never()
    }
    fn check(&self) -> Result<(), Failed> {
        self.step.check()
    }
    fn needs(&self) -> Vec<Need> {
        self.step.needs()
    }
    fn approximate(&self) -> bool {
        true
    }
    fn state_bytes(&self, n: usize) -> u64 {
        16 * n as u64
    }
    fn state(&self, n: usize) -> Box<dyn State> {
        Box::new(Series {
            terms: 1,
            asked: false,
            from: self.step,
            from_start: false,
            step: 0.0,
            term: vec![0.0; n],
            product: vec![0.0; n],
        })
    }
}

#[derive(Debug)]
struct Series {
    terms: usize,
    /// Whether it stops at a tolerance.
    asked: bool,
    from: Step,
    /// Whether x₀ counts.
    from_start: bool,
    step: f64,
    term: Vec<f64>,
    product: Vec<f64>,
}

impl State for Series {
    fn prepare(&mut self, a: &mut dyn Operator, hints: &Hints) -> Result<(), Failed> {
        self.step = self.from.find(a, hints, &mut self.term, &mut self.product)?;
        Ok(())
    }
    fn solve(&mut self, a: &mut System<'_>, b: &[f64], x: &mut [f64], goal: &Goal) -> Result<Ended, Failed> {
        let Series { term, product, .. } = self;
        let alpha = step::settle(a, self.step, goal);
        if !self.from_start {
            x.fill(0.0);
        }
        // x holds the sum, `term` the last power (I − αA)ᵏ α(b − A x₀).
        a.start(b, x, term)?;
        scale(alpha, term);
        axpy(1.0, term, x);
        let first = norm(term);
        let enough = if self.asked { goal.length * alpha.abs() } else { -1.0 };
        let (mut size, mut made, mut largest) = (first, 1_usize, 0.0_f64);
        // Terms under ε²‖x‖ change nothing that is seen. Terms of 1/ε times the first cancel to nothing that is known.
        let (mut idle, mut before, mut stalled) = (false, first, false);
        let most = first / f64::EPSILON;
        while made < self.terms && size > enough && size <= most && !idle && !stalled {
            a.apply(term, product)?;
            if self.asked {
                largest = largest.max(norm(product) / size);
            }
            axpy(-alpha, product, term);
            axpy(1.0, term, x);
            size = norm(term);
            made += 1;
            if made.is_power_of_two() {
                stalled = made > MOST && size > 0.5 * before || made > SOME && size > 0.99 * before && size <= first;
                before = size;
            }
            idle = size == 0.0 || made.is_multiple_of(64) && size <= f64::EPSILON * f64::EPSILON * norm(x);
        }
        if !size.is_finite() && made == 2 {
            // The first product already: the operator is at fault.
            return Ok(Ended::new(made, Err(Failed::Diverged { growth: None, at: Reached::default() })));
        }
        let beyond = !size.is_finite() || size > most;
        if made >= 3 && size > first || beyond {
            // Terms beyond the range have grown to its end at least.
            let growth = (size.min(f64::MAX) / first).powf(1.0 / (made - 1) as f64);
            let at = Reached { iterations: made as u64, residual: size / first, condition: None };
            return Err(Failed::Diverged { growth: Some(growth), at });
        }
        a.apply(x, product)?;
        from_right(b, product);
        let residual = norm(product);
        // What rounding of the operator leaves of each term is in the goal.
        let near = if self.asked { goal.length } else { goal.epsilon.sqrt() * goal.size };
        let terms = made as u64;
        let status = match self.asked {
            _ if residual <= near => Status::Converged,
            true if residual <= goal.accuracy * goal.size && residual <= goal.rounding(b.len(), largest, norm(x)) => Status::Rounding,
            true if stalled => Status::Stalled,
            true => Status::IterationLimit,
            false if size > first => Status::Growing { terms },
            false if stalled => Status::Stalled,
            false => Status::Truncated { terms },
        };
        Ok(Ended { last_word: true, residual: Some(residual), ..Ended::new(made, Ok(status)) })
    }
}
