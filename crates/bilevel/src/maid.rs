//! MAID: gradient descent with a line search, whose solves are as exact as the descent needs.
use crate::calls::Phases;
use crate::domain::Domain;
use crate::estimator::{Ask, Estimate, Memory};
use crate::outer_loop::{Asked, OuterLoop};
use crate::record::Record;
use crate::state::State;
use hypertape_autodiff::{Error, ErrorKind, Result};
use hypertape_linear::norm;

/// The method of adaptive inexact descent (Salehi, Mukherjee, Roberts and Ehrhardt 2024). A direction is taken when its error is at most a share of its length, a step when the value falls by more than its own
/// error; solves become looser by a factor after each step, and more exact when a direction or a step is not to be had.
///
/// The error of the direction comes from a certificate: at the first step, after ten steps, and where the tolerance has moved so far that the last one does not vouch for the direction any more. In between the
/// error is taken to be proportional to the tolerance. Values are those at the inner solution to first order, h − wᵀF with the adjoint w, and their error is taken to be a quarter of that correction.
///
/// A line search begins with the step size of the secant (Barzilai and Borwein 1988), from half to ten times the last one. A step that is too long is shortened to where the slope along it would be 0.
/// Where the errors of the values hide whether they fall, the tolerance shrinks and the step does not. The tolerance is that of both solves.
/// Meant for warm starts. Estimators without tolerances are refused.
#[derive(Debug, Clone)]
pub struct Maid {
    first: f64,
    least: f64,
    share: f64,
    factors: [f64; 2],
    length: Option<f64>,
}

impl Maid {
    /// With a first tolerance of 0.1 relative to the inner gradient at the start, none below 10⁻⁹ in absolute terms, and a first step of length 1.
    #[must_use]
    pub fn new() -> Self {
        Maid { first: 0.1, least: 1e-9, share: 0.5, factors: [0.5, 1.25], length: None }
    }
    /// The first tolerance, relative to the inner gradient at the start.
    #[must_use]
    pub fn first(mut self, tolerance: f64) -> Self {
        self.first = tolerance;
        self
    }
    /// The least tolerance, in absolute terms.
    #[must_use]
    pub fn least(mut self, tolerance: f64) -> Self {
        self.least = tolerance;
        self
    }
    /// The first step size; by default the one whose step has length 1.
    #[must_use]
    pub fn step_size(mut self, alpha: f64) -> Self {
        self.length = Some(alpha);
        self
    }
    /// How much of a direction may be error: 0.5 unless set.
    #[must_use]
    pub fn share(mut self, share: f64) -> Self {
        self.share = share;
        self
    }
    /// What a tolerance is multiplied by where it is too loose, and after a step: 0.5 and 1.25 unless set.
    #[must_use]
    pub fn factors(mut self, tighter: f64, looser: f64) -> Self {
        self.factors = [tighter, looser];
        self
    }
}

impl Default for Maid {
    fn default() -> Self {
        Maid::new()
    }
}

/// How far the size of a step is from that of the one before: at least and at most.
const SHORTER: f64 = 0.5;
const LONGER: f64 = 10.0;
/// Trials of a line search at one tolerance, and changes of the tolerance in one outer step.
const TRIALS: usize = 6;
const CHANGES: usize = 40;
/// How far the tolerance may move from that of the last certificate.
const NEAR: f64 = 30.0;
/// Steps after which a certificate is old.
const OLD: f64 = 10.0;
/// The part of a value's correction that may be wrong with it.
const DOUBT: f64 = 0.25;
/// The part of the predicted decrease that a step must make.
const DECREASE: f64 = 1e-4;
/// The part of the predicted decrease that errors of the values may be.
const VISIBLE: f64 = 0.25;
/// The least factor of a tolerance at once.
const STRIDE: f64 = 0.01;

/// The numbers of the state.
struct Numbers {
    tolerance: f64,
    /// The step size.
    alpha: f64,
    /// The error of the direction over the tolerance, and the tolerance at which that was found.
    constant: f64,
    found_at: f64,
    value: f64,
    /// The error of the value.
    unsure: f64,
    /// Steps since the last certificate.
    age: f64,
    /// Where the inner solver ended.
    residual: f64,
}

