//! The lasso with two features: solutions and derivatives in closed form, the support by trying every one.
//!
//! `β(λ)` minimises `‖X β − y‖² / 2n + λ ‖β‖₁`; on the support `S`, `β'_S = −n (X_SᵀX_S)⁻¹ sign β_S`.

use crate::dense;
use ndarray::{Array1, Array2, ArrayView1, array};

/// A right-hand side and a penalty.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// The right-hand side `y`.
    pub y: Array1<f64>,
    /// The penalty `λ`.
    pub lambda: f64,
}

/// The matrix `X = [[1, 0.5], [0, 1], [1, 1]]`.
#[must_use]
pub fn x() -> Array2<f64> {
    array![[1.0, 0.5], [0.0, 1.0], [1.0, 1.0]]
}

/// y = (2, 1, 3), λ = 0.1, both features on the support: β = (1.566667, 1.044444), β' = (−1, −2/3).
#[must_use]
pub fn full_support() -> Case {
    Case { y: array![2.0, 1.0, 3.0], lambda: 0.1 }
}

/// y = (2, −1, 1.5), λ = 0.3, one feature on the support: β = (1.3, 0), β' = (−1.5, 0).
#[must_use]
pub fn one_feature() -> Case {
    Case { y: array![2.0, -1.0, 1.5], lambda: 0.3 }
}

/// The solution `β(λ)` and its derivative `β'(λ)`.
///
/// Every pattern of signs has a candidate, `n (X_SᵀX_S)⁻¹ (X_Sᵀy / n − λ sign)`. It is the solution when it has these signs and the correlations
/// `X_jᵀ(y − X β) / n` off the support are at most `λ`. At a kink of the path the derivative is that of the smaller support.
///
/// # Panics
/// When no pattern is optimal, which happens for a NaN.
#[must_use]
pub fn solution(y: ArrayView1<'_, f64>, lambda: f64) -> (Array1<f64>, Array1<f64>) {
    let x = x();
    let n = x.nrows() as f64;
    let mut patterns: Vec<[f64; 2]> = [-1.0, 0.0, 1.0].iter().flat_map(|&a| [-1.0, 0.0, 1.0].map(|b| [a, b])).collect();
    patterns.sort_by_key(|signs| signs.iter().filter(|sign| **sign != 0.0).count());
    for signs in patterns {
        let support: Vec<usize> = (0..2).filter(|&j| signs[j] != 0.0).collect();
        let columns = Array2::from_shape_fn((x.nrows(), support.len()), |(i, k)| x[[i, support[k]]]);
        let pattern = Array1::from_shape_fn(support.len(), |k| signs[support[k]]);
        let factor = dense::cholesky(columns.t().dot(&columns).view()).expect("the columns of X are linearly independent");
        let active = dense::cholesky_solve(factor.view(), (columns.t().dot(&y) - &pattern * (n * lambda)).view());
        let slope = dense::cholesky_solve(factor.view(), (&pattern * -n).view());
        let (mut beta, mut derivative) = (Array1::zeros(2), Array1::zeros(2));
        for (k, &j) in support.iter().enumerate() {
            (beta[j], derivative[j]) = (active[k], slope[k]);
        }
        let correlations = x.t().dot(&(&y - &x.dot(&beta))) / n;
        let optimal = (0..2).all(|j| if signs[j] == 0.0 { correlations[j].abs() <= lambda } else { beta[j] * signs[j] > 0.0 });
        if optimal {
            return (beta, derivative);
        }
    }
    panic!("lasso: no pattern of signs is optimal for y = {y}, λ = {lambda}");
}

/// The objective, for checks.
#[must_use]
pub fn objective(beta: ArrayView1<'_, f64>, y: ArrayView1<'_, f64>, lambda: f64) -> f64 {
    let residual = x().dot(&beta) - y;
    residual.dot(&residual) / (2.0 * residual.len() as f64) + lambda * beta.mapv(f64::abs).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::differences::{STEP, assert_close, jvp_with, rounding, tolerance};
    use crate::random;

    #[test]
    fn cases_have_their_known_values() {
        let case = full_support();
        let (beta, derivative) = solution(case.y.view(), case.lambda);
        assert_close("β", &beta, &[4.7 / 3.0, 9.4 / 9.0], rounding(3, 2.0));
        assert_close("β, as printed", &beta, &[1.566667, 1.044444], 5e-7);
        assert_close("β'", &derivative, &[-1.0, -2.0 / 3.0], rounding(3, 3.0));
        let case = one_feature();
        let (beta, derivative) = solution(case.y.view(), case.lambda);
        assert_close("β", &beta, &[1.3, 0.0], rounding(3, 2.0));
        assert_close("β'", &derivative, &[-1.5, 0.0], rounding(3, 3.0));
    }

    #[test]
    fn solutions_are_minimal_and_derivatives_agree_with_differences() {
        for case in [full_support(), one_feature(), Case { y: array![0.1, 0.1, 0.1], lambda: 1.0 }] {
            let (beta, derivative) = solution(case.y.view(), case.lambda);
            let least = objective(beta.view(), case.y.view(), case.lambda);
            for noise in random::sym(1, (200, 2)).rows() {
                assert!(objective((&beta + &noise).view(), case.y.view(), case.lambda) >= least);
            }
            // The support stays the same within the step.
            let found = jvp_with(|l| solution(case.y.view(), l[0]).0.to_vec(), &[case.lambda], &[1.0], STEP);
            assert_close("β'", &found, &derivative, tolerance(3, 3.0, STEP));
        }
    }
}
