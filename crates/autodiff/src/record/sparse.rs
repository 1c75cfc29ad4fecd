//! Constant sparse matrices in a recording.
use crate::array::Real;
use crate::error::Site;
use crate::ops::sparse::Csr;
use crate::tape;
use crate::tape::Var;

/// A constant sparse matrix, or its transpose, in products of a recording; made by [`csr`].
#[derive(Debug, Clone)]
pub struct SparseConstant<T: Real> {
    matrix: Csr<T>,
    transpose: bool,
}

/// A sparse matrix as part of the program: read where it lies, never copied, not differentiated.
///
/// ```
/// use hypertape_autodiff::{Function, record::{Csr, csr}, shape};
/// // [1 0 2]
/// // [0 0 3]
/// let x = Csr::new([2, 3], vec![0, 2, 3], vec![0, 2, 2], vec![1.0, 2.0, 3.0])?;
/// let f = Function::record((shape![3], shape![2]), |(theta, y)| (csr(&x).dot(theta) - y).square().sum())?;
/// // 2 Xᵀ(X θ − y)
/// let gradient = f.wrt(|(theta, _)| theta).gradient().eval((ndarray::arr1(&[1.0, 5.0, 1.0]), ndarray::arr1(&[0.0, 2.0])))?;
/// assert_eq!(gradient.as_slice(), Some(&[6.0, 0.0, 18.0][..]));
/// # Ok::<(), hypertape_autodiff::Error>(())
/// ```
#[must_use]
pub fn csr<T: Real>(matrix: &Csr<T>) -> SparseConstant<T> {
    SparseConstant { matrix: matrix.clone(), transpose: false }
}

impl<T: Real> SparseConstant<T> {
    /// The product with a vector, or with a matrix of as many rows as this one has columns.
    #[track_caller]
    #[must_use]
    pub fn dot(&self, x: Var<T>) -> Var<T> {
        Var::from_dyn(tape::apply("sparse_dot", &[x.to_dyn()], Site::caller(), |b, v| b.sparse_dot(&self.matrix, v[0], self.transpose)))
    }
    /// The transpose: the same memory, read the other way.
    #[must_use]
    pub fn t(&self) -> SparseConstant<T> {
        SparseConstant { matrix: self.matrix.clone(), transpose: !self.transpose }
    }
}
