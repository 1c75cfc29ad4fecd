//! Matrix-vector products as streams over rows: each row is dotted with a vector, one or two vectors at a time.
//!
//! The order of summation within a row does not depend on other rows. Neither blocks, nor the number of rows or vectors taken together, nor the
//! alignment of memory changes a bit of the result.
#![allow(unsafe_code)]
use super::halves::both;
use super::vector::{Vector, per_vector};
use hypertape_ir::array::{Element, Kind, Real};
use std::array::from_fn;

/// Elements of a matrix above which a product is worth two threads.
pub(super) const PARALLEL: usize = 1 << 18;
/// Bytes of a matrix that are assumed to fit a cache.
const CACHE: usize = 16 << 20;
/// Bytes of a row from which on rows read together are separate memory streams.
const LONG: usize = 2048;
/// Bytes by which a stream from memory is prefetched: the processor's own prefetching stops at the end of a page.
const AHEAD: usize = 8 << 10;
/// Columns whose products are summed in single precision before the sum is added up in double precision.
pub(super) const CHUNK: usize = 1024;

/// A matrix whose rows are contiguous: element (i, j) is `data[start + i·stride + j]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a, T> {
    pub(crate) data: &'a [T],
    pub(crate) stride: isize,
    /// Where row 0 begins.
    pub(crate) start: isize,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
}

impl<T> Rows<'_, T> {
    pub(super) fn below(mut self, i: usize) -> Self {
        self.start += i as isize * self.stride;
        self.rows -= i;
        self
    }
    pub(super) fn right(mut self, j: usize) -> Self {
        self.start += j as isize;
        self.columns -= j;
        self
    }
    /// Whether rows are better taken one after the other, as one stream from memory.
    fn in_turn(&self) -> bool {
        let row = self.columns * size_of::<T>();
        row >= LONG && row * self.rows > CACHE
    }
    /// Checks the bounds, then gives the matrix as a pointer.
    pub(super) fn open(&self) -> Open<T> {
        let within = |i: usize| {
            let at = self.start + i as isize * self.stride;
            at >= 0 && at as usize + self.columns <= self.data.len()
        };
        assert!(self.rows == 0 || within(0) && within(self.rows - 1), "rows lie in the matrix");
        Open { at: self.data.as_ptr().wrapping_offset(self.start), stride: self.stride, rows: self.rows, columns: self.columns }
    }
}

/// Rows whose bounds were checked. Row 0 begins at `at`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Open<T> {
    pub(super) at: *const T,
    pub(super) stride: isize,
    pub(super) rows: usize,
    pub(super) columns: usize,
}

/// The same pointer in a register; the compiler does not know where it comes from.
#[inline(always)]
#[allow(clippy::pointers_in_nomem_asm_block, reason = "nothing in it follows the pointer")]
fn hidden<T>(p: *const T) -> *const T {
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    let p = {
        let mut p = p;
        // SAFETY: the assembly is a comment and has no instruction.
        unsafe { std::arch::asm!("/* {0} */", inout(reg) p, options(pure, nomem, nostack, preserves_flags)) };
        p
    };
    p
}

impl<T: Copy> Open<T> {
    /// The rows from row i on.
    #[inline(always)]
    pub(super) fn below(&self, i: usize) -> Self {
        Open { at: self.row(i), rows: self.rows - i, ..*self }
    }
    #[inline(always)]
    pub(super) fn row(&self, i: usize) -> *const T {
        self.at.wrapping_offset(i as isize * self.stride)
    }
    /// Pointers to `R` rows from row i on. The compiler must not know their common stride: it would compute the addresses from it again for every
    /// vector.
    #[inline(always)]
    pub(super) fn apart<const R: usize>(&self, i: usize) -> [*const T; R] {
        from_fn(|r| hidden(self.row(i + r)))
    }
    /// Columns of row i before the first aligned vector: a vector that crosses a cache line takes two reads. 0 in short rows, and where the rows
    /// taken together do not begin alike.
    #[inline(always)]
    pub(super) fn lead<const R: usize>(&self, i: usize, lanes: usize) -> usize {
        let beyond = self.row(i) as usize / size_of::<T>() % lanes;
        let alike = R == 1 || self.stride % lanes as isize == 0;
        if beyond > 0 && alike && self.columns >= 2 * lanes { lanes - beyond } else { 0 }
    }
}

