//! Software-pipelined rows: some rows of a matrix are dotted while others, which were dotted before, are added up.
//!
//! So the matrix arrives from memory all the time, and not only while rows are dotted. Every bit is as `matvec` and `row_sums` make it.
#![allow(unsafe_code)]
use super::matvec::{CHUNK, Open, Rows, dot_step, dots_body, store_dots};
use super::row_sums::{add_step, axpys_body};
use super::vector::{Vector, per_vector};
use hypertape_ir::array::{Element, Kind, Real};
use std::array::from_fn;

/// Bytes of a cache line.
const LINE: usize = 64;
/// Bytes of a row up to which the rows that come next are prefetched: the processor follows longer ones by itself.
const SHORT: usize = 3072;
/// Bytes of a row from which on rows are in pages of their own: eight of them at a time then, since the processor prefetches each page by itself.
const LONG: usize = 4000;

/// out_hi = Σ_j a_ij·v_hj for the rows of `a`, and sums_ej += Σ_i u_ei·b_ij for those of `b`, of the same matrix: of as many rows together as both have.
#[inline]
pub(crate) fn dots_and_sums<T: Real, const H: usize, const E: usize>(
    a: Rows<'_, T>,
    (v, out): ([&[T]; H], [&mut [T]; H]),
    b: Rows<'_, T>,
    (u, sums): ([&[T]; E], [&mut [T]; E]),
) {
    assert!(v.iter().all(|v| v.len() == a.columns) && out.iter().all(|o| o.len() == a.rows), "vectors are as long as the matrix says");
    assert!(u.iter().all(|u| u.len() == b.rows) && sums.iter().all(|s| s.len() == b.columns), "vectors are as long as the matrix says");
    assert!(a.columns == b.columns && a.stride == b.stride, "both are rows of one matrix");
    let (v, out) = (v.map(<[T]>::as_ptr), out.map(<[T]>::as_mut_ptr));
    let (u, sums) = (u.map(<[T]>::as_ptr), sums.map(<[T]>::as_mut_ptr));
    // SAFETY: lengths are checked, here and in `open`.
    unsafe { each::<T, H, E>(a.open(), v, out, b.open(), u, sums) };
}

per_vector! {
    unsafe fn each<T, const H: usize, const E: usize>(
        a: Open<T>, v: [*const T; H], out: [*mut T; H], b: Open<T>, u: [*const T; E], sums: [*mut T; E],
    ) = each_body
}

/// # Safety
/// All rows of `a` and `b` exist. Vectors and sums have one element per column, results and factors one per row.
#[inline(always)]
unsafe fn each_body<T: Real, V: Vector<T>, const H: usize, const E: usize>(
    a: Open<T>,
    v: [*const T; H],
    out: [*mut T; H],
    b: Open<T>,
    u: [*const T; E],
    sums: [*mut T; E],
) {
    let row = a.columns * size_of::<T>();
    // SAFETY: the caller's promise.
    unsafe {
        let done = match V::HELD / (H + E) {
            8.. if row >= LONG => pairs::<T, V, H, E, 8, false>(&a, v, out, &b, u, sums),
            4.. if row <= SHORT && a.stride == a.columns as isize => pairs::<T, V, H, E, 4, true>(&a, v, out, &b, u, sums),
            4.. => pairs::<T, V, H, E, 4, false>(&a, v, out, &b, u, sums),
            _ => pairs::<T, V, H, E, 2, false>(&a, v, out, &b, u, sums),
        };
        dots_body::<T, V, H>(a.below(done), v, out.map(|o| o.wrapping_add(done)), false);
        axpys_body::<T, V, E>(b.below(done), u.map(|u| u.wrapping_add(done)), sums, std::ptr::null());
    }
}

