//! The rounds of a certificate: a Newton step on the equation, a warm adjoint solve there, and a bound of what is left.
use super::model::{Model, Work};
use super::report::{Measured, Standing, Term, relative};
use super::stand::{Norm, Spectrum, Stand, difference};
use crate::signs::sign;
use hypertape_autodiff::outcome::Uncertified;
use hypertape_autodiff::{ErrorKind, Result};
use hypertape_linear::{LinearSolver, Side, Tolerance, norm};
use std::sync::Arc;

/// What the rounds are made with.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// The adjoint solve at the point that is given.
    pub(super) adjoint: Arc<dyn LinearSolver>,
    /// The solves of the rounds.
    pub(super) solver: Arc<dyn LinearSolver>,
    pub(super) tolerance: Tolerance,
    pub(super) rounds: usize,
    /// Lanczos steps, and the most that doubling may lead to.
    pub(super) lanczos: [usize; 2],
    /// A lower bound of the smallest singular value.
    pub(super) smallest: Option<f64>,
    /// A Lipschitz constant of the derivative.
    pub(super) lipschitz: Option<f64>,
    /// An absolute error that is small enough for whoever asks for a relative one.
    pub(super) absolute: f64,
}

/// When the rounds may end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Goal {
    /// The error of the given derivative is known within a factor 3.
    Known,
    /// The corrected derivative has this relative error at the most.
    Relative(f64),
}

/// What the rounds found, on vectors.
pub(super) struct Found {
    pub(super) given: Vec<f64>,
    pub(super) corrected: Vec<f64>,
    pub(super) standing: Standing,
    pub(super) estimate: f64,
    pub(super) remainder: f64,
    pub(super) dominant: Term,
    pub(super) rounding: f64,
    pub(super) sides: Option<[Vec<f64>; 2]>,
    pub(super) measured: Measured,
}

/// Over what an estimate of a distance or of a change may be too small.
const SAFETY: f64 = 2.0;
/// The residual, relative to the right-hand side, to which the rounds solve.
const LOOSE: f64 = 0.1;
/// The same where an accuracy is asked for.
const TIGHT: f64 = 0.01;
/// The least to which they solve where the residuals of a round were too large.
const LEAST: f64 = 1e-12;
/// After so many Newton steps in a row of which each is longer than the one before, no more are made.
const GROWN: usize = 2;
/// A distance relative to the point at which what is next to a kink lies on it.
const RESOLVED: f64 = 1e-10;

/// A relative residual.
fn tolerance(relative: f64) -> Tolerance {
    Tolerance { relative, absolute: 0.0 }
}

/// What a failure in a round means.
fn reason(e: &ErrorKind) -> Uncertified {
    if matches!(e, ErrorKind::Solve { .. }) { Uncertified::Unsolved } else { Uncertified::NotFinite }
}

/// Runs rounds from a point. The adjoint and the derivative there are those given, or made here.
pub(super) fn run(
    model: &mut Model,
    settings: &Settings,
    z: Vec<f64>,
    adjoint: Option<Vec<f64>>,
    derivative: Option<Vec<f64>>,
    goal: Goal,
) -> Result<Found, ErrorKind> {
    model.work = Work::default();
    let n = model.len();
    let mut f = vec![0.0; n];
    model.move_to(&z, &mut f)?;
    let mut spectrum = Spectrum::unknown();
    let w = match adjoint {
        Some(w) => w,
        None => {
            let (mut b, mut g, mut w) = (vec![0.0; n], vec![0.0; model.params()], vec![0.0; n]);
            model.outer(&mut b, &mut g)?;
            let made = model.solve((&settings.adjoint, true), Side::Transposed, &b, &mut w, settings.tolerance)?;
            spectrum.learn(&made, norm(&b), norm(&w));
            w
        }
    };
    let start = Stand::at(model, z, w, f)?;
    let given = derivative.unwrap_or_else(|| start.g.clone());
    let mut rounds = Rounds::new(settings, &start, given, goal);
    (rounds.adjoint_work, rounds.spectrum) = (model.work, spectrum);
    let mut stand = start;
    let mut failed = None;
    while rounds.made < settings.rounds {
        match rounds.round(model, &mut stand) {
            Ok(true) => return Ok(rounds.found(model, &stand, None)),
            Ok(false) => {}
            Err(e) => {
                failed = Some(reason(&e));
                break;
            }
        }
        if let Some(Uncertified::NotFinite | Uncertified::WeaklyActive | Uncertified::RoundingFloor) = rounds.fails {
            break;
        }
        if rounds.grown == GROWN {
            break;
        }
    }
    let mut failed = failed.or(rounds.fails).unwrap_or(Uncertified::Remainder);
    // Newton's method may fail because it begins on another smooth piece than that of the solution.
    if matches!(failed, Uncertified::Unsolved | Uncertified::NewtonDoesNotShrink)
        && model.margin(&rounds.first)? <= SAFETY * rounds.step_at_first
    {
        failed = Uncertified::SetNotSettled;
    }
    Ok(rounds.found(model, &stand, Some(failed)))
}

