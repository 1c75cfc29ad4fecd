//! Vectors of 256 and 512 bits on x86. Both hold either element type in a register of doubles; the casts cost nothing.
#![allow(unsafe_code)]
use super::{Vector, squares, store_sums_of_four};
use core::arch::x86_64::*;
use hypertape_ir::array::{Kind, Real};
use std::marker::PhantomData;

/// `$single` for f32, else `$double`.
macro_rules! by_type {
    ($T:ident, $single:expr, $double:expr) => {
        // SAFETY: `Vector` may be used only where the processor has the instructions, on pointers that reach the elements.
        unsafe { if matches!($T::KIND, Kind::F32) { $single } else { $double } }
    };
}

/// 256 bits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx2<T>(__m256d, PhantomData<T>);
/// 512 bits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx512<T>(__m512d, PhantomData<T>);

impl<T: Real> Avx2<T> {
    #[inline(always)]
    fn of(v: __m256d) -> Self {
        Avx2(v, PhantomData)
    }
    #[inline(always)]
    unsafe fn of_single(v: __m256) -> Self {
        // SAFETY: as for every function of the trait.
        Self::of(unsafe { _mm256_castps_pd(v) })
    }
    #[inline(always)]
    unsafe fn single(self) -> __m256 {
        // SAFETY: as above.
        unsafe { _mm256_castpd_ps(self.0) }
    }
    /// All bits set in the first n lanes.
    #[inline(always)]
    unsafe fn mask(n: usize) -> __m256i {
        by_type!(
            T,
            _mm256_cmpgt_epi32(_mm256_set1_epi32(n as i32), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)),
            _mm256_cmpgt_epi64(_mm256_set1_epi64x(n as i64), _mm256_setr_epi64x(0, 1, 2, 3))
        )
    }
    /// All bits set in the last n lanes.
    #[inline(always)]
    unsafe fn last(n: usize) -> __m256i {
        by_type!(
            T,
            _mm256_cmpgt_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32(7 - n as i32)),
            _mm256_cmpgt_epi64(_mm256_setr_epi64x(0, 1, 2, 3), _mm256_set1_epi64x(3 - n as i64))
        )
    }
}

