//! Tests whether all elements are finite, in one pass without branches.
use super::isa::per_isa;
use hypertape_ir::array::Real;

/// Sums that run side by side: enough to keep the adders busy.
const LANES: usize = 64;
/// The same for the elements that remain after whole blocks.
const FEW: usize = 8;

per_isa! {
    /// Whether all elements are finite, judged by their sum: a sum that includes ∞ or NaN is not finite. "No" may also mean that a sum overflowed.
    pub fn surely_finite<T: Real>(x: &[T]) -> bool = finite
}

#[inline(always)]
fn finite<T: Real, const FMA: bool>(x: &[T]) -> bool {
    let (blocks, rest) = x.as_chunks::<LANES>();
    let (few, last) = rest.as_chunks::<FEW>();
    let mut sum = last.iter().fold(T::zero(), |sum, v| sum + *v);
    if !few.is_empty() {
        sum += lanes(few);
    }
    if !blocks.is_empty() {
        sum += lanes(blocks);
    }
    sum.is_finite()
}

/// The sum of all blocks: lane by lane, then by halves, so that additions of different lanes do not wait for each other.
#[inline(always)]
fn lanes<T: Real, const N: usize>(blocks: &[[T; N]]) -> T {
    let mut sums = [T::zero(); N];
    for block in blocks {
        for l in 0..N {
            sums[l] += block[l];
        }
    }
    let mut width = N / 2;
    while width > 0 {
        for l in 0..width {
            sums[l] += sums[l + width];
        }
        width /= 2;
    }
    sums[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::isa::on_each;

    #[test]
    fn every_place_is_looked_at() {
        on_each(|| {
            for n in [0, 1, 7, 8, 9, 63, 64, 65, 200] {
                let mut x = vec![1.5_f64; n];
                let mut y = vec![-1.5_f32; n];
                assert!(surely_finite(&x) && surely_finite(&y));
                for i in 0..n {
                    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                        (x[i], y[i]) = (bad, bad as f32);
                        assert!(!surely_finite(&x) && !surely_finite(&y), "{bad} at {i} of {n}");
                    }
                    (x[i], y[i]) = (-1.0, 1.0);
                }
            }
        });
    }
}
