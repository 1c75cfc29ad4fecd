//! Rows dotted while as many earlier rows are added up: what comes from memory comes in one stream without pauses.
//!
//! Where a pass dots a block of rows and then adds them up, memory waits during the second. Here the second goes along with the dots of the next
//! block, whose rows are fetched ahead. Every row is dotted and every column added up in the same order as by `matvec`.
#![allow(unsafe_code)]
use super::matvec::{AHEAD, Open, Rows};
use super::vector::{Vector, per_vector};
use crate::array::Real;

/// out_hi = Σ_j x_ij·v_hj, and sums_ej += Σ_i u_ei·y_ij, for as many rows of both.
#[inline]
pub(crate) fn dots_and_axpys<T: Real, const H: usize, const E: usize>(
    (x, v, out): (Rows<'_, T>, [&[T]; H], [&mut [T]; H]),
    (y, u, sums): (Rows<'_, T>, [&[T]; E], [&mut [T]; E]),
) {
    assert_eq!((x.rows, x.columns), (y.rows, y.columns), "as many rows are dotted as are added up");
    assert!(v.iter().all(|v| v.len() == x.columns) && out.iter().all(|o| o.len() == x.rows), "vectors are as long as the matrix says");
    assert!(u.iter().all(|u| u.len() == y.rows) && sums.iter().all(|o| o.len() == y.columns), "vectors are as long as the matrix says");
    let (v, out) = (v.map(<[T]>::as_ptr), out.map(<[T]>::as_mut_ptr));
    let (u, sums) = (u.map(<[T]>::as_ptr), sums.map(<[T]>::as_mut_ptr));
    // SAFETY: lengths are checked, here and in `open`.
    unsafe { each::<T, H, E>(x.open(), v, out, y.open(), u, sums) };
}

per_vector! {
    unsafe fn each<T, const H: usize, const E: usize>(
        x: Open<T>, v: [*const T; H], out: [*mut T; H], y: Open<T>, u: [*const T; E], sums: [*mut T; E],
    ) = body
}

/// # Safety
/// The rows are there, `v` and `sums` have as many elements as there are columns, `out` and `u` as there are rows.
#[inline(always)]
unsafe fn body<T: Real, V: Vector<T>, const H: usize, const E: usize>(
    x: Open<T>,
    v: [*const T; H],
    out: [*mut T; H],
    y: Open<T>,
    u: [*const T; E],
    sums: [*mut T; E],
) {
    let mut i = 0;
    while i < x.rows {
        let (to, factors) = (out.map(|o| o.wrapping_add(i)), u.map(|u| u.wrapping_add(i)));
        // SAFETY: the caller's promise; so many rows are left.
        i += unsafe {
            if i + 2 <= x.rows {
                rows::<T, V, 2, H, E>(&x, &y, i, v, to, factors, sums)
            } else {
                rows::<T, V, 1, H, E>(&x, &y, i, v, to, factors, sums)
            }
        };
    }
}

/// `R` rows of each from row i on; gives their number.
///
/// # Safety
/// As `body`, for these rows.
#[inline(always)]
unsafe fn rows<T: Real, V: Vector<T>, const R: usize, const H: usize, const E: usize>(
    x: &Open<T>,
    y: &Open<T>,
    i: usize,
    v: [*const T; H],
    out: [*mut T; H],
    u: [*const T; E],
    sums: [*mut T; E],
) -> usize {
    let new: [*const T; R] = std::array::from_fn(|r| x.row(i + r));
    let old: [*const T; R] = std::array::from_fn(|r| y.row(i + r));
    let n = x.columns;
    // The rows that come next, unless they are far off.
    let ahead = (R as isize * x.stride).clamp(0, (AHEAD / size_of::<T>()) as isize);
    // SAFETY: the caller's promise; every index is below n, and what is fetched ahead need not be there.
    unsafe {
        let factors: [[V; R]; E] = std::array::from_fn(|e| std::array::from_fn(|r| V::splat(*u[e].add(r))));
        let mut dots = [[V::splat(T::zero()); H]; R];
        let mut j = 0;
        while j + V::LANES <= n {
            let w: [V; H] = std::array::from_fn(|h| V::load(v[h].add(j)));
            let mut totals: [V; E] = std::array::from_fn(|e| V::load(sums[e].add(j)));
            for r in 0..R {
                V::fetch(new[r].wrapping_add(j).wrapping_offset(ahead));
                let (a, b) = (V::load(new[r].add(j)), V::load(old[r].add(j)));
                for h in 0..H {
                    dots[r][h] = dots[r][h].plus_product(a, w[h]);
                }
                for e in 0..E {
                    totals[e] = totals[e].plus_product(b, factors[e][r]);
                }
            }
            for e in 0..E {
                totals[e].store(sums[e].add(j));
            }
            j += V::LANES;
        }
        if j < n {
            let w: [V; H] = std::array::from_fn(|h| V::load_first(v[h].add(j), n - j));
            let mut totals: [V; E] = std::array::from_fn(|e| V::load_first(sums[e].add(j), n - j));
            for r in 0..R {
                let (a, b) = (V::load_first(new[r].add(j), n - j), V::load_first(old[r].add(j), n - j));
                for h in 0..H {
                    dots[r][h] = dots[r][h].plus_product(a, w[h]);
                }
                for e in 0..E {
                    totals[e] = totals[e].plus_product(b, factors[e][r]);
                }
            }
            for e in 0..E {
                totals[e].store_first(sums[e].add(j), n - j);
            }
        }
        for h in 0..H {
            let four = std::array::from_fn(|r| if r < R { dots[r][h] } else { V::splat(T::zero()) });
            let results = V::sums(four);
            std::ptr::copy_nonoverlapping(results.as_ptr(), out[h], R);
        }
    }
    R
}
