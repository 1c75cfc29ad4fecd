//! Products with a constant sparse matrix.
use crate::array::{AnyArray, Kind, LeafType, Real, Shape, Slice, SliceMut};
use crate::error::{Elements, ErrorKind, Misfit};
use crate::kernels::cast::{scratch_as, scratch_for};
pub use crate::kernels::sparse::Csr;
use crate::kernels::typed::{input, output};
use crate::operation::{Builder, Kernel, Lowering, Multilinear, Op, Probe, Probed, Product, Value};
use ndarray::{ArrayD, Axis, IxDyn};
use std::sync::Arc;

/// y = A x or Aᵀ x for a constant sparse A, and x a vector or a matrix. Transpose: the same with the other of the two.
#[derive(Debug, Clone, PartialEq)]
pub struct SparseDot<T = f64> {
    /// A.
    pub matrix: Csr<T>,
    /// Aᵀ stands in the product.
    pub transpose: bool,
}

impl<T: Real> SparseDot<T> {
    /// Lengths of the operand and of the result.
    fn lengths(&self) -> (usize, usize) {
        let (m, n) = (self.matrix.rows(), self.matrix.columns());
        if self.transpose { (m, n) } else { (n, m) }
    }
}

impl<T: Real> Multilinear for SparseDot<T> {
    fn name(&self) -> &'static str {
        "sparse_dot"
    }
    fn attributes(&self) -> String {
        let a = &self.matrix;
        format!("{}×{}, {} entries{}", a.rows(), a.columns(), a.nonzeros(), if self.transpose { ", transposed" } else { "" })
    }
    fn infer(&self, inputs: &[&LeafType]) -> Result<LeafType, ErrorKind> {
        let (from, to) = self.lengths();
        let x = inputs[0];
        if x.kind != T::KIND {
            return Err(ErrorKind::elements(Elements::Matrix(T::KIND), inputs));
        }
        if !(x.shape.len() == 1 || x.shape.len() == 2) || x.shape[0] != from {
            return Err(Misfit::SparseOperand { columns: from, given: x.clone() }.into());
        }
        let mut shape = x.shape.clone();
        shape[0] = to;
        Ok(LeafType { shape, kind: x.kind })
    }
    fn value(&self, inputs: &[&AnyArray]) -> Result<AnyArray, ErrorKind> {
        let (a, x) = (
            &self.matrix,
            T::of_array(inputs[0]).ok_or_else(|| ErrorKind::elements(Elements::Matrix(T::KIND), &[&inputs[0].leaf_type()]))?,
        );
        let mut shape = Shape::from_slice(x.shape());
        shape[0] = self.lengths().1;
        let mut y = ArrayD::<T>::zeros(IxDyn(&shape));
        for (i, j, v) in a.entries() {
            let (to, from) = if self.transpose { (j, i) } else { (i, j) };
            y.index_axis_mut(Axis(0), to).zip_mut_with(&x.index_axis(Axis(0), from), |y, x| *y += v * *x);
        }
        Ok(T::array(y))
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
        if kind == Kind::F32 { probes::<f32>() } else { probes::<f64>() }
    }
}

fn probes<T: Real>() -> Vec<Probe> {
    // Entries out of order, two in one place, an empty row; and a matrix of nothing.
    let values = [1.5, -2.0, 0.25, 3.0, 0.5, -1.0].map(T::from_f64);
    let small = Csr::new([3, 4], vec![0, 3, 3, 6], vec![2, 0, 3, 1, 1, 2], values.to_vec());
    let none = Csr::<T>::new([0, 2], vec![0], vec![], vec![]);
    let mut probes = vec![];
    for matrix in [small, none].into_iter().flatten() {
        for (transpose, from) in [(false, matrix.columns()), (true, matrix.rows())] {
            for shape in [&[from][..], &[from, 1], &[from, 3], &[from, 0]] {
                let op = Product(SparseDot { matrix: matrix.clone(), transpose });
                probes.push(Probe::new(op, vec![Probe::array(shape, T::KIND, 1)]));
            }
        }
    }
    probes
}

#[derive(Debug)]
struct SparseKernel<T> {
    what: SparseDot<T>,
    k: usize,
}

impl<T: Real> Kernel for SparseKernel<T> {
    fn scratch(&self) -> usize {
        if self.what.transpose { scratch_for::<T>(self.what.matrix.scratch(self.k)) } else { 0 }
    }
    fn data(&self) -> Option<(usize, usize)> {
        Some((self.what.matrix.address(), self.what.matrix.bytes()))
    }
    fn for_two(&self) -> Option<((usize, bool), Arc<dyn Kernel>)> {
        let (a, transpose) = (&self.what.matrix, self.what.transpose);
        let pays = self.k == 1 && a.nonzeros() >= a.rows().saturating_add(a.columns());
        pays.then(|| -> ((usize, bool), Arc<dyn Kernel>) { ((a.address(), transpose), Arc::new(TwoVectors(self.what.clone()))) })
    }
    fn run(&self, inputs: &[Slice<'_>], outputs: &mut [SliceMut<'_>], scratch: &mut [f64]) -> Result<(), ErrorKind> {
        let (a, x, y) = (&self.what.matrix, input(inputs, 0)?, output(outputs, 0)?);
        if self.what.transpose {
            a.dot_transposed(x, y, self.k, scratch_as(scratch))
        } else {
            a.dot(x, y, self.k)
        }
        Ok(())
    }
}

/// Products with two vectors, as the columns of one product.
#[derive(Debug)]
struct TwoVectors<T>(SparseDot<T>);

impl<T: Real> Kernel for TwoVectors<T> {
    fn scratch(&self) -> usize {
        let (from, to) = self.0.lengths();
        let more = if self.0.transpose { self.0.matrix.scratch(2) } else { 0 };
        scratch_for::<T>(from.saturating_add(to).saturating_mul(2).saturating_add(more))
    }
    fn data(&self) -> Option<(usize, usize)> {
        Some((self.0.matrix.address(), self.0.matrix.bytes()))
    }
    fn run(&self, inputs: &[Slice<'_>], outputs: &mut [SliceMut<'_>], scratch: &mut [f64]) -> Result<(), ErrorKind> {
        let (a, (from, to)) = (&self.0.matrix, self.0.lengths());
        let (x, rest) = scratch_as::<T>(scratch).split_at_mut(2 * from);
        let (y, rest) = rest.split_at_mut(2 * to);
        let (first, second) = (input(inputs, 0)?, input(inputs, 1)?);
        x.chunks_exact_mut(2).zip(first.iter().zip(second)).for_each(|(x, (p, q))| x.copy_from_slice(&[*p, *q]));
        if self.0.transpose {
            a.dot_transposed(x, y, 2, rest)
        } else {
            a.dot(x, y, 2)
        }
        for c in 0..2 {
            output(outputs, c)?.iter_mut().zip(y.chunks_exact(2)).for_each(|(to, y)| *to = y[c]);
        }
        Ok(())
    }
}

impl Builder {
    /// A x, or Aᵀ x, for a constant sparse A.
    pub fn sparse_dot<T: Real>(&mut self, matrix: &Csr<T>, x: Value, transpose: bool) -> Value {
        self.emit1(Op::new(Product(SparseDot { matrix: matrix.clone(), transpose })), &[x])
    }
}
