//! What counts as a solution, and what to do when the point found is none.
use hypertape_autodiff::ErrorKind;

/// What to do when the point found is not a solution to the tolerance asked for, a linear solve does not reach its own, or a derivative is not
/// determined to the accuracy asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnResidual {
    /// Fail, with the residual, the tolerance and the iterations.
    #[default]
    Error,
    /// Go on; the report says so. For inner solves that are stopped early on purpose.
    Warn,
    /// Newton steps with the same linear solver until the point is a solution; fail if 20 of them do not get there.
    Refine,
}

/// What is asked of a solution and of its derivatives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Asked {
    /// The largest ‖F‖.
    pub(crate) absolute: Option<f64>,
    /// The largest Newton step relative to the solution.
    pub(crate) relative: Option<f64>,
    /// How much of itself a derivative may change by within the uncertainty of the solution.
    pub(crate) accuracy: f64,
    /// Whether linear systems are solved on the active set.
    pub(crate) restricted: bool,
    /// Whether the active set has settled.
    pub(crate) settled: bool,
}

impl Default for Asked {
    fn default() -> Self {
        Asked { absolute: None, relative: None, accuracy: 0.1, restricted: true, settled: false }
    }
}

impl Asked {
    /// Of a problem that may have an active set, or not.
    pub(crate) fn of(self, may_have_active_set: bool) -> Self {
        Asked { restricted: self.restricted && may_have_active_set, ..self }
    }
    /// What is wrong with them.
    pub(crate) fn check(&self) -> Result<(), ErrorKind> {
        for (what, t) in [("residual tolerance", self.absolute), ("relative tolerance", self.relative)] {
            if let Some(t) = t.filter(|t| !(t.is_finite() && *t >= 0.0)) {
                return Err(ErrorKind::setting(what, t, "give a finite number that is not negative"));
            }
        }
        if self.accuracy > 0.0 {
            return Ok(());
        }
        Err(ErrorKind::setting("accuracy of derivatives", self.accuracy, "give a positive number, such as 0.1, or infinity not to ask"))
    }
}

/// Methods with which both kinds of implicit solvers say what is asked of a solution.
macro_rules! asking {
    () => {
        /// What to do when the point found is not a solution.
        #[must_use]
        pub fn on_residual(mut self, policy: OnResidual) -> Self {
            self.policy = policy;
            self
        }
        /// The largest Newton step ‖F_z⁻¹F‖ relative to ‖z‖ that counts as a solution: √ε of the coarsest leaf unless set. Of a method that has a measure
        /// and a tolerance of its own, these decide unless it is set.
        ///
        /// The scale of F does not enter. Where z is 0 to the Newton step, 1 stands for ‖z‖. What is only the rounding of F, entry by entry, counts as
        /// a solution whatever the conditioning. The price is a product with F_z, and a solve to 10⁻⁴ unless F is rounding: by the solver of
        /// the adjoint, or by GMRES where that is an approximation. Where F_z cannot be inverted, each entry of F is compared with
        /// its row of F_z times z.
        #[must_use]
        pub fn relative_tolerance(mut self, tolerance: f64) -> Self {
            self.asked.relative = Some(tolerance);
            self
        }
        /// How much of itself a derivative may change by within the uncertainty of the solution; 0.1 unless set. Near a fold, where F_z is
        /// singular, it changes by half or more, and is an error unless [`OnResidual::Warn`] accepts it. ∞ does not ask.
        #[must_use]
        pub fn accuracy(mut self, relative: f64) -> Self {
            self.asked.accuracy = relative;
            self
        }
        /// Whether linear systems are solved on the active set alone, as they are unless this says no.
        ///
        /// At a proximal or projected fixed point, the rows of F_z of inactive unknowns are those of the identity: of coefficients of the lasso that are 0, of groups that are 0, of variables at a
        /// bound. They are found from the program of F at each point; where at most half of 64 or more unknowns are active, the solver sees the others' system only: its basis and its factors have the size of the
        /// active set, and its products read only the columns and rows of the data that belong to it. A report then has the size in [`active`](hypertape_autodiff::operation::Report::active). Of a set
        /// that was not there before, the residual of the whole system is computed at the end: where it is not that of the restricted one, all unknowns are solved for. What is gathered is not among the bytes that are planned.
        #[must_use]
        pub fn restricted(mut self, to_active_set: bool) -> Self {
            self.asked.restricted = to_active_set;
            self
        }
        /// Asks whether the active set has settled where the method stopped: where a kink of F lies within two Newton steps of the point, to first order, the report's status is
        /// [`Status::SetNotSettled`](hypertape_linear::Status::SetNotSettled), and derivatives may be those of another set. It is a warning and no error. Of a solution on a kink, such as a weakly active
        /// constraint, it says the same unless F is 0 there.
        ///
        /// The price at each point is a Newton step to 10⁻⁴ by the solver of the adjoint, and the derivative of F and of its kinks along it: two or three products of F_z.
        #[must_use]
        pub fn check_active_set(mut self) -> Self {
            self.asked.settled = true;
            self
        }
        /// Starts the next replay of the same workspace, or the next call in one line, from this one's solution and adjoint.
        #[must_use]
        pub fn warm_start(mut self) -> Self {
            self.warm = true;
            self
        }
    };
}
pub(crate) use asking;
