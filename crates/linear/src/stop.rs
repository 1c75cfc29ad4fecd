//! When a solve stops, and what counts as solved: the settings that all iterative methods share.
use hypertape_autodiff::outcome::Failed;
use hypertape_autodiff::record::Scalar;

/// The settings that all iterative methods share; each method has them as builder methods too.
#[derive(Debug, Clone, Copy)]
pub struct Stop {
    /// The relative residual ‖b − A x‖/‖b‖ at which it stops: a number, or a variable of the recording in which the solver is used. 10⁻¹² by
    /// default. Below 8 ε √n, which rounding leaves, that counts instead.
    pub tolerance: Scalar,
    /// The residual ‖b − A x‖ that is enough whatever ‖b‖ is: the larger of the two counts. 0 by default.
    pub absolute: f64,
    /// The most iterations; 10 n + 100 by default.
    pub iterations: Option<usize>,
    /// The largest relative error of x, as conditioning times residual bounds it, that counts as converged where the estimated
    /// condition number is above 1/√ε. 10⁻² by default: two digits.
    pub accuracy: f64,
    /// The largest n for which a singular operator is looked for by a second Krylov space, that of a pseudo-random vector: at most n
    /// applications more, of a symmetric definite operator as many as bring that vector's residual to 10⁻⁵ of it, and n more where these
    /// do not suffice. 64 by default; 0 leaves it out.
    ///
    /// The space of b alone cannot show that A is singular, if b lies in the range of A: it never leaves the range. So above this n
    /// such a system is not told from a regular one.
    pub probe: usize,
}

impl Default for Stop {
    fn default() -> Self {
        Stop { tolerance: Scalar::Value(1e-12), absolute: 0.0, iterations: None, accuracy: 1e-2, probe: 64 }
    }
}

impl Stop {
    /// Of a method without iterations, or whose number of terms is given.
    #[must_use]
    pub fn never() -> Self {
        Stop { tolerance: Scalar::Value(0.0), probe: 0, ..Stop::default() }
    }
    /// The most iterations for n unknowns: 10 n + 100 unless set.
    #[must_use]
    pub fn limit(&self, n: usize) -> usize {
        self.iterations.unwrap_or(n.saturating_mul(10).saturating_add(100))
    }
    /// That the settings can work; a tolerance that is a variable is checked when it has a value.
    ///
    /// # Errors
    /// [`Failed::Setting`] names the one that cannot.
    pub fn check(&self) -> Result<(), Failed> {
        if let Scalar::Value(t) = self.tolerance {
            usable(t)?;
        }
        usable_absolute(self.absolute)?;
        if self.accuracy.is_nan() || self.accuracy <= 0.0 {
            return Err(Failed::Setting { what: "accuracy", value: self.accuracy, allowed: "a number above 0, such as 1e-2" });
        }
        Ok(())
    }
}

/// That a relative residual is one to stop at: at 1 and above, the solution 0 would do.
///
/// # Errors
/// [`Failed::Setting`].
pub(crate) fn usable(tolerance: f64) -> Result<(), Failed> {
    if (0.0..1.0).contains(&tolerance) {
        return Ok(());
    }
    Err(Failed::Setting {
        what: "tolerance",
        value: tolerance,
        allowed: "a number that is not negative and below 1, such as 1e-12, or a variable",
    })
}

/// The builder methods of the shared settings, for a method with a field `stop`.
macro_rules! stop_settings {
    ($method:ty) => {
        impl $method {
            /// Stops at this relative residual: a number, or a variable of the recording it is used in. 10⁻¹² unless set.
            #[must_use]
            pub fn tolerance(tolerance: impl Into<hypertape_autodiff::record::Scalar>) -> Self {
                let mut made = Self::default();
                made.stop.tolerance = tolerance.into();
                made
            }
            /// Stops at this residual ‖b − A x‖ as well, whatever ‖b‖ is; 0 unless set.
            #[must_use]
            pub fn absolute_tolerance(mut self, tolerance: f64) -> Self {
                self.stop.absolute = tolerance;
                self
            }
            /// Makes so many iterations at the most.
            #[must_use]
            pub fn max_iterations(mut self, iterations: usize) -> Self {
                self.stop.iterations = Some(iterations);
                self
            }
            /// The largest relative error of x, as conditioning times residual bounds it, that counts as converged for an ill-conditioned
            /// operator; see [`Stop::accuracy`](crate::Stop::accuracy).
            #[must_use]
            pub fn accuracy(mut self, accuracy: f64) -> Self {
                self.stop.accuracy = accuracy;
                self
            }
            /// The largest n for which a singular operator is looked for; see [`Stop::probe`](crate::Stop::probe).
            #[must_use]
            pub fn probe_up_to(mut self, n: usize) -> Self {
                self.stop.probe = n;
                self
            }
        }
    };
}
pub(crate) use stop_settings;

/// That an absolute tolerance can work.
pub(crate) fn usable_absolute(value: f64) -> Result<(), Failed> {
    if value.is_finite() && value >= 0.0 {
        return Ok(());
    }
    Err(Failed::Setting { what: "absolute tolerance", value, allowed: "a finite number that is not negative" })
}

/// Starts of an iteration after what looked like convergence by its recursion; each but the last has halved the true residual.
pub(crate) const STARTS: usize = 8;

/// What a solve aims at, in the units of the system that a state sees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Goal {
    /// The residual's length at which it stops.
    pub length: f64,
    /// ‖b‖.
    pub size: f64,
    /// The machine epsilon of what computes the products.
    pub epsilon: f64,
    /// [`Stop::accuracy`].
    pub accuracy: f64,
}

impl Goal {
    /// The length below which a residual made by recursion is not rounding of b alone.
    #[must_use]
    pub fn floor(&self) -> f64 {
        0.25 * self.epsilon * self.size
    }
    /// The residual that rounding leaves for an A of size `norm` and an x of n entries and this length: 8 ε √n (‖A‖‖x‖ + ‖b‖).
    #[must_use]
    pub fn rounding(&self, n: usize, norm: f64, length: f64) -> f64 {
        8.0 * self.epsilon * (n as f64).sqrt() * (norm * length + self.size)
    }
    /// The condition number from which on a residual alone says little.
    #[must_use]
    pub fn ill_conditioned(&self) -> f64 {
        1.0 / self.epsilon.sqrt()
    }
    /// Whether a step of length `step` from a residual of length `residual` to x shows that the residual says little about x.
    #[must_use]
    pub fn moved(&self, step: f64, residual: f64, x: f64) -> bool {
        step > self.accuracy * x && step * self.size > self.ill_conditioned() * residual * x
    }
}
