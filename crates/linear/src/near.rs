//! How one right-hand side is brought near 1 in size, and its solution back.
use crate::flat::counted;
use crate::operator::Operator;
use crate::outcome::{Outcome, Tolerance};
use crate::stop::Goal;
use crate::system::correction;
use crate::vectors::{exponent, norm, scale};
use hypertape_autodiff::array::Kind;
use hypertape_autodiff::outcome::Failed;

/// The power of two that a right-hand side is multiplied by, which changes no digit, and what is aimed at there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Near {
    pub(crate) shrink: f64,
    pub(crate) goal: Goal,
    /// What the relative residual is compared with.
    tolerance: f64,
}

impl Near {
    /// Of b; x is brought to the same units. None where b = 0: then x = 0.
    pub(crate) fn of(b: &[f64], x: &mut [f64], tolerance: Tolerance, epsilon: f64, accuracy: f64) -> Result<Option<Near>, Failed> {
        if let Some(v) = b.iter().find(|b| !b.is_finite()) {
            return Err(Failed::NotFinite { what: "the right-hand side of the linear system is not finite", value: Some(*v) });
        }
        if let Some(v) = x.iter().find(|x| !x.is_finite()) {
            return Err(Failed::NotFinite { what: "the start of the linear solve is not finite", value: Some(*v) });
        }
        let whole = norm(b);
        if whole == 0.0 {
            x.fill(0.0);
            return Ok(None);
        }
        let shrink = correction(exponent(whole), epsilon);
        if shrink != 1.0 {
            scale(shrink, x);
            if x.iter().any(|x| !x.is_finite()) {
                x.fill(0.0);
            }
        }
        let size = whole * shrink;
        let relative = tolerance.relative.max(8.0 * epsilon * (b.len() as f64).sqrt());
        let length = (relative * size).max(tolerance.absolute * shrink);
        let reported = if tolerance.absolute > tolerance.relative * whole { length / size } else { relative };
        Ok(Some(Near { shrink, goal: Goal { length, size, epsilon, accuracy }, tolerance: reported }))
    }
    /// The solution of f A x = b in the units of A and of the right-hand side, and what is said of it there.
    pub(crate) fn concluded(
        &self,
        a: &mut dyn Operator,
        factor: f64,
        x: &mut [f64],
        judged: Result<Outcome, Failed>,
    ) -> Result<Outcome, Failed> {
        let back = factor / self.shrink;
        let vanished = back == 1.0 || norm(x) == 0.0;
        scale(back, x);
        let mut made = judged.map_err(|e| counted(e, a))?;
        made.norm = made.norm.map(|n| n / factor);
        made.smallest = made.smallest.map(|s| s / factor);
        made.absolute /= self.shrink;
        made.tolerance = self.tolerance;
        let largest = if a.kind() == Kind::F32 { f64::from(f32::MAX) } else { f64::MAX };
        let beyond = x.iter().find(|x| x.is_nan() || x.abs() > largest).copied();
        if beyond.is_some() || !vanished && norm(x) == 0.0 {
            return Err(Failed::NotFinite {
                what: "the solution of the linear system is beyond the range of its element type",
                value: beyond,
            });
        }
        Ok(made)
    }
}
