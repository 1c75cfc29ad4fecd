//! Sums of the rows of a matrix, each times a factor, for one or two vectors of factors at a time.
//!
//! Rows are added one by one. Neither blocks, nor the number of rows or vectors taken together, nor the alignment of memory changes a bit of the result.
#![allow(unsafe_code)]
use super::matvec::{Open, Rows};
use super::vector::{Vector, per_vector};
use hypertape_ir::array::Real;
use std::array::from_fn;

/// Bytes of sums that stay in the first-level cache while rows are added to them.
const SUMS: usize = 16 * 1024;
/// Bytes of a cache line.
const LINE: usize = 64;

/// out_ej += Σ_i u_ei·a_ij for `E` vectors of factors, on this thread. If rows have no gaps between them, `fetch` prefetches as many rows as these
/// from the memory that follows.
#[inline]
pub(crate) fn axpys_onto<T: Real, const E: usize>(a: Rows<'_, T>, u: [&[T]; E], out: [&mut [T]; E], fetch: bool) {
    assert!(u.iter().all(|u| u.len() == a.rows) && out.iter().all(|o| o.len() == a.columns), "vectors are as long as the matrix says");
    // SAFETY: lengths are checked, here and in `open`.
    unsafe {
        let a = a.open();
        let next = if fetch && a.stride == a.columns as isize { a.row(a.rows) } else { std::ptr::null() };
        axpys_each::<T, E>(a, u.map(<[T]>::as_ptr), out.map(<[T]>::as_mut_ptr), next);
    }
}

per_vector! {
    unsafe fn axpys_each<T, const E: usize>(a: Open<T>, u: [*const T; E], out: [*mut T; E], next: *const T) = axpys_body
}

/// # Safety
/// All rows of `a` exist. Each vector of factors has one element per row, each vector of sums one per column.
#[inline(always)]
pub(super) unsafe fn axpys_body<T: Real, V: Vector<T>, const E: usize>(a: Open<T>, u: [*const T; E], out: [*mut T; E], next: *const T) {
    let tile = SUMS / size_of::<T>() / E;
    let mut j = 0;
    while j < a.columns {
        let part = Open { at: a.at.wrapping_add(j), columns: (a.columns - j).min(tile), ..a };
        let to = out.map(|o| o.wrapping_add(j));
        // SAFETY: the caller's promise, for some of the columns.
        unsafe {
            let next = if next.is_null() { next } else { next.wrapping_add(j * a.rows) };
            match part.columns.div_ceil(V::LANES) {
                1 => add_narrow::<T, V, 1, E>(&part, u, to, next),
                2 => add_narrow::<T, V, 2, E>(&part, u, to, next),
                3 => add_narrow::<T, V, 3, E>(&part, u, to, next),
                4 => add_narrow::<T, V, 4, E>(&part, u, to, next),
                5 if 5 * E <= V::HELD => add_narrow::<T, V, 5, E>(&part, u, to, next),
                6 if 6 * E <= V::HELD => add_narrow::<T, V, 6, E>(&part, u, to, next),
                7 if 7 * E <= V::HELD => add_narrow::<T, V, 7, E>(&part, u, to, next),
                8 if 8 * E <= V::HELD => add_narrow::<T, V, 8, E>(&part, u, to, next),
                _ if next.is_null() => add_wide::<T, V, E, false>(&part, u, to, next),
                _ => add_wide::<T, V, E, true>(&part, u, to, next),
            }
        }
        j += tile;
    }
}

/// Adds up all rows in sums of `C` vectors, which stay in registers. The last vector may be partial. It prefetches `next`, unless that is null.
///
/// # Safety
/// As `axpys_body`.
#[inline(always)]
unsafe fn add_narrow<T: Real, V: Vector<T>, const C: usize, const E: usize>(
    a: &Open<T>,
    u: [*const T; E],
    out: [*mut T; E],
    mut next: *const T,
) {
    let (last, fetch) = (a.columns - (C - 1) * V::LANES, !next.is_null());
    // SAFETY: the caller's promise; columns are C − 1 whole vectors and a last one.
    unsafe {
        let load = |from: *const T, c: usize| {
            let from = from.add(c * V::LANES);
            if c + 1 < C { V::load(from) } else { V::load_first(from, last) }
        };
        let mut sums: [[V; C]; E] = from_fn(|e| from_fn(|c| load(out[e], c)));
        for i in 0..a.rows {
            if fetch {
                for c in 0..C * V::LANES * size_of::<T>() / LINE {
                    V::fetch(next.wrapping_add(c * LINE / size_of::<T>()));
                }
                next = next.wrapping_add(a.columns);
            }
            let row: [V; C] = from_fn(|c| load(a.row(i), c));
            for e in 0..E {
                let factor = V::splat(*u[e].add(i));
                for c in 0..C {
                    sums[e][c] = sums[e][c].plus_product(row[c], factor);
                }
            }
        }
        for e in 0..E {
            for c in 0..C - 1 {
                sums[e][c].store(out[e].add(c * V::LANES));
            }
            sums[e][C - 1].store_first(out[e].add((C - 1) * V::LANES), last);
        }
    }
}

