//! Min-min: three estimators of the gradient of a minimum, and the orders at which they converge (Ablin, Peyré and Moreau, 2020).
//!
//! `G(θ, λ) = mean log(1 + exp(−b aᵀθ)) + μ ‖θ‖² / 2 + λᵀ C θ`, and the gradient of `min_θ G` by `λ` is `C θ*`. Gradient descent from `θ = 0` with
//! step `1 / L` gives `θ_t` and its Jacobian `J_t = dθ_t/dλ`; from them
//!
//! - analytic: `g1 = C θ_t`, whose error is of order 1 in `‖θ_t − θ*‖`,
//! - automatic: `g2 = g1 + J_tᵀ ∇_θG`, of order 2 but for a factor that grows with `t`,
//! - implicit: `g3 = g1 − C (∇²_θθ G)⁻¹ ∇_θG`, of order 2.

use crate::dense;
use crate::random::{SQRT_12, sym};
use ndarray::{Array1, Array2, ArrayView1, Axis};

/// The number of variables, and of parameters.
pub const SIZE: usize = 10;
/// The number of rows `a`.
pub const ROWS: usize = 50;

/// One instance.
#[derive(Clone, Debug)]
pub struct MinMin {
    /// The rows `a`, 50 x 10.
    pub a: Array2<f64>,
    /// The labels `b`, −1 or 1.
    pub b: Array1<f64>,
    /// The coupling `C`, parameters by variables.
    pub c: Array2<f64>,
    /// The parameters `λ`.
    pub lambda: Array1<f64>,
    /// The penalty `μ`.
    pub mu: f64,
}

/// The errors of the three estimators at one iterate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Errors {
    /// `‖θ_t − θ*‖`.
    pub distance: f64,
    /// The error of `g1`.
    pub analytic: f64,
    /// The error of `g2`.
    pub automatic: f64,
    /// The error of `g3`.
    pub implicit: f64,
}

impl MinMin {
    /// The instance of a seed: normalised uniform data, labels of a random plane with noise, μ = 0.1.
    #[must_use]
    pub fn new(seed: u64) -> MinMin {
        let stream = |index: u64| 1000 * seed + index;
        let a = sym(stream(0), (ROWS, SIZE)) * SQRT_12;
        let margin = a.dot(&sym(stream(1), SIZE)) + sym(stream(2), ROWS);
        let b = margin.mapv(|margin| if margin > 0.0 { 1.0 } else { -1.0 });
        MinMin { a, b, c: sym(stream(3), (SIZE, SIZE)), lambda: sym(stream(4), SIZE), mu: 0.1 }
    }

    /// `G(θ, λ)`.
    #[must_use]
    pub fn objective(&self, theta: ArrayView1<'_, f64>) -> f64 {
        let margin = &self.b * &self.a.dot(&theta);
        let losses = margin.mapv(|margin| (-margin.abs()).exp().ln_1p() + (-margin).max(0.0));
        losses.sum() / ROWS as f64 + self.mu * theta.dot(&theta) / 2.0 + self.lambda.dot(&self.c.dot(&theta))
    }

    /// `∇_θ G`.
    #[must_use]
    pub fn gradient(&self, theta: ArrayView1<'_, f64>) -> Array1<f64> {
        let weights = -&self.b * &self.miss(theta) / ROWS as f64;
        self.a.t().dot(&weights) + &theta * self.mu + self.c.t().dot(&self.lambda)
    }

    /// `∇²_θθ G`.
    #[must_use]
    pub fn hessian(&self, theta: ArrayView1<'_, f64>) -> Array2<f64> {
        let weights = self.miss(theta).mapv(|s| s * (1.0 - s) / ROWS as f64);
        let weighted = &self.a * &weights.insert_axis(Axis(1));
        self.a.t().dot(&weighted) + Array2::<f64>::eye(SIZE) * self.mu
    }

    /// The minimiser `θ*`, by Newton's method until the gradient is down to rounding.
    ///
    /// # Panics
    /// When it does not converge in 100 steps.
    #[must_use]
    pub fn solution(&self) -> Array1<f64> {
        let mut theta = Array1::zeros(SIZE);
        for _ in 0..100 {
            let gradient = self.gradient(theta.view());
            let direction = self.newton(theta.view(), gradient.view());
            theta -= &direction;
            if dense::norm(gradient.view()) <= 1e-14 {
                return theta;
            }
        }
        panic!("min-min: Newton's method did not converge");
    }

    /// The gradient of `min_θ G` by `λ`: `C θ*`.
    #[must_use]
    pub fn hypergradient(&self) -> Array1<f64> {
        self.c.dot(&self.solution())
    }

