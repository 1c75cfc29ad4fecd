//! Linear algebra methods.
use crate::array::Real;
use crate::operation::Contraction;
use crate::record::tape;
use crate::record::var::Var;
use std::panic::Location;

impl<T: Real> Var<T> {
    /// The product of vectors and matrices: the last axis against the first of a vector or the last but one of a matrix.
    #[track_caller]
    #[must_use]
    pub fn dot(self, rhs: Var<T>) -> Var<T> {
        Var::from_dyn(tape::apply("dot", &[self.to_dyn(), rhs.to_dyn()], Location::caller(), |b, v| b.dot(v[0], v[1])))
    }
    /// All products of an element of self and one of `rhs`: the shapes follow one another.
    #[track_caller]
    #[must_use]
    pub fn outer(self, rhs: Var<T>) -> Var<T> {
        Var::from_dyn(tape::apply("outer", &[self.to_dyn(), rhs.to_dyn()], Location::caller(), |b, v| {
            b.contract(v[0], v[1], Contraction::default())
        }))
    }
    /// Σ over pairs of axes `sum`, with pairs of axes `batch` running together: (batch, own free axes, free axes of `rhs`).
    #[track_caller]
    #[must_use]
    pub fn contract(self, rhs: Var<T>, sum: &[(usize, usize)], batch: &[(usize, usize)]) -> Var<T> {
        let spec = Contraction { batch: batch.iter().copied().collect(), sum: sum.iter().copied().collect() };
        Var::from_dyn(tape::apply("contract", &[self.to_dyn(), rhs.to_dyn()], Location::caller(), |b, v| b.contract(v[0], v[1], spec)))
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
        Var::from_dyn(tape::apply("solve", &[self.to_dyn(), rhs.to_dyn()], Location::caller(), |b, v| b.solve(v[0], v[1])))
    }
    /// x with self · x = rhs, for symmetric positive definite matrices.
    #[track_caller]
    #[must_use]
    pub fn solve_positive(self, rhs: Var<T>) -> Var<T> {
        Var::from_dyn(tape::apply("solve_positive", &[self.to_dyn(), rhs.to_dyn()], Location::caller(), |b, v| {
            b.solve_positive(v[0], v[1])
        }))
    }
    /// (ln |det|, sign) of regular square matrices.
    #[track_caller]
    #[must_use]
    pub fn log_det(self) -> (Var<T>, Var<T>) {
        let made = tape::apply_many("log_det", &[self.to_dyn()], Location::caller(), |b, v| {
            let (log, sign) = b.log_det(v[0]);
            [log, sign].into_iter().collect()
        });
        (Var::from_dyn(made[0]), Var::from_dyn(made[1]))
    }
}