/// The numbers of the lanes.
static LANE: [i32; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

impl<T: Real> Vector<T> for Avx2<T> {
    const LANES: usize = 32 / size_of::<T>();
    const TILE: [usize; 2] = [6, 2];
    #[inline(always)]
    unsafe fn fetch(at: *const T) {
        // SAFETY: a prefetch is a hint; no address makes it fail.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) };
    }
    #[inline(always)]
    unsafe fn splat(v: T) -> Self {
        let v = &raw const v;
        by_type!(T, Self::of_single(_mm256_set1_ps(*v.cast())), Self::of(_mm256_set1_pd(*v.cast())))
    }
    #[inline(always)]
    unsafe fn load(from: *const T) -> Self {
        by_type!(T, Self::of_single(_mm256_loadu_ps(from.cast())), Self::of(_mm256_loadu_pd(from.cast())))
    }
    #[inline(always)]
    unsafe fn load_first(from: *const T, n: usize) -> Self {
        by_type!(
            T,
            Self::of_single(_mm256_maskload_ps(from.cast(), Self::mask(n))),
            Self::of(_mm256_maskload_pd(from.cast(), Self::mask(n)))
        )
    }
    #[inline(always)]
    unsafe fn load_last(from: *const T, n: usize) -> Self {
        by_type!(
            T,
            Self::of_single(_mm256_maskload_ps(from.cast(), Self::last(n))),
            Self::of(_mm256_maskload_pd(from.cast(), Self::last(n)))
        )
    }
    #[inline(always)]
    unsafe fn turned(self, by: usize) -> Self {
        // The instruction moves lanes of 32 bits; a double has two of them.
        by_type!(
            T,
            {
                let from = _mm256_sub_epi32(_mm256_loadu_si256(LANE.as_ptr().cast()), _mm256_set1_epi32(by as i32));
                Self::of_single(_mm256_permutevar8x32_ps(self.single(), from))
            },
            {
                let from = _mm256_sub_epi32(_mm256_loadu_si256(LANE.as_ptr().cast()), _mm256_set1_epi32(2 * by as i32));
                Self::of_single(_mm256_permutevar8x32_ps(self.single(), from))
            }
        )
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut T) {
        by_type!(T, _mm256_storeu_ps(to.cast(), self.single()), _mm256_storeu_pd(to.cast(), self.0))
    }
    #[inline(always)]
    unsafe fn store_first(self, to: *mut T, n: usize) {
        // In parts: a masked store takes many micro-operations on some processors, and reading what it wrote waits until it has reached the cache.
        by_type!(
            T,
            {
                let (mut part, mut to) = (_mm256_castps256_ps128(self.single()), to.cast::<f32>());
                if n >= 8 {
                    return self.store(to.cast());
                }
                if n & 4 != 0 {
                    _mm_storeu_ps(to, part);
                    (part, to) = (_mm256_extractf128_ps::<1>(self.single()), to.add(4));
                }
                if n & 2 != 0 {
                    _mm_store_sd(to.cast(), _mm_castps_pd(part));
                    (part, to) = (_mm_movehl_ps(part, part), to.add(2));
                }
                if n & 1 != 0 {
                    _mm_store_ss(to, part);
                }
            },
            {
                let (low, to) = (_mm256_castpd256_pd128(self.0), to.cast::<f64>());
                match n {
                    0 => {}
                    1 => _mm_store_sd(to, low),
                    2 => _mm_storeu_pd(to, low),
                    3 => {
                        _mm_storeu_pd(to, low);
                        _mm_store_sd(to.add(2), _mm256_extractf128_pd::<1>(self.0));
                    }
                    _ => self.store(to.cast()),
                }
            }
        )
    }
    #[inline(always)]
    unsafe fn plus_product(self, a: Self, b: Self) -> Self {
        by_type!(T, Self::of_single(_mm256_fmadd_ps(a.single(), b.single(), self.single())), Self::of(_mm256_fmadd_pd(a.0, b.0, self.0)))
    }
    #[inline(always)]
    unsafe fn sums(of: [Self; 4]) -> [T; 4] {
        let mut sums = [T::zero(); 4];
        let to = sums.as_mut_ptr();
        by_type!(
            T,
            {
                let [a, b, c, d] = of.map(|v| v.single());
                let all = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
                _mm_storeu_ps(to.cast(), _mm_add_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps::<1>(all)));
            },
            {
                let (ab, cd) = (_mm256_hadd_pd(of[0].0, of[1].0), _mm256_hadd_pd(of[2].0, of[3].0));
                let (low, high) = (_mm256_permute2f128_pd::<0x20>(ab, cd), _mm256_permute2f128_pd::<0x31>(ab, cd));
                _mm256_storeu_pd(to.cast(), _mm256_add_pd(low, high));
            }
        );
        sums
    }
    #[inline(always)]
    unsafe fn transpose(from: *const T, step: isize, to: *mut T, wide: usize) {
        by_type!(T, squares::eight_singles(from.cast(), step, to.cast(), wide), squares::four_doubles(from.cast(), step, to.cast(), wide))
    }
    #[inline(always)]
    unsafe fn gather_first(base: *const T, indices: *const u32, n: usize) -> Self {
        by_type!(
            T,
            {
                let mask = Self::mask(n);
                let at = _mm256_maskload_epi32(indices.cast(), mask);
                Self::of_single(_mm256_mask_i32gather_ps::<4>(_mm256_setzero_ps(), base.cast(), at, _mm256_castsi256_ps(mask)))
            },
            {
                let first = _mm_cmpgt_epi32(_mm_set1_epi32(n as i32), _mm_setr_epi32(0, 1, 2, 3));
                let (at, mask) = (_mm_maskload_epi32(indices.cast(), first), _mm256_castsi256_pd(Self::mask(n)));
                Self::of(_mm256_mask_i32gather_pd::<8>(_mm256_setzero_pd(), base.cast(), at, mask))
            }
        )
    }
}

