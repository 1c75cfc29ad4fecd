//! Matrix products: plain loops for tiny ones, else panels and blocks. Work is split by size, so that the bits do not depend on the number of threads.
#![allow(unsafe_code, reason = "strided loops and slices of generic elements; each block says why it is sound")]
mod blocked;
mod pack;
mod room;

use super::halves::both;
use hypertape_ir::array::Real;
pub use room::make_packing_buffers;

/// out = a·b. Each matrix has the strides of its rows and columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gemm {
    /// m rows of a and out; n columns of b and out; k columns of a and rows of b.
    pub(crate) m: usize,
    pub(crate) n: usize,
    pub(crate) k: usize,
    pub(crate) a: [isize; 2],
    pub(crate) b: [isize; 2],
    pub(crate) out: [isize; 2],
}

/// Multiplications above which a product is worth two threads.
const PARALLEL: usize = 1 << 25;
/// The same where the result has few rows or few columns: then little is packed by both threads.
const PARALLEL_FEW: usize = 1 << 22;
/// Rows up to which a product has few.
const FEW: usize = 32;
/// Multiplications up to which plain loops are as fast.
const TINY: usize = 64;

impl Gemm {
    /// out = a·b, or out + a·b if `add`, for matrices that start at `at` in their storages.
    ///
    /// # Safety
    /// Every offset that the strides reach from `at` lies in the operand's storage, and no two elements of `out` are the same place.
    pub(crate) unsafe fn run<T: Real>(&self, a: &[T], b: &[T], out: &mut [T], at: [isize; 3], add: bool) {
        let p = Pointers(a.as_ptr().wrapping_offset(at[0]), b.as_ptr().wrapping_offset(at[1]), out.as_mut_ptr().wrapping_offset(at[2]));
        // SAFETY: the caller's promise.
        unsafe { self.apply(p, add.then(T::one)) }
    }
    /// out = a·b, or out + s·a·b.
    ///
    /// # Safety
    /// As `run`, from these pointers; no place of `out` is a place of `a` or `b`.
    pub(crate) unsafe fn apply<T: Real>(&self, p: Pointers<T>, add: Option<T>) {
        if self.m == 0 || self.n == 0 {
            return;
        }
        if self.m * self.n * self.k <= TINY {
            // SAFETY: the caller's promise.
            return unsafe { self.tiny(p, add) };
        }
        // SAFETY: the caller's promise.
        unsafe { self.split(p, add) }
    }
    /// Halves the longer side of the output while the product is big.
    ///
    /// # Safety
    /// As `run`.
    unsafe fn split<T: Real>(&self, p: Pointers<T>, add: Option<T>) {
        let (m, n) = (self.m, self.n);
        let parallel = if m.min(n) <= FEW { PARALLEL_FEW } else { PARALLEL };
        if m * n * self.k >= parallel && m.max(n) >= 128 {
            let (low, high, q) = if m >= n {
                let half = (m / 2).next_multiple_of(48);
                (Gemm { m: half, ..*self }, Gemm { m: m - half, ..*self }, p.below(half, self))
            } else {
                let half = (n / 2).next_multiple_of(48);
                (Gemm { n: half, ..*self }, Gemm { n: n - half, ..*self }, p.right(half, self))
            };
            // SAFETY: the halves of the output are disjoint.
            both(move || unsafe { low.split(p, add) }, move || unsafe { high.split(q, add) });
            return;
        }
        // The rows of the result should be contiguous. With rows and columns exchanged the product is the same.
        let g = if self.out[1] != 1 && self.out[0] == 1 { (self.exchanged(), p.exchanged()) } else { (*self, p) };
        // SAFETY: the caller's promise.
        unsafe { blocked::product(g.0, g.1, add) }
    }
    /// outᵀ = bᵀ·aᵀ.
    fn exchanged(&self) -> Gemm {
        let turn = |s: [isize; 2]| [s[1], s[0]];
        Gemm { m: self.n, n: self.m, k: self.k, a: turn(self.b), b: turn(self.a), out: turn(self.out) }
    }
    /// The product by plain loops.
    ///
    /// # Safety
    /// As `apply`.
    unsafe fn tiny<T: Real>(&self, Pointers(a, b, out): Pointers<T>, add: Option<T>) {
        for i in 0..self.m as isize {
            for j in 0..self.n as isize {
                let mut total = T::zero();
                for k in 0..self.k as isize {
                    // SAFETY: the caller answers for the offsets.
                    total += unsafe { *a.offset(i * self.a[0] + k * self.a[1]) * *b.offset(k * self.b[0] + j * self.b[1]) };
                }
                let at = i * self.out[0] + j * self.out[1];
                // SAFETY: as above.
                unsafe { *out.offset(at) = add.map_or(total, |s| *out.offset(at) + s * total) };
            }
        }
    }
}

/// Where a, b and out start.
#[derive(Clone, Copy)]
pub(crate) struct Pointers<T>(pub(crate) *const T, pub(crate) *const T, pub(crate) *mut T);
// SAFETY: the halves that `split` sends to another thread write disjoint places, and the operands are only read.
unsafe impl<T> Send for Pointers<T> {}

impl<T> Pointers<T> {
    /// Of outᵀ = bᵀ·aᵀ.
    fn exchanged(self) -> Self {
        Pointers(self.1, self.0, self.2)
    }
    fn below(self, i: usize, g: &Gemm) -> Self {
        let i = i as isize;
        Pointers(self.0.wrapping_offset(i * g.a[0]), self.1, self.2.wrapping_offset(i * g.out[0]))
    }
    fn right(self, j: usize, g: &Gemm) -> Self {
        let j = j as isize;
        Pointers(self.0, self.1.wrapping_offset(j * g.b[1]), self.2.wrapping_offset(j * g.out[1]))
    }
}
