//! Folds over axes: sums, products, minima and maxima. Accumulators have two levels, so that rounding errors grow slowly.
#![allow(unsafe_code, reason = "strided loops and slices of generic elements; each block says why it is sound")]
use super::axes::{Axes, Axis, count, each, guard, merge};
use super::halves::both;
use super::isa::per_isa;
use hypertape_ir::array::{Element, Layout};
use hypertape_ir::operation::Fold;

/// An element type that can be folded.
pub(crate) trait Number: Element {
    /// The type in which the results of blocks are combined: double precision for reals, so that rounding does not grow with the number of blocks.
    type Wide: Number;
    /// The number as `Wide`.
    fn widen(self) -> Self::Wide;
    /// A `Wide` number as this type.
    fn narrow(v: Self::Wide) -> Self;
    /// a + b.
    fn plus(self, b: Self) -> Self;
    /// a·b.
    fn times(self, b: Self) -> Self;
    /// The larger; NaN if either is.
    fn larger(self, b: Self) -> Self;
    /// The smaller; NaN if either is.
    fn smaller(self, b: Self) -> Self;
}

macro_rules! real_number {
    ($t:ty) => {
        impl Number for $t {
            type Wide = f64;
            #[inline(always)]
            fn widen(self) -> f64 {
                f64::from(self)
            }
            #[inline(always)]
            fn narrow(v: f64) -> Self {
                v as $t
            }
            #[inline(always)]
            fn plus(self, b: Self) -> Self {
                self + b
            }
            #[inline(always)]
            fn times(self, b: Self) -> Self {
                self * b
            }
            #[inline(always)]
            fn larger(self, b: Self) -> Self {
                if (b > self) | b.is_nan() { b } else { self }
            }
            #[inline(always)]
            fn smaller(self, b: Self) -> Self {
                if (b < self) | b.is_nan() { b } else { self }
            }
        }
    };
}
real_number!(f64);
real_number!(f32);

impl Number for u32 {
    type Wide = u32;
    #[inline(always)]
    fn widen(self) -> u32 {
        self
    }
    #[inline(always)]
    fn narrow(v: u32) -> u32 {
        v
    }
    #[inline(always)]
    fn plus(self, b: Self) -> Self {
        self.wrapping_add(b)
    }
    #[inline(always)]
    fn times(self, b: Self) -> Self {
        self.wrapping_mul(b)
    }
    #[inline(always)]
    fn larger(self, b: Self) -> Self {
        self.max(b)
    }
    #[inline(always)]
    fn smaller(self, b: Self) -> Self {
        self.min(b)
    }
}

const SUM: u8 = 0;
const PROD: u8 = 1;
const MAX: u8 = 2;
const MIN: u8 = 3;

#[inline(always)]
fn unit<T: Number, const F: u8>() -> T {
    T::from_f64(match F {
        SUM => 0.0,
        PROD => 1.0,
        MAX => f64::NEG_INFINITY,
        _ => f64::INFINITY,
    })
}

#[inline(always)]
fn step<T: Number, const F: u8>(a: T, b: T) -> T {
    match F {
        SUM => a.plus(b),
        PROD => a.times(b),
        MAX => a.larger(b),
        _ => a.smaller(b),
    }
}

/// out = x folded over the axes in `folded`. `out` is contiguous over the other axes.
pub(crate) fn fold<T: Number>(fold: Fold, folded: &[usize], x: &[T], layout: &Layout, out: &mut [T]) {
    match fold {
        Fold::Sum => run::<T, SUM>(folded, x, layout, out),
        Fold::Prod => run::<T, PROD>(folded, x, layout, out),
        Fold::Max => run::<T, MAX>(folded, x, layout, out),
        Fold::Min => run::<T, MIN>(folded, x, layout, out),
    }
}

/// All elements of a contiguous slice folded.
#[must_use]
pub(crate) fn fold_all<T: Number>(fold: Fold, x: &[T]) -> T {
    match fold {
        Fold::Sum => split::<T, SUM>(x),
        Fold::Prod => split::<T, PROD>(x),
        Fold::Max => split::<T, MAX>(x),
        Fold::Min => split::<T, MIN>(x),
    }
}

/// Elements above which a fold is worth two threads.
const PARALLEL: usize = 1 << 18;
/// Accumulators that run side by side.
const LANES: usize = 32;
/// Rows that are folded into one set of accumulators before it goes on to the second level.
const ROWS: usize = 64;
/// Columns folded together when a kept axis is contiguous.
const COLUMNS: usize = 64;

