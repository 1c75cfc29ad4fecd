//! What is left after a round of a certificate: the bound, the tests, and how far the next round solves.
use super::model::Model;
use super::report::relative;
use super::rounds::{Before, Goal, LEAST, RESOLVED, Rounds, SAFETY};
use super::stand::{Spectrum, Stand, difference};
use hypertape_autodiff::outcome::Uncertified;
use hypertape_autodiff::{ErrorKind, Result};
use hypertape_linear::norm;

/// The share of the smallest singular value that the solves saw under which another one is smaller.
const SEEN: f64 = 0.8;

impl Rounds<'_> {
    /// Bounds what is left and makes the tests: first those that cost nothing.
    pub(super) fn judge(&mut self, model: &mut Model, stand: &Stand, before: &Before) -> Result<(), ErrorKind> {
        self.least = self.least.min(self.spectrum.smallest);
        // By how much the derivative has moved, without what the residuals of the adjoints may make of it.
        let over = |v: f64| if v == 0.0 { 0.0 } else { v / self.least };
        let moved = difference(&stand.g, &before.g) - self.params * over(before.residual + norm(&stand.r)) - 2.0 * self.rounding;
        let steeper = self.settings.lipschitz.is_some_and(|given| moved > 1.01 * given * self.newton);
        self.steeper |= steeper;
        self.proven = self.settings.smallest.is_some() && self.settings.lipschitz.is_some() && self.not_below && !self.steeper;
        if let Some(given) = self.settings.smallest {
            // A solve that shows a smaller one, here or on the way, refutes what was given.
            let refuted = self.least < 0.99 * given;
            self.proven &= !refuted;
            if !refuted {
                (self.spectrum.smallest, self.spectrum.settled) = (given, true);
            }
        }
        self.test(model, stand, before);
        // What passes is looked at closer. A solve sees what its right-hand side holds. So what it saw stands where a search from a random vector finds nothing smaller; else the search goes on until it has settled.
        if self.fails.is_none() && !self.spectrum.searched && self.settings.smallest.is_none() {
            let [steps, most] = self.settings.lanczos;
            let seen = self.spectrum;
            let mut found = if seen.settled { model.extremes(steps.div_ceil(2), steps)? } else { model.extremes(steps, most)? };
            let mut stands = seen.settled && found.smallest >= SEEN * seen.smallest;
            if seen.settled && !stands && !found.settled {
                found = model.extremes(2 * steps, most)?;
            }
            stands |= found.settled;
            let s = &mut self.spectrum;
            (s.settled, s.searched) = (stands, stands);
            (s.smallest, s.largest, s.lanczos) = (s.smallest.min(found.smallest), s.largest.max(found.largest), found.steps);
            self.test(model, stand, before);
            if self.fails.is_none() && !stands {
                self.fails = Some(Uncertified::SpectrumUnresolved);
            }
        }
        // How fast the derivative changes along the step that is left, which the next round would make, unless F is no more than rounding.
        let noise = 4.0 * model.epsilon() * self.spectrum.largest * norm(&stand.z);
        if self.fails.is_none() && self.settings.lipschitz.is_none() && norm(&stand.f) > noise {
            let step = self.newton_step(model, stand, self.eta[0])?;
            self.along = self.along.max(self.slope(model, stand, &step.0)?);
            self.step = Some(step);
            self.test(model, stand, before);
        }
        // The solves may have seen little of the largest one, which rounding goes with.
        if self.fails.is_none() && self.spectrum.lanczos == 0 && !self.spectrum.sized {
            self.spectrum.sized = true;
            self.spectrum.largest = self.spectrum.largest.max(model.largest()?);
            self.test(model, stand, before);
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
        Ok(())
    }
    fn test(&mut self, model: &Model, stand: &Stand, before: &Before) {
        self.bound(model, stand);
        self.fails = self.first_failure(before, stand);
    }
    /// The distance that is left, the bound of the corrected derivative's error, and what rounding leaves of it.
    fn bound(&mut self, model: &Model, stand: &Stand) {
        let u = model.epsilon();
        let Spectrum { smallest, largest, .. } = self.spectrum;
        let (params, safety) = (self.params, if self.settings.smallest.is_some() { 1.0 } else { SAFETY });
        let over = |v: f64| if v == 0.0 { 0.0 } else { safety * v / smallest };
        self.distance = over(norm(&stand.f));
        let condition = if smallest > 0.0 { (largest / smallest).max(1.0) } else { f64::INFINITY };
        let own = 4.0 * u * condition * norm(&stand.g).max(stand.sizes[1]);
        let own = if own.is_nan() { 0.0 } else { own };
        let floors = [4.0 * u * largest * norm(&stand.z), 4.0 * u * (largest * norm(&stand.w) + stand.sizes[0])];
        self.floor = (5e3 * u * norm(&stand.z)).max(over(floors[0]));
        self.rounding = own + self.along * over(floors[0]) + params * over(floors[1]);
        // The residuals are known to their own rounding only.
        self.remainder = self.along * self.distance + params * over(norm(&stand.r)) + self.rounding;
    }
    /// The first test that fails.
    fn first_failure(&self, before: &Before, stand: &Stand) -> Option<Uncertified> {
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
        // The move of this round is what was predicted, or lies inside the bound of the round before.
        let expected = match self.misses {
            Some((off, moved)) => off <= moved / 4.0 || off <= 2.0 * self.rounding,
            None => {
                self.made > 1
                    && before.remainder.is_finite()
                    && difference(&stand.g, &before.g) <= before.remainder / 2.0 + 2.0 * self.rounding
            }
        };
        if !(self.proven || expected) {
            // With a singular value that has settled it is curvature, which further rounds get the better of.
            return Some(if self.spectrum.settled { Uncertified::Remainder } else { Uncertified::SpectrumUnresolved });
        }
        None
    }
    /// Has the next round solve further, where it is the linear solves of this one that left too much.
    pub(super) fn tighten(&mut self, stand: &Stand, linear: f64) {
        let (r, distance) = (self.remainder, self.distance);
        let goal = match self.goal {
            Goal::Known => self.estimate / 2.0,
            Goal::Relative(e) => (e * norm(&stand.g)).max(self.settings.absolute),
        };
        // Shares of the remainder that the residual of the adjoint, and the distance, may have.
        let adjoint = SAFETY * self.params * norm(&stand.r) / self.spectrum.smallest;
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
}
