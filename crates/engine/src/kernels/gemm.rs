//! Matrix products: plain loops for tiny ones, else faer. Work is split by size, so that the bits do not depend on the number of threads.
#![allow(unsafe_code, reason = "strided loops and slices of generic elements; each block says why it is sound")]
use super::halves::both;
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use hypertape_ir::array::{Element, Kind, Real};

/// out = a·b. Each matrix has the strides of its rows and columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gemm {
    /// m rows of a and out; n columns of b and out; k columns of a and rows of b.
    pub(crate) m: usize,
    pub(crate) n: usize,
    pub(crate) k: usize,
    pub(crate) a: [isize; 2],
    pub(crate) b: [isize; 2],
    pub(crate) out: [isize; 2],
}

/// Multiplications above which a product is worth two threads.
const PARALLEL: usize = 1 << 25;
/// The same where the result has few rows or few columns: then little is packed by both threads.
const PARALLEL_FEW: usize = 1 << 22;
/// `FEW`: most rows of a product that is made in columns, so that the other operand is not packed. `AT_ONCE`: columns made at a time.
const FEW: usize = 32;
const AT_ONCE: usize = 128;
/// Multiplications up to which plain loops are faster than packing (copying operands into faer's own layout).
const TINY: usize = 256;

impl Gemm {
    /// out = a·b, or out + a·b if `add`, for matrices that start at `at` in their storages.
    ///
    /// # Safety
    /// Every offset that the strides reach from `at` lies in the operand's storage, and no two elements of `out` are the same place.
    pub(crate) unsafe fn run<T: Real>(&self, a: &[T], b: &[T], out: &mut [T], at: [isize; 3], add: bool) {
        let p = Pointers(a.as_ptr().wrapping_offset(at[0]), b.as_ptr().wrapping_offset(at[1]), out.as_mut_ptr().wrapping_offset(at[2]));
        // SAFETY: the caller's promise.
        unsafe { self.apply(p, add.then(T::one)) }
    }
    /// out = a·b, or out + s·a·b.
    ///
    /// # Safety
    /// As `run`, from these pointers; no place of `out` is a place of `a` or `b`.
    pub(crate) unsafe fn apply<T: Real>(&self, p: Pointers<T>, add: Option<T>) {
        if self.m == 0 || self.n == 0 {
            return;
        }
        if self.m * self.n * self.k <= TINY {
            // SAFETY: the caller's promise.
            return unsafe { self.tiny(p, add) };
        }
        let s = add.map(Element::to_f64);
        // SAFETY: the caller's promise; the kind says which type T is.
        unsafe {
            match T::KIND {
                Kind::F64 => self.split(Pointers(p.0.cast::<f64>(), p.1.cast(), p.2.cast()), s),
                Kind::F32 => self.split(Pointers(p.0.cast::<f32>(), p.1.cast(), p.2.cast()), s.map(|s| s as f32)),
                Kind::U32 => {}
            }
        }
    }
    /// Halves the longer side of the output while the product is big.
    ///
    /// # Safety
    /// As `run`.
    unsafe fn split<T: faer::traits::ComplexField + Copy>(&self, p: Pointers<T>, add: Option<T>) {
        let (m, n) = (self.m, self.n);
        let parallel = if m.min(n) <= FEW { PARALLEL_FEW } else { PARALLEL };
        if m * n * self.k >= parallel && m.max(n) >= 128 {
            let (low, high, q) = if m >= n {
                let half = (m / 2).next_multiple_of(48);
                (Gemm { m: half, ..*self }, Gemm { m: m - half, ..*self }, p.below(half, self))
            } else {
                let half = (n / 2).next_multiple_of(48);
                (Gemm { n: half, ..*self }, Gemm { n: n - half, ..*self }, p.right(half, self))
            };
            // SAFETY: the halves of the output are disjoint.
            both(move || unsafe { low.split(p, add) }, move || unsafe { high.split(q, add) });
            return;
        }
        // SAFETY: the caller's promise; with rows and columns exchanged the product is the same.
        unsafe {
            if self.packs_what_is_long() {
                return self.turned(p, add);
            }
            if self.exchanged().packs_what_is_long() {
                return self.exchanged().turned(Pointers(p.1, p.0, p.2), add);
            }
        }
        // SAFETY: the caller answers for the strides; `out` is exclusively borrowed by `run`.
        unsafe {
            let a = MatRef::from_raw_parts(p.0, m, self.k, self.a[0], self.a[1]);
            let b = MatRef::from_raw_parts(p.1, self.k, n, self.b[0], self.b[1]);
            let out = MatMut::from_raw_parts_mut(p.2, m, n, self.out[0], self.out[1]);
            match add {
                None => matmul(out, Accum::Replace, a, b, faer::traits::math_utils::one(), Par::Seq),
                Some(s) => matmul(out, Accum::Add, a, b, s, Par::Seq),
            }
        }
    }
    /// outᵀ = bᵀ·aᵀ.
    fn exchanged(&self) -> Gemm {
        let turn = |s: [isize; 2]| [s[1], s[0]];
        Gemm { m: self.n, n: self.m, k: self.k, a: turn(self.b), b: turn(self.a), out: turn(self.out) }
    }
    /// Whether a has few rows, b is long with contiguous columns, and the rows of the result are contiguous. faer wants the result contiguous along
    /// the operand that it packs. Here that would be b, and every product would pack all of it.
    fn packs_what_is_long(&self) -> bool {
        self.m <= FEW && self.n >= AT_ONCE && self.k >= AT_ONCE && self.b[0] == 1 && self.out[1] == 1 && self.out[0] != 1
    }
    /// Makes some columns of the product at a time in a buffer, then copies them to the rows of the result. So a is packed, and b is read in place.
    ///
    /// # Safety
    /// As `run`; `m` is at most `FEW`.
    unsafe fn turned<T: faer::traits::ComplexField + Copy>(&self, p: Pointers<T>, add: Option<T>) {
        use faer::traits::math_utils::{add as plus, mul, one, zero};
        let mut columns = [zero::<T>(); FEW * AT_ONCE];
        for from in (0..self.n).step_by(AT_ONCE) {
            let n = AT_ONCE.min(self.n - from);
            // SAFETY: the columns from here exist; `columns` has `FEW` places for each.
            unsafe {
                let a = MatRef::from_raw_parts(p.0, self.m, self.k, self.a[0], self.a[1]);
                let b = MatRef::from_raw_parts(p.1.offset(from as isize * self.b[1]), self.k, n, self.b[0], self.b[1]);
                let made = MatMut::from_raw_parts_mut(columns.as_mut_ptr(), self.m, n, 1, FEW as isize);
                matmul(made, Accum::Replace, a, b, one(), Par::Seq);
            }
            for i in 0..self.m {
                for (j, column) in columns.chunks_exact(FEW).take(n).enumerate() {
                    // SAFETY: the place is one of the result's.
                    unsafe {
                        let to = p.2.offset(i as isize * self.out[0] + (from + j) as isize);
                        *to = add.map_or(column[i], |s| plus(&*to, &mul(&s, &column[i])));
                    }
                }
            }
        }
    }
    /// The product by plain loops.
    ///
    /// # Safety
    /// As `apply`.
    unsafe fn tiny<T: Real>(&self, Pointers(a, b, out): Pointers<T>, add: Option<T>) {
        for i in 0..self.m as isize {
            for j in 0..self.n as isize {
                let mut total = T::zero();
                for k in 0..self.k as isize {
                    // SAFETY: the caller answers for the offsets.
                    total += unsafe { *a.offset(i * self.a[0] + k * self.a[1]) * *b.offset(k * self.b[0] + j * self.b[1]) };
                }
                let at = i * self.out[0] + j * self.out[1];
                // SAFETY: as above.
                unsafe { *out.offset(at) = add.map_or(total, |s| *out.offset(at) + s * total) };
            }
        }
    }
}

