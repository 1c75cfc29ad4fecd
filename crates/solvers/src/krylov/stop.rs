//! When a solve stops, and what it must show: the settings that all methods share.

/// The settings that all methods share; each method has them as builder methods too.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stop {
    /// The most iterations; by default the method's own multiple of n.
    pub iterations: Option<usize>,
    /// An absolute tolerance on ‖b − A x‖, beside the relative one that a solve is given: the larger of the two counts. 0 by default.
    pub absolute: f64,
    /// The largest relative error of x, as conditioning times residual bounds it, that counts as converged where the estimated
    /// condition number is above 1/√ε. 10⁻² by default: two digits.
    pub accuracy: f64,
    /// The largest n for which a singular operator is looked for by a second Krylov space, that of a pseudo-random vector: at most n
    /// applications more. 64 by default; 0 leaves it out.
    ///
    /// The space of b alone cannot show that A is singular, if b lies in the range of A: it never leaves the range. So above this n
    /// such a system is not told from a regular one.
    pub probe: usize,
}

impl Default for Stop {
    fn default() -> Self {
        Stop { iterations: None, absolute: 0.0, accuracy: 1e-2, probe: 64 }
    }
}

/// The builder methods of the shared settings.
macro_rules! stop_settings {
    ($method:ty) => {
        impl $method {
            /// The most iterations.
            #[must_use]
            pub fn max_iterations(mut self, n: usize) -> Self {
                self.stop.iterations = Some(n);
                self
            }
            /// An absolute tolerance on ‖b − A x‖, beside the relative one: the larger of the two counts.
            #[must_use]
            pub fn absolute_tolerance(mut self, tolerance: f64) -> Self {
                self.stop.absolute = tolerance;
                self
            }
            /// The largest relative error of x, as conditioning times residual bounds it, that counts as converged for an ill-conditioned
            /// operator; see [`Stop::accuracy`](super::Stop::accuracy).
            #[must_use]
            pub fn accuracy(mut self, accuracy: f64) -> Self {
                self.stop.accuracy = accuracy;
                self
            }
            /// The largest n for which a singular operator is looked for; see [`Stop::probe`](super::Stop::probe).
            #[must_use]
            pub fn probe_up_to(mut self, n: usize) -> Self {
                self.stop.probe = n;
                self
            }
        }
    };
}
pub(super) use stop_settings;

/// What a solve aims at, in the units of the scaled system.
#[derive(Debug, Clone, Copy)]
pub(super) struct Goal {
    /// The residual's length at which it stops.
    pub(super) length: f64,
    /// ‖b‖.
    pub(super) size: f64,
    /// The machine epsilon of what computes.
    pub(super) epsilon: f64,
    /// [`Stop::accuracy`].
    pub(super) accuracy: f64,
}

impl Goal {
    /// The length below which a residual made by recursion is not rounding of b alone.
    pub(super) fn floor(&self) -> f64 {
        0.25 * self.epsilon * self.size
    }
    /// The condition number from which on a residual alone says little.
    pub(super) fn ill_conditioned(&self) -> f64 {
        1.0 / self.epsilon.sqrt()
    }
    /// Whether a step of length `step` from a residual of length `residual` to x shows that the residual says little about x.
    pub(super) fn moved(&self, step: f64, residual: f64, x: f64) -> bool {
        step > self.accuracy * x && step * self.size > self.ill_conditioned() * residual * x
    }
}

/// How a method's own iterations ended, in the units of the scaled system.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended {
    pub(super) iterations: usize,
    pub(super) status: super::Status,
    /// ‖b − A x‖ at the end, where it was computed from x.
    pub(super) residual: Option<f64>,
    /// An estimate of ‖A‖ from below; 0 where there is none.
    pub(super) norm: f64,
    /// An estimate of the condition number from below; 0 where there is none.
    pub(super) condition: f64,
    /// Whether the whole space was explored, so that the condition number is that of A.
    pub(super) complete: bool,
    pub(super) remark: Option<&'static str>,
}

impl Ended {
    pub(super) fn new(iterations: usize, status: super::Status) -> Self {
        Ended { iterations, status, residual: None, norm: 0.0, condition: 0.0, complete: false, remark: None }
    }
}
