//! Products of many small matrices with a vector each: the instruction set is chosen once, and not for each matrix.
#![allow(unsafe_code)]
use super::matvec::{Open, Rows, axpys_body, dots_body};
use super::vector::{Vector, per_vector};
use hypertape_ir::array::Real;

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
        // SAFETY: the caller's promise.
        unsafe { dots_body::<T, V, 1>(Open { at: m, ..a }, [v], [out.cast_mut()], false) };
    }
}

/// # Safety
/// All products lie within their arrays.
#[inline(always)]
unsafe fn each_axpys_body<T: Real, V: Vector<T>>(a: Open<T>, u: *const T, out: *mut T, many: Many) {
    for k in 0..many.n as isize {
        let [m, u, out] = places(&a, u, out, &many, k);
        // SAFETY: the caller's promise.
        unsafe {
            std::slice::from_raw_parts_mut(out.cast_mut(), a.columns).fill(T::zero());
            axpys_body::<T, V, 1>(Open { at: m, ..a }, [u], [out.cast_mut()], std::ptr::null());
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
