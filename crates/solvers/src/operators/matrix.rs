//! A dense matrix as an operator.
use super::linear::LinearOperator;
use hypertape_autodiff::array::{Element, Real};
use hypertape_autodiff::record::{Var, constant};
use hypertape_autodiff::tree::{Leaf, Structure, V};
use ndarray::{ArcArray2, Array2};

/// x ↦ A x, with A given when it is used.
#[derive(Clone)]
pub struct Matrix<F>(F);

impl<F> Matrix<F> {
    /// A from the parameters: it is differentiated.
    #[must_use]
    pub fn of<P: Structure, T: Real>(choose: F) -> Self
    where
        F: Fn(&V<P>) -> Var<T> + 'static,
    {
        Matrix(choose)
    }
}

impl Matrix<()> {
    /// A fixed matrix, shared and not copied.
    #[must_use]
    pub fn fixed<T: Real>(a: impl Into<ArcArray2<T>>) -> Fixed<T> {
        Fixed(a.into())
    }
}

/// A fixed matrix as an operator; see [`Matrix::fixed`].
#[derive(Debug, Clone)]
pub struct Fixed<T>(ArcArray2<T>);

impl<T: Real> From<Array2<T>> for Fixed<T> {
    fn from(a: Array2<T>) -> Self {
        Fixed(a.into_shared())
    }
}

impl<T: Real, P: Structure, F: Fn(&V<P>) -> Var<T> + 'static> LinearOperator<Leaf<T>, Leaf<T>, P> for Matrix<F> {
    fn apply(&self, x: Var<T>, p: &V<P>) -> Var<T> {
        (self.0)(p).dot(x)
    }
    fn adjoint(&self, u: Var<T>, p: &V<P>) -> Var<T> {
        (self.0)(p).t().dot(u)
    }
}

impl<T: Real, P: Structure> LinearOperator<Leaf<T>, Leaf<T>, P> for Fixed<T> {
    fn apply(&self, x: Var<T>, _: &V<P>) -> Var<T> {
        constant(&self.0).dot(x)
    }
    fn adjoint(&self, u: Var<T>, _: &V<P>) -> Var<T> {
        constant(&self.0).t().dot(u)
    }
    fn norm_bound(&self) -> Option<f64> {
        // ‖A‖₂ ≤ √(‖A‖₁ ‖A‖_∞).
        let columns = self.0.columns().into_iter().map(|c| c.iter().map(|v| Element::to_f64(*v).abs()).sum::<f64>()).fold(0.0, larger);
        let rows = self.0.rows().into_iter().map(|c| c.iter().map(|v| Element::to_f64(*v).abs()).sum::<f64>()).fold(0.0, larger);
        bound(columns, rows)
    }
}

/// The larger of two, NaN if one is.
pub(super) fn larger(a: f64, b: f64) -> f64 {
    if a > b || a.is_nan() { a } else { b }
}

/// √(‖A‖₁ ‖A‖_∞), whose product may leave the range; none where an entry is not a number.
pub(super) fn bound(columns: f64, rows: f64) -> Option<f64> {
    let bound = columns.sqrt() * rows.sqrt();
    (!bound.is_nan()).then_some(bound)
}