impl<T: Real> Avx512<T> {
    #[inline(always)]
    fn of(v: __m512d) -> Self {
        Avx512(v, PhantomData)
    }
    #[inline(always)]
    unsafe fn of_single(v: __m512) -> Self {
        // SAFETY: as for every function of the trait.
        Self::of(unsafe { _mm512_castps_pd(v) })
    }
    #[inline(always)]
    unsafe fn single(self) -> __m512 {
        // SAFETY: as above.
        unsafe { _mm512_castpd_ps(self.0) }
    }
}

/// A mask of the first n bits.
#[inline(always)]
fn bits(n: usize) -> u16 {
    ((1u32 << n) - 1) as u16
}

/// A mask of the last n of `lanes` bits.
#[inline(always)]
fn last_bits(n: usize, lanes: usize) -> u16 {
    bits(lanes) & !bits(lanes - n)
}

impl<T: Real> Vector<T> for Avx512<T> {
    const LANES: usize = 64 / size_of::<T>();
    const HELD: usize = 16;
    const TILE: [usize; 2] = [8, 3];
    #[inline(always)]
    unsafe fn fetch(at: *const T) {
        // SAFETY: a prefetch is a hint; no address makes it fail.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) };
    }
    #[inline(always)]
    unsafe fn splat(v: T) -> Self {
        let v = &raw const v;
        by_type!(T, Self::of_single(_mm512_set1_ps(*v.cast())), Self::of(_mm512_set1_pd(*v.cast())))
    }
    #[inline(always)]
    unsafe fn load(from: *const T) -> Self {
        by_type!(T, Self::of_single(_mm512_loadu_ps(from.cast())), Self::of(_mm512_loadu_pd(from.cast())))
    }
    #[inline(always)]
    unsafe fn load_first(from: *const T, n: usize) -> Self {
        by_type!(
            T,
            Self::of_single(_mm512_maskz_loadu_ps(bits(n), from.cast())),
            Self::of(_mm512_maskz_loadu_pd(bits(n) as u8, from.cast()))
        )
    }
    #[inline(always)]
    unsafe fn load_last(from: *const T, n: usize) -> Self {
        by_type!(
            T,
            Self::of_single(_mm512_maskz_loadu_ps(last_bits(n, 16), from.cast())),
            Self::of(_mm512_maskz_loadu_pd(last_bits(n, 8) as u8, from.cast()))
        )
    }
    #[inline(always)]
    unsafe fn turned(self, by: usize) -> Self {
        by_type!(
            T,
            {
                let from = _mm512_sub_epi32(_mm512_loadu_si512(LANE.as_ptr().cast()), _mm512_set1_epi32(by as i32));
                Self::of_single(_mm512_permutexvar_ps(from, self.single()))
            },
            {
                let lanes = _mm512_cvtepi32_epi64(_mm256_loadu_si256(LANE.as_ptr().cast()));
                Self::of(_mm512_permutexvar_pd(_mm512_sub_epi64(lanes, _mm512_set1_epi64(by as i64)), self.0))
            }
        )
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut T) {
        by_type!(T, _mm512_storeu_ps(to.cast(), self.single()), _mm512_storeu_pd(to.cast(), self.0))
    }
    #[inline(always)]
    unsafe fn store_first(self, to: *mut T, n: usize) {
        by_type!(T, _mm512_mask_storeu_ps(to.cast(), bits(n), self.single()), _mm512_mask_storeu_pd(to.cast(), bits(n) as u8, self.0))
    }
    #[inline(always)]
    unsafe fn plus_product(self, a: Self, b: Self) -> Self {
        by_type!(T, Self::of_single(_mm512_fmadd_ps(a.single(), b.single(), self.single())), Self::of(_mm512_fmadd_pd(a.0, b.0, self.0)))
    }
    #[inline(always)]
    unsafe fn sums(of: [Self; 4]) -> [T; 4] {
        let mut sums = [T::zero(); 4];
        let to = sums.as_mut_ptr();
        by_type!(
            T,
            {
                let [a, b, c, d] = of.map(|v| v.single());
                let ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
                let cd = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
                let (ab, cd) = (_mm512_castps_pd(ab), _mm512_castps_pd(cd));
                let (low, high) = (_mm512_unpacklo_pd(ab, cd), _mm512_unpackhi_pd(ab, cd));
                let all = _mm512_add_ps(_mm512_castpd_ps(low), _mm512_castpd_ps(high));
                let half = _mm256_add_ps(_mm512_castps512_ps256(all), _mm512_extractf32x8_ps::<1>(all));
                _mm_storeu_ps(to.cast(), _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps::<1>(half)));
            },
            {
                let [a, b, c, d] = of.map(|v| v.0);
                let ab = _mm512_add_pd(_mm512_unpacklo_pd(a, b), _mm512_unpackhi_pd(a, b));
                let cd = _mm512_add_pd(_mm512_unpacklo_pd(c, d), _mm512_unpackhi_pd(c, d));
                let all = _mm512_add_pd(_mm512_shuffle_f64x2::<0x88>(ab, cd), _mm512_shuffle_f64x2::<0xdd>(ab, cd));
                let all = _mm512_add_pd(_mm512_shuffle_f64x2::<0x08>(all, all), _mm512_shuffle_f64x2::<0x0d>(all, all));
                _mm256_storeu_pd(to.cast(), _mm512_castpd512_pd256(all));
            }
        );
        sums
    }
    #[inline(always)]
    unsafe fn store_sums(of: [Self; 8], to: *mut T) {
        by_type!(T, store_sums_of_four(of, to), {
            let pairs = |a: Self, b: Self| _mm512_add_pd(_mm512_unpacklo_pd(a.0, b.0), _mm512_unpackhi_pd(a.0, b.0));
            let halves = |a, b| _mm512_add_pd(_mm512_shuffle_f64x2::<0x88>(a, b), _mm512_shuffle_f64x2::<0xdd>(a, b));
            let [a, b, c, d, e, f, g, h] = of;
            let all = halves(halves(pairs(a, b), pairs(c, d)), halves(pairs(e, f), pairs(g, h)));
            _mm512_storeu_pd(to.cast(), all);
        })
    }
    #[inline(always)]
    unsafe fn transpose(from: *const T, step: isize, to: *mut T, wide: usize) {
        by_type!(
            T,
            for (i, j) in [(0, 0), (0, 8), (8, 0), (8, 8)] {
                let from = from.wrapping_offset(i as isize * step).wrapping_add(j);
                squares::eight_singles(from.cast(), step, to.wrapping_add(j * wide + i).cast(), wide);
            },
            squares::eight_doubles(from.cast(), step, to.cast(), wide)
        )
    }
    #[inline(always)]
    unsafe fn gather_first(base: *const T, indices: *const u32, n: usize) -> Self {
        let mask = bits(n);
        by_type!(
            T,
            {
                let at = _mm512_maskz_loadu_epi32(mask, indices.cast());
                Self::of_single(_mm512_mask_i32gather_ps::<4>(_mm512_setzero_ps(), mask, at, base.cast()))
            },
            {
                let at = _mm256_maskz_loadu_epi32(mask as u8, indices.cast());
                Self::of(_mm512_mask_i32gather_pd::<8>(_mm512_setzero_pd(), mask as u8, at, base.cast()))
            }
        )
    }
}
