//! How far a dense solve can be trusted: condition number and forward error, from the factors.
use faer::Mat;

/// A solve with the factors of A, or of its transpose.
type Solve<'a> = dyn Fn(&Mat<f64>, bool) -> Mat<f64> + 'a;

/// An estimate from below of ‖B‖₁, by products with B and Bᵀ: Hager 1984, Higham 1988, as in LAPACK.
fn one_norm(n: usize, product: &dyn Fn(&Mat<f64>) -> Mat<f64>, transposed: &dyn Fn(&Mat<f64>) -> Mat<f64>) -> f64 {
    if n == 0 {
        return 0.0;
    }
    let sum = |v: &Mat<f64>| (0..n).map(|i| v[(i, 0)].abs()).sum::<f64>();
    let mut x = Mat::from_fn(n, 1, |_, _| 1.0 / n as f64);
    let (mut estimate, mut last) = (0.0_f64, n);
    for _ in 0..5 {
        let y = product(&x);
        let size = sum(&y);
        if !size.is_finite() {
            return f64::INFINITY;
        }
        if size <= estimate && last < n {
            break;
        }
        estimate = estimate.max(size);
        let z = transposed(&Mat::from_fn(n, 1, |i, _| if y[(i, 0)] < 0.0 { -1.0 } else { 1.0 }));
        let largest = (0..n).max_by(|i, j| z[(*i, 0)].abs().total_cmp(&z[(*j, 0)].abs())).unwrap_or(0);
        if largest == last {
            break;
        }
        last = largest;
        x = Mat::from_fn(n, 1, |i, _| if i == largest { 1.0 } else { 0.0 });
    }
    // A vector of alternating signs finds what cancels in the others.
    let alternating = product(&Mat::from_fn(n, 1, |i, _| {
        let size = 1.0 + i as f64 / (n.max(2) - 1) as f64;
        if i % 2 == 0 { size } else { -size }
    }));
    estimate.max(2.0 * sum(&alternating) / (3.0 * n as f64))
}

/// An estimate of ‖A‖₁‖A⁻¹‖₁ from below.
pub(super) fn one_norm_condition(m: &Mat<f64>, solve: &Solve<'_>) -> f64 {
    let n = m.nrows();
    let size = (0..n).map(|j| (0..n).map(|i| m[(i, j)].abs()).sum::<f64>()).fold(0.0, f64::max);
    size * one_norm(n, &|x| solve(x, false), &|x| solve(x, true))
}

/// A bound on the relative error of x in the largest norm, ‖|A⁻¹|(|r| + ε(|A||x| + |b|))‖ / ‖x‖, estimated (Arioli, Demmel and Duff 1989). The
/// scale of rows does not enter.
pub(super) fn forward_error(m: &Mat<f64>, solve: &Solve<'_>, b: &[f64], x: &[f64], residual: &[f64], epsilon: f64) -> f64 {
    let n = b.len();
    let size = x.iter().fold(0.0_f64, |s, x| s.max(x.abs()));
    if size == 0.0 {
        return 0.0;
    }
    // In units of the largest component of x, which may lie at either end of the range.
    let weights: Vec<f64> = (0..n)
        .map(|i| {
            let row: f64 = (0..n).map(|j| m[(i, j)].abs() * (x[j].abs() / size)).sum();
            residual[i].abs() / size + 2.0 * epsilon * (row + b[i].abs() / size)
        })
        .collect();
    // ‖A⁻¹W‖_∞ = ‖W A⁻ᵀ‖₁.
    one_norm(
        n,
        &|v| {
            let y = solve(v, true);
            Mat::from_fn(n, 1, |i, _| weights[i] * y[(i, 0)])
        },
        &|v| solve(&Mat::from_fn(n, 1, |i, _| weights[i] * v[(i, 0)]), false),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use faer::linalg::solvers::Solve as _;

    #[test]
    fn conditions_of_known_matrices() {
        for (m, exact) in [
            (Mat::from_fn(2, 2, |i, j| if i == j { [1e12, 1.0][i] } else { 0.0 }), 1e12),
            // The Hilbert matrix of 5: 943656 (Higham 2002, table 28.1).
            (Mat::from_fn(5, 5, |i, j| 1.0 / (i + j + 1) as f64), 943_656.0),
            (Mat::from_fn(1, 1, |_, _| -3.0), 1.0),
            (Mat::zeros(0, 0), 0.0),
        ] {
            let lu = m.partial_piv_lu();
            let found = one_norm_condition(&m, &|b, t| if t { lu.solve_transpose(b) } else { lu.solve(b) });
            assert!((found - exact).abs() <= 1e-6 * exact, "{found:e} instead of {exact:e}");
        }
    }

    #[test]
    fn the_scale_of_rows_is_no_error() {
        for d in [1e20, 1e150, 1e-150] {
            let m = Mat::from_fn(2, 2, |i, j| if i == j { [d, 1.0][i] } else { 0.0 });
            let lu = m.partial_piv_lu();
            let solve = |b: &Mat<f64>, t: bool| if t { lu.solve_transpose(b) } else { lu.solve(b) };
            assert!(forward_error(&m, &solve, &[d, 1.0], &[1.0, 1.0], &[0.0, 0.0], f64::EPSILON) < 1e-14, "{d:e}");
        }
    }
}
