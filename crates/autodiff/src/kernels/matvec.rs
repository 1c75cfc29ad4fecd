//! Matrix-vector products as streams: rows dotted one after the other, or rows added up.
use super::isa::{fma, per_isa};
use crate::array::Real;

/// Elements of a matrix above which a product is worth two threads.
const PARALLEL: usize = 1 << 18;
/// Fewest columns that a thread takes when rows are added up.
const COLUMNS: usize = 512;
const LANES: usize = 32;

per_isa! {
    /// Σ x_i·y_i of slices of equal length.
    pub(crate) fn dot<T: Real>(x: &[T], y: &[T]) -> T = dot_body
}

#[inline(always)]
fn dot_body<T: Real, const FMA: bool>(x: &[T], y: &[T]) -> T {
    let y = &y[..x.len()];
    let (xs, xr) = x.as_chunks::<LANES>();
    let (ys, yr) = y.as_chunks::<LANES>();
    let mut total = T::zero();
    if !xs.is_empty() {
        let mut acc = [T::zero(); LANES];
        for (x, y) in xs.iter().zip(ys) {
            for l in 0..LANES {
                acc[l] = fma::<T, FMA>(x[l], y[l], acc[l]);
            }
        }
        let mut width = LANES / 2;
        while width > 0 {
            for l in 0..width {
                acc[l] += acc[l + width];
            }
            width /= 2;
        }
        total = acc[0];
    }
    for (x, y) in xr.iter().zip(yr) {
        total = fma::<T, FMA>(*x, *y, total);
    }
    total
}

/// A matrix whose rows are contiguous: element (i, j) is `data[i·stride + j]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a, T> {
    pub(crate) data: &'a [T],
    pub(crate) stride: isize,
    /// Where row 0 begins.
    pub(crate) start: isize,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
}

impl<'a, T> Rows<'a, T> {
    #[inline(always)]
    fn row(&self, i: usize) -> &'a [T] {
        let at = (self.start + i as isize * self.stride) as usize;
        &self.data[at..at + self.columns]
    }
    fn below(mut self, i: usize) -> Self {
        self.start += i as isize * self.stride;
        self.rows -= i;
        self
    }
    fn right(mut self, j: usize) -> Self {
        self.start += j as isize;
        self.columns -= j;
        self
    }
}

/// out_i = Σ_j a_ij·v_j.
pub(crate) fn dots<T: Real>(a: Rows<'_, T>, v: &[T], out: &mut [T]) {
    if a.rows > 1 && a.rows * a.columns >= PARALLEL {
        let half = a.rows / 2;
        let (low, high) = out.split_at_mut(half);
        rayon::join(|| dots(Rows { rows: half, ..a }, v, low), || dots(a.below(half), v, high));
        return;
    }
    dots_here(a, v, out);
}

per_isa! {
    fn dots_here<T: Real>(a: Rows<'_, T>, v: &[T], out: &mut [T]) = dots_body
}

#[inline(always)]
fn dots_body<T: Real, const FMA: bool>(a: Rows<'_, T>, v: &[T], out: &mut [T]) {
    for (i, o) in out.iter_mut().enumerate() {
        *o = dot_body::<T, FMA>(a.row(i), v);
    }
}

/// out_j = Σ_i u_i·a_ij.
pub(crate) fn axpys<T: Real>(a: Rows<'_, T>, u: &[T], out: &mut [T]) {
    if a.columns >= 2 * COLUMNS && a.rows * a.columns >= PARALLEL {
        let half = a.columns / 2 / 64 * 64;
        let (low, high) = out.split_at_mut(half);
        rayon::join(|| axpys(Rows { columns: half, ..a }, u, low), || axpys(a.right(half), u, high));
        return;
    }
    axpys_here(a, u, out);
}

per_isa! {
    fn axpys_here<T: Real>(a: Rows<'_, T>, u: &[T], out: &mut [T]) = axpys_body
}

per_isa! {
    /// out_j += Σ_i u_i·a_ij, on this thread.
    pub(crate) fn axpys_onto<T: Real>(a: Rows<'_, T>, u: &[T], out: &mut [T]) = axpys_onto_body
}

#[inline(always)]
fn axpys_body<T: Real, const FMA: bool>(a: Rows<'_, T>, u: &[T], out: &mut [T]) {
    out.fill(T::zero());
    axpys_onto_body::<T, FMA>(a, u, out);
}

/// Four rows at a time, the output in between.
#[inline(always)]
fn axpys_onto_body<T: Real, const FMA: bool>(a: Rows<'_, T>, u: &[T], out: &mut [T]) {
    let mut i = 0;
    while i + 4 <= a.rows {
        let (p, q, r, s) = (a.row(i), a.row(i + 1), a.row(i + 2), a.row(i + 3));
        let (up, uq, ur, us) = (u[i], u[i + 1], u[i + 2], u[i + 3]);
        for j in 0..out.len() {
            let low = fma::<T, FMA>(up, p[j], uq * q[j]);
            let high = fma::<T, FMA>(ur, r[j], us * s[j]);
            out[j] += low + high;
        }
        i += 4;
    }
    while i < a.rows {
        for (o, v) in out.iter_mut().zip(a.row(i)) {
            *o = fma::<T, FMA>(u[i], *v, *o);
        }
        i += 1;
    }
}
