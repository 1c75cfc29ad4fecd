//! What counts as a solution, and what to do when the point found is none.

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
}

impl Default for Asked {
    fn default() -> Self {
        Asked { absolute: None, relative: None, accuracy: 0.1 }
    }
}

impl Asked {
    /// What is wrong with them, in words.
    pub(crate) fn check(&self) -> Result<(), String> {
        for (what, t) in [("residual tolerance", self.absolute), ("relative tolerance", self.relative)] {
            if let Some(t) = t.filter(|t| !(t.is_finite() && *t >= 0.0)) {
                return Err(format!("the {what} is {t}; give a finite number that is not negative"));
            }
        }
        if self.accuracy > 0.0 {
            return Ok(());
        }
        Err(format!("the accuracy of derivatives is {}; give a positive number, such as 0.1, or infinity not to ask", self.accuracy))
    }
}
