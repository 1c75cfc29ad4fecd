//! A sparse matrix as an operator.
use super::linear::LinearOperator;
use hypertape_autodiff::array::{Element, Real};
use hypertape_autodiff::ops::sparse::Csr;
use hypertape_autodiff::record::{Var, csr};
use hypertape_autodiff::tree::{Leaf, Structure, V};

/// x ↦ A x for a constant sparse A: vectors, or matrices of as many rows as A has columns.
impl<T: Real, P: Structure> LinearOperator<Leaf<T>, Leaf<T>, P> for Csr<T> {
    fn apply(&self, x: Var<T>, _: &V<P>) -> Var<T> {
        csr(self).dot(x)
    }
    fn adjoint(&self, u: Var<T>, _: &V<P>) -> Var<T> {
        csr(self).t().dot(u)
    }
    fn norm_bound(&self) -> Option<f64> {
        // ‖A‖₂ ≤ √(‖A‖₁ ‖A‖_∞); entries in the same place are bounded by the sum of their sizes.
        let (mut rows, mut columns) = (vec![0.0; self.rows()], vec![0.0; self.columns()]);
        for (i, j, v) in self.entries() {
            let size = Element::to_f64(v).abs();
            rows[i] += size;
            columns[j] += size;
        }
        let most = |sums: Vec<f64>| sums.into_iter().fold(0.0, super::matrix::larger);
        super::matrix::bound(most(rows), most(columns))
    }
}
