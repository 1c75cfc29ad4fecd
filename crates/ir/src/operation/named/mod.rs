//! Kernels that the engine has, named by operations with their parameters.
mod convolution;
mod csr;
mod pattern;
mod triangle;

pub use convolution::{Boundary, Geometry, Role};
pub use csr::Csr;
pub use pattern::Pattern;
pub use triangle::Triangle;

use crate::array::Real;
use std::any::Any;

/// A dense kernel over contiguous row-major operands of one real element type. Leading axes of matrices are a batch.
#[derive(Debug, Clone)]
pub enum Named {
    /// A → L, lower triangular with L Lᵀ = (A + Aᵀ)/2.
    Cholesky {
        /// Rows of A.
        n: usize,
    },
    /// A → its LU factors, and the order of rows.
    Lu {
        /// Rows of A.
        n: usize,
    },
    /// (A, factors, rows) → ln |det A|, and the sign.
    LogDet {
        /// Rows of A.
        n: usize,
    },
    /// (A, factors, rows, B) → A⁻¹ B, or A⁻ᵀ B.
    SolveByLu {
        /// Aᵀ stands in the equation.
        transpose: bool,
        /// Rows of A.
        n: usize,
        /// Columns of B.
        k: usize,
    },
    /// (A, L, B) → (L Lᵀ)⁻¹ B.
    SolveByCholesky {
        /// Rows of A.
        n: usize,
        /// Columns of B.
        k: usize,
    },
    /// One triangle of a matrix, the diagonal times a number, zero elsewhere.
    Triangle {
        /// The upper one.
        upper: bool,
        /// Factor of the diagonal.
        diagonal: f64,
        /// Rows.
        n: usize,
    },
    /// (A, B) → X with op(A) X = B, where one triangle of A is read.
    SolveTriangular {
        /// Which triangle.
        how: Triangle,
        /// Rows of A.
        n: usize,
        /// Columns of B.
        k: usize,
    },
    /// (x, Σx² as far as it is in range) → √Σx² over the rows of each block.
    Norm {
        /// Blocks.
        outer: usize,
        /// Rows of a block.
        n: usize,
        /// Elements of a row.
        inner: usize,
    },
    /// Two of the three arrays of a convolution → the third.
    Convolve {
        /// Sizes and boundary.
        geometry: Geometry,
        /// Which array is the result.
        role: Role,
        /// Batch, channels and filters.
        sizes: [usize; 3],
    },
    /// x → A x, or Aᵀ x.
    Sparse {
        /// A.
        matrix: Sparse,
        /// Aᵀ stands in the product.
        transpose: bool,
        /// Columns of x.
        k: usize,
    },
    /// (values, x) → A x, or Aᵀ x, for the sparse A of these values; with a third operand, for the rows of A that it names.
    SparseProduct {
        /// Where the entries of A stand.
        pattern: Pattern,
        /// How many rows are named; none for all rows in their order.
        rows: Option<usize>,
        /// Aᵀ stands in the product.
        transpose: bool,
        /// Columns of x.
        k: usize,
    },
    /// (U, V) → the entries of U Vᵀ in the places of a pattern; with a third operand, the rows of U belong to the rows of the pattern that it names.
    SampledProduct {
        /// Which entries.
        pattern: Pattern,
        /// How many rows are named; none for all rows in their order.
        rows: Option<usize>,
        /// Columns of U and of V.
        k: usize,
    },
}

/// A constant sparse matrix of either real element type.
#[derive(Debug, Clone)]
pub enum Sparse {
    /// In double precision.
    F64(Csr<f64>),
    /// In single precision.
    F32(Csr<f32>),
}

impl Sparse {
    /// The same matrix, whose element type is known at run time.
    #[must_use]
    pub fn of<T: Real>(a: &Csr<T>) -> Self {
        let any: &dyn Any = a;
        match any.downcast_ref::<Csr<f32>>() {
            Some(a) => Sparse::F32(a.clone()),
            // There is no third real element type.
            None => Sparse::F64(any.downcast_ref::<Csr<f64>>().cloned().unwrap_or_else(Csr::of_nothing)),
        }
    }
}
