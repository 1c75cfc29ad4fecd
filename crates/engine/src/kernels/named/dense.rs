//! Kernels for factorisations and solves of dense matrices; the matrices of a batch are taken one after the other.
use crate::kernels::cast::{scratch_as, scratch_for};
use crate::kernels::dense;
use hypertape_ir::array::{Element, Real, Slice, SliceMut};
use hypertape_ir::error::ErrorKind;
use hypertape_ir::operation::named;
use hypertape_ir::operation::typed::{RealKernel, input, output};
use hypertape_ir::ops::linalg;

#[derive(Debug)]
pub(super) struct Cholesky(pub(super) usize);

impl RealKernel for Cholesky {
    fn run<T: Real>(&self, inputs: &[Slice<'_>], outputs: &mut [SliceMut<'_>], _: &mut [f64]) -> Result<(), ErrorKind> {
        let (a, l) = (input::<T>(inputs, 0)?, output::<T>(outputs, 0)?);
        let size = self.0 * self.0;
        let count = a.len().checked_div(size).unwrap_or(0);
        for i in 0..count {
            let at = i * size..(i + 1) * size;
            let l = &mut l[at.clone()];
            let a = &a[at];
            let diagonal = |p: usize| a[p * self.0 + p];
            let made = dense::cholesky(a, l, self.0).and_then(|()| linalg::Cholesky::trusted(l, self.0));
            made.map_err(|(p, v)| linalg::Cholesky::broken((p, v), diagonal(p), i, count))?;
        }
        Ok(())
    }
}

#[derive(Debug)]
pub(super) struct Lu(pub(super) usize);

impl RealKernel for Lu {
    fn run<T: Real>(&self, inputs: &[Slice<'_>], outputs: &mut [SliceMut<'_>], _: &mut [f64]) -> Result<(), ErrorKind> {
        let (n, size) = (self.0, self.0 * self.0);
        let [factors, rows] = outputs else { return Err(ErrorKind::misuse("there are two results")) };
        let (Some(f), Some(rows)) = (T::of_slice_mut(factors), u32::of_slice_mut(rows)) else {
            return Err(ErrorKind::misuse("the results are factors and rows"));
        };
        f.copy_from_slice(input(inputs, 0)?);
        let count = f.len().checked_div(size).unwrap_or(0);
        for i in 0..count {
            let f = &mut f[i * size..(i + 1) * size];
            let made = dense::lu(f, &mut rows[i * n..(i + 1) * n], n).and_then(|()| linalg::Lu::trusted(f, n));
            made.map_err(|(p, v)| linalg::Lu::broken(p, Element::to_f64(v), i, count))?;
        }
        Ok(())
    }
}

#[derive(Debug)]
pub(super) struct LogDet(pub(super) usize);

impl RealKernel for LogDet {
    fn run<T: Real>(&self, inputs: &[Slice<'_>], outputs: &mut [SliceMut<'_>], _: &mut [f64]) -> Result<(), ErrorKind> {
        let n = self.0;
        let (f, rows) = (input::<T>(inputs, 1)?, input::<u32>(inputs, 2)?);
        for i in 0..output::<T>(outputs, 0)?.len() {
            let (log, sign) = dense::log_det(&f[i * n * n..(i + 1) * n * n], &rows[i * n..(i + 1) * n], n);
            output::<T>(outputs, 0)?[i] = log;
            output::<T>(outputs, 1)?[i] = sign;
        }
        Ok(())
    }
}

#[derive(Debug)]
pub(super) struct SolveByLu {
    pub(super) transpose: bool,
    pub(super) n: usize,
    pub(super) k: usize,
}

impl RealKernel for SolveByLu {
    fn scratch<T: Real>(&self) -> usize {
        if self.transpose { scratch_for::<T>(self.n * self.k) } else { 0 }
    }
    fn run<T: Real>(&self, inputs: &[Slice<'_>], outputs: &mut [SliceMut<'_>], scratch: &mut [f64]) -> Result<(), ErrorKind> {
        let (n, k) = (self.n, self.k);
        let (f, x) = (input::<T>(inputs, 1)?, output::<T>(outputs, 0)?);
        let (rows, b) = (input::<u32>(inputs, 2)?, input::<T>(inputs, 3)?);
        for i in 0..x.len().checked_div(n * k).unwrap_or(0) {
            let at = i * n * k..(i + 1) * n * k;
            let (f, rows) = (&f[i * n * n..(i + 1) * n * n], &rows[i * n..(i + 1) * n]);
            dense::lu_solve(f, rows, &b[at.clone()], &mut x[at], scratch_as(scratch), self.transpose, n, k);
        }
        Ok(())
    }
}

#[derive(Debug)]
pub(super) struct SolveByCholesky {
    pub(super) n: usize,
    pub(super) k: usize,
}

impl RealKernel for SolveByCholesky {
    fn run<T: Real>(&self, inputs: &[Slice<'_>], outputs: &mut [SliceMut<'_>], _: &mut [f64]) -> Result<(), ErrorKind> {
        let (n, k) = (self.n, self.k);
        let (f, x) = (input::<T>(inputs, 1)?, output::<T>(outputs, 0)?);
        x.copy_from_slice(input(inputs, 2)?);
        if x.is_empty() {
            return Ok(());
        }
        let l = named::Triangle::LOWER;
        for (f, x) in f.chunks_exact(n * n).zip(x.chunks_exact_mut(n * k)) {
            dense::solve_triangular(l, f, x, n, k);
            dense::solve_triangular(l.transposed(), f, x, n, k);
        }
        Ok(())
    }
}

#[derive(Debug)]
pub(super) struct Part {
    pub(super) upper: bool,
    pub(super) diagonal: f64,
    pub(super) n: usize,
}

impl RealKernel for Part {
    fn run<T: Real>(&self, inputs: &[Slice<'_>], outputs: &mut [SliceMut<'_>], _: &mut [f64]) -> Result<(), ErrorKind> {
        dense::triangle(self.upper, T::from_f64(self.diagonal), input(inputs, 0)?, output(outputs, 0)?, self.n);
        Ok(())
    }
}

#[derive(Debug)]
pub(super) struct SolveTriangular {
    pub(super) how: named::Triangle,
    pub(super) n: usize,
    pub(super) k: usize,
}

impl RealKernel for SolveTriangular {
    fn run<T: Real>(&self, inputs: &[Slice<'_>], outputs: &mut [SliceMut<'_>], _: &mut [f64]) -> Result<(), ErrorKind> {
        let (a, x) = (input::<T>(inputs, 0)?, output::<T>(outputs, 0)?);
        x.copy_from_slice(input(inputs, 1)?);
        if x.is_empty() {
            return Ok(());
        }
        for (a, x) in a.chunks_exact(self.n * self.n).zip(x.chunks_exact_mut(self.n * self.k)) {
            linalg::TriangularSolve::regular(self.how, a, self.n)?;
            dense::solve_triangular(self.how, a, x, self.n, self.k);
        }
        Ok(())
    }
}
