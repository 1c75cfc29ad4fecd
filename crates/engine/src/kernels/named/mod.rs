//! The kernels of named operations.
mod convolution;
mod dense;
mod norm;
mod sparse;

use crate::kernels::convolution::Convolver;
use hypertape_ir::array::Kind;
use hypertape_ir::operation::Kernel;
use hypertape_ir::operation::named::{Named, Sparse};
use hypertape_ir::operation::typed::OfKind;
use std::sync::Arc;

/// The kernel of a named operation for an element type.
pub(crate) fn kernel(named: &Named, kind: Kind) -> Arc<dyn Kernel> {
    match named {
        Named::Cholesky { n } => Arc::new(OfKind(dense::Cholesky(*n), kind)),
        Named::Lu { n } => Arc::new(OfKind(dense::Lu(*n), kind)),
        Named::LogDet { n } => Arc::new(OfKind(dense::LogDet(*n), kind)),
        Named::SolveByLu { transpose, n, k } => Arc::new(OfKind(dense::SolveByLu { transpose: *transpose, n: *n, k: *k }, kind)),
        Named::SolveByCholesky { n, k } => Arc::new(OfKind(dense::SolveByCholesky { n: *n, k: *k }, kind)),
        Named::Triangle { upper, diagonal, n } => Arc::new(OfKind(dense::Part { upper: *upper, diagonal: *diagonal, n: *n }, kind)),
        Named::SolveTriangular { how, n, k } => Arc::new(OfKind(dense::SolveTriangular { how: *how, n: *n, k: *k }, kind)),
        Named::Norm { outer, n, inner } => Arc::new(OfKind(crate::kernels::norm::Norms { outer: *outer, n: *n, inner: *inner }, kind)),
        Named::Convolve { geometry, role, sizes: [batch, channels, filters] } => {
            let made = Convolver::new(*geometry, *batch, *channels, *filters).map_err(Into::into);
            Arc::new(OfKind(convolution::Convolve { made, role: *role }, kind))
        }
        Named::Sparse { matrix: Sparse::F64(matrix), transpose, k } => {
            Arc::new(sparse::Product { matrix: matrix.clone(), transpose: *transpose, k: *k })
        }
        Named::Sparse { matrix: Sparse::F32(matrix), transpose, k } => {
            Arc::new(sparse::Product { matrix: matrix.clone(), transpose: *transpose, k: *k })
        }
        Named::SparseProduct { pattern, rows, transpose, k } => {
            Arc::new(OfKind(sparse::OfValues { pattern: pattern.clone(), rows: *rows, transpose: *transpose, k: *k }, kind))
        }
        Named::SampledProduct { pattern, rows, k } => {
            Arc::new(OfKind(sparse::Sampled { pattern: pattern.clone(), rows: *rows, k: *k }, kind))
        }
    }
}
