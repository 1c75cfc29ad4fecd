//! LiSSA: the Neumann series with a mini-batch of its own for each factor, a random estimate of A⁻¹ b.
use crate::operator::Operator;
use crate::solver::{Ended, Hints, LinearSolver, State};
use crate::step::{self, Step, step_settings};
use crate::stop::{Goal, Stop};
use crate::system::System;
use crate::vectors::{axpy, dot, from_right, noise, norm};
use hypertape_autodiff::outcome::{Failed, Need, Reached, Status};

/// x = α Σ_{k<K} Π_{j≤k} (I − αA_j) b with an independent mini-batch for each A_j, by v ← b + (I − αA_j) v (Agarwal, Bullins and Hazan 2017, "Second-order stochastic
/// optimization for machine learning in linear time", estimator 3.2). In expectation it is the first K terms of the Neumann series of A = E A_j. Of a hypergradient it is
/// the estimate of stocBiO (Ji, Yang and Liang 2021).
///
/// The operator must have mini-batches: [`Operator::apply_sampled`]; of an implicit derivative, `FiniteSum::drawn` says how they are drawn. It makes (K − 1) repeats × batch products with
/// mini-batches, and one with A for the true residual, which is reported and never an error: it is an approximation by design, with the status [`Status::Estimated`] unless the residual is at or under
/// √ε ‖b‖. The same key gives the same bits, whatever the number of threads. Derivatives of a solve by the operator, such as second derivatives of a solution, are refused: those of one draw are not an
/// estimate of the derivative.
///
/// Converges in expectation as the Neumann series does, and only then. Its variance is finite as K grows where E ‖I − αA_j‖² < 1: a step that suits A may be too large for the A_j of
/// a small mini-batch. A step too large for A, or an estimate that scatters a thousand times as far as 0 is off, is an error.
///
/// ```
/// use hypertape_linear::{Failed, Lissa, Operator, Prepare, Side};
/// /// The mean of two matrices, with one of them as a mini-batch.
/// struct Mean;
/// impl Operator for Mean {
///     fn len(&self) -> usize {
///         2
///     }
///     fn apply(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
///         (y[0], y[1]) = (x[0], 2.0 * x[1]);
///         Ok(())
///     }
///     fn apply_transposed(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
///         self.apply(x, y)
///     }
///     fn has_samples(&self) -> bool {
///         true
///     }
///     fn apply_sampled(&mut self, _: Side, draw: u32, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
///         let which = if draw.wrapping_mul(0x9E37_79B9) >> 31 == 0 { 0.9 } else { 1.1 };
///         (y[0], y[1]) = (which * x[0], 2.0 * which * x[1]);
///         Ok(())
///     }
/// }
/// let solved = Lissa::terms(30).step(0.4).repeats(200).key(1).prepare(Mean)?.solve(&[1.0, 1.0])?;
/// assert!((solved.x[0] - 1.0).abs() < 0.02 && (solved.x[1] - 0.5).abs() < 0.01);
/// assert!(solved.outcome.residual > 0.0 && solved.outcome.products.plain == 1 && solved.outcome.products.sampled == 29 * 200);
/// # Ok::<(), Failed>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Lissa {
    terms: usize,
    repeats: usize,
    batch: usize,
    key: u64,
    single: bool,
    step: Step,
}

/// How many times as far off as 0 is an estimate may be.
const SCATTERS: f64 = 1e3;

impl Lissa {
    /// So many terms K of the series, of which K − 1 factors are drawn: one repeat, one draw for each factor, the key 0, and the step of
    /// [`step_from_spectrum`](Lissa::step_from_spectrum), which costs twelve products with A for each new operator.
    #[must_use]
    pub fn terms(terms: usize) -> Self {
        Lissa { terms, repeats: 1, batch: 1, key: 0, single: false, step: Step::Spectrum }
    }
    /// The mean of so many independent estimates: the variance falls as one over their number. 1 unless set.
    #[must_use]
    pub fn repeats(mut self, repeats: usize) -> Self {
        self.repeats = repeats;
        self
    }
    /// So many draws of the operator for each factor, whose mean it takes: a mini-batch of so many of the operator's own. 1 unless set.
    #[must_use]
    pub fn batch(mut self, draws: usize) -> Self {
        self.batch = draws;
        self
    }
    /// Which draws: they are numbered one after another from a number that the key gives. 0 unless set. Of n draws, those of two keys meet with a probability of n/2³¹.
    #[must_use]
    pub fn key(mut self, key: u64) -> Self {
        self.key = key;
        self
    }
    /// One term of the series, chosen with equal probability, times K, instead of their sum (Ghadimi and Wang 2018): the same expectation for half the products with mini-batches, and
    /// more variance.
    #[must_use]
    pub fn single_term(mut self) -> Self {
        self.single = true;
        self
    }
    /// Draws that a solve makes at the most.
    fn draws(&self) -> u128 {
        self.terms as u128 * self.repeats as u128 * self.batch as u128
    }
}

