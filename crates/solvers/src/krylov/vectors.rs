//! Vector work of the linear solvers: sums are accumulated in eight parts, in double precision.
use hypertape_autodiff::array::Real;

/// aᵀb.
pub(super) fn dot<T: Real>(a: &[T], b: &[T]) -> f64 {
    let mut parts = [0.0_f64; 8];
    let (x, y) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f64 = x.remainder().iter().zip(y.remainder()).map(|(a, b)| wide(*a) * wide(*b)).sum();
    for (x, y) in x.zip(y) {
        for i in 0..8 {
            parts[i] += wide(x[i]) * wide(y[i]);
        }
    }
    parts.iter().sum::<f64>() + rest
}

/// As a double.
pub(super) fn wide<T: Real>(v: T) -> f64 {
    hypertape_autodiff::array::Element::to_f64(v)
}

/// From a double.
pub(super) fn narrow<T: Real>(v: f64) -> T {
    hypertape_autodiff::array::Element::from_f64(v)
}

/// ‖a‖₂ of a vector, without overflow or underflow of the squares.
pub fn norm<T: Real>(a: &[T]) -> f64 {
    let plain = dot(a, a);
    if plain.is_finite() && plain > f64::MIN_POSITIVE / f64::EPSILON {
        return plain.sqrt();
    }
    let largest = a.iter().map(|v| wide(*v).abs()).fold(0.0, f64::max);
    if largest == 0.0 || !largest.is_finite() {
        return if a.iter().any(|v| wide(*v).is_nan()) { f64::NAN } else { largest };
    }
    largest * a.iter().map(|v| (wide(*v) / largest).powi(2)).sum::<f64>().sqrt()
}

/// y ← y + alpha x.
pub(super) fn axpy<T: Real>(alpha: f64, x: &[T], y: &mut [T]) {
    let alpha: T = narrow(alpha);
    y.iter_mut().zip(x).for_each(|(y, x)| *y += alpha * *x);
}

/// y ← x + beta y.
pub(super) fn xpby<T: Real>(x: &[T], beta: f64, y: &mut [T]) {
    let beta: T = narrow(beta);
    y.iter_mut().zip(x).for_each(|(y, x)| *y = *x + beta * *y);
}

/// r ← b − r.
pub(super) fn from_right<T: Real>(b: &[T], r: &mut [T]) {
    r.iter_mut().zip(b).for_each(|(r, b)| *r = *b - *r);
}

/// The k with 2ᵏ ≤ v < 2ᵏ⁺¹; 0 for 0 and what is not finite.
pub(super) fn exponent(v: f64) -> i32 {
    if v > 0.0 && v.is_finite() { v.log2().floor() as i32 } else { 0 }
}

/// x ← factor x for a power of two, which the element type need not hold.
pub(super) fn scale_wide<T: Real>(factor: f64, x: &mut [T]) {
    if factor != 1.0 {
        x.iter_mut().for_each(|x| *x = narrow(wide(*x) * factor));
    }
}

/// x ← a fixed pseudo-random vector.
pub(super) fn fill_noise<T: Real>(seed: u64, x: &mut [T]) {
    x.iter_mut().enumerate().for_each(|(i, x)| *x = narrow(noise(seed, i)));
}

/// x ← alpha x.
pub(super) fn scale<T: Real>(alpha: f64, x: &mut [T]) {
    let alpha: T = narrow(alpha);
    x.iter_mut().for_each(|x| *x *= alpha);
}

/// Entry i of a fixed pseudo-random vector with entries in [−½, ½) (Steele, Lea and Flood 2014).
pub(super) fn noise(seed: u64, i: usize) -> f64 {
    let mut z = seed.wrapping_add((i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64 - 0.5
}
