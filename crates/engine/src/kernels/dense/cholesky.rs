//! Cholesky factorisation of symmetric positive definite matrices.
#![allow(unsafe_code, reason = "blocks of one matrix that are read and written together")]
use super::block::{Block, dot};
use super::triangular::lower;
use hypertape_ir::array::Real;

const BASE: usize = 16;

/// L with L Lᵀ = (A + Aᵀ)/2, lower triangular, row-major. The error is the first pivot that is not positive, with its value.
pub(crate) fn cholesky<T: Real>(a: &[T], l: &mut [T], n: usize) -> Result<(), (usize, T)> {
    assert!(a.len() == n * n && l.len() == n * n, "both matrices are n×n");
    let half = T::from_f64(0.5);
    for i in 0..n {
        for j in 0..i {
            l[i * n + j] = half * (a[i * n + j] + a[j * n + i]);
        }
        l[i * n + i] = a[i * n + i];
    }
    // SAFETY: the block is the whole of `l`.
    unsafe { factor(Block::rows(l, n), n, 0)? }
    (0..n).for_each(|i| l[i * n + i + 1..(i + 1) * n].fill(T::zero()));
    Ok(())
}

/// Factors in place; reads and writes only the lower triangle. `first` is the index of the first pivot in the whole matrix.
///
/// # Safety
/// The n×n block may be written.
unsafe fn factor<T: Real>(a: Block<T>, n: usize, first: usize) -> Result<(), (usize, T)> {
    // SAFETY: indices stay below n; the blocks of one statement are disjoint.
    unsafe {
        if n <= BASE {
            for i in 0..n {
                for j in 0..i {
                    let v = *a.at(i, j) - dot(a.at(i, 0), a.t, a.at(j, 0), a.t, j);
                    *a.at(i, j) = v / *a.at(j, j);
                }
                let v = *a.at(i, i) - dot(a.at(i, 0), a.t, a.at(i, 0), a.t, i);
                // NaN is not positive either.
                if !(v > T::zero() && v.is_finite()) {
                    return Err((first + i, v));
                }
                *a.at(i, i) = v.sqrt();
            }
            return Ok(());
        }
        let m = n / 2;
        factor(a, m, first)?;
        let (below, corner) = (a.from(m, 0), a.from(m, m));
        lower(a, below.transposed(), m, n - m, false);
        minus_square(corner, below, n - m, m);
        factor(corner, n - m, first + m)
    }
}

/// The lower triangle of c −= b·bᵀ, for b n×k.
///
/// # Safety
/// `c` may be written, `b` read; they do not overlap.
unsafe fn minus_square<T: Real>(c: Block<T>, b: Block<T>, n: usize, k: usize) {
    // SAFETY: indices stay below n and k.
    unsafe {
        if n <= 4 * BASE {
            // This also writes the upper triangle of the small block. Nobody reads it, and it is cleared at the end.
            for i in (0..n).step_by(BASE) {
                let m = BASE.min(n - i);
                c.from(i, 0).minus(b.from(i, 0), b.transposed(), [m, i + m, k]);
            }
            return;
        }
        let m = n / 2;
        minus_square(c, b, m, k);
        c.from(m, 0).minus(b.from(m, 0), b.transposed(), [n - m, m, k]);
        minus_square(c.from(m, m), b.from(m, 0), n - m, k);
    }
}
