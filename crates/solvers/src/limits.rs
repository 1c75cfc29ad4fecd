//! When a solver stops.
use hypertape_autodiff::record::{DynVar, Scalar};

/// That a variable is one number; what is not known here is found where it is used.
pub(crate) fn one_number(what: &str, v: DynVar) -> Result<(), String> {
    match v.leaf_type() {
        Some(t) if !t.shape.is_empty() => Err(format!("{what} is {t}; give one number, or a variable that is one")),
        _ => Ok(()),
    }
}

/// When a solver stops: at a stopping measure at or under the tolerance, at the latest after so many iterations.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Compared with the stopping measure of the method.
    pub tolerance: Scalar,
    /// The most iterations.
    pub iterations: usize,
}

impl Default for Limits {
    /// A tolerance of 10⁻⁸ and 1000 iterations.
    fn default() -> Self {
        Limits { tolerance: Scalar::Value(1e-8), iterations: 1000 }
    }
}

impl Limits {
    /// What is wrong with them, in words. No iterations at all are allowed here: a start may already be the solution.
    ///
    /// # Errors
    /// A tolerance that is negative or not finite.
    pub fn check(&self) -> Result<(), String> {
        match self.tolerance {
            Scalar::Value(t) if !t.is_finite() || t < 0.0 => {
                Err(format!("the tolerance is {t}; give a finite number that is not negative, such as 1e-8, or a variable"))
            }
            Scalar::Var(v) => one_number("the tolerance", v),
            Scalar::Value(_) => Ok(()),
        }
    }
}
