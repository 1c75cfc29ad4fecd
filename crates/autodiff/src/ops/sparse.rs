//! Products with a constant sparse matrix.
use crate::array::{AnyArray, Kind, LeafType, Real, Shape, Slice, SliceMut};
use crate::error::Problem;
use crate::kernels::cast::{scratch_as, scratch_for};
pub use crate::kernels::sparse::Csr;
use crate::kernels::typed::{input, output};
use crate::operation::{Builder, Kernel, Lowering, Multilinear, Op, Probe, Probed, Product, Value};
use ndarray::{Array2, ArrayD, IxDyn};
use std::sync::Arc;

/// A shared sparse matrix of either element type.
#[derive(Debug, Clone)]
pub enum SparseMatrix {
    /// Double precision.
    F64(Arc<Csr<f64>>),
    /// Single precision.
    F32(Arc<Csr<f32>>),
}

impl SparseMatrix {
    /// Element type.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            SparseMatrix::F64(_) => Kind::F64,
            SparseMatrix::F32(_) => Kind::F32,
        }
    }
    /// Rows and columns.
    #[must_use]
    pub fn shape(&self) -> [usize; 2] {
        match self {
            SparseMatrix::F64(a) => [a.rows(), a.columns()],
            SparseMatrix::F32(a) => [a.rows(), a.columns()],
        }
    }
    /// Number of entries.
    #[must_use]
    pub fn nonzeros(&self) -> usize {
        match self {
            SparseMatrix::F64(a) => a.nonzeros(),
            SparseMatrix::F32(a) => a.nonzeros(),
        }
    }
    /// Size in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            SparseMatrix::F64(a) => a.bytes(),
            SparseMatrix::F32(a) => a.bytes(),
        }
    }
}

impl From<Csr<f64>> for SparseMatrix {
    fn from(a: Csr<f64>) -> Self {
        SparseMatrix::F64(Arc::new(a))
    }
}

impl From<Csr<f32>> for SparseMatrix {
    fn from(a: Csr<f32>) -> Self {
        SparseMatrix::F32(Arc::new(a))
    }
}

impl PartialEq for SparseMatrix {
    /// Whether both are the same memory.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (SparseMatrix::F64(a), SparseMatrix::F64(b)) => Arc::ptr_eq(a, b),
            (SparseMatrix::F32(a), SparseMatrix::F32(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }
}

/// y = A x or Aᵀ x for a constant sparse A, and x a vector or a matrix. Transpose: the same with the other of the two.
#[derive(Debug, Clone, PartialEq)]
pub struct SparseDot {
    /// A.
    pub matrix: SparseMatrix,
    /// Aᵀ stands in the product.
    pub transpose: bool,
}

impl SparseDot {
    /// Lengths of the operand and of the result.
    fn lengths(&self) -> (usize, usize) {
        let [m, n] = self.matrix.shape();
        if self.transpose { (m, n) } else { (n, m) }
    }
}

impl Multilinear for SparseDot {
    fn name(&self) -> &'static str {
        "sparse_dot"
    }
    fn attributes(&self) -> String {
        let [m, n] = self.matrix.shape();
        format!("{m}×{n}, {} entries{}", self.matrix.nonzeros(), if self.transpose { ", transposed" } else { "" })
    }
    fn infer(&self, inputs: &[&LeafType]) -> Result<LeafType, String> {
        let (from, to) = self.lengths();
        let x = inputs[0];
        if x.kind != self.matrix.kind() {
            return Err(format!("the matrix is of type {}; convert one with `cast`", self.matrix.kind()));
        }
        if !(x.shape.len() == 1 || x.shape.len() == 2) || x.shape[0] != from {
            return Err(format!("the operand must be a vector of {from} elements, or a matrix of {from} rows"));
        }
        let mut shape = x.shape.clone();
        shape[0] = to;
        Ok(LeafType { shape, kind: x.kind })
    }
    fn value(&self, inputs: &[&AnyArray]) -> Result<AnyArray, Problem> {
        fn dense<T: Real>(s: &SparseDot, a: &Csr<T>, x: &ArrayD<T>) -> Result<AnyArray, Problem> {
            let mut full = Array2::<T>::zeros((a.rows(), a.columns()));
            a.entries().for_each(|(i, j, v)| full[[i, j]] += v);
            let full = if s.transpose { full.reversed_axes() } else { full };
            let mut shape = Shape::from_slice(x.shape());
            shape[0] = full.nrows();
            let mut y = ArrayD::<T>::zeros(IxDyn(&shape));
            for (at, v) in y.indexed_iter_mut() {
                for j in 0..full.ncols() {
                    let mut from = Shape::from_slice(ndarray::Dimension::slice(&at));
                    let i = std::mem::replace(&mut from[0], j);
                    *v += full[[i, j]] * x[&from[..]];
                }
            }
            Ok(T::array(y))
        }
        match (&self.matrix, inputs[0]) {
            (SparseMatrix::F64(a), AnyArray::F64(x)) => dense(self, a, x),
            (SparseMatrix::F32(a), AnyArray::F32(x)) => dense(self, a, x),
            _ => Err("element types differ".into()),
        }
    }
    fn transpose(&self, b: &mut Builder, _: &[Value], _: usize, cotangent: Value) -> Value {
        b.emit1(Op::new(Product(SparseDot { transpose: !self.transpose, ..self.clone() })), &[cotangent])
    }
    fn lower(&self, inputs: &[&LeafType], _: &LeafType) -> Lowering {
        Lowering::Kernel(Arc::new(SparseKernel { what: self.clone(), k: inputs[0].shape.get(1).copied().unwrap_or(1) }))
    }
    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Value> {
        if !b.is_zero(x[0]) {
            return None;
        }
        let t = self.infer(&[b.type_of(x[0])]).ok()?;
        Some(b.full(&t, 0.0))
    }
}

