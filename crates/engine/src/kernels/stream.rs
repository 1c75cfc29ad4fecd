//! Passes that compute Xᵀ f(X v) block by block: the rows of a block are dotted, f is applied to the products, and the rows are added up.
//!
//! A block of rows stays in a cache between the two products (the first-level cache unless rows are long). So the matrix is read from memory once, and all
//! the time: the next block of short rows is prefetched while one is added up, and of long rows it is dotted beside that.
#![allow(unsafe_code)]
use super::fold::Number;
use super::group::{Group, SMALL_STACK, STACK};
use super::halves::{both, threads};
use super::matvec::{Rows, dots_here};
use super::parts::combine;
use super::pipelined::dots_and_sums;
use super::row_sums::axpys_onto;
use super::tile::Run;
use hypertape_ir::array::{Element, Kind, Real};
use std::cell::Cell;
use std::ops::Range;

/// Bytes of a block of rows that fits the first-level cache together with the next block, which is fetched beside it, vectors and sums: also one of
/// 32 KB. Shown by `yardstick --workload logreg_grad` and `implicit_adjoint`: 26 KB took 7 to 10 % more with a cache of 48 KB.
const NEAR: usize = 13 * 1024;
/// The same for the second-level cache.
const NEXT: usize = 192 * 1024;
/// Rows that are dotted, or added up, together.
const ROWS: usize = 8;
/// Elements of the matrix that are worth a part of their own.
const PART: usize = 1 << 16;
/// Most vectors of a pass, and most sums.
pub(crate) const PRODUCTS: usize = 8;
/// Most parts of a pass.
const PARTS: usize = 16;
/// Rows that are summed in single precision before the sum is added up in double precision.
const FLUSH: usize = 64;

/// The matrix of a pass: its rows are contiguous.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pass {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// Elements from one row to the next, and before the first row.
    pub(crate) stride: isize,
    pub(crate) start: isize,
}

impl Pass {
    /// Rows of a part: chosen by size, never by number of threads.
    pub(crate) fn part(&self) -> usize {
        let parts = (self.rows.saturating_mul(self.columns) / PART).clamp(1, PARTS);
        let parts = 1 << parts.ilog2();
        self.rows.div_ceil(parts).next_multiple_of(16).min(self.rows)
    }
    /// Doubles that `parts` parts need for their sums: `ends` sums of an element type in each.
    pub(crate) fn sums(&self, kind: Kind, ends: usize, parts: usize) -> usize {
        let each = ends * self.columns;
        match (self.wide(kind), parts) {
            (true, _) => parts * each + (parts * each).div_ceil(2),
            (false, 1) => 0,
            (false, _) => (parts * each * kind.bytes()).div_ceil(8),
        }
    }
    /// Whether sums over rows are in double precision, though elements are not.
    fn wide(&self, kind: Kind) -> bool {
        kind == Kind::F32 && self.rows > FLUSH
    }
    /// Rows of a block: as many as the first-level cache holds, but at least `ROWS`, and no more than the second-level cache holds.
    fn block(&self, bytes: usize) -> usize {
        let row = self.columns.max(1).saturating_mul(bytes);
        match (NEAR / row, NEXT / row) {
            (ROWS.., _) => NEAR / row / ROWS * ROWS,
            (_, ROWS..) => ROWS,
            (_, few) => few.max(1),
        }
    }
}

/// The memory of a pass. Pointers that the pass does not need are never followed.
pub(crate) struct Memory<'a, T> {
    /// The matrix, from its lowest element on.
    pub(crate) matrix: &'a [T],
    /// Each vector that rows are dotted with, and where its products go.
    pub(crate) heads: &'a [(*const T, *mut T)],
    /// The ports of the group, and the scratch memory for its folds.
    pub(crate) ports: &'a [*mut u8],
    pub(crate) partial: *mut f64,
    /// Each vector of factors of the rows, and where the sum of rows goes.
    pub(crate) ends: &'a [(*const T, *mut T)],
    /// Room for the sums of each part, if there are several parts. Where sums are wide: the totals in double precision, then the sums of a few rows
    /// in single precision.
    pub(crate) sums: *mut f64,
}

// SAFETY: parts write to disjoint ranges of rows and to sums of their own; see `run`.
unsafe impl<T: Sync> Sync for Memory<'_, T> {}