    /// The step size `1 / L`, with `L = λ_max(AᵀA) / 4n + μ`.
    #[must_use]
    pub fn step_size(&self) -> f64 {
        1.0 / (dense::largest_eigenvalue(self.a.t().dot(&self.a).view()) / (4.0 * ROWS as f64) + self.mu)
    }

    /// The errors of the three estimators along gradient descent from `θ = 0`, at iterations 0 to `steps`.
    #[must_use]
    pub fn errors(&self, steps: usize) -> Vec<Errors> {
        let (solution, exact, step) = (self.solution(), self.hypergradient(), self.step_size());
        let mut theta = Array1::zeros(SIZE);
        // Variables by parameters.
        let mut jacobian = Array2::zeros((SIZE, SIZE));
        let error = |estimate: Array1<f64>| dense::norm((estimate - &exact).view());
        let mut errors = Vec::with_capacity(steps + 1);
        for _ in 0..=steps {
            let (gradient, hessian) = (self.gradient(theta.view()), self.hessian(theta.view()));
            let analytic = self.c.dot(&theta);
            let automatic = &analytic + &jacobian.t().dot(&gradient);
            let implicit = &analytic - &self.c.dot(&self.newton(theta.view(), gradient.view()));
            let distance = dense::norm((&theta - &solution).view());
            errors.push(Errors { distance, analytic: error(analytic), automatic: error(automatic), implicit: error(implicit) });
            jacobian = &jacobian - &((hessian.dot(&jacobian) + self.c.t()) * step);
            theta.scaled_add(-step, &gradient);
        }
        errors
    }

    /// How much every row is missed: `1 / (1 + exp(b aᵀθ))`.
    fn miss(&self, theta: ArrayView1<'_, f64>) -> Array1<f64> {
        (&self.b * &self.a.dot(&theta)).mapv(|margin| 1.0 / (1.0 + margin.exp()))
    }

    fn newton(&self, theta: ArrayView1<'_, f64>, gradient: ArrayView1<'_, f64>) -> Array1<f64> {
        let factor = dense::cholesky(self.hessian(theta).view()).expect("the Hessian is at least μ I");
        dense::cholesky_solve(factor.view(), gradient)
    }
}

/// The slope of the least-squares line through `(log distance, log error)`, over the iterates with a distance from 1e-6 to 1e-2.
///
/// It needs at least two such iterates. The estimators give 0.97 to 1.04, 1.85 to 2.0, and 1.97 to 2.06.
pub fn slope(errors: &[Errors], estimator: impl Fn(&Errors) -> f64) -> f64 {
    let near = errors.iter().filter(|errors| (1e-6..=1e-2).contains(&errors.distance));
    let points: Vec<(f64, f64)> = near.map(|errors| (errors.distance.ln(), estimator(errors).ln())).collect();
    let count = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0 / count, y + point.1 / count));
    let product: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    product / points.iter().map(|point| (point.0 - x).powi(2)).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::differences::{self, STEP, assert_close, rounding, tolerance};

    #[test]
    fn gradients_and_hessians_agree_with_differences() {
        let problem = MinMin::new(1);
        let theta = sym(7, SIZE).to_vec();
        let found = differences::gradient(|theta| problem.objective(ArrayView1::from(theta)), &theta);
        assert_close("∇G", &found, &problem.gradient(ArrayView1::from(&theta)), tolerance(ROWS, 1.0, STEP));
        let found = differences::jacobian(|theta| problem.gradient(ArrayView1::from(theta)).to_vec(), &theta);
        assert_close("∇²G", &found, &problem.hessian(ArrayView1::from(&theta)), tolerance(ROWS, 1.0, STEP));
    }

    #[test]
    fn the_hypergradient_agrees_with_differences_of_the_minimum() {
        let problem = MinMin::new(2);
        let minimum = |lambda: &[f64]| {
            let moved = MinMin { lambda: Array1::from(lambda.to_vec()), ..problem.clone() };
            moved.objective(moved.solution().view())
        };
        let found = differences::gradient(minimum, problem.lambda.as_slice().unwrap());
        assert_close("hypergradient", &found, &problem.hypergradient(), tolerance(ROWS, 1.0, STEP));
        let residual = dense::norm(problem.gradient(problem.solution().view()).view());
        assert!(residual <= rounding(ROWS, 1.0), "{residual:e}");
    }

    #[test]
    fn estimators_converge_at_their_orders() {
        for seed in 1..=8 {
            let errors = MinMin::new(seed).errors(2000);
            let slopes = [slope(&errors, |e| e.analytic), slope(&errors, |e| e.automatic), slope(&errors, |e| e.implicit)];
            let expected = [0.97..=1.04, 1.85..=2.0, 1.97..=2.06];
            assert!(slopes.iter().zip(&expected).all(|(slope, range)| range.contains(slope)), "seed {seed}: {slopes:?}");
        }
    }
}
