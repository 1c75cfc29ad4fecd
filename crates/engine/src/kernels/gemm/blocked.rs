//! One product of matrices on one thread: a panel of b in the first-level cache, a block of a in the second, sums in registers (Goto and van de Geijn
//! 2008; Van Zee and van de Geijn 2015).
//!
//! Each element of the result adds its products in the order of the columns of a, `DEPTH` of them at a time. Neither the place of an element nor what
//! is packed changes a bit of it.
#![allow(unsafe_code, reason = "strided and vectorised loops; each block says why it is sound")]
use super::pack::{pack_block, pack_panel};
use super::room::{DEPTH, Room, TALL};
use super::{FEW, Gemm, Pointers};
use crate::kernels::vector::{Vector, per_vector};
use hypertape_ir::array::Real;
use std::array::from_fn;
use std::mem::MaybeUninit;

/// Elements of the widest tile: rows, vectors, lanes.
const TILE: usize = 8 * 3 * 16;

per_vector! {
    /// out = a·b, or out + s·a·b.
    ///
    /// # Safety
    /// As `Gemm::apply`.
    pub(super) unsafe fn product<T>(g: Gemm, p: Pointers<T>, add: Option<T>) = product_body
}

/// Rows of a that are multiplied together.
#[derive(Debug, Clone, Copy)]
struct Rows<T> {
    at: *const T,
    /// Steps from one row, and from one column, to the next, and from the first row of a strip to that of the next one.
    steps: [isize; 3],
    rows: usize,
}

/// A panel of b, and what belongs to it.
#[derive(Debug, Clone, Copy)]
struct Panel<T> {
    at: *const T,
    /// From one row to the next.
    step: isize,
    depth: usize,
    columns: usize,
    /// What is fetched beside it, and the step from one row to the next.
    ahead: (*const T, isize),
    /// Steps of the result.
    out: [isize; 2],
    add: Option<T>,
}

/// # Safety
/// As `Gemm::apply`.
#[inline(always)]
unsafe fn product_body<T: Real, V: Vector<T>>(g: Gemm, p: Pointers<T>, add: Option<T>) {
    const { assert!(TALL.is_multiple_of(V::TILE[0]), "a block has room for whole strips") };
    let [strip, vectors] = V::TILE;
    let wide = vectors * V::LANES;
    // Few rows, which fill vectors, with a transposed b: that would be packed for little use. With rows and columns exchanged it is read as it lies, and the tiles of the result are turned.
    let turned = g.m <= FEW && g.m.is_multiple_of(V::LANES) && g.m <= g.n && g.b[0] == 1 && g.b[1] != 1 && g.out[1] == 1;
    let (g, Pointers(a, b, out)) = if turned { (g.exchanged(), p.exchanged()) } else { (g, p) };
    let packs_a = g.m > FEW && g.n > 2 * wide && !turned;
    let packs_b = g.b[1] != 1 || g.m > FEW;
    let mut room = (packs_a || packs_b).then(Room::take);
    let [block, packed] = room.as_mut().map_or([std::ptr::null_mut(); 2], Room::places::<T>);
    for from in (0..g.k.max(1)).step_by(DEPTH) {
        let depth = (g.k - from).min(DEPTH);
        let add = if from == 0 { add } else { Some(add.unwrap_or(T::one())) };
        for top in (0..g.m).step_by(TALL) {
            let rows = (g.m - top).min(TALL);
            let source = a.wrapping_offset(top as isize * g.a[0] + from as isize * g.a[1]);
            let left = if packs_a {
                // SAFETY: the rows and columns exist, and the room holds a block.
                unsafe { pack_block::<T, V>(rows, depth, source, g.a, block) };
                Rows { at: block.cast_const(), steps: [1, strip as isize, (strip * DEPTH) as isize], rows }
            } else {
                Rows { at: source, steps: [g.a[0], g.a[1], strip as isize * g.a[0]], rows }
            };
            for j in (0..g.n).step_by(wide) {
                let columns = (g.n - j).min(wide);
                let source = b.wrapping_offset(from as isize * g.b[0] + j as isize * g.b[1]);
                let (at, step) = if packs_b {
                    // SAFETY: the rows and columns exist, and the room holds a panel.
                    unsafe { pack_panel::<T, V>(depth, columns, source, g.b, packed, wide) };
                    (packed.cast_const(), wide as isize)
                } else {
                    (source, g.b[0])
                };
                let ahead = (source.wrapping_offset(wide as isize * g.b[1]), g.b[0]);
                let panel = Panel { at, step, depth, columns, ahead, out: g.out, add };
                let to = out.wrapping_offset(top as isize * g.out[0] + j as isize * g.out[1]);
                // A packed panel has zeros up to the end of a vector.
                // SAFETY: the caller's promise, for these rows and columns.
                unsafe {
                    match (columns.div_ceil(V::LANES), packs_b || columns % V::LANES == 0) {
                        (1, true) => strips::<T, V, 1, true>(&left, &panel, to),
                        (1, false) => strips::<T, V, 1, false>(&left, &panel, to),
                        (2, true) => strips::<T, V, 2, true>(&left, &panel, to),
                        (2, false) => strips::<T, V, 2, false>(&left, &panel, to),
                        (_, true) => strips::<T, V, 3, true>(&left, &panel, to),
                        (_, false) => strips::<T, V, 3, false>(&left, &panel, to),
                    }
                }
            }
        }
    }
}

