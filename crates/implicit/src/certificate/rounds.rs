//! The rounds of a certificate: what they start from, when they end, and what they found.
use super::model::{Model, Work};
use super::report::{Measured, Standing, Term};
use super::stand::{Norm, Spectrum, Stand, difference};
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
pub(super) const SAFETY: f64 = 2.0;
/// The residual, relative to the right-hand side, to which the rounds solve.
pub(super) const LOOSE: f64 = 0.1;
/// The same in the first round, which may be the only one.
pub(super) const FIRST: f64 = 0.01;
/// The same where an accuracy is asked for.
const TIGHT: f64 = 0.01;
/// The least to which they solve where the residuals of a round were too large.
pub(super) const LEAST: f64 = 1e-12;
/// After so many Newton steps in a row of which each is longer than the one before, no more are made.
const GROWN: usize = 2;
/// A distance relative to the point at which what is next to a kink lies on it.
pub(super) const RESOLVED: f64 = 1e-10;

/// A relative residual.
pub(super) fn tolerance(relative: f64) -> Tolerance {
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
    let start = Stand::move_to(model, z)?;
    let mut spectrum = Spectrum::unknown();
    let w = match adjoint {
        Some(w) => w,
        None => {
            let mut w = vec![0.0; start.z.len()];
            let made = model.solve((&settings.adjoint, true), Side::Transposed, start.right(), &mut w, settings.tolerance)?;
            spectrum.learn(&made, norm(start.right()), norm(&w));
            w
        }
    };
    // Whoever wants the derivative alone needs no residual of the adjoint.
    let adjoint_work = Work { params: model.work.params + 1, ..model.work };
    let start = start.with_adjoint(model, w)?;
    let given = derivative.unwrap_or_else(|| start.g.clone());
    let mut rounds = Rounds::new(settings, &start, given, goal);
    (rounds.adjoint_work, rounds.spectrum) = (adjoint_work, spectrum);
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

/// What a round started from: the derivative, its bound, and the length of the adjoint's residual.
pub(super) struct Before {
    pub(super) g: Vec<f64>,
    pub(super) remainder: f64,
    pub(super) residual: f64,
}

/// The rounds so far, and what the last one measured.
pub(super) struct Rounds<'a> {
    pub(super) settings: &'a Settings,
    pub(super) goal: Goal,
    pub(super) given: Vec<f64>,
    pub(super) first: Vec<f64>,
    pub(super) norm: Norm,
    pub(super) made: usize,
    pub(super) spectrum: Spectrum,
    pub(super) proven: bool,
    /// Of the last round.
    pub(super) newton: f64,
    pub(super) distance: f64,
    pub(super) remainder: f64,
    pub(super) rounding: f64,
    /// What rounding alone leaves of the distance.
    pub(super) floor: f64,
    pub(super) estimate: f64,
    pub(super) margin: f64,
    pub(super) residuals: [f64; 2],
    /// Relative residuals to which the next Newton step and the next adjoint are solved.
    pub(super) eta: [f64; 2],
    /// The next Newton step and its relative residual, where it was made already.
    pub(super) step: Option<(Vec<f64>, f64)>,
    /// Of the first round: by how much the adjoint's correction changed the derivative at a fixed point, and Λ‖δ‖.
    pub(super) parts: [f64; 2],
    pub(super) fails: Option<Uncertified>,
    pub(super) sides: Option<[Vec<f64>; 2]>,
    pub(super) adjoint_work: Work,
    /// ‖δ‖ of the first step; ∞ until it is made.
    pub(super) step_at_first: f64,
    /// Steps in a row that were longer than the one before.
    pub(super) grown: usize,
    /// How fast the derivative changes at the end of the last step.
    pub(super) slope_at_end: f64,
    /// The same over the whole step and what is left of the distance.
    pub(super) along: f64,
    /// Of a first round: by how much the move of the derivative misses its first-order prediction, and the move.
    pub(super) misses: Option<(f64, f64)>,
    /// The smallest singular value that was seen anywhere.
    pub(super) least: f64,
    /// Whether the derivative moved by more than the Lipschitz constant that was given allows.
    pub(super) steeper: bool,
    /// ‖F_θ‖, and whether it is not below that.
    pub(super) params: f64,
    pub(super) not_below: bool,
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
            along: settings.lipschitz.unwrap_or(0.0),
            misses: None,
            least: f64::INFINITY,
            steeper: false,
            params: f64::INFINITY,
            not_below: false,
        }
    }
    /// One round; whether every test is passed. In the first one, where there is a step to make, the adjoint takes it together with the equation: that is cheap, and enough
    /// where the problem is as good as linear within the step. Later ones make them in turn.
    fn round(&mut self, model: &mut Model, stand: &mut Stand) -> Result<bool, ErrorKind> {
        let before = Before { g: stand.g.clone(), remainder: self.remainder, residual: norm(&stand.r) };
        self.least = self.least.min(self.spectrum.smallest);
        // Where F is no more than rounding, a step says nothing about slopes.
        let noise = 100.0 * model.epsilon() * self.spectrum.largest * norm(&stand.z);
        let together = self.made == 0 && norm(&stand.f) > noise;
        let linear = if together { self.together(model, stand)? } else { self.in_turn(model, stand)? };
        if !stand.finite() {
            self.fails = Some(Uncertified::NotFinite);
            return Ok(false);
        }
        self.estimate = difference(&stand.g, &self.given);
        self.judge(model, stand, &before)?;
        if self.fails.is_some() {
            self.tighten(stand, linear);
        }
        Ok(self.fails.is_none())
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
            change: self.along,
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
