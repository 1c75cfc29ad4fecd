//! Vector work of the linear solvers: sums are accumulated in eight parts.

/// aᵀb.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut parts = [0.0_f64; 8];
    let (x, y) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f64 = x.remainder().iter().zip(y.remainder()).map(|(a, b)| a * b).sum();
    for (x, y) in x.zip(y) {
        for i in 0..8 {
            parts[i] += x[i] * y[i];
        }
    }
    parts.iter().sum::<f64>() + rest
}

/// ‖a‖₂ of a vector, without overflow or underflow of the squares.
pub fn norm(a: &[f64]) -> f64 {
    let plain = dot(a, a);
    if plain.is_finite() && plain > f64::MIN_POSITIVE / f64::EPSILON {
        return plain.sqrt();
    }
    let largest = a.iter().map(|v| v.abs()).fold(0.0, f64::max);
    if largest == 0.0 || !largest.is_finite() {
        return if a.iter().any(|v| v.is_nan()) { f64::NAN } else { largest };
    }
    largest * a.iter().map(|v| (v / largest).powi(2)).sum::<f64>().sqrt()
}

/// y ← y + alpha x.
pub(crate) fn axpy(alpha: f64, x: &[f64], y: &mut [f64]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y += alpha * x);
}

/// y ← y + alpha_0 x_0 + alpha_1 x_1, in one pass.
pub(crate) fn axpy_two(alpha: [f64; 2], x: [&[f64]; 2], y: &mut [f64]) {
    y.iter_mut().zip(x[0]).zip(x[1]).for_each(|((y, a), b)| *y = *y + alpha[0] * a + alpha[1] * b);
}

/// y ← y + alpha x, and yᵀy of the result with the bits of [`dot`], in one pass.
pub(crate) fn axpy_dot(alpha: f64, x: &[f64], y: &mut [f64]) -> f64 {
    let mut parts = [0.0_f64; 8];
    let (eights, last) = y.as_chunks_mut::<8>();
    let (x, rest) = x.as_chunks::<8>();
    for (y, x) in eights.iter_mut().zip(x) {
        for i in 0..8 {
            y[i] += alpha * x[i];
            parts[i] += y[i] * y[i];
        }
    }
    axpy(alpha, rest, last);
    parts.iter().sum::<f64>() + last.iter().map(|y| y * y).sum::<f64>()
}

/// x ← x + alpha d, then d ← z + beta d, in one pass.
pub(crate) fn axpy_xpby(alpha: f64, x: &mut [f64], z: &[f64], beta: f64, d: &mut [f64]) {
    for ((x, d), z) in x.iter_mut().zip(d).zip(z) {
        *x += alpha * *d;
        *d = z + beta * *d;
    }
}

/// y ← x + beta y.
pub(crate) fn xpby(x: &[f64], beta: f64, y: &mut [f64]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y = x + beta * *y);
}

/// r ← b − r.
pub(crate) fn from_right(b: &[f64], r: &mut [f64]) {
    r.iter_mut().zip(b).for_each(|(r, b)| *r = b - *r);
}

/// The k with 2ᵏ ≤ v < 2ᵏ⁺¹; 0 for 0 and what is not finite.
pub(crate) fn exponent(v: f64) -> i32 {
    if v > 0.0 && v.is_finite() { v.log2().floor() as i32 } else { 0 }
}

/// x ← a fixed pseudo-random vector.
pub(crate) fn fill_noise(seed: u64, x: &mut [f64]) {
    x.iter_mut().enumerate().for_each(|(i, x)| *x = noise(seed, i));
}

/// x ← alpha x.
pub(crate) fn scale(alpha: f64, x: &mut [f64]) {
    x.iter_mut().for_each(|x| *x *= alpha);
}

/// Entry i of a fixed pseudo-random vector with entries in [−½, ½) (Steele, Lea and Flood 2014).
pub(crate) fn noise(seed: u64, i: usize) -> f64 {
    let mut z = seed.wrapping_add((i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64 - 0.5
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Passes over several vectors give the bits of the passes apart, at every remainder.
    #[test]
    fn passes_together() {
        for n in [0, 1, 7, 8, 9, 64, 1003] {
            let [mut x, mut y, mut d, z] = [1, 2, 3, 4].map(|seed| (0..n).map(|i| noise(seed, i)).collect::<Vec<f64>>());
            let mut one = y.clone();
            axpy(0.3, &x, &mut one);
            assert_eq!((axpy_dot(0.3, &x, &mut y).to_bits(), &y), (dot(&one, &one).to_bits(), &one));
            axpy(-0.2, &x, &mut one);
            axpy(0.7, &d, &mut one);
            axpy_two([-0.2, 0.7], [&x, &d], &mut y);
            assert_eq!(y, one);
            let (mut x_apart, mut d_apart) = (x.clone(), d.clone());
            axpy(-1.7, &d_apart, &mut x_apart);
            xpby(&z, 0.9, &mut d_apart);
            axpy_xpby(-1.7, &mut x, &z, 0.9, &mut d);
            assert_eq!((&x, &d), (&x_apart, &d_apart));
        }
    }
}
