//! Straight lines through points, by least squares: slopes on log-log axes, rates of decay. Means and their standard errors.

/// The slope of y against x; none for fewer than two different x.
#[must_use]
pub fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let n = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), p| (x + p.0 / n, y + p.1 / n));
    let along: f64 = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum();
    let spread: f64 = points.iter().map(|p| (p.0 - x).powi(2)).sum();
    (spread > 0.0).then(|| along / spread)
}

/// The slope of ln y against ln x: p where y = c xᵖ.
#[must_use]
pub fn power(points: &[(f64, f64)]) -> Option<f64> {
    slope(&points.iter().map(|p| (p.0.ln(), p.1.ln())).collect::<Vec<_>>())
}

/// The factor r where y = c rˣ.
#[must_use]
pub fn rate(points: &[(f64, f64)]) -> Option<f64> {
    slope(&points.iter().map(|p| (p.0, p.1.ln())).collect::<Vec<_>>()).map(f64::exp)
}

/// The mean, and its standard error; of one number 0.
#[must_use]
pub fn mean(of: &[f64]) -> (f64, f64) {
    let n = of.len() as f64;
    let mean = of.iter().sum::<f64>() / n;
    let spread: f64 = of.iter().map(|v| (v - mean).powi(2)).sum();
    (mean, (spread / (n * (n - 1.0).max(1.0))).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_and_rates_are_found() {
        let x = [1.0, 2.0, 5.0, 9.0];
        assert!((power(&x.map(|x| (x, 3.0 * f64::powf(x, 1.5)))).unwrap() - 1.5).abs() < 1e-14);
        assert!((rate(&x.map(|x| (x, 7.0 * f64::powf(0.9, x)))).unwrap() - 0.9).abs() < 1e-14);
        assert!(slope(&[(1.0, 2.0)]).is_none() && slope(&[]).is_none());
        assert_eq!((mean(&[1.0, 3.0]), mean(&[5.0])), ((2.0, 1.0), (5.0, 0.0)));
    }
}