/// Where a, b and out start.
#[derive(Clone, Copy)]
pub(crate) struct Pointers<T>(pub(crate) *const T, pub(crate) *const T, pub(crate) *mut T);
// SAFETY: the halves that `split` sends to another thread write disjoint places, and the operands are only read.
unsafe impl<T> Send for Pointers<T> {}

impl<T> Pointers<T> {
    fn below(self, i: usize, g: &Gemm) -> Self {
        let i = i as isize;
        Pointers(self.0.wrapping_offset(i * g.a[0]), self.1, self.2.wrapping_offset(i * g.out[0]))
    }
    fn right(self, j: usize, g: &Gemm) -> Self {
        let j = j as isize;
        Pointers(self.0, self.1.wrapping_offset(j * g.b[1]), self.2.wrapping_offset(j * g.out[1]))
    }
}

/// Multiplies once on the calling thread and on every thread of the pool.
///
/// faer packs operands into a buffer that each thread allocates at its first product. The buffer reserves twice the last-level cache of address
/// space, but touches only what products use. A counting allocator counts all of it, for whatever happens to run first on that thread.
pub fn make_packing_buffers() {
    let multiply = || {
        let a = faer::Mat::<f64>::zeros(256, 256);
        let mut out = faer::Mat::<f64>::zeros(256, 256);
        matmul(out.as_mut(), Accum::Replace, a.as_ref(), a.as_ref(), 1.0, Par::Seq);
    };
    multiply();
    rayon::broadcast(|_| multiply());
}
