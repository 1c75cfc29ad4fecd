//! The step α of iterations x ← x + α (b − A x).
use crate::operator::Operator;
use crate::solver::Hints;
use crate::stop::Goal;
use crate::system::{System, correction};
use crate::vectors::{dot, exponent, fill_noise, norm, scale};
use hypertape_autodiff::outcome::{Failed, Need};

/// Where α comes from.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) enum Step {
    /// From the method that found the point.
    #[default]
    Method,
    Given(f64),
    /// From the spectrum of A.
    Spectrum,
}

impl Step {
    pub(crate) fn check(self) -> Result<(), Failed> {
        if let Step::Given(alpha) = self { usable(alpha) } else { Ok(()) }
    }
    pub(crate) fn needs(self) -> Vec<Need> {
        if self == Step::Method { vec![Need::Map] } else { vec![] }
    }
    /// α for a new operator, through two vectors of scratch.
    pub(crate) fn find(self, a: &mut dyn Operator, hints: &Hints, v: &mut [f64], image: &mut [f64]) -> Result<f64, Failed> {
        let alpha = match self {
            Step::Method => hints.step.ok_or(Failed::Lacks(Need::Map))?,
            Step::Given(alpha) => alpha,
            Step::Spectrum => from_spectrum(a, v, image)?,
        };
        usable(alpha)?;
        Ok(alpha)
    }
}

/// Builder methods of the step, for settings with a field `step`.
macro_rules! step_settings {
    ($method:ty) => {
        impl $method {
            /// With this α.
            #[must_use]
            pub fn step(mut self, alpha: f64) -> Self {
                self.step = $crate::step::Step::Given(alpha);
                self
            }
            /// With α = 1/λ, where λ is the eigenvalue of A of largest size as twelve steps of the power method find it (von Mises and
            /// Pollaczek-Geiringer 1929), for every new operator: no step of a method is needed. For a symmetric definite A, of either sign,
            /// I − αA contracts then, if slowly.
            #[must_use]
            pub fn step_from_spectrum(mut self) -> Self {
                self.step = $crate::step::Step::Spectrum;
                self
            }
        }
    };
}
pub(crate) use step_settings;

/// α in the units of the system, whose size 1/α tells: α A is near 1.
pub(crate) fn settle(a: &mut System<'_>, alpha: f64, goal: &Goal) -> f64 {
    a.set_factor(1.0 / correction(exponent(alpha.abs()), goal.epsilon));
    alpha / a.factor()
}

fn usable(step: f64) -> Result<(), Failed> {
    if step.is_finite() && step != 0.0 {
        return Ok(());
    }
    Err(Failed::Setting { what: "step α", value: step, allowed: "one for which I − αA contracts" })
}

/// Steps of the power method.
const POWERS: usize = 12;

/// 1/λ for the eigenvalue of largest size, by the power method through two vectors of scratch.
fn from_spectrum(a: &mut dyn Operator, v: &mut [f64], image: &mut [f64]) -> Result<f64, Failed> {
    fill_noise(7, v);
    let size = norm(v);
    scale(1.0 / size, v);
    let mut value = 1.0;
    for _ in 0..POWERS {
        a.apply(v, image)?;
        let size = norm(image);
        if !size.is_finite() {
            return Err(Failed::NotFinite { what: "the operator's product is not finite", value: None });
        }
        if size == 0.0 {
            break;
        }
        scale(1.0 / size, image);
        value = if dot(v, image) < 0.0 { -size } else { size };
        v.copy_from_slice(image);
    }
    Ok(1.0 / value)
}
