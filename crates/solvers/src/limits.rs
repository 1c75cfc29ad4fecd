//! When a solver stops.
use hypertape_autodiff::ErrorKind;
use hypertape_autodiff::record::{DynVar, Scalar};

/// That a variable is one number; what is not known here is found where it is used.
pub(crate) fn one_number(what: &str, v: DynVar) -> Result<(), ErrorKind> {
    match v.leaf_type() {
        Some(t) if !t.shape.is_empty() => Err(format!("{what} is {t}; give one number, or a variable that is one").into()),
        _ => Ok(()),
    }
}

/// When a solver stops: at a stopping measure at or under the larger of the tolerance and the relative tolerance times the measure at the start, at the
/// latest after so many iterations.
///
/// Where both tolerances are the number 0, all iterations are made, and the measure is computed only once, at the end.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Compared with the stopping measure of the method.
    pub tolerance: Scalar,
    /// Times the stopping measure at the start, likewise.
    pub relative: Scalar,
    /// The most iterations.
    pub iterations: usize,
}

impl Default for Limits {
    /// A tolerance of 10⁻⁸, no relative one, and 1000 iterations.
    fn default() -> Self {
        Limits { tolerance: Scalar::Value(1e-8), relative: Scalar::Value(0.0), iterations: 1000 }
    }
}

impl Limits {
    /// What is wrong with them. No iterations at all are allowed here: a start may already be the solution.
    ///
    /// # Errors
    /// A tolerance that is negative or not finite, a relative one of 1 or more, more iterations than can be counted.
    pub fn check(&self, iterations: usize) -> Result<(), ErrorKind> {
        if u32::try_from(iterations).is_err() {
            return Err(format!("{iterations} iterations are more than can be counted; allow at most {}", u32::MAX).into());
        }
        match self.relative {
            Scalar::Value(r) if !(0.0..1.0).contains(&r) => {
                return Err(ErrorKind::setting("relative tolerance", r, "give a number from 0 to below 1, such as 1e-8, or a variable"));
            }
            Scalar::Var(v) => one_number("the relative tolerance", v)?,
            Scalar::Value(_) => {}
        }
        match self.tolerance {
            Scalar::Value(t) if !t.is_finite() || t < 0.0 => {
                Err(ErrorKind::setting("tolerance", t, "give a finite number that is not negative, such as 1e-8, or a variable"))
            }
            Scalar::Var(v) => one_number("the tolerance", v),
            Scalar::Value(_) => Ok(()),
        }
    }
    /// Whether nothing but the count can stop it.
    pub(crate) fn only_counts(&self) -> bool {
        matches!((self.tolerance, self.relative), (Scalar::Value(0.0), Scalar::Value(0.0)))
    }
}
