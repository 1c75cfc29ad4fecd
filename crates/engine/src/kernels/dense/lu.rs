//! LU factors with partial pivoting, and what is computed from them.
#![allow(unsafe_code, reason = "blocks of one matrix that are read and written together")]
use super::block::Block;
use super::triangular::{lower, solve_triangular};
use hypertape_ir::array::Real;
use hypertape_ir::operation::named::Triangle;

const BASE: usize = 8;

/// P A = L U in place of `a` (n×n, row-major): U on and above the diagonal, L (with 1 on its diagonal) below; row i of P A is row
/// `rows[i]` of A. The error is the first column without a usable pivot: all zeros, or not finite.
pub(crate) fn lu<T: Real>(a: &mut [T], rows: &mut [u32], n: usize) -> Result<(), (usize, T)> {
    assert!(a.len() == n * n && rows.len() == n, "the matrix is n×n and the permutation has n places");
    rows.iter_mut().enumerate().for_each(|(i, r)| *r = i as u32);
    // SAFETY: the block is the whole of `a`.
    unsafe { factor(Block::rows(a, n), rows, n, 0, n) }
}

/// Factors columns `from` … `to` − 1 from row `from` down; whole rows change places.
///
/// # Safety
/// The n×n block may be written.
unsafe fn factor<T: Real>(a: Block<T>, rows: &mut [u32], n: usize, from: usize, to: usize) -> Result<(), (usize, T)> {
    // SAFETY: indices stay below n; the blocks of one statement are disjoint.
    unsafe {
        if to - from <= BASE {
            for j in from..to {
                let mut best = (j, (*a.at(j, j)).abs());
                for i in j + 1..n {
                    let v = (*a.at(i, j)).abs();
                    // NaN becomes the pivot, so that it is found.
                    if v > best.1 || v.is_nan() {
                        best = (i, v);
                    }
                }
                if !(best.1 > T::zero() && best.1.is_finite()) {
                    return Err((j, *a.at(best.0, j)));
                }
                if best.0 != j {
                    rows.swap(j, best.0);
                    (0..n).for_each(|k| std::ptr::swap(a.at(j, k), a.at(best.0, k)));
                }
                let pivot = *a.at(j, j);
                for i in j + 1..n {
                    let v = *a.at(i, j) / pivot;
                    *a.at(i, j) = v;
                    a.from(0, j + 1).subtract_row(i, j, v, to - j - 1);
                }
            }
            return Ok(());
        }
        let middle = from + (to - from) / 2;
        factor(a, rows, n, from, middle)?;
        let (m, k) = (middle - from, to - middle);
        let right = a.from(from, middle);
        lower(a.from(from, from), right, m, k, true);
        a.from(middle, middle).minus(a.from(middle, from), right, [n - middle, k, m]);
        factor(a, rows, n, middle, to)
    }
}

/// X with op(A) X = B from the factors of A; `scratch` holds as many elements as `x`.
pub(crate) fn lu_solve<T: Real>(lu: &[T], rows: &[u32], b: &[T], x: &mut [T], scratch: &mut [T], transpose: bool, n: usize, k: usize) {
    let l = Triangle { upper: false, transpose, unit: true };
    let u = Triangle { upper: true, transpose, unit: false };
    if k == 0 {
        return;
    }
    if transpose {
        let y = &mut scratch[..n * k];
        y.copy_from_slice(b);
        solve_triangular(u, lu, y, n, k);
        solve_triangular(l, lu, y, n, k);
        y.chunks_exact(k).zip(rows).for_each(|(y, r)| x[*r as usize * k..][..k].copy_from_slice(y));
    } else {
        x.chunks_exact_mut(k).zip(rows).for_each(|(x, r)| x.copy_from_slice(&b[*r as usize * k..][..k]));
        solve_triangular(l, lu, x, n, k);
        solve_triangular(u, lu, x, n, k);
    }
}

/// ln |det A| and the sign of det A from the factors of A.
#[must_use]
pub(crate) fn log_det<T: Real>(lu: &[T], rows: &[u32], n: usize) -> (T, T) {
    let (mut log, mut sign) = (T::zero(), T::one());
    for i in 0..n {
        let d = lu[i * n + i];
        log += d.abs().ln();
        // Each inversion of the permutation changes the sign once. Counting takes about n² steps, few beside the n³ of the factorisation.
        let inversions = rows[i + 1..].iter().filter(|r| **r < rows[i]).count();
        if (d < T::zero()) != (inversions % 2 == 1) {
            sign = -sign;
        }
    }
    (log, sign)
}
