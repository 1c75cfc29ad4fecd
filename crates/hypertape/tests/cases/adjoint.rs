//! The columns: every linear solver of the library, as settings of an adjoint, and what it asks of a matrix.
use hypertape::linear::{SparseCholesky, SparseLu};
use hypertape::prelude::*;
use ndarray::Array2;
use std::sync::Arc;

/// A linear solver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Adjoint {
    Cg,
    Minres,
    /// Without the search for null vectors: of a singular system it gives the solution of minimum norm.
    MinresUnprobed,
    Gmres,
    Bicgstab,
    NormalCg,
    NormalCgLeast,
    Lsmr,
    LsmrLeast,
    Lu,
    Qr,
    Svd,
    Cholesky,
    Ldlt,
    SparseLu,
    SparseCholesky,
    Auto,
    /// To a tolerance.
    Neumann,
    /// Fifty terms.
    Terms,
    OneStep,
    Anderson,
    Broyden,
}

/// Terms of the truncated series.
pub(crate) const TERMS: usize = 50;

impl Adjoint {
    pub(crate) const ALL: [Adjoint; 22] = {
        use Adjoint::*;
        [
            Cg,
            Minres,
            MinresUnprobed,
            Gmres,
            Bicgstab,
            NormalCg,
            NormalCgLeast,
            Lsmr,
            LsmrLeast,
            Lu,
            Qr,
            Svd,
            Cholesky,
            Ldlt,
            SparseLu,
            SparseCholesky,
            Auto,
            Neumann,
            Terms,
            OneStep,
            Anderson,
            Broyden,
        ]
    };
    /// For n unknowns.
    pub(crate) fn solver(self, n: usize) -> Arc<dyn LinearSolver> {
        let places = || Csr::from_dense(&Array2::<f64>::ones((n, n)).view()).expect("a dense matrix is a sparse one");
        match self {
            Adjoint::Cg => Arc::new(Cg::default()),
            Adjoint::Minres => Arc::new(Minres::default()),
            Adjoint::MinresUnprobed => Arc::new(Minres::default().probe_up_to(0)),
            Adjoint::Gmres => Arc::new(Gmres::default()),
            Adjoint::Bicgstab => Arc::new(Bicgstab::default()),
            Adjoint::NormalCg => Arc::new(NormalCg::default()),
            Adjoint::NormalCgLeast => Arc::new(NormalCg::default().minimum_norm()),
            Adjoint::Lsmr => Arc::new(Lsmr::default()),
            Adjoint::LsmrLeast => Arc::new(Lsmr::default().minimum_norm()),
            Adjoint::Lu => Arc::new(Lu),
            Adjoint::Qr => Arc::new(Qr),
            Adjoint::Svd => Arc::new(Svd::default()),
            Adjoint::Cholesky => Arc::new(Cholesky),
            Adjoint::Ldlt => Arc::new(Ldlt),
            Adjoint::SparseLu => Arc::new(SparseLu::default().places(&places())),
            Adjoint::SparseCholesky => Arc::new(SparseCholesky::default().places(&places())),
            Adjoint::Auto => Arc::new(Auto::default()),
            Adjoint::Neumann => Arc::new(Neumann::tolerance(1e-12)),
            Adjoint::Terms => Arc::new(Neumann::terms(TERMS)),
            Adjoint::OneStep => Arc::new(OneStep::default()),
            Adjoint::Anderson => Arc::new(Anderson::default()),
            Adjoint::Broyden => Arc::new(Broyden::default()),
        }
    }
    /// It refuses a matrix that is not symmetric.
    pub(crate) fn symmetric(self) -> bool {
        use Adjoint::*;
        matches!(self, Cg | Minres | MinresUnprobed | Cholesky | Ldlt | SparseCholesky)
    }
    /// It refuses a symmetric matrix with eigenvalues of both signs.
    pub(crate) fn definite(self) -> bool {
        matches!(self, Adjoint::Cg | Adjoint::Cholesky | Adjoint::SparseCholesky)
    }
    /// It factorises the matrix.
    pub(crate) fn direct(self) -> bool {
        use Adjoint::*;
        matches!(self, Lu | Qr | Svd | Cholesky | Ldlt | SparseLu | SparseCholesky)
    }
    /// Of a singular matrix it gives the solution of minimum norm, by least squares where there is none.
    pub(crate) fn least_squares(self) -> bool {
        matches!(self, Adjoint::NormalCgLeast | Adjoint::LsmrLeast | Adjoint::Svd)
    }
    /// It is made of steps of the map.
    pub(crate) fn steps(self) -> bool {
        use Adjoint::*;
        matches!(self, Neumann | Terms | OneStep | Anderson | Broyden)
    }
    /// Its iterations are those of AᵀA.
    pub(crate) fn squares(self) -> bool {
        use Adjoint::*;
        matches!(self, NormalCg | NormalCgLeast | Lsmr | LsmrLeast)
    }
    /// It adds terms of the Neumann series.
    pub(crate) fn series(self) -> bool {
        matches!(self, Adjoint::Neumann | Adjoint::Terms | Adjoint::OneStep)
    }
    /// The relative residual that it stops at.
    pub(crate) fn tolerance(self) -> f64 {
        if self.direct() { 0.0 } else { 1e-12 }
    }
}
