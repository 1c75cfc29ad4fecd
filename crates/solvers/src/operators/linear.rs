//! What a linear operator is.
use hypertape_autodiff::tree::{Structure, V};

/// A linear map from S to D, which may depend on the parameters.
pub trait LinearOperator<S: Structure, D: Structure, P: Structure>: 'static {
    /// K x.
    #[track_caller]
    fn apply(&self, x: V<S>, params: &V<P>) -> V<D>;
    /// Kᵀu.
    #[track_caller]
    fn adjoint(&self, u: V<D>, params: &V<P>) -> V<S>;
    /// A number that ‖K‖₂ does not exceed, where one is known.
    fn norm_bound(&self) -> Option<f64> {
        None
    }
}