impl Numbers {
    fn read(v: &[f64]) -> Option<Self> {
        let [tolerance, alpha, constant, found_at, value, unsure, age, residual] = *v else { return None };
        Some(Numbers { tolerance, alpha, constant, found_at, value, unsure, age, residual })
    }
    fn write(&self) -> Vec<f64> {
        vec![self.tolerance, self.alpha, self.constant, self.found_at, self.value, self.unsure, self.age, self.residual]
    }
    /// Whether what the last certificate says is too old, or too far away to vouch for a direction whose error may be so large: were errors no more than proportional to the root of the tolerance.
    fn stale(&self, allowed: f64) -> bool {
        let looser = self.tolerance / self.found_at;
        self.age >= OLD || looser > NEAR || self.constant * (self.found_at * self.tolerance).sqrt() > allowed && looser < 1.0 / NEAR
    }
    /// The value at a point that the loop stands at.
    fn take(&mut self, e: &Estimate) {
        (self.value, self.unsure) = value(e);
        self.residual = e.inner.as_ref().map_or(self.tolerance, |s| s.residual);
    }
    /// An estimate at the tolerance of now, with a certificate where what is known is stale. Directions may err by so much.
    fn ask(&mut self, problem: &mut Asked<'_>, at: (&[f64], &mut Memory), allowed: f64, phases: &mut Phases) -> Result<Estimate> {
        let (certify, (free, memory)) = (self.stale(allowed), at);
        let t = Some(self.tolerance);
        let e = problem.at(free, memory, Ask { inner: t, adjoint: t, certify })?;
        *phases += e.phases;
        if let Some(c) = e.certified {
            (self.constant, self.found_at, self.age) = (c.bound.unwrap_or(2.0 * c.estimate) / self.tolerance, self.tolerance, 0.0);
        }
        Ok(e)
    }
}

/// The value at the inner solution, and its error.
fn value(e: &Estimate) -> (f64, f64) {
    (e.value + e.correction, DOUBT * e.correction.abs())
}

