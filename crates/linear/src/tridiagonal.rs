//! The extreme eigenvalues of the matrix that conjugate gradients tridiagonalise.

/// The most steps that are kept: an estimate from below needs no more.
pub(crate) const KEPT: usize = 2048;

/// T = L D Lᵀ of the Lanczos process behind conjugate gradients: d_j = 1/α_j on the diagonal of D, and l_j² = β_j.
/// From the factors, small eigenvalues come out with their own digits (Fernando and Parlett 1994).
#[derive(Debug)]
pub(crate) struct Tridiagonal<'a>(&'a mut Vec<f64>);

impl<'a> Tridiagonal<'a> {
    pub(crate) fn new(numbers: &'a mut Vec<f64>) -> Self {
        numbers.clear();
        Tridiagonal(numbers)
    }
    /// With the steps that these numbers hold.
    pub(crate) fn onto(numbers: &'a mut Vec<f64>) -> Self {
        Tridiagonal(numbers)
    }
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
    /// A step: 1/α and β, where α may be negative for a negative definite operator.
    pub(crate) fn push(&mut self, inverse: f64, beta: f64) {
        if self.0.len() < 2 * KEPT {
            self.0.extend([inverse.abs(), beta]);
        }
    }
    fn steps(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.0.chunks_exact(2).map(|p| (p[0], p[1]))
    }
    /// How many eigenvalues are below s, by the signs of the factors of T − s; without `count`, whether there is one.
    fn below(&self, s: f64, count: bool) -> usize {
        let (mut shifted, mut negative) = (-s, 0);
        for (d, beta) in self.steps() {
            let pivot = d + shifted;
            if pivot <= 0.0 {
                negative += 1;
                if !count {
                    return negative;
                }
            }
            let pivot = if pivot == 0.0 { -f64::MIN_POSITIVE.max(d * f64::EPSILON * f64::EPSILON) } else { pivot };
            shifted = d * beta * shifted / pivot - s;
        }
        negative
    }
    /// Estimates of the smallest eigenvalue from above, to a thousandth, and of the largest from below, to some percent; none before the first step.
    pub(crate) fn extremes(&self) -> Option<(f64, f64)> {
        let n = self.0.len() / 2;
        let (mut least, mut most, mut bound) = (f64::INFINITY, 0.0_f64, 0.0_f64);
        let (mut before, mut beside) = (0.0, 0.0);
        for (d, beta) in self.steps() {
            let (diagonal, off) = (d + before, d * beta.sqrt());
            least = least.min(diagonal);
            most = most.max(diagonal);
            // Gershgorin: the diagonal and both its neighbours.
            bound = bound.max(diagonal + off + beside);
            (before, beside) = (d * beta, off);
        }
        if n == 0 || !(least > 0.0 && most.is_finite()) {
            return None;
        }
        let (mut low, mut high) = (most, bound);
        for _ in 0..5 {
            let middle = 0.5 * (low + high);
            if self.below(middle, true) < n { low = middle } else { high = middle }
        }
        let largest = low;
        let mut high = least;
        let mut low = high / 16.0;
        for _ in 0..40 {
            if self.below(low, false) == 0 {
                break;
            }
            (low, high) = (low / 16.0, low);
        }
        for _ in 0..12 {
            let middle = (low * high).sqrt();
            if self.below(middle, false) == 0 { low = middle } else { high = middle }
        }
        Some((high, largest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The coefficients of conjugate gradients on diag(values) with b of ones.
    fn coefficients(values: &[f64], steps: usize) -> Vec<f64> {
        let mut r: Vec<f64> = vec![1.0; values.len()];
        let mut d = r.clone();
        let mut numbers = vec![];
        for _ in 0..steps {
            let rr: f64 = r.iter().map(|r| r * r).sum();
            let curvature: f64 = d.iter().zip(values).map(|(d, v)| d * d * v).sum();
            r.iter_mut().zip(values).zip(&d).for_each(|((r, v), d)| *r -= rr / curvature * v * d);
            let now: f64 = r.iter().map(|r| r * r).sum();
            numbers.extend([curvature / rr, now / rr]);
            d.iter_mut().zip(&r).for_each(|(d, r)| *d = r + now / rr * *d);
        }
        numbers
    }

    #[test]
    fn extremes_of_known_spectra() {
        for values in [vec![3.0], vec![1.0, 1e6], vec![1e-3, 0.5, 2.0, 7.0], vec![1e-150, 3e-150]] {
            let mut numbers = coefficients(&values, values.len());
            let (least, most) = Tridiagonal(&mut numbers).extremes().unwrap();
            let (a, b) = (values[0], values[values.len() - 1]);
            assert!((least / a - 1.0).abs() < 0.1 && (most / b - 1.0).abs() < 0.1, "{values:?}: {least:e} {most:e}");
        }
    }
}
