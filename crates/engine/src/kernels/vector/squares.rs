//! Transposes of small squares in registers, on x86.
#![allow(unsafe_code)]
use core::arch::x86_64::*;
use std::array::from_fn;

/// Transposes 4 rows of 4 doubles, `step` apart, into rows `wide` apart.
///
/// # Safety
/// The processor has AVX2. Both squares lie in memory that the caller may use.
#[inline(always)]
pub(super) unsafe fn four_doubles(from: *const f64, step: isize, to: *mut f64, wide: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        let [a, b, c, d]: [__m256d; 4] = from_fn(|i| _mm256_loadu_pd(from.wrapping_offset(i as isize * step)));
        let (low, high) = (_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b));
        let (low2, high2) = (_mm256_unpacklo_pd(c, d), _mm256_unpackhi_pd(c, d));
        _mm256_storeu_pd(to, _mm256_permute2f128_pd::<0x20>(low, low2));
        _mm256_storeu_pd(to.add(wide), _mm256_permute2f128_pd::<0x20>(high, high2));
        _mm256_storeu_pd(to.add(2 * wide), _mm256_permute2f128_pd::<0x31>(low, low2));
        _mm256_storeu_pd(to.add(3 * wide), _mm256_permute2f128_pd::<0x31>(high, high2));
    }
}

/// Transposes 8 rows of 8 singles, `step` apart, into rows `wide` apart.
///
/// # Safety
/// As `four_doubles`.
#[inline(always)]
pub(super) unsafe fn eight_singles(from: *const f32, step: isize, to: *mut f32, wide: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        let r: [__m256; 8] = from_fn(|i| _mm256_loadu_ps(from.wrapping_offset(i as isize * step)));
        // Pairs of rows, element by element; then fours of rows.
        let pairs: [__m256; 8] =
            from_fn(|i| if i % 2 == 0 { _mm256_unpacklo_ps(r[i], r[i + 1]) } else { _mm256_unpackhi_ps(r[i - 1], r[i]) });
        let four = |low: __m256, high: __m256| {
            let (low, high) = (_mm256_castps_pd(low), _mm256_castps_pd(high));
            [_mm256_unpacklo_pd(low, high), _mm256_unpackhi_pd(low, high)].map(|v| _mm256_castpd_ps(v))
        };
        let ([a, b], [c, d]) = (four(pairs[0], pairs[2]), four(pairs[1], pairs[3]));
        let ([e, f], [g, h]) = (four(pairs[4], pairs[6]), four(pairs[5], pairs[7]));
        for (i, (low, high)) in [(a, e), (b, f), (c, g), (d, h)].into_iter().enumerate() {
            _mm256_storeu_ps(to.add(i * wide), _mm256_permute2f128_ps::<0x20>(low, high));
            _mm256_storeu_ps(to.add((i + 4) * wide), _mm256_permute2f128_ps::<0x31>(low, high));
        }
    }
}

/// Transposes 8 rows of 8 doubles, `step` apart, into rows `wide` apart.
///
/// # Safety
/// As `four_doubles`, with AVX-512.
#[inline(always)]
pub(super) unsafe fn eight_doubles(from: *const f64, step: isize, to: *mut f64, wide: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        let r: [__m512d; 8] = from_fn(|i| _mm512_loadu_pd(from.wrapping_offset(i as isize * step)));
        // Pairs of rows, element by element; then fours of rows, by halves of 256 bits.
        let pairs: [__m512d; 8] =
            from_fn(|i| if i % 2 == 0 { _mm512_unpacklo_pd(r[i], r[i + 1]) } else { _mm512_unpackhi_pd(r[i - 1], r[i]) });
        let (first, second) = (_mm512_setr_epi64(0, 1, 8, 9, 4, 5, 12, 13), _mm512_setr_epi64(2, 3, 10, 11, 6, 7, 14, 15));
        for (k, index) in [first, second].into_iter().enumerate() {
            for odd in 0..2 {
                let low = _mm512_permutex2var_pd(pairs[odd], index, pairs[2 + odd]);
                let high = _mm512_permutex2var_pd(pairs[4 + odd], index, pairs[6 + odd]);
                let i = 2 * k + odd;
                _mm512_storeu_pd(to.add(i * wide), _mm512_shuffle_f64x2::<0x44>(low, high));
                _mm512_storeu_pd(to.add((i + 4) * wide), _mm512_shuffle_f64x2::<0xee>(low, high));
            }
        }
    }
}
