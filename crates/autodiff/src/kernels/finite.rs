//! Whether all elements are finite: one pass without branches.
use super::isa::per_isa;
use crate::array::Real;

/// Sums of elements so far apart: enough for the adders to be busy.
const LANES: usize = 64;
/// Sums of what remains.
const FEW: usize = 8;

per_isa! {
    /// Whether all elements are finite, by sums of them: a sum with ∞ or NaN in it is one of them. "No" may be an overflow of sums.
    pub(crate) fn surely_finite<T: Real>(x: &[T]) -> bool = finite
}

#[inline(always)]
fn finite<T: Real, const FMA: bool>(x: &[T]) -> bool {
    let (mut many, mut few) = ([T::zero(); LANES], [T::zero(); FEW]);
    let chunks = x.chunks_exact(LANES);
    let rest = chunks.remainder().chunks_exact(FEW);
    chunks.for_each(|c| many.iter_mut().zip(c).for_each(|(l, v)| *l += *v));
    let last = rest.remainder().iter().fold(T::zero(), |sum, v| sum + *v);
    rest.for_each(|c| few.iter_mut().zip(c).for_each(|(l, v)| *l += *v));
    // 0·v is 0, and NaN for what is not finite.
    let wrong = |lanes: &[T]| lanes.iter().fold(T::zero(), |sum, v| sum + T::zero() * *v);
    let many = if x.len() >= LANES { wrong(&many) } else { T::zero() };
    let few = if x.len() >= FEW { wrong(&few) } else { T::zero() };
    (many + few).is_finite() && last.is_finite()
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
