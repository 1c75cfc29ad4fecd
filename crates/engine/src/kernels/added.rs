//! Adds up the rows of a matrix, each times a factor. Two threads take half of the columns each; single precision takes a few rows at a time.
use super::halves::both;
use super::matvec::{PARALLEL, Rows};
use super::row_sums::axpys_onto;
use hypertape_ir::array::{Element, Kind, Real};

/// Fewest columns that a thread takes.
const COLUMNS: usize = 512;
/// Rows that are summed in single precision before the sum is added up in double precision.
pub(super) const FLUSH: usize = 64;

/// out_j = Σ_i u_i·a_ij.
pub(crate) fn axpys<T: Real>(a: Rows<'_, T>, u: &[T], out: &mut [T]) {
    if a.columns >= 2 * COLUMNS && a.rows * a.columns >= PARALLEL {
        let half = a.columns / 2 / 64 * 64;
        let (low, high) = out.split_at_mut(half);
        both(|| axpys(Rows { columns: half, ..a }, u, low), || axpys(a.right(half), u, high));
        return;
    }
    match a.columns {
        _ if T::KIND != Kind::F32 || a.rows <= FLUSH => {
            out.fill(T::zero());
            axpys_onto(a, [u], [out], false);
        }
        0..=64 => flushed::<T, 64>(a, u, out),
        65..=512 => flushed::<T, 512>(a, u, out),
        _ => flushed::<T, 4096>(a, u, out),
    }
}

/// The same in single precision, `N` columns at a time: a few rows are summed, and these sums are added up in double precision.
fn flushed<T: Real, const N: usize>(a: Rows<'_, T>, u: &[T], out: &mut [T]) {
    let (mut block, mut totals) = ([T::zero(); N], [0.0; N]);
    for (c, out) in out.chunks_mut(N).enumerate() {
        let n = out.len();
        let part = Rows { columns: n, ..a.right(c * N) };
        totals[..n].fill(0.0);
        for (k, u) in u.chunks(FLUSH).enumerate() {
            block[..n].fill(T::zero());
            axpys_onto(Rows { rows: u.len(), ..part.below(k * FLUSH) }, [u], [&mut block[..n]], false);
            totals[..n].iter_mut().zip(&block).for_each(|(t, b)| *t += Element::to_f64(*b));
        }
        out.iter_mut().zip(&totals).for_each(|(o, t)| *o = T::from_f64(*t));
    }
}