/// Σ x_i·y_i of slices of equal length.
pub(crate) fn dot<T: Real>(x: &[T], y: &[T]) -> T {
    assert_eq!(x.len(), y.len(), "both are as long");
    if T::KIND == Kind::F32 && x.len() > 4 * CHUNK {
        let parts = x.chunks(4 * CHUNK).zip(y.chunks(4 * CHUNK));
        // SAFETY: both have that many elements.
        let sum: f64 = parts.map(|(x, y)| Element::to_f64(unsafe { dot_each::<T>(x.as_ptr(), y.as_ptr(), x.len()) })).sum();
        return T::from_f64(sum);
    }
    // SAFETY: both have that many elements.
    unsafe { dot_each(x.as_ptr(), y.as_ptr(), x.len()) }
}

per_vector! {
    unsafe fn dot_each<T>(x: *const T, y: *const T, n: usize) -> T = dot_body
}

/// # Safety
/// Both have `n` elements.
#[inline(always)]
unsafe fn dot_body<T: Real, V: Vector<T>>(x: *const T, y: *const T, n: usize) -> T {
    // SAFETY: the caller's promise; every index is below n.
    unsafe {
        let mut sums = [V::splat(T::zero()); 4];
        let mut j = 0;
        while j + 4 * V::LANES <= n {
            for (k, s) in sums.iter_mut().enumerate() {
                let at = j + k * V::LANES;
                *s = s.plus_product(V::load(x.add(at)), V::load(y.add(at)));
            }
            j += 4 * V::LANES;
        }
        while j + V::LANES <= n {
            sums[0] = sums[0].plus_product(V::load(x.add(j)), V::load(y.add(j)));
            j += V::LANES;
        }
        if j < n {
            sums[1] = sums[1].plus_product(V::load_first(x.add(j), n - j), V::load_first(y.add(j), n - j));
        }
        let [a, b, c, d] = V::sums(sums);
        (a + b) + (c + d)
    }
}

/// out_i = Σ_j a_ij·v_j.
pub(crate) fn dots<T: Real>(a: Rows<'_, T>, v: &[T], out: &mut [T]) {
    spread_dots(a, v, out, a.in_turn());
}

fn spread_dots<T: Real>(a: Rows<'_, T>, v: &[T], out: &mut [T], in_turn: bool) {
    if a.rows > 1 && a.rows * a.columns >= PARALLEL {
        let half = a.rows / 2;
        let (low, high) = out.split_at_mut(half);
        both(|| spread_dots(Rows { rows: half, ..a }, v, low, in_turn), || spread_dots(a.below(half), v, high, in_turn));
        return;
    }
    dots_here(a, [v], [out], in_turn);
}

/// out_hi = Σ_j a_ij·v_hj for `H` vectors, on this thread: rows one after the other if `in_turn`, else a few together.
#[inline]
pub(crate) fn dots_here<T: Real, const H: usize>(a: Rows<'_, T>, v: [&[T]; H], out: [&mut [T]; H], in_turn: bool) {
    assert!(v.iter().all(|v| v.len() == a.columns) && out.iter().all(|o| o.len() == a.rows), "vectors are as long as the matrix says");
    // SAFETY: lengths are checked, here and in `open`.
    unsafe { dots_each::<T, H>(a.open(), v.map(<[T]>::as_ptr), out.map(<[T]>::as_mut_ptr), in_turn) };
}

per_vector! {
    unsafe fn dots_each<T, const H: usize>(a: Open<T>, v: [*const T; H], out: [*mut T; H], in_turn: bool) = dots_body
}

/// # Safety
/// All rows of `a` exist. Each vector has one element per column, each result one per row.
#[inline(always)]
pub(super) unsafe fn dots_body<T: Real, V: Vector<T>, const H: usize>(a: Open<T>, v: [*const T; H], out: [*mut T; H], in_turn: bool) {
    let most = if in_turn { 1 } else { (V::HELD / H).min(8) };
    let mut i = 0;
    while i < a.rows {
        let left = (a.rows - i).min(most);
        let to = out.map(|o| o.wrapping_add(i));
        // SAFETY: the caller's promise; at least this many rows are left.
        i += unsafe {
            match left {
                8.. => dot_chunks::<T, V, 8, H, false>(&a, i, v, to),
                4.. => dot_chunks::<T, V, 4, H, false>(&a, i, v, to),
                2.. => dot_chunks::<T, V, 2, H, false>(&a, i, v, to),
                _ if in_turn => dot_chunks::<T, V, 1, H, true>(&a, i, v, to),
                _ => dot_chunks::<T, V, 1, H, false>(&a, i, v, to),
            }
        };
    }
}