/// Adds a few rows at a time to sums in memory.
///
/// # Safety
/// As `axpys_body`.
#[inline(always)]
unsafe fn add_wide<T: Real, V: Vector<T>, const E: usize, const FETCH: bool>(
    a: &Open<T>,
    u: [*const T; E],
    out: [*mut T; E],
    mut next: *const T,
) {
    let mut i = 0;
    while i < a.rows {
        let left = (a.rows - i).min(V::HELD / E).min(8);
        let factors = u.map(|u| u.wrapping_add(i));
        // SAFETY: the caller's promise; at least this many rows are left.
        i += unsafe {
            match left {
                8.. => add_rows::<T, V, 8, E, FETCH>(a, i, factors, out, &mut next),
                4.. => add_rows::<T, V, 4, E, FETCH>(a, i, factors, out, &mut next),
                2.. => add_rows::<T, V, 2, E, FETCH>(a, i, factors, out, &mut next),
                _ => add_rows::<T, V, 1, E, FETCH>(a, i, factors, out, &mut next),
            }
        };
    }
}

/// Adds `R` rows from row i on to the sums, and returns `R`.
///
/// # Safety
/// As `axpys_body`, for these rows.
#[inline(always)]
unsafe fn add_rows<T: Real, V: Vector<T>, const R: usize, const E: usize, const FETCH: bool>(
    a: &Open<T>,
    i: usize,
    u: [*const T; E],
    out: [*mut T; E],
    next: &mut *const T,
) -> usize {
    let rows: [*const T; R] = a.apart(i);
    let (n, lead) = (a.columns, a.lead::<R>(i, V::LANES));
    // SAFETY: the caller's promise; every index is below n.
    unsafe {
        let factors: [[V; R]; E] = from_fn(|e| from_fn(|r| V::splat(*u[e].add(r))));
        if lead > 0 {
            let sums = add_step(from_fn(|e| V::load_first(out[e], lead)), from_fn(|r| V::load_first(rows[r], lead)), &factors);
            for e in 0..E {
                sums[e].store_first(out[e], lead);
            }
        }
        let mut j = lead;
        while j + 2 * V::LANES <= n {
            for j in [j, j + V::LANES] {
                if FETCH {
                    // Prefetch as many cache lines as are read.
                    for _ in 0..R * V::LANES * size_of::<T>() / LINE {
                        V::fetch(*next);
                        *next = next.wrapping_add(LINE / size_of::<T>());
                    }
                }
                let sums = add_step(from_fn(|e| V::load(out[e].add(j))), from_fn(|r| V::load(rows[r].add(j))), &factors);
                for e in 0..E {
                    sums[e].store(out[e].add(j));
                }
            }
            j += 2 * V::LANES;
        }
        if j + V::LANES <= n {
            let sums = add_step(from_fn(|e| V::load(out[e].add(j))), from_fn(|r| V::load(rows[r].add(j))), &factors);
            for e in 0..E {
                sums[e].store(out[e].add(j));
            }
            j += V::LANES;
        }
        if j < n {
            let sums =
                add_step(from_fn(|e| V::load_first(out[e].add(j), n - j)), from_fn(|r| V::load_first(rows[r].add(j), n - j)), &factors);
            for e in 0..E {
                sums[e].store_first(out[e].add(j), n - j);
            }
        }
    }
    R
}

/// The sums of one vector of columns, with the products of all rows added.
///
/// # Safety
/// As for every function of `Vector`.
#[inline(always)]
pub(super) unsafe fn add_step<T: Real, V: Vector<T>, const R: usize, const E: usize>(
    mut sums: [V; E],
    y: [V; R],
    factors: &[[V; R]; E],
) -> [V; E] {
    for r in 0..R {
        for e in 0..E {
            // SAFETY: the caller's promise.
            sums[e] = unsafe { sums[e].plus_product(y[r], factors[e][r]) };
        }
    }
    sums
}