fn run<T: Number, const F: u8>(folded: &[usize], x: &[T], layout: &Layout, out: &mut [T]) {
    guard(x, layout);
    let rank = layout.shape.len();
    let kept: SmallAxes = (0..rank).filter(|a| !folded.contains(a)).collect();
    let flat = Layout::contiguous(&kept.iter().map(|a| layout.shape[*a]).collect::<SmallAxes>());
    assert_eq!(out.len(), flat.len(), "the output holds the kept axes");
    let mut keep = merge((0..kept.len()).map(|i| Axis { n: flat.shape[i], s: [layout.strides[kept[i]], flat.strides[i]] }));
    let mut inner: Axes<1> =
        (0..rank).filter(|a| folded.contains(a)).map(|a| Axis { n: layout.shape[a], s: [layout.strides[a]] }).collect();
    if out.is_empty() {
        return;
    }
    if inner.iter().any(|a| a.n == 0) {
        out.fill(unit::<T, F>());
        return;
    }
    // Any order of folding is allowed. The largest strides go outermost.
    inner.sort_by_key(|a| std::cmp::Reverse(a.s[0].unsigned_abs()));
    let inner = merge(inner);
    let start = layout.offset as isize;
    let runs_on = |a: &Axis<1>| a.s[0] == 1;
    if !inner.last().is_some_and(runs_on)
        && let Some(k) = keep.iter().position(|a| a.s[0] == 1)
    {
        let columns = keep.remove(k);
        each(&keep, [start, 0], |at| down::<T, F>(x, &inner, columns, at, out));
        return;
    }
    if let ([a], [k]) = (&inner[..], &keep[..]) {
        // Rows of a matrix.
        if a.s[0] == 1 && a.n * k.n >= PARALLEL && k.n > 1 {
            return rows::<T, F>(x, start, k.s[0], a.n, out);
        }
    }
    each(&keep, [start, 0], |at| out[at[1] as usize] = nest::<T, F>(x, &inner, at[0]));
}

type SmallAxes = smallvec::SmallVec<[usize; 4]>;

/// Folds one contiguous row for each output. Big work is halved between two threads.
fn rows<T: Number, const F: u8>(x: &[T], start: isize, stride: isize, n: usize, out: &mut [T]) {
    if out.len() * n >= PARALLEL && out.len() > 1 {
        let half = out.len() / 2;
        let (a, b) = out.split_at_mut(half);
        both(|| rows::<T, F>(x, start, stride, n, a), || rows::<T, F>(x, start + half as isize * stride, stride, n, b));
        return;
    }
    for (i, o) in out.iter_mut().enumerate() {
        let at = (start + i as isize * stride) as usize;
        *o = split::<T, F>(&x[at..at + n]);
    }
}

/// Folds a nest of loops into one output.
fn nest<T: Number, const F: u8>(x: &[T], inner: &[Axis<1>], at: isize) -> T {
    let Some((last, outer)) = inner.split_last() else { return x[at as usize] };
    let mut total = unit::<T::Wide, F>();
    let mut block = unit::<T::Wide, F>();
    let mut held = 0;
    each(outer, [at], |[at]| {
        let part = if last.s[0] == 1 { split::<T, F>(&x[at as usize..at as usize + last.n]) } else { strided::<T, F>(x, at, *last) };
        block = step::<T::Wide, F>(block, part.widen());
        held += 1;
        if held == ROWS {
            total = step::<T::Wide, F>(total, std::mem::replace(&mut block, unit::<T::Wide, F>()));
            held = 0;
        }
    });
    T::narrow(step::<T::Wide, F>(total, block))
}

/// Folds a row of any stride.
fn strided<T: Number, const F: u8>(x: &[T], at: isize, a: Axis<1>) -> T {
    let mut total = unit::<T::Wide, F>();
    let mut i = 0;
    while i < a.n {
        let m = ROWS.min(a.n - i);
        let mut acc = [unit::<T, F>(); 4];
        for k in i..i + m {
            acc[k % 4] = step::<T, F>(acc[k % 4], x[(at + k as isize * a.s[0]) as usize]);
        }
        total = step::<T::Wide, F>(total, step::<T, F>(step::<T, F>(acc[0], acc[1]), step::<T, F>(acc[2], acc[3])).widen());
        i += m;
    }
    T::narrow(total)
}

/// Folds a contiguous row: a big one in halves on two threads, else in lanes.
fn split<T: Number, const F: u8>(x: &[T]) -> T {
    if x.len() < 16 {
        return x.iter().fold(unit::<T, F>(), |a, b| step::<T, F>(a, *b));
    }
    if x.len() >= PARALLEL {
        let (a, b) = x.split_at(x.len() / 2 / (LANES * ROWS) * (LANES * ROWS));
        let (a, b) = both(|| split::<T, F>(a), || split::<T, F>(b));
        return step::<T, F>(a, b);
    }
    lanes::<T, F>(x)
}

per_isa! {
    fn lanes<T: Number, const F: u8>(x: &[T]) -> T = lanes_body
}

