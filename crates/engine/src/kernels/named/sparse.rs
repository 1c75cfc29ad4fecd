//! Products with a constant sparse matrix.
use crate::kernels::cast::{scratch_as, scratch_for};
use crate::kernels::sparse::Sparse;
use hypertape_ir::array::{Real, Slice, SliceMut};
use hypertape_ir::error::ErrorKind;
use hypertape_ir::operation::Kernel;
use hypertape_ir::operation::named::Csr;
use hypertape_ir::operation::typed::{input, output};
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct Product<T> {
    pub(super) matrix: Csr<T>,
    pub(super) transpose: bool,
    pub(super) k: usize,
}

impl<T: Real> Kernel for Product<T> {
    fn scratch(&self) -> usize {
        if self.transpose { scratch_for::<T>(Sparse::of(&self.matrix).scratch(self.k)) } else { 0 }
    }
    fn data(&self) -> Option<(usize, usize)> {
        Some((self.matrix.address(), self.matrix.bytes()))
    }
    fn for_two(&self) -> Option<((usize, bool), Arc<dyn Kernel>)> {
        let (a, transpose) = (&self.matrix, self.transpose);
        let pays = self.k == 1 && a.nonzeros() >= a.rows().saturating_add(a.columns());
        pays.then(|| -> ((usize, bool), Arc<dyn Kernel>) {
            ((a.address(), transpose), Arc::new(TwoVectors { matrix: a.clone(), transpose }))
        })
    }
    fn run(&self, inputs: &[Slice<'_>], outputs: &mut [SliceMut<'_>], scratch: &mut [f64]) -> Result<(), ErrorKind> {
        let (a, x, y) = (Sparse::of(&self.matrix), input(inputs, 0)?, output(outputs, 0)?);
        if self.transpose {
            a.dot_transposed(x, y, self.k, scratch_as(scratch))
        } else {
            a.dot(x, y, self.k)
        }
        Ok(())
    }
}

/// Two products with one matrix in one pass: the vectors are the columns of a single right-hand side.
#[derive(Debug)]
struct TwoVectors<T> {
    matrix: Csr<T>,
    transpose: bool,
}

impl<T: Real> TwoVectors<T> {
    /// Lengths of the operand and of the result.
    fn lengths(&self) -> (usize, usize) {
        let (m, n) = (self.matrix.rows(), self.matrix.columns());
        if self.transpose { (m, n) } else { (n, m) }
    }
}

impl<T: Real> Kernel for TwoVectors<T> {
    fn scratch(&self) -> usize {
        let (from, to) = self.lengths();
        let more = if self.transpose { Sparse::of(&self.matrix).scratch(2) } else { 0 };
        scratch_for::<T>(from.saturating_add(to).saturating_mul(2).saturating_add(more))
    }
    fn data(&self) -> Option<(usize, usize)> {
        Some((self.matrix.address(), self.matrix.bytes()))
    }
    fn run(&self, inputs: &[Slice<'_>], outputs: &mut [SliceMut<'_>], scratch: &mut [f64]) -> Result<(), ErrorKind> {
        let (a, (from, to)) = (Sparse::of(&self.matrix), self.lengths());
        let (x, rest) = scratch_as::<T>(scratch).split_at_mut(2 * from);
        let (y, rest) = rest.split_at_mut(2 * to);
        let (first, second) = (input(inputs, 0)?, input(inputs, 1)?);
        x.chunks_exact_mut(2).zip(first.iter().zip(second)).for_each(|(x, (p, q))| x.copy_from_slice(&[*p, *q]));
        if self.transpose {
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
