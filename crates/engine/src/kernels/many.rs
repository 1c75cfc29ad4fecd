//! Products of many small matrices with a vector each: the instruction set is chosen once, and not for each matrix.
#![allow(unsafe_code)]
use super::matvec::{Open, Rows, dots_body};
use super::row_sums::axpys_body;
use super::vector::{Vector, per_vector};
use hypertape_ir::array::Real;
use std::array::from_fn;

/// Where the matrices, vectors and results begin, and how far they move from one product to the next.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Many {
    /// How many products.
    pub(crate) n: usize,
    /// Where the first vector and the first result begin.
    pub(crate) at: [isize; 2],
    /// Steps of the matrix, of the vector and of the result.
    pub(crate) steps: [isize; 3],
}

impl Many {
    /// Checks that the first and the last product lie within their arrays, and so all others. The matrix is the first one.
    fn check<T>(&self, a: Rows<'_, T>, vectors: [(usize, usize); 2]) {
        let last = self.n as isize - 1;
        Rows { start: a.start + last * self.steps[0], ..a }.open();
        for (i, (long, len)) in vectors.into_iter().enumerate() {
            let within = |at: isize| at >= 0 && at as usize + len <= long;
            assert!(within(self.at[i]) && within(self.at[i] + last * self.steps[1 + i]), "vectors lie within their arrays");
        }
    }
}

/// out_k = A_k v_k.
pub(crate) fn dots<T: Real>(a: Rows<'_, T>, v: &[T], out: &mut [T], many: Many) {
    if many.n > 0 {
        many.check(a, [(v.len(), a.columns), (out.len(), a.rows)]);
        // SAFETY: all products lie within their arrays.
        unsafe { each_dots::<T>(a.open(), v.as_ptr(), out.as_mut_ptr(), many) };
    }
}

/// out_k = A_kᵀ u_k.
pub(crate) fn axpys<T: Real>(a: Rows<'_, T>, u: &[T], out: &mut [T], many: Many) {
    if many.n > 0 {
        many.check(a, [(u.len(), a.rows), (out.len(), a.columns)]);
        // SAFETY: all products lie within their arrays.
        unsafe { each_axpys::<T>(a.open(), u.as_ptr(), out.as_mut_ptr(), many) };
    }
}

per_vector! {
    unsafe fn each_dots<T>(a: Open<T>, v: *const T, out: *mut T, many: Many) = each_dots_body
}
per_vector! {
    unsafe fn each_axpys<T>(a: Open<T>, u: *const T, out: *mut T, many: Many) = each_axpys_body
}

/// # Safety
/// All products lie within their arrays.
#[inline(always)]
unsafe fn each_dots_body<T: Real, V: Vector<T>>(a: Open<T>, v: *const T, out: *mut T, many: Many) {
    for k in 0..many.n as isize {
        let [m, v, out] = places(&a, v, out, &many, k);
        let (a, out) = (Open { at: m, ..a }, out.cast_mut());
        // SAFETY: the caller's promise.
        unsafe {
            match a.columns.div_ceil(V::LANES) {
                1 => dot_narrow::<T, V, 1>(&a, v, out),
                2 => dot_narrow::<T, V, 2>(&a, v, out),
                _ => dots_body::<T, V, 1>(a, [v], [out], false),
            }
        }
    }
}

/// out = A v, of rows of `C` vectors, the last of which may be partial.
///
/// # Safety
/// The product lies within its arrays.
#[inline(always)]
unsafe fn dot_narrow<T: Real, V: Vector<T>, const C: usize>(a: &Open<T>, v: *const T, out: *mut T) {
    // SAFETY: the caller's promise.
    unsafe {
        let x: [V; C] = from_fn(|c| load::<T, V, C>(v, c, a.columns));
        let dot = |i: usize| {
            let row = a.row(i);
            (0..C).fold(V::splat(T::zero()), |sum, c| sum.plus_product(load::<T, V, C>(row, c, a.columns), x[c]))
        };
        let mut i = 0;
        while i + 8 <= a.rows {
            V::store_sums(from_fn(|r| dot(i + r)), out.add(i));
            i += 8;
        }
        while i < a.rows {
            let left = (a.rows - i).min(4);
            let sums = V::sums(from_fn(|r| if r < left { dot(i + r) } else { V::splat(T::zero()) }));
            if left == 4 {
                out.add(i).cast::<[T; 4]>().write_unaligned(sums);
            } else {
                (0..left).for_each(|r| *out.add(i + r) = sums[r]);
            }
            i += left;
        }
    }
}

