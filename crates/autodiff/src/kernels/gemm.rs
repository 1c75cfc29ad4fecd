//! Matrix products: faer's for the big ones, cut by size so that the bits do not depend on the number of threads.
#![allow(unsafe_code, reason = "strided loops and slices of generic elements; each block says why it is sound")]
use super::cast::{cast, cast_mut};
use crate::array::Real;
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};

/// out = a·b, each with its start and the strides of rows and columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gemm {
    /// Rows of a and out, columns of b and out, columns of a and rows of b.
    pub(crate) m: usize,
    pub(crate) n: usize,
    pub(crate) k: usize,
    pub(crate) a: [isize; 2],
    pub(crate) b: [isize; 2],
    pub(crate) out: [isize; 2],
}

/// Multiplications above which a product is worth two threads.
const PARALLEL: usize = 1 << 23;
/// Multiplications below which plain loops win over packing.
const TINY: usize = 256;

impl Gemm {
    /// Runs it with operands that start at `at` in their storages.
    ///
    /// # Safety
    /// Every offset that the strides reach from `at` lies in the operand's storage, and no two elements of `out` are the same place.
    pub(crate) unsafe fn run<T: Real>(&self, a: &[T], b: &[T], out: &mut [T], at: [isize; 3]) {
        if self.m * self.n * self.k <= TINY {
            // SAFETY: passed on.
            return unsafe { self.tiny(a, b, out, at) };
        }
        if let (Some(a), Some(b), Some(out)) = (cast::<T, f64>(a), cast::<T, f64>(b), cast_mut::<T, f64>(out)) {
            let p = Pointers(a.as_ptr().wrapping_offset(at[0]), b.as_ptr().wrapping_offset(at[1]), out.as_mut_ptr().wrapping_offset(at[2]));
            // SAFETY: passed on.
            unsafe { self.split(p) }
        } else if let (Some(a), Some(b), Some(out)) = (cast::<T, f32>(a), cast::<T, f32>(b), cast_mut::<T, f32>(out)) {
            let p = Pointers(a.as_ptr().wrapping_offset(at[0]), b.as_ptr().wrapping_offset(at[1]), out.as_mut_ptr().wrapping_offset(at[2]));
            // SAFETY: passed on.
            unsafe { self.split(p) }
        }
    }
    /// Halves the longer side of the output while the product is big.
    ///
    /// # Safety
    /// As `run`.
    unsafe fn split<T: faer::traits::ComplexField + Copy>(&self, p: Pointers<T>) {
        let (m, n) = (self.m, self.n);
        if m * n * self.k >= PARALLEL && m.max(n) >= 128 {
            let (low, high, q) = if m >= n {
                let half = (m / 2).next_multiple_of(48);
                (Gemm { m: half, ..*self }, Gemm { m: m - half, ..*self }, p.below(half, self))
            } else {
                let half = (n / 2).next_multiple_of(48);
                (Gemm { n: half, ..*self }, Gemm { n: n - half, ..*self }, p.right(half, self))
            };
            // SAFETY: the halves of the output are disjoint.
            rayon::join(move || unsafe { low.split(p) }, move || unsafe { high.split(q) });
            return;
        }
        // SAFETY: the caller answers for the strides; `out` is exclusively borrowed by `run`.
        unsafe {
            let a = MatRef::from_raw_parts(p.0, m, self.k, self.a[0], self.a[1]);
            let b = MatRef::from_raw_parts(p.1, self.k, n, self.b[0], self.b[1]);
            let out = MatMut::from_raw_parts_mut(p.2, m, n, self.out[0], self.out[1]);
            matmul(out, Accum::Replace, a, b, faer::traits::math_utils::one(), Par::Seq);
        }
    }
    /// Plain loops.
    ///
    /// # Safety
    /// As `run`.
    unsafe fn tiny<T: Real>(&self, a: &[T], b: &[T], out: &mut [T], at: [isize; 3]) {
        for i in 0..self.m as isize {
            for j in 0..self.n as isize {
                let mut total = T::zero();
                let (mut p, mut q) = (at[0] + i * self.a[0], at[1] + j * self.b[1]);
                for _ in 0..self.k {
                    // SAFETY: the caller answers for the offsets.
                    total += unsafe { *a.get_unchecked(p as usize) * *b.get_unchecked(q as usize) };
                    p += self.a[1];
                    q += self.b[0];
                }
                // SAFETY: as above.
                unsafe { *out.get_unchecked_mut((at[2] + i * self.out[0] + j * self.out[1]) as usize) = total };
            }
        }
    }
}

/// Where a, b and out start.
#[derive(Clone, Copy)]
struct Pointers<T>(*const T, *const T, *mut T);
// SAFETY: the halves that `split` sends to another thread write disjoint places, and the operands are only read.
unsafe impl<T> Send for Pointers<T> {}

impl<T> Pointers<T> {
    fn below(self, i: usize, g: &Gemm) -> Self {
        let i = i as isize;
        Pointers(self.0.wrapping_offset(i * g.a[0]), self.1, self.2.wrapping_offset(i * g.out[0]))
    }
    fn right(self, j: usize, g: &Gemm) -> Self {
        let j = j as isize;
        Pointers(self.0, self.1.wrapping_offset(j * g.b[1]), self.2.wrapping_offset(j * g.out[1]))
    }
}