/// All rows with one panel of `C` vectors, the last of which is partial unless `WHOLE`.
///
/// # Safety
/// The rows and the panel exist; `out` has their places.
#[inline(always)]
unsafe fn strips<T: Real, V: Vector<T>, const C: usize, const WHOLE: bool>(left: &Rows<T>, panel: &Panel<T>, out: *mut T) {
    let strip = V::TILE[0];
    let mut i = 0;
    while i < left.rows {
        let [row, _, next] = left.steps;
        let at = left.at.wrapping_offset((i / strip) as isize * next + (i % strip) as isize * row);
        let a = Rows { at, ..*left };
        let to = out.wrapping_offset(i as isize * panel.out[0]);
        // SAFETY: the caller's promise; at least this many rows are left, and a strip holds them.
        i += unsafe {
            match (left.rows - i).min(strip) {
                8.. if i == 0 => tile::<T, V, 8, C, WHOLE, true>(&a, panel, to),
                8.. => tile::<T, V, 8, C, WHOLE, false>(&a, panel, to),
                6.. if i == 0 && strip == 6 => tile::<T, V, 6, C, WHOLE, true>(&a, panel, to),
                6.. if strip == 6 => tile::<T, V, 6, C, WHOLE, false>(&a, panel, to),
                4.. if i == 0 && strip == 4 => tile::<T, V, 4, C, WHOLE, true>(&a, panel, to),
                4.. => tile::<T, V, 4, C, WHOLE, false>(&a, panel, to),
                2.. => tile::<T, V, 2, C, WHOLE, false>(&a, panel, to),
                _ => tile::<T, V, 1, C, WHOLE, false>(&a, panel, to),
            }
        };
    }
}

/// `R` rows with the panel; gives `R`. With `FETCH` it prefetches the next panel.
///
/// # Safety
/// As `strips`, for these rows.
#[inline(always)]
unsafe fn tile<T: Real, V: Vector<T>, const R: usize, const C: usize, const WHOLE: bool, const FETCH: bool>(
    a: &Rows<T>,
    panel: &Panel<T>,
    out: *mut T,
) -> usize {
    let last = panel.columns - (C - 1) * V::LANES;
    let [row, column, _] = a.steps;
    // SAFETY: the caller's promise; a prefetch may go anywhere.
    unsafe {
        let mut sums = [[V::splat(T::zero()); C]; R];
        let (mut x, mut y, mut ahead) = (a.at, panel.at, panel.ahead.0);
        for _ in 0..panel.depth {
            if FETCH {
                (0..C).for_each(|c| V::fetch(ahead.wrapping_add(c * V::LANES)));
                ahead = ahead.wrapping_offset(panel.ahead.1);
            }
            let right: [V; C] = from_fn(|c| {
                let from = y.wrapping_add(c * V::LANES);
                if WHOLE || c + 1 < C { V::load(from) } else { V::load_first(from, last) }
            });
            for (r, sums) in sums.iter_mut().enumerate() {
                let factor = V::splat(*x.wrapping_offset(r as isize * row));
                for c in 0..C {
                    sums[c] = sums[c].plus_product(right[c], factor);
                }
            }
            (x, y) = (x.wrapping_offset(column), y.wrapping_offset(panel.step));
        }
        if panel.out[1] != 1 {
            scatter::<T, V, R, C>(&sums, panel, out);
            return R;
        }
        for (r, sums) in sums.iter().enumerate() {
            let to = out.wrapping_offset(r as isize * panel.out[0]);
            for (c, sum) in sums.iter().enumerate() {
                let to = to.wrapping_add(c * V::LANES);
                let n = if c + 1 < C { V::LANES } else { last };
                match (panel.add, n == V::LANES) {
                    (None, true) => sum.store(to),
                    (None, false) => sum.store_first(to, n),
                    (Some(s), true) => V::load(to).plus_product(*sum, V::splat(s)).store(to),
                    (Some(s), false) => V::load_first(to, n).plus_product(*sum, V::splat(s)).store_first(to, n),
                }
            }
        }
    }
    R
}

/// Writes sums one by one, column after column, to a result whose rows are not contiguous.
///
/// # Safety
/// As `tile`.
#[inline(always)]
unsafe fn scatter<T: Real, V: Vector<T>, const R: usize, const C: usize>(sums: &[[V; C]; R], panel: &Panel<T>, out: *mut T) {
    let [row, column] = panel.out;
    let mut made = MaybeUninit::<[T; TILE]>::uninit();
    let made = made.as_mut_ptr().cast::<T>();
    // SAFETY: a tile has room for all sums, and what is read of it has been written; the caller answers for the places of the result.
    unsafe {
        for (r, sums) in sums.iter().enumerate() {
            for (c, sum) in sums.iter().enumerate() {
                sum.store(made.add((r * C + c) * V::LANES));
            }
        }
        for j in 0..panel.columns {
            for r in 0..R {
                let to = out.wrapping_offset(r as isize * row + j as isize * column);
                let sum = *made.add(r * C * V::LANES + j);
                match panel.add {
                    None => *to = sum,
                    Some(s) => V::splat(*to).plus_product(V::splat(sum), V::splat(s)).store_first(to, 1),
                }
            }
        }
    }
}
