//! A matrix somewhere in memory: a pointer and two strides.
#![allow(unsafe_code, reason = "blocks of one matrix that are read and written together")]
use crate::kernels::gemm::{Gemm, Pointers};
use hypertape_ir::array::Real;

/// Element (i, j) lies at `p + i·s + j·t`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block<T> {
    pub(super) p: *mut T,
    pub(super) s: isize,
    pub(super) t: isize,
}

impl<T: Real> Block<T> {
    /// A row-major matrix with rows of `n`.
    pub(super) fn rows(x: &mut [T], n: usize) -> Self {
        Block { p: x.as_mut_ptr(), s: n as isize, t: 1 }
    }
    /// A row-major matrix with rows of `n`, only to be read.
    pub(super) fn of(x: &[T], n: usize) -> Self {
        Block { p: x.as_ptr().cast_mut(), s: n as isize, t: 1 }
    }
    /// The block from (i, j) on.
    pub(super) fn from(self, i: usize, j: usize) -> Self {
        Block { p: self.at(i, j), ..self }
    }
    /// Where (i, j) lies.
    pub(super) fn at(self, i: usize, j: usize) -> *mut T {
        self.p.wrapping_offset(i as isize * self.s + j as isize * self.t)
    }
    /// The transpose.
    pub(super) fn transposed(self) -> Self {
        Block { p: self.p, s: self.t, t: self.s }
    }
    /// The m rows in reverse order.
    pub(super) fn upside_down(self, m: usize) -> Self {
        if m == 0 { self } else { Block { p: self.at(m - 1, 0), s: -self.s, t: self.t } }
    }
    /// The m rows and the n columns, both in reverse order.
    pub(super) fn turned(self, m: usize, n: usize) -> Self {
        self.upside_down(m).transposed().upside_down(n).transposed()
    }
    /// self −= a·b, for self m×n and a m×k.
    ///
    /// # Safety
    /// The three blocks lie in memory that the caller may use; self does not overlap the others.
    pub(super) unsafe fn minus(self, a: Self, b: Self, [m, n, k]: [usize; 3]) {
        let gemm = Gemm { m, n, k, a: [a.s, a.t], b: [b.s, b.t], out: [self.s, self.t] };
        // SAFETY: the caller's promise.
        unsafe { gemm.apply(Pointers(a.p, b.p, self.p), Some(-T::one())) }
    }
    /// self[i] −= v·self[j] over n columns, for two different rows.
    ///
    /// # Safety
    /// Both rows lie in memory that the caller may use.
    #[inline(always)]
    pub(super) unsafe fn subtract_row(self, i: usize, j: usize, v: T, n: usize) {
        let (p, q) = (self.at(i, 0), self.at(j, 0));
        // SAFETY: the caller answers for n columns; the rows are different, so the slices do not overlap.
        unsafe {
            if self.t == 1 {
                let (p, q) = (std::slice::from_raw_parts_mut(p, n), std::slice::from_raw_parts(q, n));
                p.iter_mut().zip(q).for_each(|(p, q)| *p -= v * *q);
            } else {
                (0..n as isize).for_each(|k| *p.offset(k * self.t) -= v * *q.offset(k * self.t));
            }
        }
    }
}

/// Σ_{k<n} p_k·q_k for elements `s` and `t` apart.
///
/// # Safety
/// Both lie in memory that the caller may read.
#[inline]
pub(super) unsafe fn dot<T: Real>(p: *const T, s: isize, q: *const T, t: isize, n: usize) -> T {
    if n == 0 {
        return T::zero();
    }
    // SAFETY: the caller answers for n elements of each.
    unsafe {
        if s == t && s.abs() == 1 {
            let back = if s < 0 { 1 - n as isize } else { 0 };
            let (p, q) = (std::slice::from_raw_parts(p.offset(back), n), std::slice::from_raw_parts(q.offset(back), n));
            return crate::kernels::matvec::dot(p, q);
        }
        (0..n as isize).map(|k| *p.offset(k * s) * *q.offset(k * t)).fold(T::zero(), |a, b| a + b)
    }
}
