//! Solves with triangular matrices.
#![allow(unsafe_code, reason = "blocks of one matrix that are read and written together")]
use super::block::{Block, dot};
use hypertape_ir::array::Real;
use hypertape_ir::operation::named::Triangle;

/// Size below which plain loops do the work.
const BASE: usize = 16;

/// Solves op(A) X = B in place of B: `a` is n×n and `x` n×k, both row-major; only the triangle of `a` is read.
///
/// A zero on the diagonal gives infinities and NaN, as a division does.
pub(crate) fn solve_triangular<T: Real>(how: Triangle, a: &[T], x: &mut [T], n: usize, k: usize) {
    assert!(a.len() == n * n && x.len() == n * k, "the matrix is n×n and the right-hand side n×k");
    let a = Block::of(a, n);
    let a = if how.transpose { a.transposed() } else { a };
    let x = Block::rows(x, k);
    // SAFETY: both blocks lie in their slices, which do not overlap.
    unsafe {
        if how.upper == how.transpose { lower(a, x, n, k, how.unit) } else { lower(a.turned(n, n), x.upside_down(n), n, k, how.unit) }
    }
}

/// Solves L X = B in place of B.
///
/// # Safety
/// The n×n block `l` may be read, the n×k block `x` written; they do not overlap.
pub(super) unsafe fn lower<T: Real>(l: Block<T>, x: Block<T>, n: usize, k: usize, unit: bool) {
    if k == 0 || n == 0 {
        return;
    }
    // SAFETY: indices stay below n and k.
    unsafe {
        if k == 1 {
            return vector(l, x, n, unit);
        }
        if n <= BASE {
            for i in 0..n {
                for j in 0..i {
                    x.subtract_row(i, j, *l.at(i, j), k);
                }
                if !unit {
                    let d = *l.at(i, i);
                    (0..k).for_each(|c| *x.at(i, c) = *x.at(i, c) / d);
                }
            }
            return;
        }
        let m = n / 2;
        lower(l, x, m, k, unit);
        x.from(m, 0).minus(l.from(m, 0), x, [n - m, k, m]);
        lower(l.from(m, m), x.from(m, 0), n - m, k, unit);
    }
}

/// Solves for one right-hand side: by rows of L if their elements lie closer together than those of columns, else by columns.
///
/// # Safety
/// As `lower`, with k = 1.
unsafe fn vector<T: Real>(l: Block<T>, x: Block<T>, n: usize, unit: bool) {
    // SAFETY: indices stay below n.
    unsafe {
        if l.t.abs() <= l.s.abs() {
            for i in 0..n {
                let v = *x.at(i, 0) - dot(l.at(i, 0), l.t, x.p, x.s, i);
                *x.at(i, 0) = if unit { v } else { v / *l.at(i, i) };
            }
        } else {
            let (l, x) = (l.transposed(), x.transposed());
            for j in 0..n {
                if !unit {
                    *x.at(0, j) = *x.at(0, j) / *l.at(j, j);
                }
                column(l.at(j, j + 1), l.t, x.at(0, j + 1), x.t, *x.at(0, j), n - j - 1);
            }
        }
    }
}

/// x −= v·p over n elements `s` and `t` apart.
///
/// # Safety
/// Both lie in memory that the caller may use; they do not overlap.
unsafe fn column<T: Real>(p: *const T, s: isize, x: *mut T, t: isize, v: T, n: usize) {
    if n == 0 {
        return;
    }
    // SAFETY: the caller answers for n elements of each.
    unsafe {
        if s == t && s.abs() == 1 {
            let back = if s < 0 { 1 - n as isize } else { 0 };
            let (p, x) = (std::slice::from_raw_parts(p.offset(back), n), std::slice::from_raw_parts_mut(x.offset(back), n));
            x.iter_mut().zip(p).for_each(|(x, p)| *x -= v * *p);
        } else {
            (0..n as isize).for_each(|k| *x.offset(k * t) -= v * *p.offset(k * s));
        }
    }
}

/// out = the lower or upper triangle of n×n matrices, its diagonal times a number, zero elsewhere.
pub(crate) fn triangle<T: Real>(upper: bool, diagonal: T, x: &[T], out: &mut [T], n: usize) {
    if n == 0 {
        return;
    }
    for (r, (x, out)) in x.chunks_exact(n).zip(out.chunks_exact_mut(n)).enumerate() {
        let i = r % n;
        let (keep, drop) = if upper { (i + 1..n, 0..i) } else { (0..i, i + 1..n) };
        out[keep.clone()].copy_from_slice(&x[keep]);
        out[drop].fill(T::zero());
        out[i] = if diagonal == T::zero() { T::zero() } else { diagonal * x[i] };
    }
}