/// Vector `c` of a row of `columns`, which are C − 1 whole vectors and a last one.
///
/// # Safety
/// The row has its columns.
#[inline(always)]
unsafe fn load<T: Real, V: Vector<T>, const C: usize>(row: *const T, c: usize, columns: usize) -> V {
    // SAFETY: the caller's promise.
    unsafe {
        let from = row.add(c * V::LANES);
        if c + 1 < C { V::load(from) } else { V::load_first(from, columns - c * V::LANES) }
    }
}

/// # Safety
/// All products lie within their arrays.
#[inline(always)]
unsafe fn each_axpys_body<T: Real, V: Vector<T>>(a: Open<T>, u: *const T, out: *mut T, many: Many) {
    for k in 0..many.n as isize {
        let [m, u, out] = places(&a, u, out, &many, k);
        let (a, out) = (Open { at: m, ..a }, out.cast_mut());
        // SAFETY: the caller's promise.
        unsafe {
            match a.columns.div_ceil(V::LANES) {
                1 => sum_narrow::<T, V, 1>(&a, u, out),
                2 => sum_narrow::<T, V, 2>(&a, u, out),
                _ => {
                    std::slice::from_raw_parts_mut(out, a.columns).fill(T::zero());
                    axpys_body::<T, V, 1>(a, [u], [out], std::ptr::null());
                }
            }
        }
    }
}

/// Rows that are added up apart, so that no sum waits for the one before it.
const APART: usize = 4;

/// out = Aᵀu, of `C` vectors, the last of which may be partial: every fourth row in sums of its own.
///
/// # Safety
/// The product lies within its arrays.
#[inline(always)]
unsafe fn sum_narrow<T: Real, V: Vector<T>, const C: usize>(a: &Open<T>, u: *const T, out: *mut T) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [[V::splat(T::zero()); C]; APART];
        let add = |sums: &mut [V; C], i: usize| {
            let (row, factor) = (a.row(i), V::splat(*u.add(i)));
            for (c, sum) in sums.iter_mut().enumerate() {
                *sum = sum.plus_product(load::<T, V, C>(row, c, a.columns), factor);
            }
        };
        let whole = a.rows / APART * APART;
        for i in (0..whole).step_by(APART) {
            for (r, sums) in sums.iter_mut().enumerate() {
                add(sums, i + r);
            }
        }
        for (r, sums) in sums.iter_mut().enumerate() {
            if whole + r < a.rows {
                add(sums, whole + r);
            }
        }
        let one = V::splat(T::one());
        for c in 0..C {
            let (low, high) = (sums[0][c].plus_product(sums[1][c], one), sums[2][c].plus_product(sums[3][c], one));
            let total = low.plus_product(high, one);
            let to = out.add(c * V::LANES);
            if c + 1 < C { total.store(to) } else { total.store_first(to, a.columns - c * V::LANES) }
        }
    }
}

/// Where product `k` has its matrix, vector and result.
#[inline(always)]
fn places<T>(a: &Open<T>, v: *const T, out: *mut T, many: &Many, k: isize) -> [*const T; 3] {
    [
        a.at.wrapping_offset(k * many.steps[0]),
        v.wrapping_offset(many.at[0] + k * many.steps[1]),
        out.cast_const().wrapping_offset(many.at[1] + k * many.steps[2]),
    ]
}
