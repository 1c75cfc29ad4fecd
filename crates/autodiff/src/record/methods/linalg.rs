//! Linear algebra methods.
use crate::array::Real;
use crate::error::Site;
use crate::operation::Contraction;
use crate::ops::linalg::Triangle;
use crate::tape;
use crate::tape::Var;

impl<T: Real> Var<T> {
    /// The product of vectors and matrices: the last axis against the first of a vector or the last but one of a matrix.
    #[track_caller]
    #[must_use]
    pub fn dot(self, rhs: Var<T>) -> Var<T> {
        Var::from_dyn(tape::apply("dot", &[self.to_dyn(), rhs.to_dyn()], Site::caller(), |b, v| b.dot(v[0], v[1])))
    }
    /// Products of matrices over the last two axes; the leading axes, which must agree, run together.
    #[track_caller]
    #[must_use]
    pub fn matmul(self, rhs: Var<T>) -> Var<T> {
        Var::from_dyn(tape::apply("matmul", &[self.to_dyn(), rhs.to_dyn()], Site::caller(), |b, v| b.matmul_with(v[0], false, v[1], false)))
    }
    /// All products of an element of self and one of `rhs`: the shapes follow one another.
    #[track_caller]
    #[must_use]
    pub fn outer(self, rhs: Var<T>) -> Var<T> {
        Var::from_dyn(tape::apply("outer", &[self.to_dyn(), rhs.to_dyn()], Site::caller(), |b, v| {
            b.contract(v[0], v[1], Contraction::default())
        }))
    }
    /// Σ over pairs of axes `sum`, with pairs of axes `batch` running together: (batch, own free axes, free axes of `rhs`).
    #[track_caller]
    #[must_use]
    pub fn contract(self, rhs: Var<T>, sum: &[(usize, usize)], batch: &[(usize, usize)]) -> Var<T> {
        let spec = Contraction { batch: batch.iter().copied().collect(), sum: sum.iter().copied().collect() };
        Var::from_dyn(tape::apply("contract", &[self.to_dyn(), rhs.to_dyn()], Site::caller(), |b, v| b.contract(v[0], v[1], spec)))
    }
    /// Σ of the diagonal of square matrices.
    #[track_caller]
    #[must_use]
    pub fn trace(self) -> Var<T> {
        self.unary("trace", |b, x| b.trace(x))
    }
    /// The lower triangular L with L Lᵀ = self, for symmetric positive definite matrices.
    #[track_caller]
    #[must_use]
    pub fn cholesky(self) -> Var<T> {
        self.unary("cholesky", |b, x| b.cholesky(x))
    }
    /// x with self · x = rhs, for regular square matrices.
    #[track_caller]
    #[must_use]
    pub fn solve(self, rhs: Var<T>) -> Var<T> {
        Var::from_dyn(tape::apply("solve", &[self.to_dyn(), rhs.to_dyn()], Site::caller(), |b, v| b.solve(v[0], v[1])))
    }
    /// x with self · x = rhs, for symmetric positive definite matrices.
    #[track_caller]
    #[must_use]
    pub fn solve_positive(self, rhs: Var<T>) -> Var<T> {
        Var::from_dyn(tape::apply("solve_positive", &[self.to_dyn(), rhs.to_dyn()], Site::caller(), |b, v| b.solve_positive(v[0], v[1])))
    }
    /// x with self · x = rhs, where only one triangle of self is read; rhs is a vector or a matrix for each item of the batch.
    ///
    /// A zero on the diagonal is an error when the function runs.
    ///
    /// ```
    /// use hypertape_autodiff::{Function, record::Triangle, shape};
    /// let f = Function::record((shape![2, 2], shape![2]), |(a, b)| {
    ///     let l = a.cholesky();
    ///     let y = l.solve_triangular(b, Triangle::LOWER);
    ///     l.solve_triangular(y, Triangle::LOWER.transposed())
    /// })?;
    /// let x = f.eval((ndarray::arr2(&[[4.0, 2.0], [2.0, 2.0]]), ndarray::arr1(&[8.0, 6.0])))?;
    /// assert!((x[[0]] - 1.0).abs() < 1e-14 && (x[[1]] - 2.0).abs() < 1e-14);
    /// # Ok::<(), hypertape_autodiff::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn solve_triangular(self, rhs: Var<T>, triangle: Triangle) -> Var<T> {
        Var::from_dyn(tape::apply("solve_triangular", &[self.to_dyn(), rhs.to_dyn()], Site::caller(), |b, v| {
            b.solve_triangular(v[0], v[1], triangle)
        }))
    }
    /// The elements on and below the diagonal of square matrices, zero elsewhere.
    #[track_caller]
    #[must_use]
    pub fn lower_triangle(self) -> Var<T> {
        self.unary("lower_triangle", |b, x| b.triangle(x, false, 1.0))
    }
    /// The elements on and above the diagonal of square matrices, zero elsewhere.
    #[track_caller]
    #[must_use]
    pub fn upper_triangle(self) -> Var<T> {
        self.unary("upper_triangle", |b, x| b.triangle(x, true, 1.0))
    }
    /// The inverse of regular square matrices. To solve with one, [`solve`](Var::solve) is cheaper and more exact.
    #[track_caller]
    #[must_use]
    pub fn inverse(self) -> Var<T> {
        self.unary("inverse", |b, x| b.inverse(x))
    }
    /// ln det of symmetric positive definite matrices.
    #[track_caller]
    #[must_use]
    pub fn log_det_positive(self) -> Var<T> {
        self.unary("log_det_positive", |b, x| b.log_det_positive(x))
    }
    /// (ln |det|, sign) of regular square matrices.
    #[track_caller]
    #[must_use]
    pub fn log_det(self) -> (Var<T>, Var<T>) {
        let made = tape::apply_many("log_det", &[self.to_dyn()], Site::caller(), |b, v| {
            let (log, sign) = b.log_det(v[0]);
            [log, sign].into_iter().collect()
        });
        (Var::from_dyn(made[0]), Var::from_dyn(made[1]))
    }
}