/// Runs a pass in parts that may run at the same time: in order, or from the last to the first if `turned`. Turning every second pass reads first
/// what the pass before left in a cache. The sums of parts are added up in one fixed order, so that no bit depends on the order of the parts.
///
/// # Safety
/// The matrix has these rows. Vectors have one element per column, products and factors one per row. They do not overlap each other, but products and
/// factors may be ports of the group. Otherwise as `parts::run`.
pub(crate) unsafe fn run<T: Real + Number>(p: &Pass, g: &Group, m: &Memory<'_, T>, turned: bool) {
    split(p, g, m, 0..g.parts, turned);
    if p.wide(<T as Element>::KIND) {
        for (e, (_, out)) in m.ends.iter().enumerate() {
            for j in 0..p.columns {
                // SAFETY: as below.
                unsafe {
                    let sum: f64 = (0..g.parts).map(|k| *m.sums.add((k * m.ends.len() + e) * p.columns + j)).sum();
                    *out.add(j) = T::from_f64(sum);
                }
            }
        }
        if g.parts > 1 {
            // SAFETY: every part has written its share.
            unsafe { combine(g, m.ports, m.partial, g.parts) };
        }
    } else if g.parts > 1 {
        for (e, (_, out)) in m.ends.iter().enumerate() {
            // SAFETY: the sums do not overlap the shares of the parts, which have been written.
            unsafe {
                let out = std::slice::from_raw_parts_mut(*out, p.columns);
                out.fill(T::zero());
                for k in 0..g.parts {
                    let share = std::slice::from_raw_parts(m.sums.cast::<T>().add((k * m.ends.len() + e) * p.columns), p.columns);
                    out.iter_mut().zip(share).for_each(|(o, s)| *o += *s);
                }
            }
        }
        // SAFETY: every part has written its share.
        unsafe { combine(g, m.ports, m.partial, g.parts) };
    }
}

fn split<T: Real + Number>(p: &Pass, g: &Group, m: &Memory<'_, T>, parts: Range<usize>, turned: bool) {
    if parts.len() > 1 {
        let middle = parts.start + parts.len() / 2;
        let (low, high) = (|| split(p, g, m, parts.start..middle, turned), || split(p, g, m, middle..parts.end, turned));
        // With several threads, the first split always gives the same half to another thread.
        if turned && (parts.len() < g.parts || !threads()) {
            both(high, low);
        } else {
            both(low, high);
        }
        return;
    }
    let from = parts.start;
    // SAFETY: `run`'s caller promises the memory; parts cover disjoint rows.
    unsafe { if g.registers * g.tile * 8 <= SMALL_STACK { part::<T, SMALL_STACK>(p, g, m, from) } else { part::<T, STACK>(p, g, m, from) } }
}

