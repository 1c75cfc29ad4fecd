//! Products with a constant sparse matrix.
use crate::array::{AnyArray, Kind, LeafType, Real, Shape};
use crate::error::{Elements, ErrorKind, Misfit, Result};
pub use crate::operation::named::Csr;
use crate::operation::named::Sparse;
use crate::operation::{Builder, Items, Lowering, Multilinear, Named, Op, Probe, Probed, Product, Value};
use ndarray::{ArrayD, Axis, IxDyn};

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
    fn batch(&self, b: &mut Builder, items: &Items<'_>) -> Result<Value> {
        let made = b.columns_of_items(items.inputs[0], |b, x| b.emit1(Op::new(Product(self.clone())), &[x]));
        Ok(made)
    }
    fn lower(&self, inputs: &[&LeafType], _: &LeafType) -> Lowering {
        let (k, transpose) = (inputs[0].shape.get(1).copied().unwrap_or(1), self.transpose);
        Lowering::Named(Named::Sparse { matrix: Sparse::of(&self.matrix), transpose, k }, T::KIND)
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

impl Builder {
    /// A x, or Aᵀ x, for a constant sparse A.
    pub fn sparse_dot<T: Real>(&mut self, matrix: &Csr<T>, x: Value, transpose: bool) -> Value {
        self.emit1(Op::new(Product(SparseDot { matrix: matrix.clone(), transpose })), &[x])
    }
    /// A product that takes a vector or the columns of a matrix, for the vectors or matrices of all items at once.
    pub(super) fn columns_of_items(&mut self, x: Value, product: impl FnOnce(&mut Self, Value) -> Value) -> Value {
        let shape = self.shape(x);
        let (n, rest) = (shape[0], shape[2..].to_vec());
        let x = self.move_axis(x, 0, 1);
        let x = self.reshape(x, &[shape[1], n * rest.iter().product::<usize>()]);
        let y = product(self, x);
        let rows = self.shape(y).first().copied().unwrap_or(0);
        let y = self.reshape(y, &[&[rows, n], &rest[..]].concat());
        self.move_axis(y, 1, 0)
    }
}
