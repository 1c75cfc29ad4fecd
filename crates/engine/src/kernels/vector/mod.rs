//! Vectors of reals as wide as the processor's registers, for loops that compilers vectorise badly.
#![allow(unsafe_code)]
use hypertape_ir::array::Real;

/// A vector of `LANES` reals.
///
/// Its functions may be called only from code compiled for its instruction set; [`per_vector`] ensures that. Pointers reach the elements that a
/// function reads or writes, and need no alignment.
pub(crate) trait Vector<T: Real>: Copy {
    /// Number of lanes.
    const LANES: usize;
    /// A vector with `v` in every lane.
    unsafe fn splat(v: T) -> Self;
    /// Loads `LANES` elements.
    unsafe fn load(from: *const T) -> Self;
    /// Loads the first `n` ≤ `LANES` elements; the other lanes are 0. Nothing else is read.
    unsafe fn load_first(from: *const T, n: usize) -> Self;
    /// Loads the last `n` ≤ `LANES` of the `LANES` elements into the last lanes; the other lanes are 0. Nothing else is read.
    unsafe fn load_last(from: *const T, n: usize) -> Self;
    /// Rotates the lanes: lane l goes to lane (l + `by`) mod `LANES`; `by` < `LANES`.
    unsafe fn turned(self, by: usize) -> Self;
    /// Writes all lanes.
    unsafe fn store(self, to: *mut T);
    /// Writes the first `n` ≤ `LANES` lanes.
    unsafe fn store_first(self, to: *mut T, n: usize);
    /// Vector sums that fit the registers, with room for operands.
    const HELD: usize = 8;
    /// Rows and vectors of the part of a product of matrices that is summed in registers.
    const TILE: [usize; 2] = [4, 3];
    /// Prefetches the memory around an address, if the processor has an instruction for it. The address need not be valid.
    #[inline(always)]
    unsafe fn fetch(_: *const T) {}
    /// self + a·b.
    unsafe fn plus_product(self, a: Self, b: Self) -> Self;
    /// For each of four vectors, the sum of its lanes, always in the same order.
    unsafe fn sums(of: [Self; 4]) -> [T; 4];
    /// Writes for each of eight vectors the sum of its lanes, in the same order.
    #[inline(always)]
    unsafe fn store_sums(of: [Self; 8], to: *mut T) {
        // SAFETY: the caller's promise.
        unsafe { store_sums_of_four(of, to) }
    }
    /// Transposes a square of `LANES` by `LANES` elements: rows `step` apart become columns, of rows `wide` apart.
    #[inline(always)]
    unsafe fn transpose(from: *const T, step: isize, to: *mut T, wide: usize) {
        for i in 0..Self::LANES {
            for j in 0..Self::LANES {
                // SAFETY: the caller's promise.
                unsafe { *to.add(j * wide + i) = *from.wrapping_offset(i as isize * step).add(j) };
            }
        }
    }
    /// `base[indices[0]]`, `base[indices[1]]`, … for the first `n` ≤ `LANES` indices, then zeros. Indices are below 2³¹.
    unsafe fn gather_first(base: *const T, indices: *const u32, n: usize) -> Self;
}

/// Writes the sums of eight vectors, four at a time.
///
/// # Safety
/// As for every function of `Vector`.
#[inline(always)]
unsafe fn store_sums_of_four<T: Real, V: Vector<T>>([a, b, c, d, e, f, g, h]: [V; 8], to: *mut T) {
    // SAFETY: the caller's promise.
    unsafe {
        to.cast::<[T; 4]>().write_unaligned(V::sums([a, b, c, d]));
        to.add(4).cast::<[T; 4]>().write_unaligned(V::sums([e, f, g, h]));
    }
}

/// A portable vector of four lanes: loops of fixed length.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plain<T>([T; 4]);

impl<T: Real> Plain<T> {
    #[inline(always)]
    fn of(f: impl Fn(usize) -> T) -> Self {
        Plain(std::array::from_fn(f))
    }
}

