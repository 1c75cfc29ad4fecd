//! Products of dense factors in the places of a sparse pattern: value e, in row i and column j, is Σ_c U[i, c] V[j, c].
use super::halves::both;
use hypertape_ir::array::{Element, Kind, Real};
use hypertape_ir::operation::named::Pattern;
use std::ops::Range;

/// Entries, times columns of the factors, above which a product is worth two threads.
const PARALLEL: usize = 1 << 17;

/// Most terms that are summed in single precision: rows that are named.
const FEW: usize = 64;

/// Σ u·v. More than one term is added up in double precision.
#[inline(always)]
fn dot<T: Real>(u: &[T], v: &[T]) -> T {
    match (u, v) {
        ([u], [v]) => *u * *v,
        _ => T::from_f64(u.iter().zip(v).map(|(u, v)| Element::to_f64(*u) * Element::to_f64(*v)).sum()),
    }
}

/// Row i of a matrix of k columns.
#[inline(always)]
fn row<T>(x: &[T], i: usize, k: usize) -> &[T] {
    &x[i * k..(i + 1) * k]
}

/// The values in these rows of the pattern. U has a row for each row of the pattern; y holds the values of these rows alone.
pub(crate) fn of_all<T: Real>(a: &Pattern, u: &[T], v: &[T], y: &mut [T], k: usize, rows: Range<usize>) {
    if rows.len() > 1 && y.len() * k >= PARALLEL {
        let half = rows.start + rows.len() / 2;
        let (low, high) = y.split_at_mut(a.starts()[half] - a.starts()[rows.start]);
        both(|| of_all(a, u, v, low, k, rows.start..half), || of_all(a, u, v, high, k, half..rows.end));
        return;
    }
    let first = a.starts()[rows.start];
    for i in rows {
        let u = row(u, i, k);
        for (e, j) in a.row(i) {
            y[e - first] = dot(u, row(v, j, k));
        }
    }
}

/// Doubles of scratch memory for so many rows that are named.
pub(crate) fn scratch<T: Real>(a: &Pattern, rows: usize) -> usize {
    if T::KIND == Kind::F32 && rows > FEW { a.nonzeros() } else { 0 }
}

/// The values in the rows of the pattern that are named, added up where one is named again, and zeros elsewhere. Row b of U belongs to the b-th of these.
pub(crate) fn of_named<T: Real>(a: &Pattern, rows: &[u32], u: &[T], v: &[T], y: &mut [T], k: usize, scratch: &mut [f64]) {
    let sums = &mut scratch[..self::scratch::<T>(a, rows.len())];
    if sums.is_empty() {
        y.fill(T::zero());
        for (b, i) in rows.iter().enumerate() {
            let u = row(u, b, k);
            a.row(*i as usize).for_each(|(e, j)| y[e] += dot(u, row(v, j, k)));
        }
        return;
    }
    sums.fill(0.0);
    for (b, i) in rows.iter().enumerate() {
        let u = row(u, b, k);
        a.row(*i as usize).for_each(|(e, j)| sums[e] += Element::to_f64(dot(u, row(v, j, k))));
    }
    y.iter_mut().zip(sums).for_each(|(y, s)| *y = T::from_f64(*s));
}