impl OuterLoop for Maid {
    fn name(&self) -> String {
        "MAID".into()
    }
    fn check(&self, _: usize, _: &Domain) -> Result<(), ErrorKind> {
        let inside = |what, v: f64, high: f64| {
            if v > 0.0 && v < high { Ok(()) } else { Err(ErrorKind::setting(what, v, "give a positive number that is not too large")) }
        };
        inside("first tolerance", self.first, f64::INFINITY)?;
        inside("least tolerance", self.least, f64::INFINITY)?;
        inside("share of the error", self.share, 1.0)?;
        inside("factor of a tighter tolerance", self.factors[0], 1.0)?;
        inside("step size", self.length.unwrap_or(1.0), f64::INFINITY)?;
        if self.factors[1] >= 1.0 && self.factors[1].is_finite() {
            return Ok(());
        }
        Err(ErrorKind::setting("factor of a looser tolerance", self.factors[1], "give a number of at least 1"))
    }
    fn sets_tolerances(&self) -> bool {
        true
    }
    fn step(&self, problem: &mut Asked<'_>, state: &mut State) -> Result<Record> {
        let mut phases = Phases::default();
        let mut memory = state.memory.clone();
        let mut last = None;
        let mut now = match Numbers::read(&state.numbers) {
            Some(n) => n,
            None => {
                let (measure, calls) = problem.first_measure(&state.free, &memory)?;
                let tolerance = (self.first * measure).max(self.least);
                phases.inner = phases.inner + calls;
                let mut n =
                    Numbers { tolerance, alpha: 0.0, constant: 0.0, found_at: 0.0, value: 0.0, unsure: 0.0, age: OLD, residual: tolerance };
                let e = n.ask(problem, (&state.free, &mut memory), 0.0, &mut phases)?;
                n.alpha = self.length.unwrap_or(1.0 / norm(&e.gradient).max(f64::MIN_POSITIVE));
                n.take(&e);
                state.vectors = vec![e.gradient.clone()];
                last = Some(e);
                n
            }
        };
        let at_step = now.value;
        for _ in 0..CHANGES {
            let Some(direction) = state.vectors.first().cloned() else {
                return Err(Error::new("MAID", ErrorKind::misuse("the state has no direction")));
            };
            // Where a bound holds a variable, its derivative moves nothing.
            let mut ahead = state.free.clone();
            let length = problem.advance(&mut ahead, now.alpha, &direction) / now.alpha;
            let measure = problem.measure(&state.free, &direction);
            // The tolerance that is needed, where that is known.
            let mut needed = 0.5 * self.share * length / now.constant;
            let allowed = self.share * length;
            let good = now.constant * now.tolerance <= allowed;
            for k in 0..if good { TRIALS } else { 0 } {
                let (mut free, mut there) = (state.free.clone(), memory.clone());
                let moved = problem.advance(&mut free, now.alpha, &direction);
                let along: f64 = direction.iter().zip(state.free.iter().zip(&free)).map(|(d, (a, b))| d * (a - b)).sum();
                // Values err by about the square of the tolerance.
                needed = now.residual * (VISIBLE / 2.0 * along / now.unsure).sqrt();
                if now.unsure > VISIBLE * along {
                    break;
                }
                let e = match now.ask(problem, (&free, &mut there), allowed, &mut phases) {
                    Ok(e) => e,
                    // Where nothing can be solved, the step was too long.
                    Err(_) if k + 1 < TRIALS => {
                        now.alpha *= SHORTER;
                        continue;
                    }
                    Err(e) => return Err(e),
                };
                let (there_value, doubt) = value(&e);
                let (rise, doubt) = (there_value - now.value + DECREASE * along, doubt + now.unsure);
                if rise + doubt <= 0.0 {
                    let turned: f64 =
                        direction.iter().zip(&e.gradient).zip(state.free.iter().zip(&free)).map(|((g, h), (a, b))| (g - h) * (a - b)).sum();
                    let secant = if turned > 0.0 { moved * moved / turned } else { f64::INFINITY };
                    now.alpha *= (secant / now.alpha).clamp(SHORTER, LONGER);
                    now.tolerance *= self.factors[1];
                    now.age += 1.0;
                    now.take(&e);
                    state.vectors = vec![e.gradient.clone()];
                    (state.free, state.memory, state.numbers, state.value) = (free, there, now.write(), Some(now.value));
                    let record = Record { value: at_step, gradient: measure, moved, asked: Some(now.tolerance), ..Record::of(&e) };
                    return Ok(Record { phases, ..record });
                }
                if rise <= doubt {
                    // Whether the value falls is not to be seen: a shorter step shows it less.
                    needed = now.residual * (VISIBLE / 2.0 * along / doubt).sqrt();
                    break;
                }
                // Where the slope along the step would be 0, if it changed at one rate.
                let slope: f64 = e.gradient.iter().zip(state.free.iter().zip(&free)).map(|(g, (a, b))| g * (a - b)).sum();
                let zero = if slope < along { along / (along - slope) } else { f64::INFINITY };
                now.alpha *= zero.clamp(0.1 * SHORTER, SHORTER);
            }
            if now.tolerance <= self.least {
                break;
            }
            // The direction or the values are not exact enough.
            let most = self.factors[0] * now.tolerance;
            now.tolerance = needed.min(most).max(STRIDE * most).max(self.least);
            // Where nothing moves, the least tolerance decides, and no certificate.
            let allowed = if length > 0.0 { allowed } else { f64::INFINITY };
            let e = now.ask(problem, (&state.free, &mut memory), allowed, &mut phases)?;
            now.take(&e);
            state.vectors = vec![e.gradient.clone()];
            last = Some(e);
        }
        // At the least tolerance nothing descends: the run stays where it is.
        let e = match last {
            Some(e) => e,
            None => now.ask(problem, (&state.free, &mut memory), f64::INFINITY, &mut phases)?,
        };
        (state.memory, state.numbers, state.value) = (memory, now.write(), Some(now.value));
        let length = state.vectors.first().map_or(0.0, |d| problem.measure(&state.free, d));
        Ok(Record { value: now.value, gradient: length, asked: Some(now.tolerance), phases, ..Record::of(&e) })
    }
}