impl Probed for SparseDot {
    fn probes(kind: Kind) -> Vec<Probe> {
        // Entries out of order, two in one place, an empty row, and a matrix of nothing.
        let small = |values: &[f64]| match kind {
            Kind::F32 => {
                Csr::new(3, 4, vec![0, 3, 3, 6], vec![2, 0, 3, 1, 1, 2], values.iter().map(|v| *v as f32).collect()).map(Into::into)
            }
            _ => Csr::new(3, 4, vec![0, 3, 3, 6], vec![2, 0, 3, 1, 1, 2], values.to_vec()).map(SparseMatrix::from),
        };
        let none = || match kind {
            Kind::F32 => Csr::<f32>::new(0, 2, vec![0], vec![], vec![]).map(Into::into),
            _ => Csr::<f64>::new(0, 2, vec![0], vec![], vec![]).map(SparseMatrix::from),
        };
        let cases = [(small(&[1.5, -2.0, 0.25, 3.0, 0.5, -1.0]), [3, 4]), (none(), [0, 2])];
        let mut probes = vec![];
        for (matrix, [m, n]) in cases.into_iter().filter_map(|(a, s)| a.ok().map(|a| (a, s))) {
            for (transpose, from) in [(false, n), (true, m)] {
                for shape in [&[from][..], &[from, 1], &[from, 3], &[from, 0]] {
                    let op = Product(SparseDot { matrix: matrix.clone(), transpose });
                    probes.push(Probe::new(op, vec![Probe::array(shape, kind, 1)]));
                }
            }
        }
        probes
    }
}

#[derive(Debug)]
struct SparseKernel {
    what: SparseDot,
    k: usize,
}

impl SparseKernel {
    fn typed<T: Real>(&self, a: &Csr<T>, x: &[T], y: &mut [T], scratch: &mut [f64]) {
        if self.what.transpose { a.dot_transposed(x, y, self.k, scratch_as(scratch)) } else { a.dot(x, y, self.k) }
    }
}

impl Kernel for SparseKernel {
    fn scratch(&self) -> usize {
        match &self.what.matrix {
            SparseMatrix::F64(a) if self.what.transpose => scratch_for::<f64>(a.scratch(self.k)),
            SparseMatrix::F32(a) if self.what.transpose => scratch_for::<f32>(a.scratch(self.k)),
            _ => 0,
        }
    }
    fn run(&self, inputs: &[Slice<'_>], outputs: &mut [SliceMut<'_>], scratch: &mut [f64]) -> Result<(), Problem> {
        match &self.what.matrix {
            SparseMatrix::F64(a) => self.typed(a, input(inputs, 0)?, output(outputs, 0)?, scratch),
            SparseMatrix::F32(a) => self.typed(a, input(inputs, 0)?, output(outputs, 0)?, scratch),
        }
        Ok(())
    }
}

impl Builder {
    /// A x, or Aᵀ x, for a constant sparse A.
    pub fn sparse_dot(&mut self, matrix: &SparseMatrix, x: Value, transpose: bool) -> Value {
        self.emit1(Op::new(Product(SparseDot { matrix: matrix.clone(), transpose })), &[x])
    }
}