struct Rounds<'a> {
    settings: &'a Settings,
    goal: Goal,
    given: Vec<f64>,
    first: Vec<f64>,
    norm: Norm,
    made: usize,
    spectrum: Spectrum,
    proven: bool,
    /// Of the last round.
    newton: f64,
    distance: f64,
    change: f64,
    remainder: f64,
    rounding: f64,
    /// What rounding alone leaves of the distance.
    floor: f64,
    estimate: f64,
    margin: f64,
    residuals: [f64; 2],
    /// Relative residuals to which the next Newton step and the next adjoint are solved.
    eta: [f64; 2],
    /// The next Newton step and its relative residual, where it was made already.
    step: Option<(Vec<f64>, f64)>,
    /// Of the first round: by how much the adjoint's correction changed the derivative at a fixed point, and Λ‖δ‖.
    parts: [f64; 2],
    fails: Option<Uncertified>,
    sides: Option<[Vec<f64>; 2]>,
    adjoint_work: Work,
    /// ‖δ‖ of the first step; ∞ until it is made.
    step_at_first: f64,
    /// Steps in a row that were longer than the one before.
    grown: usize,
    /// How fast the derivative changes at the end of the last step.
    slope_at_end: f64,
}

impl<'a> Rounds<'a> {
    fn new(settings: &'a Settings, start: &Stand, given: Vec<f64>, goal: Goal) -> Self {
        Rounds {
            settings,
            goal,
            given,
            first: start.z.clone(),
            norm: Norm { vector: vec![] },
            made: 0,
            spectrum: Spectrum::unknown(),
            proven: false,
            newton: f64::INFINITY,
            distance: f64::INFINITY,
            change: 0.0,
            remainder: f64::INFINITY,
            rounding: 0.0,
            floor: 0.0,
            estimate: f64::NAN,
            margin: f64::INFINITY,
            residuals: [norm(&start.f), norm(&start.r)],
            eta: [if goal == Goal::Known { LOOSE } else { TIGHT }; 2],
            step: None,
            parts: [0.0; 2],
            fails: None,
            sides: None,
            adjoint_work: Work::default(),
            step_at_first: f64::INFINITY,
            grown: 0,
            slope_at_end: 0.0,
        }
    }
    /// One round; whether every test is passed.
    fn round(&mut self, model: &mut Model, stand: &mut Stand) -> Result<bool, ErrorKind> {
        let before = (stand.g.clone(), self.remainder);
        let (delta, linear) = match self.step.take() {
            Some(made) => made,
            None => self.newton_step(model, stand)?,
        };
        let size = norm(&stand.f);
        let z: Vec<f64> = stand.z.iter().zip(&delta).map(|(z, d)| z + d).collect();
        let mut f = vec![0.0; z.len()];
        model.move_to(&z, &mut f)?;
        // The adjoint there, from the one before.
        let next = Stand::at(model, z, stand.w.clone(), f)?;
        // By how much the adjoint's residual has changed with the point: by how much F_zᵀ has, along w, and L_z.
        let drift = difference(&next.r, &stand.r);
        self.spectrum = self.spectrum.moved(drift / norm(&stand.w));
        if !next.finite() {
            self.fails = Some(Uncertified::NotFinite);
            return Ok(false);
        }
        let mut more = vec![0.0; next.w.len()];
        let made = model.solve(self.solver(), Side::Transposed, &next.r, &mut more, tolerance(self.eta[1]))?;
        self.spectrum.learn(&made, norm(&next.r), norm(&more));
        let mut change = vec![0.0; next.g.len()];
        model.params_transposed(&more, &mut change)?;
        let w = next.w.iter().zip(&more).map(|(w, m)| w + m).collect();
        *stand = next.with_adjoint(model, w)?;
        let longer = norm(&delta) > self.newton;
        self.grown = if longer { self.grown + 1 } else { 0 };
        self.newton = norm(&delta);
        if self.made == 0 {
            self.step_at_first = self.newton;
        }
        self.made += 1;
        self.estimate = difference(&stand.g, &self.given);
        self.change = match self.settings.lipschitz {
            Some(given) => given,
            None => {
                // Where the derivative happens to be stationary at the end of the step, it was not at its start.
                let (start, end) = (self.slope_at_end, self.slope(model, stand, &delta)?);
                self.slope_at_end = end;
                start.max(end)
            }
        };
        if self.made == 1 {
            // What the residual of the given adjoint makes of the adjoint's correction; the rest comes with the move.
            let own = self.residuals[1] / (self.residuals[1] + drift);
            self.parts = [if own > 0.0 { own * norm(&change) } else { 0.0 }, self.change * self.newton];
        }
        let (params, not_below) = self.norm.of(model)?;
        self.proven = self.settings.smallest.is_some() && self.settings.lipschitz.is_some() && not_below;
        if let Some(given) = self.settings.smallest {
            // A solve that shows a smaller one refutes what was given.
            let refuted = self.spectrum.smallest < 0.99 * given;
            self.proven &= !refuted;
            if !refuted {
                (self.spectrum.smallest, self.spectrum.settled) = (given, true);
            }
        }
        self.bound(model, stand, params);
        self.fails = self.first_failure(&before, stand);
        // What passes is looked at closer: how fast the derivative changes along the step that is left, which the next round would make, then the spectrum.
        if self.fails.is_none() && self.settings.lipschitz.is_none() && self.distance > self.floor {
            let step = self.newton_step(model, stand)?;
            self.change = self.change.max(self.slope(model, stand, &step.0)?);
            self.step = Some(step);
            self.bound(model, stand, params);
            self.fails = self.first_failure(&before, stand);
        }
        if self.fails.is_none() && !self.spectrum.settled {
            let [steps, most] = self.settings.lanczos;
            let found = model.extremes(steps, most)?;
            let s = &mut self.spectrum;
            s.settled |= found.settled;
            (s.smallest, s.largest, s.lanczos) = (s.smallest.min(found.smallest), s.largest.max(found.largest), found.steps);
            self.bound(model, stand, params);
            self.fails = self.first_failure(&before, stand);
            if self.fails.is_none() && !self.spectrum.settled {
                self.fails = Some(Uncertified::SpectrumUnresolved);
            }
        }
        // The solves may have seen little of the largest one, which rounding goes with.
        if self.fails.is_none() && self.spectrum.lanczos == 0 && !self.spectrum.sized {
            self.spectrum.sized = true;
            self.spectrum.largest = self.spectrum.largest.max(model.largest()?);
            self.bound(model, stand, params);
            self.fails = self.first_failure(&before, stand);
        }
        // A point next to a kink may lie on the other side of it than the solution.
        let resolved = self.distance <= RESOLVED * norm(&stand.z);
        if resolved || self.fails.is_none() {
            self.margin = model.margin(&stand.z)?;
            if self.margin <= 2.0 * self.distance + 500.0 * model.epsilon() * norm(&stand.z) {
                self.fails = Some(if resolved { Uncertified::WeaklyActive } else { Uncertified::SetNotSettled });
                if resolved {
                    self.sides = self.one_sided(model, stand)?;
                }
            }
        }
        if self.fails.is_some() {
            self.tighten(stand, params, linear * size);
        }
        Ok(self.fails.is_none())
    }
    /// What the rounds solve with, and whether it looks for a singular F_z: not where an earlier solve has.
    fn solver(&self) -> (&'a Arc<dyn LinearSolver>, bool) {
        (&self.settings.solver, !self.spectrum.settled)
    }
    /// δ with F_z δ = −F, and the relative residual that is left.
    fn newton_step(&mut self, model: &mut Model, stand: &Stand) -> Result<(Vec<f64>, f64), ErrorKind> {
        let right: Vec<f64> = stand.f.iter().map(|f| -f).collect();
        let mut delta = vec![0.0; right.len()];
        let made = model.solve(self.solver(), Side::Plain, &right, &mut delta, tolerance(self.eta[0]))?;
        self.spectrum.learn(&made, norm(&right), norm(&delta));
        Ok((delta, made.residual))
    }
    /// The derivatives on both sides of the kinks that the point lies on, where there are any.
    fn one_sided(&self, model: &mut Model, stand: &Stand) -> Result<Option<[Vec<f64>; 2]>, ErrorKind> {
        let reach = 2.0 * self.distance + 500.0 * model.epsilon() * norm(&stand.z);
        let Some(across) = model.across(&stand.z, reach)? else { return Ok(None) };
        let shift = (100.0 * reach).max(model.epsilon().sqrt() * norm(&stand.z));
        let mut side = |by: f64| -> Result<Vec<f64>, ErrorKind> {
            let z: Vec<f64> = stand.z.iter().zip(&across).map(|(z, d)| z + by * d).collect();
            let (n, p) = (z.len(), stand.g.len());
            let (mut f, mut b, mut g, mut w) = (vec![0.0; n], vec![0.0; n], vec![0.0; p], vec![0.0; n]);
            model.move_to(&z, &mut f)?;
            model.outer(&mut b, &mut g)?;
            model.solve((&self.settings.solver, true), Side::Transposed, &b, &mut w, tolerance(LEAST))?;
            Ok(Stand::at(model, z, w, f)?.g)
        };
        Ok(Some([side(-shift)?, side(shift)?]))
    }
    /// How fast the derivative changes along a direction: ‖∂_d (L_θ − F_θᵀw) − F_θᵀv‖ for d of length 1, with F_zᵀv = ∂_d (L_z − F_zᵀw).
    fn slope(&mut self, model: &mut Model, stand: &Stand, along: &[f64]) -> Result<f64, ErrorKind> {
        let (n, p, length) = (along.len(), stand.g.len(), norm(along));
        if n == 0 {
            return Ok(0.0);
        }
        let d: Vec<f64> = match length > 0.0 {
            true => along.iter().map(|v| v / length).collect(),
            false => (0..n).map(|i| sign(23, i) / (n as f64).sqrt()).collect(),
        };
        let (mut by_z, mut by_params, mut v, mut part) = (vec![0.0; n], vec![0.0; p], vec![0.0; n], vec![0.0; p]);
        model.moved(&stand.w, &d, &mut by_z, &mut by_params)?;
        let made = model.solve(self.solver(), Side::Transposed, &by_z, &mut v, tolerance(LOOSE))?;
        self.spectrum.learn(&made, norm(&by_z), norm(&v));
        model.params_transposed(&v, &mut part)?;
        Ok(difference(&by_params, &part))
    }
    /// Has the next round solve further, where it is the linear solves of this one that left too much.
    fn tighten(&mut self, stand: &Stand, params: f64, linear: f64) {
        let (r, distance) = (self.remainder, self.distance);
        let goal = match self.goal {
            Goal::Known => self.estimate / 2.0,
            Goal::Relative(e) => (e * norm(&stand.g)).max(self.settings.absolute),
        };
        // Shares of the remainder that the residual of the adjoint, and the distance, may have.
        let adjoint = SAFETY * params * norm(&stand.r) / self.spectrum.smallest;
        let lower = |eta: &mut f64, share: f64| *eta = (*eta * share.clamp(1e-4, 1.0)).max(LEAST);
        if adjoint > 0.25 * goal {
            lower(&mut self.eta[1], 0.1 * goal / adjoint);
        }
        // The residual is what the linear solve left, not what the curvature of F makes.
        if norm(&stand.f) <= 3.0 * linear {
            let by_remainder = 0.1 * goal / (r - adjoint).max(f64::MIN_POSITIVE);
            lower(&mut self.eta[0], by_remainder.min(0.25 * self.newton / distance));
            // The step at hand was solved for more loosely.
            self.step = None;
        }
    }
    /// The distance that is left, the bound of the corrected derivative's error, and what rounding leaves of it.
    fn bound(&mut self, model: &Model, stand: &Stand, params: f64) {
        let u = model.epsilon();
        let Spectrum { smallest, largest, .. } = self.spectrum;
        let safety = if self.settings.smallest.is_some() { 1.0 } else { SAFETY };
        let over = |v: f64| if v == 0.0 { 0.0 } else { safety * v / smallest };
        self.distance = over(norm(&stand.f));
        let condition = if smallest > 0.0 { (largest / smallest).max(1.0) } else { f64::INFINITY };
        let own = 4.0 * u * condition * norm(&stand.g).max(stand.sizes[1]);
        let own = if own.is_nan() { 0.0 } else { own };
        let floors = [4.0 * u * largest * norm(&stand.z), 4.0 * u * (largest * norm(&stand.w) + stand.sizes[0])];
        self.floor = (5e3 * u * norm(&stand.z)).max(over(floors[0]));
        self.rounding = own + self.change * over(floors[0]) + params * over(floors[1]);
        // The residuals are known to their own rounding only.
        self.remainder = self.change * self.distance + params * over(norm(&stand.r)) + self.rounding;
    }
    /// The first test that fails.
    fn first_failure(&self, before: &(Vec<f64>, f64), stand: &Stand) -> Option<Uncertified> {
        let (r, size) = (self.remainder, norm(&stand.g));
        if !(r.is_finite() && self.distance.is_finite()) {
            return Some(Uncertified::Remainder);
        }
        if !(self.distance <= self.newton / 2.0 || self.distance <= self.floor) {
            return Some(Uncertified::NewtonDoesNotShrink);
        }
        let rounded = r <= 8.0 * self.rounding;
        match self.goal {
            Goal::Known if !(r <= self.estimate / 2.0 || rounded) => return Some(Uncertified::Remainder),
            Goal::Relative(e) if !(relative(r, size) <= e || r <= self.settings.absolute) => {
                return Some(match rounded {
                    true if size <= r => Uncertified::ZeroDerivative,
                    true => Uncertified::RoundingFloor,
                    false => Uncertified::Remainder,
                });
            }
            _ => {}
        }
        // The move of this round lies inside the bound of the one before, so there must be one.
        let inside = self.made > 1 && before.1.is_finite() && difference(&stand.g, &before.0) <= before.1 / 2.0 + 2.0 * self.rounding;
        if !(self.proven || inside) {
            return Some(Uncertified::SpectrumUnresolved);
        }
        None
    }
    fn found(self, model: &Model, stand: &Stand, failed: Option<Uncertified>) -> Found {
        let standing = match failed {
            Some(reason) => Standing::Uncertified(reason),
            None if self.proven => Standing::Proven,
            None => Standing::Certified,
        };
        let [adjoint, inner] = self.parts;
        let dominant = match () {
            () if self.estimate <= self.rounding => Term::Rounding,
            () if inner >= adjoint => Term::Inner,
            () => Term::Adjoint,
        };
        let measured = Measured {
            residual: self.residuals[0],
            adjoint_residual: self.residuals[1],
            smallest: self.spectrum.smallest,
            largest: self.spectrum.largest,
            lanczos: self.spectrum.lanczos,
            settled: self.spectrum.settled,
            newton: self.newton,
            distance: self.distance,
            moved: difference(&stand.z, &self.first),
            change: self.change,
            margin: self.margin,
            rounds: self.made,
            remainder: self.remainder,
            work: model.work,
            adjoint_work: self.adjoint_work,
        };
        Found {
            given: self.given,
            corrected: stand.g.clone(),
            standing,
            estimate: self.estimate,
            remainder: self.remainder,
            dominant,
            rounding: self.rounding,
            sides: self.sides,
            measured,
        }
    }
}