#[inline(always)]
fn lanes_body<T: Number, const F: u8, const FMA: bool>(x: &[T]) -> T {
    if x.len() < LANES * ROWS {
        return lanes_block::<T, F>(x);
    }
    let mut total = [unit::<T::Wide, F>(); LANES];
    let mut tail = unit::<T::Wide, F>();
    for block in x.chunks(LANES * ROWS) {
        let mut acc = [unit::<T, F>(); LANES];
        let (rows, rest) = block.as_chunks::<LANES>();
        for row in rows {
            for l in 0..LANES {
                acc[l] = step::<T, F>(acc[l], row[l]);
            }
        }
        for l in 0..LANES {
            total[l] = step::<T::Wide, F>(total[l], acc[l].widen());
        }
        for v in rest {
            tail = step::<T::Wide, F>(tail, v.widen());
        }
    }
    T::narrow(step::<T::Wide, F>(across::<T::Wide, F>(total), tail))
}

/// Folds a row shorter than a block.
#[inline(always)]
fn lanes_block<T: Number, const F: u8>(x: &[T]) -> T {
    let mut acc = [unit::<T, F>(); LANES];
    let mut tail = unit::<T, F>();
    let (rows, rest) = x.as_chunks::<LANES>();
    for row in rows {
        for l in 0..LANES {
            acc[l] = step::<T, F>(acc[l], row[l]);
        }
    }
    for v in rest {
        tail = step::<T, F>(tail, *v);
    }
    step::<T, F>(across::<T, F>(acc), tail)
}

/// Folds all lanes into one, by halves.
#[inline(always)]
fn across<T: Number, const F: u8>(mut total: [T; LANES]) -> T {
    let mut width = LANES / 2;
    while width > 0 {
        for l in 0..width {
            total[l] = step::<T, F>(total[l], total[l + width]);
        }
        width /= 2;
    }
    total[0]
}

/// Folds a nest of loops for many contiguous columns at once.
fn down<T: Number, const F: u8>(x: &[T], inner: &[Axis<1>], columns: Axis<2>, at: [isize; 2], out: &mut [T]) {
    if columns.s[1] == 1 {
        let out = &mut out[at[1] as usize..at[1] as usize + columns.n];
        return down_split::<T, F>(x, inner, at[0], out);
    }
    let mut j = 0;
    while j < columns.n {
        let n = COLUMNS.min(columns.n - j);
        let mut tile = [unit::<T, F>(); COLUMNS];
        tile_down::<T, F>(x, inner, at[0] + j as isize, &mut tile[..n]);
        for (k, v) in tile[..n].iter().enumerate() {
            out[(at[1] + (j + k) as isize * columns.s[1]) as usize] = *v;
        }
        j += n;
    }
}

fn down_split<T: Number, const F: u8>(x: &[T], inner: &[Axis<1>], at: isize, out: &mut [T]) {
    if out.len() >= 2 * COLUMNS && out.len() * count(inner) >= PARALLEL {
        let half = out.len() / 2 / COLUMNS * COLUMNS;
        let (a, b) = out.split_at_mut(half);
        both(|| down_split::<T, F>(x, inner, at, a), || down_split::<T, F>(x, inner, at + half as isize, b));
        return;
    }
    for (j, tile) in out.chunks_mut(COLUMNS).enumerate() {
        tile_down::<T, F>(x, inner, at + (j * COLUMNS) as isize, tile);
    }
}

per_isa! {
    fn tile_down<T: Number, const F: u8>(x: &[T], inner: &[Axis<1>], at: isize, out: &mut [T]) = tile_down_body
}

/// Folds up to `COLUMNS` columns at once.
#[inline(always)]
fn tile_down_body<T: Number, const F: u8, const FMA: bool>(x: &[T], inner: &[Axis<1>], at: isize, out: &mut [T]) {
    let n = out.len();
    let mut total = [unit::<T::Wide, F>(); COLUMNS];
    let mut block = [unit::<T, F>(); COLUMNS];
    let mut held = 0;
    each(inner, [at], |[at]| {
        let row = &x[at as usize..at as usize + n];
        if n == COLUMNS {
            for l in 0..COLUMNS {
                block[l] = step::<T, F>(block[l], row[l]);
            }
        } else {
            for (b, v) in block.iter_mut().zip(row) {
                *b = step::<T, F>(*b, *v);
            }
        }
        held += 1;
        if held == ROWS {
            for l in 0..COLUMNS {
                total[l] = step::<T::Wide, F>(total[l], block[l].widen());
                block[l] = unit::<T, F>();
            }
            held = 0;
        }
    });
    for (l, o) in out.iter_mut().enumerate() {
        *o = T::narrow(step::<T::Wide, F>(total[l], block[l].widen()));
    }
}
