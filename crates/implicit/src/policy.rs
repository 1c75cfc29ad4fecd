//! What to do when the point found is not a solution.

/// What to do when ‖F(z, θ)‖ at the point found is above its tolerance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnResidual {
    /// Fail, with the residual, the tolerance and the iterations.
    #[default]
    Error,
    /// Go on; the report says so. For inner solves that are stopped early on purpose.
    Warn,
    /// Newton steps with the same linear solver until the residual is at its tolerance; fail if 20 of them do not get there.
    Refine,
}