/// Takes `R` rows of each together, as often as both have them; returns how many rows that were.
///
/// # Safety
/// As `each_body`.
#[inline(always)]
unsafe fn pairs<T: Real, V: Vector<T>, const H: usize, const E: usize, const R: usize, const FETCH: bool>(
    a: &Open<T>,
    v: [*const T; H],
    out: [*mut T; H],
    b: &Open<T>,
    u: [*const T; E],
    sums: [*mut T; E],
) -> usize {
    let whole = a.rows.min(b.rows) / R * R;
    for i in (0..whole).step_by(R) {
        let (out, u) = (out.map(|o| o.wrapping_add(i)), u.map(|u| u.wrapping_add(i)));
        // SAFETY: the caller's promise; rows i..i + R exist, and in each chunk some of the columns.
        unsafe {
            if T::KIND != Kind::F32 || a.columns <= CHUNK {
                pair::<T, V, H, E, R, FETCH>(a, v, out, b, u, sums, i);
                continue;
            }
            // As in `matvec`: chunks of long rows are added up in double precision.
            let mut totals = [[0.0; R]; H];
            for from in (0..a.columns).step_by(CHUNK) {
                let part = |x: &Open<T>| Open { at: x.at.wrapping_add(from), columns: (a.columns - from).min(CHUNK), ..*x };
                let mut made = [[T::zero(); R]; H];
                let (v, sums) = (v.map(|v| v.wrapping_add(from)), sums.map(|s| s.wrapping_add(from)));
                pair::<T, V, H, E, R, FETCH>(&part(a), v, made.each_mut().map(|m| m.as_mut_ptr()), &part(b), u, sums, i);
                totals.iter_mut().flatten().zip(made.iter().flatten()).for_each(|(t, m)| *t += Element::to_f64(*m));
            }
            for h in 0..H {
                for r in 0..R {
                    *out[h].add(r) = T::from_f64(totals[h][r]);
                }
            }
        }
    }
    whole
}

/// Dots rows i..i + `R` of `a`, and adds up those of `b`. Both have the same columns before the first aligned vector, or none.
///
/// # Safety
/// As `each_body`, for these rows. Results and factors are those of row i and the rows after it.
#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "two products at once")]
unsafe fn pair<T: Real, V: Vector<T>, const H: usize, const E: usize, const R: usize, const FETCH: bool>(
    a: &Open<T>,
    v: [*const T; H],
    out: [*mut T; H],
    b: &Open<T>,
    u: [*const T; E],
    sums: [*mut T; E],
    i: usize,
) {
    let (x, y): ([*const T; R], [*const T; R]) = (a.apart(i), b.apart(i));
    let (n, lead) = (a.columns, a.lead::<R>(i, V::LANES));
    let next = R as isize * a.stride;
    // SAFETY: the caller's promise; every index is below n.
    unsafe {
        let factors: [[V; R]; E] = from_fn(|e| from_fn(|r| V::splat(*u[e].add(r))));
        let mut dots = [[V::splat(T::zero()); H]; R];
        if lead > 0 {
            let before = V::LANES - lead;
            let of = from_fn(|h| V::load_last(v[h].wrapping_sub(before), lead));
            dot_step(&mut dots, of, from_fn(|r| V::load_last(x[r].wrapping_sub(before), lead)));
            let added = add_step(from_fn(|e| V::load_first(sums[e], lead)), from_fn(|r| V::load_first(y[r], lead)), &factors);
            (0..E).for_each(|e| added[e].store_first(sums[e], lead));
        }
        let mut j = lead;
        while j + 2 * V::LANES <= n {
            for k in 0..2 {
                let j = j + k * V::LANES;
                if FETCH && (k * V::LANES * size_of::<T>()).is_multiple_of(LINE) {
                    (0..R).for_each(|r| V::fetch(x[r].wrapping_add(j).wrapping_offset(next)));
                }
                dot_step(&mut dots, from_fn(|h| V::load(v[h].add(j))), from_fn(|r| V::load(x[r].add(j))));
                let added = add_step(from_fn(|e| V::load(sums[e].add(j))), from_fn(|r| V::load(y[r].add(j))), &factors);
                (0..E).for_each(|e| added[e].store(sums[e].add(j)));
            }
            j += 2 * V::LANES;
        }
        while j < n {
            let k = (n - j).min(V::LANES);
            dot_step(&mut dots, from_fn(|h| V::load_first(v[h].add(j), k)), from_fn(|r| V::load_first(x[r].add(j), k)));
            let added = add_step(from_fn(|e| V::load_first(sums[e].add(j), k)), from_fn(|r| V::load_first(y[r].add(j), k)), &factors);
            (0..E).for_each(|e| added[e].store_first(sums[e].add(j), k));
            j += k;
        }
        store_dots(dots, lead, out);
    }
}