step_settings!(Lissa);

impl LinearSolver for Lissa {
    fn name(&self) -> String {
        format!("LiSSA, {} terms", self.terms)
    }
    fn stop(&self) -> Stop {
        Stop::never()
    }
    fn check(&self) -> Result<(), Failed> {
        let counts =
            [("number of terms of LiSSA", self.terms), ("number of repeats of LiSSA", self.repeats), ("batch of LiSSA", self.batch)];
        if let Some((what, _)) = counts.into_iter().find(|(_, count)| *count == 0) {
            return Err(Failed::Setting { what, value: 0.0, allowed: "at least one" });
        }
        if self.draws() > 1 << 32 {
            let allowed = "less than 2³², or draws repeat: fewer terms or repeats, or larger mini-batches of the operator's own";
            return Err(Failed::Setting { what: "number of draws of LiSSA", value: self.draws() as f64, allowed });
        }
        self.step.check()
    }
    fn needs(&self) -> Vec<Need> {
        [vec![Need::Samples], self.step.needs()].concat()
    }
    fn approximate(&self) -> bool {
        true
    }
    fn random(&self) -> bool {
        true
    }
    fn state_bytes(&self, n: usize) -> u64 {
        24 * n as u64
    }
    fn state(&self, n: usize) -> Box<dyn State> {
        Box::new(Recursion { settings: *self, step: 0.0, v: vec![0.0; n], product: vec![0.0; n], one: vec![0.0; n] })
    }
}

#[derive(Debug)]
struct Recursion {
    settings: Lissa,
    step: f64,
    v: Vec<f64>,
    product: Vec<f64>,
    /// The product of one draw of several.
    one: Vec<f64>,
}

impl State for Recursion {
    fn prepare(&mut self, a: &mut dyn Operator, hints: &Hints) -> Result<(), Failed> {
        self.step = self.settings.step.find(a, hints, &mut self.v, &mut self.product)?;
        Ok(())
    }
    fn solve(&mut self, a: &mut System<'_>, b: &[f64], x: &mut [f64], goal: &Goal) -> Result<Ended, Failed> {
        let Lissa { terms, repeats, batch, key, single, .. } = self.settings;
        let Recursion { v, product, one, .. } = self;
        let alpha = step::settle(a, self.step, goal);
        // 32 bits of the key's noise.
        let first = ((noise(key, 0) + 0.5) * 2f64.powi(32)) as u32;
        let mut draws = 0_u32;
        let mut next = || {
            draws = draws.wrapping_add(1);
            first.wrapping_add(draws)
        };
        x.fill(0.0);
        for repeat in 0..repeats {
            let chosen = ((noise(key, 1 + repeat) + 0.5) * terms as f64) as usize;
            let factors = if single { chosen.min(terms - 1) } else { terms - 1 };
            v.copy_from_slice(b);
            for made in 1..=factors {
                a.apply_sampled(next(), v, product)?;
                for _ in 1..batch {
                    a.apply_sampled(next(), v, one)?;
                    axpy(1.0, one, product);
                }
                axpy(-alpha / batch as f64, product, v);
                if !single {
                    axpy(1.0, b, v);
                }
                let size = norm(v);
                // What has grown by 1/ε has no digit of the series left.
                if !size.is_finite() || size * goal.epsilon > made as f64 * goal.size {
                    let at = Reached { iterations: made as u64, residual: size / goal.size, condition: None };
                    let growth = size.is_finite().then(|| (size / goal.size).powf(1.0 / made as f64));
                    let failed = Failed::Diverged { growth, at };
                    // The first product already: the operator may be at fault.
                    return if made == 1 { Ok(Ended::new(made, Err(failed))) } else { Err(failed) };
                }
            }
            let weight = if single { terms as f64 } else { 1.0 };
            axpy(weight * alpha / repeats as f64, v, x);
        }
        a.apply(x, product)?;
        // ⟨x, A x⟩/⟨x, x⟩ is no eigenvalue beyond the largest: where I − α of it does not contract, neither does I − αA.
        let factor = (1.0 - alpha * dot(x, product) / dot(x, x)).abs();
        from_right(b, product);
        let residual = norm(product);
        let away = residual / goal.size;
        let at = Reached { iterations: terms as u64, residual: away, condition: None };
        if away > 1.0 && terms >= 3 && factor > 1.0 {
            return Err(Failed::Diverged { growth: Some(factor), at });
        }
        if away > SCATTERS {
            return Err(Failed::Diverged { growth: Some(away.powf(1.0 / (terms - 1).max(1) as f64)), at });
        }
        let status = if residual <= goal.epsilon.sqrt() * goal.size { Status::Converged } else { Status::Estimated };
        let remark = (away > 1.0).then_some(
            "the estimate scatters: it is farther off than 0 is; average more repeats, take larger mini-batches or a smaller step",
        );
        Ok(Ended { last_word: true, residual: Some(residual), remark, ..Ended::new(terms, Ok(status)) })
    }
}
