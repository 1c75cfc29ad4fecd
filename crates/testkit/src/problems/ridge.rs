//! Ridge regression: solution and two derivatives in closed form; Neumann terms against truncated backpropagation.
//!
//! `G(w, λ) = ‖X w − y‖² / 2n + λ ‖w‖² / 2` with Hessian `H = XᵀX / n + λ I`; then `w' = −H⁻¹ w` and `w'' = 2 H⁻² w`.

use crate::dense;
use ndarray::{Array1, Array2, ArrayView1};

/// The penalty at which the tables of known values stand.
pub const LAMBDA: f64 = 0.1;

/// The matrix, `X_ij = sin(0.7 i + 1.3 j + 0.1 i j)` for `i < 10`, `j < 3`, counted from 0.
#[must_use]
pub fn x() -> Array2<f64> {
    Array2::from_shape_fn((10, 3), |(i, j)| (0.7 * i as f64 + 1.3 * j as f64 + 0.1 * (i * j) as f64).sin())
}

/// The right-hand side, `y_i = cos(0.5 i)`.
#[must_use]
pub fn y() -> Array1<f64> {
    Array1::from_shape_fn(10, |i| (0.5 * i as f64).cos())
}

/// `G(w, λ)`.
#[must_use]
pub fn objective(w: ArrayView1<'_, f64>, lambda: f64) -> f64 {
    let residual = x().dot(&w) - y();
    residual.dot(&residual) / (2.0 * residual.len() as f64) + lambda * w.dot(&w) / 2.0
}

/// `∇_w G = Xᵀ(X w − y) / n + λ w`.
#[must_use]
pub fn gradient(w: ArrayView1<'_, f64>, lambda: f64) -> Array1<f64> {
    let x = x();
    x.t().dot(&(x.dot(&w) - y())) / x.nrows() as f64 + &w * lambda
}

/// `H = XᵀX / n + λ I`.
#[must_use]
pub fn hessian(lambda: f64) -> Array2<f64> {
    let x = x();
    x.t().dot(&x) / x.nrows() as f64 + Array2::<f64>::eye(x.ncols()) * lambda
}

/// The minimiser `w(λ) = H⁻¹ Xᵀy / n`.
#[must_use]
pub fn solution(lambda: f64) -> Array1<f64> {
    solve(lambda, (x().t().dot(&y()) / 10.0).view())
}

/// `dw/dλ = −H⁻¹ w`.
#[must_use]
pub fn derivative(lambda: f64) -> Array1<f64> {
    -solve(lambda, solution(lambda).view())
}

/// `d²w/dλ² = 2 H⁻² w`.
#[must_use]
pub fn second_derivative(lambda: f64) -> Array1<f64> {
    solve(lambda, derivative(lambda).view()) * -2.0
}

/// `d/dλ` of a loss with gradient `v` at the solution, the inverse Hessian replaced by `terms` Neumann terms
/// `α Σ_k (I − α H)ᵏ` (Lorraine et al., 2020). With infinitely many terms it is `⟨v, w'⟩`.
#[must_use]
pub fn neumann_hypergradient(v: ArrayView1<'_, f64>, lambda: f64, alpha: f64, terms: usize) -> f64 {
    let (w, h) = (solution(lambda), hessian(lambda));
    let mut power = v.to_owned();
    let mut sum = Array1::zeros(v.len());
    for _ in 0..terms {
        sum.scaled_add(alpha, &power);
        power = &power - &(h.dot(&power) * alpha);
    }
    -w.dot(&sum)
}

/// `d/dλ` of a loss with gradient `v`, through the last `steps` gradient steps of size `α`, which begin at the solution held fixed.
///
/// It is computed forwards, as a Jacobian along the iterates, so it shares no code with [`neumann_hypergradient`], to which it is equal.
#[must_use]
pub fn truncated_hypergradient(v: ArrayView1<'_, f64>, lambda: f64, alpha: f64, steps: usize) -> f64 {
    let h = hessian(lambda);
    let mut w = solution(lambda);
    let mut tangent = Array1::zeros(w.len());
    for _ in 0..steps {
        tangent = &tangent - &((h.dot(&tangent) + &w) * alpha);
        w = &w - &(gradient(w.view(), lambda) * alpha);
    }
    v.dot(&tangent)
}

fn solve(lambda: f64, b: ArrayView1<'_, f64>) -> Array1<f64> {
    let l = dense::cholesky(hessian(lambda).view()).expect("the Hessian of ridge regression is positive definite for λ > 0");
    dense::cholesky_solve(l.view(), b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::differences::{self, STEP, assert_close, rounding, tolerance};
    use crate::random;

    /// Half of the last digit that the tables give.
    const PRINTED: f64 = 5e-13;

    #[test]
    fn the_solution_and_its_derivative_are_the_known_ones() {
        assert_close("w", &solution(LAMBDA), &[0.808554718404, 0.380132637054, 0.203517733997], PRINTED);
        assert_close("w'", &derivative(LAMBDA), &[-3.05618654937, -1.304843643162, -2.345782593778], 10.0 * PRINTED);
    }

    #[test]
    fn derivatives_agree_with_differences() {
        // The solution is analytic within λ of λ, so the step is a tenth of the usual.
        let step = STEP * LAMBDA;
        let found = differences::jvp_with(|l| solution(l[0]).to_vec(), &[LAMBDA], &[1.0], step);
        assert_close("w'", &found, &derivative(LAMBDA), tolerance(10, 1.0, step));
        let found = differences::jvp_with(|l| derivative(l[0]).to_vec(), &[LAMBDA], &[1.0], step);
        assert_close("w''", &found, &second_derivative(LAMBDA), tolerance(10, 1.0 / LAMBDA, step));
        let w = random::sym(5, 3).to_vec();
        let found = differences::gradient(|w| objective(ArrayView1::from(w), LAMBDA), &w);
        assert_close("∇G", &found, &gradient(ArrayView1::from(&w), LAMBDA), tolerance(10, 1.0, STEP));
    }

    #[test]
    fn neumann_terms_are_truncated_backpropagation() {
        let v = random::sym(6, 3);
        for terms in [0, 1, 5, 50] {
            let pair = [neumann_hypergradient, truncated_hypergradient].map(|of| of(v.view(), LAMBDA, 0.5, terms));
            assert_close("hypergradient", &pair[..1], &pair[1..], rounding(10 * terms.max(1), 1.0));
        }
        let found = neumann_hypergradient(v.view(), LAMBDA, 1.0, 2000);
        assert_close("limit", &[found], &[v.dot(&derivative(LAMBDA))], rounding(1000, 1.0));
    }
}
