//! Copies of operands in the order in which a product reads them.
#![allow(unsafe_code, reason = "strided and vectorised loops; each block says why it is sound")]
use super::room::DEPTH;
use crate::kernels::vector::Vector;
use hypertape_ir::array::Real;

/// Elements of the largest square block of lanes.
const SQUARE: usize = 16 * 16;

/// Packs rows of b: each into a row of the panel, `wide` elements apart, with zeros up to the end of a vector.
///
/// # Safety
/// The rows and columns exist from `b` on, by these steps. The panel has `depth` rows.
#[inline(always)]
pub(super) unsafe fn pack_panel<T: Real, V: Vector<T>>(
    depth: usize,
    columns: usize,
    b: *const T,
    steps: [isize; 2],
    to: *mut T,
    wide: usize,
) {
    let [row, column] = steps;
    let whole = columns / V::LANES * V::LANES;
    // SAFETY: the caller's promise; what is written lies before the end of the vector, within the row of the panel.
    unsafe {
        if column == 1 {
            for p in 0..depth {
                let (from, to) = (b.wrapping_offset(p as isize * row), to.add(p * wide));
                for j in (0..whole).step_by(V::LANES) {
                    V::load(from.add(j)).store(to.add(j));
                }
                if whole < columns {
                    V::load_first(from.add(whole), columns - whole).store(to.add(whole));
                }
            }
            return;
        }
        let square = if row == 1 { depth / V::LANES * V::LANES } else { 0 };
        for p in (0..square).step_by(V::LANES) {
            for j in (0..whole).step_by(V::LANES) {
                V::transpose(b.wrapping_offset(j as isize * column).wrapping_add(p), column, to.add(p * wide + j), wide);
            }
        }
        for p in 0..depth {
            let done = if p < square { whole } else { 0 };
            let to = to.add(p * wide);
            for j in done..columns {
                *to.add(j) = *b.wrapping_offset(p as isize * row + j as isize * column);
            }
            for j in columns..columns.next_multiple_of(V::LANES) {
                *to.add(j) = T::zero();
            }
        }
    }
}

/// Packs a block of a in strips of `V::TILE[0]` rows: a strip has its first column, then its second one, and room for `DEPTH` of them.
///
/// # Safety
/// The rows and columns exist from `a` on, by these steps. `to` has room for as many rows, to the end of a strip, of `DEPTH` columns.
#[inline(always)]
pub(super) unsafe fn pack_block<T: Real, V: Vector<T>>(rows: usize, depth: usize, a: *const T, steps: [isize; 2], to: *mut T) {
    let strip = V::TILE[0];
    let [row, column] = steps;
    let mut i = 0;
    // SAFETY: the caller's promise.
    unsafe {
        while column == 1 && i + strip.max(V::LANES) <= rows {
            i += turned_rows::<T, V>(depth, a.wrapping_offset(i as isize * row), row, to.add(i * DEPTH));
        }
        while i < rows {
            let (n, from, to) = ((rows - i).min(strip), a.wrapping_offset(i as isize * row), to.add(i * DEPTH));
            for p in 0..depth {
                let (from, to) = (from.wrapping_offset(p as isize * column), to.add(p * strip));
                match (row, n) {
                    (1, 8) => to.cast::<[T; 8]>().write_unaligned(from.cast::<[T; 8]>().read_unaligned()),
                    (1, 6) => to.cast::<[T; 6]>().write_unaligned(from.cast::<[T; 6]>().read_unaligned()),
                    (1, 4) => to.cast::<[T; 4]>().write_unaligned(from.cast::<[T; 4]>().read_unaligned()),
                    _ => (0..n).for_each(|r| *to.add(r) = *from.wrapping_offset(r as isize * row)),
                }
            }
            i += n;
        }
    }
}

/// Contiguous rows into their strips, and how many: one strip, or as many as fit the lanes of a vector.
///
/// # Safety
/// As `pack_block`, for these rows; as many as a vector has lanes, and a strip, exist.
#[inline(always)]
unsafe fn turned_rows<T: Real, V: Vector<T>>(depth: usize, a: *const T, row: isize, to: *mut T) -> usize {
    let strip = V::TILE[0];
    let rows = if strip >= V::LANES { strip } else { V::LANES / strip * strip };
    let square = depth / V::LANES * V::LANES;
    // SAFETY: the caller's promise; a square has room for all lanes.
    unsafe {
        for p in (0..square).step_by(V::LANES) {
            if strip >= V::LANES {
                // The last square of a strip may hold rows that the one before it holds too.
                for r in (0..strip).step_by(V::LANES).map(|r| r.min(strip - V::LANES)) {
                    V::transpose(a.wrapping_offset(r as isize * row).wrapping_add(p), row, to.add(p * strip + r), strip);
                }
                continue;
            }
            let mut lanes = [T::zero(); SQUARE];
            V::transpose(a.add(p), row, lanes.as_mut_ptr(), V::LANES);
            for (q, lanes) in lanes.chunks_exact(V::LANES).take(V::LANES).enumerate() {
                for (s, part) in lanes.chunks_exact(strip).enumerate() {
                    std::ptr::copy_nonoverlapping(part.as_ptr(), to.add(s * strip * DEPTH + (p + q) * strip), strip);
                }
            }
        }
        for p in square..depth {
            for r in 0..rows {
                *to.add(r / strip * strip * DEPTH + p * strip + r % strip) = *a.wrapping_offset(r as isize * row).add(p);
            }
        }
    }
    rows
}