/// As `dot_rows`, but long rows in single precision are summed in chunks of columns, and the chunks are added up in double precision.
///
/// # Safety
/// As `dots_body`, for these rows.
#[inline(always)]
unsafe fn dot_chunks<T: Real, V: Vector<T>, const R: usize, const H: usize, const STREAM: bool>(
    a: &Open<T>,
    i: usize,
    v: [*const T; H],
    out: [*mut T; H],
) -> usize {
    // SAFETY: the caller's promise, for some of the columns at a time.
    unsafe {
        if T::KIND != Kind::F32 || a.columns <= CHUNK {
            return dot_rows::<T, V, R, H, STREAM>(a, i, v, out);
        }
        let mut sums = [[0.0; R]; H];
        for from in (0..a.columns).step_by(CHUNK) {
            let part = Open { at: a.at.wrapping_add(from), columns: (a.columns - from).min(CHUNK), ..*a };
            let mut made = [[T::zero(); R]; H];
            dot_rows::<T, V, R, H, STREAM>(&part, i, v.map(|v| v.wrapping_add(from)), made.each_mut().map(|m| m.as_mut_ptr()));
            for h in 0..H {
                for r in 0..R {
                    sums[h][r] += Element::to_f64(made[h][r]);
                }
            }
        }
        for h in 0..H {
            for r in 0..R {
                *out[h].add(r) = T::from_f64(sums[h][r]);
            }
        }
    }
    R
}

/// Dots `R` rows at once, from row i on, and returns `R`. With `STREAM` it prefetches the rows.
///
/// # Safety
/// As `dots_body`, for these rows.
#[inline(always)]
unsafe fn dot_rows<T: Real, V: Vector<T>, const R: usize, const H: usize, const STREAM: bool>(
    a: &Open<T>,
    i: usize,
    v: [*const T; H],
    out: [*mut T; H],
) -> usize {
    let rows: [*const T; R] = a.apart(i);
    let (n, lead) = (a.columns, a.lead::<R>(i, V::LANES));
    // SAFETY: the caller's promise; every index is below n.
    unsafe {
        let mut sums = [[V::splat(T::zero()); H]; R];
        if lead > 0 {
            let before = V::LANES - lead;
            let x = from_fn(|h| V::load_last(v[h].wrapping_sub(before), lead));
            dot_step(&mut sums, x, from_fn(|r| V::load_last(rows[r].wrapping_sub(before), lead)));
        }
        let mut j = lead;
        while j + 2 * V::LANES <= n {
            for j in [j, j + V::LANES] {
                if STREAM {
                    for row in rows {
                        V::fetch(row.wrapping_add(j + AHEAD / size_of::<T>()));
                    }
                }
                dot_step(&mut sums, from_fn(|h| V::load(v[h].add(j))), from_fn(|r| V::load(rows[r].add(j))));
            }
            j += 2 * V::LANES;
        }
        if j + V::LANES <= n {
            dot_step(&mut sums, from_fn(|h| V::load(v[h].add(j))), from_fn(|r| V::load(rows[r].add(j))));
            j += V::LANES;
        }
        if j < n {
            dot_step(&mut sums, from_fn(|h| V::load_first(v[h].add(j), n - j)), from_fn(|r| V::load_first(rows[r].add(j), n - j)));
        }
        store_dots(sums, lead, out);
    }
    R
}

/// Writes the sums of the lanes of all rows, whose first aligned vector began at column `lead`.
///
/// # Safety
/// As for every function of `Vector`; each result has room for the rows.
#[inline(always)]
pub(super) unsafe fn store_dots<T: Real, V: Vector<T>, const R: usize, const H: usize>(
    mut sums: [[V; H]; R],
    lead: usize,
    out: [*mut T; H],
) {
    // SAFETY: the caller's promise.
    unsafe {
        // Rotate, so that lane l holds the columns whose number is l modulo the lanes, wherever the aligned vectors began.
        if lead > 0 {
            for of_row in &mut sums {
                for sum in of_row {
                    *sum = sum.turned(lead);
                }
            }
        }
        for h in 0..H {
            if R == 8 {
                V::store_sums(from_fn(|r| sums[r % R][h]), out[h]);
                continue;
            }
            for from in (0..R).step_by(4) {
                let four = from_fn(|r| if from + r < R { sums[from + r][h] } else { V::splat(T::zero()) });
                let results = V::sums(four);
                std::ptr::copy_nonoverlapping(results.as_ptr(), out[h].add(from), (R - from).min(4));
            }
        }
    }
}

/// Adds the products of one vector of columns to the sums of all rows.
///
/// # Safety
/// As for every function of `Vector`.
#[inline(always)]
pub(super) unsafe fn dot_step<T: Real, V: Vector<T>, const R: usize, const H: usize>(sums: &mut [[V; H]; R], x: [V; H], y: [V; R]) {
    for r in 0..R {
        for h in 0..H {
            // SAFETY: the caller's promise.
            sums[r][h] = unsafe { sums[r][h].plus_product(y[r], x[h]) };
        }
    }
}
