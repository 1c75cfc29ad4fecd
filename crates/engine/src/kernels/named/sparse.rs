//! Products with sparse matrices.
use crate::kernels::cast::{scratch_as, scratch_for};
use crate::kernels::sampled;
use crate::kernels::sparse::Sparse;
use hypertape_ir::array::{Real, Slice, SliceMut};
use hypertape_ir::error::ErrorKind;
use hypertape_ir::operation::Kernel;
use hypertape_ir::operation::named::{Csr, Pattern};
use hypertape_ir::operation::typed::{RealKernel, input, output};
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
    fn data(&self) -> Vec<(usize, usize)> {
        self.matrix.parts().to_vec()
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
    fn data(&self) -> Vec<(usize, usize)> {
        self.matrix.parts().to_vec()
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

/// A product with values that are an operand, as are the rows if only some take part.
#[derive(Debug)]
pub(super) struct OfValues {
    pub(super) pattern: Pattern,
    pub(super) rows: Option<usize>,
    pub(super) transpose: bool,
    pub(super) k: usize,
}

impl RealKernel for OfValues {
    fn scratch<T: Real>(&self) -> usize {
        let elements = || Sparse::<T>::scratch_with(&self.pattern, self.rows.is_some(), self.k);
        if self.transpose { scratch_for::<T>(elements()) } else { 0 }
    }
    fn data(&self) -> Vec<(usize, usize)> {
        vec![self.pattern.parts()]
    }
    fn run<T: Real>(&self, inputs: &[Slice<'_>], outputs: &mut [SliceMut<'_>], scratch: &mut [f64]) -> Result<(), ErrorKind> {
        let (mut a, x, y) = (Sparse::with(&self.pattern, input::<T>(inputs, 0)?), input(inputs, 1)?, output(outputs, 0)?);
        if let Some(rows) = rows(&self.pattern, self.rows, inputs)? {
            a = a.named(rows);
        }
        if self.transpose {
            a.dot_transposed(x, y, self.k, scratch_as(scratch));
        } else {
            a.dot(x, y, self.k);
        }
        Ok(())
    }
}

/// The rows that an operand names, if there is one, none of them beyond the pattern.
fn rows<'a>(pattern: &Pattern, named: Option<usize>, inputs: &[Slice<'a>]) -> Result<Option<&'a [u32]>, ErrorKind> {
    let rows = named.map(|_| input::<u32>(inputs, 2)).transpose()?;
    rows.map_or(Ok(()), |rows| pattern.has_rows(rows))?;
    Ok(rows)
}

/// A product of dense factors in the places of a pattern.
#[derive(Debug)]
pub(super) struct Sampled {
    pub(super) pattern: Pattern,
    pub(super) rows: Option<usize>,
    pub(super) k: usize,
}

impl RealKernel for Sampled {
    fn scratch<T: Real>(&self) -> usize {
        self.rows.map_or(0, |rows| sampled::scratch::<T>(&self.pattern, rows))
    }
    fn data(&self) -> Vec<(usize, usize)> {
        vec![self.pattern.parts()]
    }
    fn run<T: Real>(&self, inputs: &[Slice<'_>], outputs: &mut [SliceMut<'_>], scratch: &mut [f64]) -> Result<(), ErrorKind> {
        let (u, v, y) = (input::<T>(inputs, 0)?, input(inputs, 1)?, output(outputs, 0)?);
        match rows(&self.pattern, self.rows, inputs)? {
            Some(rows) => sampled::of_named(&self.pattern, rows, u, v, y, self.k, scratch),
            None => sampled::of_all(&self.pattern, u, v, y, self.k, 0..self.pattern.rows()),
        }
        Ok(())
    }
}