impl<T: Real> Vector<T> for Plain<T> {
    const LANES: usize = 4;
    #[inline(always)]
    unsafe fn splat(v: T) -> Self {
        Plain([v; 4])
    }
    #[inline(always)]
    unsafe fn load(from: *const T) -> Self {
        // SAFETY: the caller's promise.
        Plain(unsafe { from.cast::<[T; 4]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn load_first(from: *const T, n: usize) -> Self {
        // SAFETY: the caller's promise, for the first n.
        Self::of(|l| if l < n { unsafe { *from.add(l) } } else { T::zero() })
    }
    #[inline(always)]
    unsafe fn load_last(from: *const T, n: usize) -> Self {
        // SAFETY: the caller's promise, for the last n.
        Self::of(|l| if l + n >= 4 { unsafe { *from.wrapping_add(l) } } else { T::zero() })
    }
    #[inline(always)]
    unsafe fn turned(self, by: usize) -> Self {
        Self::of(|l| self.0[(l + 4 - by) % 4])
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut T) {
        // SAFETY: the caller's promise.
        unsafe { to.cast::<[T; 4]>().write_unaligned(self.0) };
    }
    #[inline(always)]
    unsafe fn store_first(self, to: *mut T, n: usize) {
        for l in 0..n {
            // SAFETY: the caller's promise, for the first n.
            unsafe { *to.add(l) = self.0[l] };
        }
    }
    #[inline(always)]
    unsafe fn plus_product(self, a: Self, b: Self) -> Self {
        // Every Arm processor of the target has fused multiply-add; elsewhere `mul_add` might be a call.
        Self::of(|l| if cfg!(target_arch = "aarch64") { a.0[l].mul_add(b.0[l], self.0[l]) } else { self.0[l] + a.0[l] * b.0[l] })
    }
    #[inline(always)]
    unsafe fn sums(of: [Self; 4]) -> [T; 4] {
        of.map(|v| (v.0[0] + v.0[1]) + (v.0[2] + v.0[3]))
    }
    #[inline(always)]
    unsafe fn gather_first(base: *const T, indices: *const u32, n: usize) -> Self {
        // SAFETY: the caller's promise, for the first n.
        Self::of(|l| if l < n { unsafe { *base.add(*indices.add(l) as usize) } } else { T::zero() })
    }
}

#[cfg(target_arch = "x86_64")]
mod squares;
#[cfg(target_arch = "x86_64")]
mod x86;
#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512};

/// Defines `$name`, which runs `$body::<T, vector, ..>` with the widest vector of the processor. `$body` must be `#[inline(always)]`.
macro_rules! per_vector {
    ($(#[$doc:meta])* $vis:vis unsafe fn $name:ident<$T:ident $(, const $C:ident: $ct:ty)*>($($a:ident: $t:ty),* $(,)?) $(-> $r:ty)? = $body:ident) => {
        $(#[$doc])*
        $vis unsafe fn $name<$T: hypertape_ir::array::Real $(, const $C: $ct)*>($($a: $t),*) $(-> $r)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx2,fma")]
                unsafe fn avx512<$T: hypertape_ir::array::Real $(, const $C: $ct)*>($($a: $t),*) $(-> $r)? {
                    // SAFETY: the caller's promise; the instructions are there.
                    unsafe { $body::<$T, $crate::kernels::vector::Avx512<$T> $(, $C)*>($($a),*) }
                }
                #[target_feature(enable = "avx2,fma")]
                unsafe fn avx2<$T: hypertape_ir::array::Real $(, const $C: $ct)*>($($a: $t),*) $(-> $r)? {
                    // SAFETY: as above.
                    unsafe { $body::<$T, $crate::kernels::vector::Avx2<$T> $(, $C)*>($($a),*) }
                }
                match $crate::kernels::isa::isa() {
                    // SAFETY: the caller's promise; `isa` found the features on this processor.
                    $crate::kernels::isa::Isa::Avx512 => return unsafe { avx512::<$T $(, $C)*>($($a),*) },
                    // SAFETY: as above.
                    $crate::kernels::isa::Isa::Avx2 => return unsafe { avx2::<$T $(, $C)*>($($a),*) },
                    $crate::kernels::isa::Isa::Portable => {}
                }
            }
            // SAFETY: the caller's promise; plain vectors need no instructions.
            unsafe { $body::<$T, $crate::kernels::vector::Plain<$T> $(, $C)*>($($a),*) }
        }
    };
}
pub(crate) use per_vector;