/// Runs part `k`.
///
/// # Safety
/// As `run`.
unsafe fn part<T: Real + Number, const BYTES: usize>(p: &Pass, g: &Group, m: &Memory<'_, T>, k: usize) {
    let (from, part_end) = (k * g.part, ((k + 1) * g.part).min(p.rows));
    let rows = |lo: usize, hi: usize| Rows {
        data: m.matrix,
        stride: p.stride,
        start: p.start + lo as isize * p.stride,
        rows: hi - lo,
        columns: p.columns,
    };
    let alone = g.parts == 1;
    let wide = p.wide(<T as Element>::KIND);
    let each = m.ends.len() * p.columns;
    let total = |e: usize| m.sums.wrapping_add(k * each + e * p.columns);
    let sum = |e: usize| match (wide, alone) {
        (true, _) => m.sums.wrapping_add(g.parts * each).cast::<T>().wrapping_add(k * each + e * p.columns),
        (false, true) => m.ends[e].1,
        (false, false) => m.sums.cast::<T>().wrapping_add(k * each + e * p.columns),
    };
    // SAFETY: the caller's promise; slices live only while nothing else uses their range.
    unsafe {
        (0..m.ends.len()).for_each(|e| std::slice::from_raw_parts_mut(sum(e), p.columns).fill(T::zero()));
        if wide {
            (0..m.ends.len()).for_each(|e| std::slice::from_raw_parts_mut(total(e), p.columns).fill(0.0));
        }
        // Adds the sums of the rows so far to the totals in double precision.
        let flush = || {
            for e in 0..m.ends.len() {
                let (block, totals) =
                    (std::slice::from_raw_parts_mut(sum(e), p.columns), std::slice::from_raw_parts_mut(total(e), p.columns));
                for (b, t) in block.iter_mut().zip(totals) {
                    *t += Element::to_f64(std::mem::replace(b, T::zero()));
                }
            }
        };
        let held = Cell::new(0);
        let partial = if alone { std::ptr::null_mut() } else { m.partial.wrapping_add(k * g.width()) };
        let v = |h: usize| std::slice::from_raw_parts(m.heads[h].0, p.columns);
        let out = |h: usize, lo: usize, hi: usize| std::slice::from_raw_parts_mut(m.heads[h].1.add(lo), hi - lo);
        let u = |e: usize, lo: usize, hi: usize| std::slice::from_raw_parts(m.ends[e].0.add(lo), hi - lo);
        let sums = |e: usize| std::slice::from_raw_parts_mut(sum(e), p.columns);
        let block = p.block(<T as Element>::KIND.bytes());
        // Of rows so long that a block of them leaves no room for the next one, a block is added up while the next one is dotted: unless two of them do not
        // fit the second-level cache either. Of shorter rows, the next block is prefetched while one is added up.
        let long = p.columns * size_of::<T>() * ROWS > NEAR;
        let pairs = long && block == ROWS && !m.heads.is_empty() && !m.ends.is_empty();
        // Dots rows with the vectors from `first` on.
        let dots = |first: usize, lo: usize, hi: usize| {
            for h in (first..m.heads.len()).step_by(2) {
                if h + 1 < m.heads.len() {
                    dots_here(rows(lo, hi), [v(h), v(h + 1)], [out(h, lo, hi), out(h + 1, lo, hi)], false);
                } else {
                    dots_here(rows(lo, hi), [v(h)], [out(h, lo, hi)], false);
                }
            }
        };
        // Adds rows to the sums from `first` on.
        let axpys = |first: usize, lo: usize, hi: usize| {
            for e in (first..m.ends.len()).step_by(2) {
                let fetch = e == 0 && !long;
                if e + 1 < m.ends.len() {
                    axpys_onto(rows(lo, hi), [u(e, lo, hi), u(e + 1, lo, hi)], [sums(e), sums(e + 1)], fetch);
                } else {
                    axpys_onto(rows(lo, hi), [u(e, lo, hi)], [sums(e)], fetch);
                }
            }
        };
        // Dots rows, and adds other rows to the sums.
        let together = |(lo, hi): (usize, usize), (from, to): (usize, usize)| {
            let (a, b) = (rows(lo, hi), rows(from, to));
            match (m.heads.len(), m.ends.len()) {
                (1, 1) => dots_and_sums(a, ([v(0)], [out(0, lo, hi)]), b, ([u(0, from, to)], [sums(0)])),
                (1, _) => {
                    let sums = [sums(0), sums(1)];
                    dots_and_sums(a, ([v(0)], [out(0, lo, hi)]), b, ([u(0, from, to), u(1, from, to)], sums));
                }
                (_, 1) => {
                    let out = [out(0, lo, hi), out(1, lo, hi)];
                    dots_and_sums(a, ([v(0), v(1)], out), b, ([u(0, from, to)], [sums(0)]));
                }
                _ => {
                    let (out, sums) = ([out(0, lo, hi), out(1, lo, hi)], [sums(0), sums(1)]);
                    dots_and_sums(a, ([v(0), v(1)], out), b, ([u(0, from, to), u(1, from, to)], sums));
                }
            }
            dots(2, lo, hi);
            axpys(2, from, to);
        };
        // Adds a block of rows to the sums, and dots the next one beside it, which has as many rows at the most.
        let finish = |(from, to): (usize, usize), (lo, hi): (usize, usize)| {
            let piece = if wide { FLUSH } else { to - from };
            for at in (from..to).step_by(piece) {
                let end = (at + piece).min(to);
                let (first, last) = ((lo + at - from).min(hi), (lo + end - from).min(hi));
                if first < last {
                    together((first, last), (at, end));
                } else {
                    axpys(0, at, end);
                }
                if wide {
                    held.set(held.get() + end - at);
                    if held.get() >= FLUSH || end == part_end {
                        flush();
                        held.set(0);
                    }
                }
            }
        };
        let waiting = Cell::new(None);
        let before = |lo: usize, hi: usize| match waiting.take() {
            Some(b) => finish(b, (lo, hi)),
            None => dots(0, lo, hi),
        };
        let after = |lo: usize, hi: usize| if pairs { waiting.set(Some((lo, hi))) } else { finish((lo, hi), (hi, hi)) };
        Run::<T>::new(g, m.ports, partial).blocks::<BYTES>(from, part_end, block, before, after);
        if let Some(b) = waiting.take() {
            finish(b, (part_end, part_end));
        }
    }
}
