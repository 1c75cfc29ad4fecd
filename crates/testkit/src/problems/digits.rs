//! Penalised softmax regression on the UCI digits: 640 weights, a penalty for each, and the exact hypergradient.
//!
//! Inner: `mean cross-entropy(X W, Y) + ½ Σ exp(λ) W²` on 1000 training rows, `W` and `λ` of shape 64 x 10, no intercept. Outer: the mean cross-entropy on
//! 400 validation rows. With `v = ∇L_val(W*)`, the hypergradient is `−exp(λ) ∘ W* ∘ H⁻¹ v`.

use crate::dense;
use ndarray::{Array1, Array2, ArrayView2, Axis, s};

/// Pixels of an image.
pub const FEATURES: usize = 64;
/// Digits.
pub const CLASSES: usize = 10;
/// The norm of the gradient at which Newton's method stops.
pub const SOLVED: f64 = 1e-14;
/// Unrolled steps, and the relative error of the hypergradient through them at `λ = −4` from `W = 0`, in the Euclidean norm.
pub const UNROLLED_ERRORS: [(usize, f64); 6] = [(10, 0.990), (30, 0.931), (100, 0.694), (300, 0.295), (1000, 1.63e-2), (3000, 9.71e-6)];
/// Steps, and the relative error of the implicit hypergradient at the iterate that they reach.
pub const IMPLICIT_ERRORS: [(usize, f64); 6] = [(10, 0.781), (30, 0.539), (100, 0.232), (300, 5.57e-2), (1000, 2.19e-3), (3000, 9.17e-7)];

/// One part of the data: images and one-hot labels, a row for each.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Images by pixels, in 0..=1.
    pub x: Array2<f64>,
    /// Images by classes, one-hot.
    pub y: Array2<f64>,
}

/// The data.
#[derive(Clone, Debug, PartialEq)]
pub struct Digits {
    /// Rows 0 to 999 of the file.
    pub train: Part,
    /// Rows 1000 to 1399.
    pub validation: Part,
    /// Rows 1400 to 1796.
    pub test: Part,
}

/// The data set that stands in `data/digits/` of the workspace.
#[must_use]
pub fn data() -> Digits {
    const TEXT: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/digits/optdigits.csv"));
    let numbers: Vec<f64> =
        TEXT.lines().flat_map(|line| line.split(',')).map(|entry| entry.parse().expect("the file holds numbers only")).collect();
    let table = Array2::from_shape_vec((numbers.len() / (FEATURES + 1), FEATURES + 1), numbers).expect("every line has 65 numbers");
    let part = |rows: std::ops::Range<usize>| {
        let rows = table.slice(s![rows, ..]);
        let y = Array2::from_shape_fn((rows.nrows(), CLASSES), |(i, class)| f64::from(u8::from(rows[[i, FEATURES]] == class as f64)));
        Part { x: rows.slice(s![.., ..FEATURES]).to_owned() / 16.0, y }
    };
    Digits { train: part(0..1000), validation: part(1000..1400), test: part(1400..table.nrows()) }
}

/// The penalties of the known values: `λ = −4` for every weight.
#[must_use]
pub fn log_penalty() -> Array2<f64> {
    Array2::from_elem((FEATURES, CLASSES), -4.0)
}

impl Part {
    /// The mean cross-entropy at weights `w`.
    #[must_use]
    pub fn loss(&self, w: ArrayView2<'_, f64>) -> f64 {
        let scores = self.x.dot(&w);
        let losses = scores.rows().into_iter().zip(self.y.rows()).map(|(scores, y)| {
            let largest = scores.fold(f64::NEG_INFINITY, |a, &b| a.max(b));
            largest + scores.mapv(|score| (score - largest).exp()).sum().ln() - scores.dot(&y)
        });
        losses.sum::<f64>() / self.x.nrows() as f64
    }

    /// The gradient of the mean cross-entropy: `Xᵀ(softmax(X W) − Y) / n`.
    #[must_use]
    pub fn gradient(&self, w: ArrayView2<'_, f64>) -> Array2<f64> {
        self.x.t().dot(&(self.probabilities(w) - &self.y)) / self.x.nrows() as f64
    }

    /// The share of rows whose largest score is at the label.
    #[must_use]
    pub fn accuracy(&self, w: ArrayView2<'_, f64>) -> f64 {
        let scores = self.x.dot(&w);
        let best = |row: ndarray::ArrayView1<'_, f64>| (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b]));
        let hits = scores.rows().into_iter().zip(self.y.rows()).filter(|(scores, y)| best(*scores) == best(*y)).count();
        hits as f64 / self.x.nrows() as f64
    }

    /// `softmax(X W)` by rows.
    fn probabilities(&self, w: ArrayView2<'_, f64>) -> Array2<f64> {
        let mut scores = self.x.dot(&w);
        for mut row in scores.rows_mut() {
            let largest = row.fold(f64::NEG_INFINITY, |a, &b| a.max(b));
            row.mapv_inplace(|score| (score - largest).exp());
            row /= row.sum();
        }
        scores
    }

    /// The Hessian of the mean cross-entropy times a direction, given [`probabilities`](Part::probabilities).
    fn hessian_product(&self, probabilities: &Array2<f64>, v: ArrayView2<'_, f64>) -> Array2<f64> {
        let mut r = self.x.dot(&v);
        let means = (&r * probabilities).sum_axis(Axis(1)).insert_axis(Axis(1));
        r = (r - means) * probabilities;
        self.x.t().dot(&r) / self.x.nrows() as f64
    }
}

impl Digits {
    /// The step size `1 / (½ λ_max(XᵀX / n) + e⁻⁴)`.
    #[must_use]
    pub fn step_size(&self) -> f64 {
        let x = &self.train.x;
        1.0 / (0.5 * dense::largest_eigenvalue((x.t().dot(x) / x.nrows() as f64).view()) + (-4f64).exp())
    }

    /// The inner objective.
    #[must_use]
    pub fn inner(&self, w: ArrayView2<'_, f64>, log_penalty: ArrayView2<'_, f64>) -> f64 {
        self.train.loss(w) + 0.5 * (log_penalty.mapv(f64::exp) * w * w).sum()
    }

    /// The gradient of the inner objective by `w`.
    #[must_use]
    pub fn inner_gradient(&self, w: ArrayView2<'_, f64>, log_penalty: ArrayView2<'_, f64>) -> Array2<f64> {
        self.train.gradient(w) + log_penalty.mapv(f64::exp) * w
    }

    /// The Hessian of the inner objective by `w`, 640 x 640, weights in the order of `w`'s rows.
    #[must_use]
    pub fn inner_hessian(&self, w: ArrayView2<'_, f64>, log_penalty: ArrayView2<'_, f64>) -> Array2<f64> {
        let (x, p) = (&self.train.x, self.train.probabilities(w));
        let n = x.nrows() as f64;
        let mut hessian = Array2::from_diag(&log_penalty.iter().map(|penalty| penalty.exp()).collect::<Array1<f64>>());
        for c in 0..CLASSES {
            for d in 0..CLASSES {
                let weights = (&p.column(d) - f64::from(u8::from(c == d))) * p.column(c) / -n;
                let block = x.t().dot(&(x * &weights.insert_axis(Axis(1))));
                let mut target = hessian.slice_mut(s![c..;CLASSES, d..;CLASSES]);
                target += &block;
            }
        }
        hessian
    }

    /// The inner solution by Newton's method from a start, to a gradient of norm [`SOLVED`].
    ///
    /// # Panics
    /// When it does not converge in 50 steps, which a start near the solution or at 0 does not do.
    #[must_use]
    pub fn solve(&self, log_penalty: ArrayView2<'_, f64>, start: ArrayView2<'_, f64>) -> Array2<f64> {
        let mut w = start.to_owned();
        for _ in 0..50 {
            let gradient = self.inner_gradient(w.view(), log_penalty);
            let length = (&gradient * &gradient).sum().sqrt();
            if length <= SOLVED {
                return w;
            }
            w = w.clone() - self.inverse_hessian_product(w.view(), log_penalty, gradient.view());
        }
        panic!("digits: Newton's method did not converge in 50 steps");
    }

    /// The validation loss at the inner solution, and its exact gradient by `log_penalty`.
    #[must_use]
    pub fn hypergradient(&self, log_penalty: ArrayView2<'_, f64>) -> (f64, Array2<f64>) {
        let w = self.solve(log_penalty, Array2::zeros(log_penalty.dim()).view());
        (self.validation.loss(w.view()), self.implicit_hypergradient(w.view(), log_penalty))
    }

    /// The implicit formula for the hypergradient at any weights; exact at the inner solution.
    #[must_use]
    pub fn implicit_hypergradient(&self, w: ArrayView2<'_, f64>, log_penalty: ArrayView2<'_, f64>) -> Array2<f64> {
        let v = self.validation.gradient(w);
        self.inverse_hessian_product(w, log_penalty, v.view()) * w * log_penalty.mapv(|penalty| -penalty.exp())
    }

    /// The iterates of gradient descent from 0 with [`step_size`](Digits::step_size): `steps + 1` of them.
    #[must_use]
    pub fn descend(&self, log_penalty: ArrayView2<'_, f64>, steps: usize) -> Vec<Array2<f64>> {
        let step = self.step_size();
        let mut iterates = vec![Array2::zeros(log_penalty.dim())];
        for index in 0..steps {
            let next = &iterates[index] - &(self.inner_gradient(iterates[index].view(), log_penalty) * step);
            iterates.push(next);
        }
        iterates
    }

    /// The gradient by `log_penalty` of the validation loss at the last of some iterates, through all the steps between them.
    ///
    /// # Panics
    /// When there are no iterates.
    #[must_use]
    pub fn unrolled_hypergradient(&self, log_penalty: ArrayView2<'_, f64>, iterates: &[Array2<f64>]) -> Array2<f64> {
        let (step, penalty) = (self.step_size(), log_penalty.mapv(f64::exp));
        let (last, before) = iterates.split_last().expect("the start is an iterate");
        let mut v = self.validation.gradient(last.view());
        let mut total = Array2::zeros(v.dim());
        for w in before.iter().rev() {
            total = total - &v * w * &penalty * step;
            let curved = self.train.hessian_product(&self.train.probabilities(w.view()), v.view()) + &v * &penalty;
            v = v - curved * step;
        }
        total
    }

    fn inverse_hessian_product(&self, w: ArrayView2<'_, f64>, log_penalty: ArrayView2<'_, f64>, v: ArrayView2<'_, f64>) -> Array2<f64> {
        let factor = dense::cholesky(self.inner_hessian(w, log_penalty).view()).expect("the Hessian is at least the penalty");
        let flat: Array1<f64> = v.iter().copied().collect();
        let solution = dense::cholesky_solve(factor.view(), flat.view());
        solution.into_shape_with_order(v.dim()).expect("there is one entry for each weight")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::differences::{self, STEP, assert_close, tolerance};
    use crate::random::sym;

    fn relative(found: &Array2<f64>, exact: &Array2<f64>) -> f64 {
        let length = |a: &Array2<f64>| (a * a).sum().sqrt();
        length(&(found - exact)) / length(exact)
    }

    fn weights(flat: &[f64]) -> ArrayView2<'_, f64> {
        ArrayView2::from_shape((FEATURES, CLASSES), flat).unwrap()
    }

    #[test]
    fn the_parts_have_their_rows() {
        let digits = data();
        assert_eq!([&digits.train, &digits.validation, &digits.test].map(|part| part.x.nrows()), [1000, 400, 397]);
        assert!(digits.train.y.sum_axis(Axis(1)).iter().all(|sum| *sum == 1.0));
        let w = digits.descend(log_penalty().view(), 300).pop().unwrap();
        assert!(digits.test.accuracy(w.view()) > 0.85);
    }

    #[test]
    fn inner_derivatives_agree_with_differences() {
        let (digits, penalty) = (data(), log_penalty());
        let (w, v) = (sym(1, FEATURES * CLASSES).to_vec(), sym(2, FEATURES * CLASSES).to_vec());
        let gradient = digits.inner_gradient(weights(&w), penalty.view());
        let found = differences::directional(|w| digits.inner(weights(w), penalty.view()), &w, &v);
        let terms = digits.train.x.nrows();
        assert_close("slope", &[found], &[(&gradient * &weights(&v)).sum()], tolerance(terms, 3.0, 2.0 * STEP));
        let hessian = digits.inner_hessian(weights(&w), penalty.view());
        let exact = hessian.dot(&Array1::from(v.clone()));
        let gradient = |w: &[f64]| digits.inner_gradient(weights(w), penalty.view()).iter().copied().collect();
        assert_close("H v", &differences::jvp(gradient, &w, &v), &exact, tolerance(terms, 1.0, 2.0 * STEP));
        let product = digits.train.hessian_product(&digits.train.probabilities(weights(&w)), weights(&v));
        assert_close("H v", &(product + weights(&v).to_owned() * (-4f64).exp()), &exact, differences::rounding(terms, 1.0));
    }

    #[test]
    fn the_hypergradient_agrees_with_differences_of_the_solution() {
        let (digits, penalty) = (data(), log_penalty());
        let solution = digits.solve(penalty.view(), Array2::zeros(penalty.dim()).view());
        let exact = digits.implicit_hypergradient(solution.view(), penalty.view());
        for (row, column) in [(20, 3), (36, 0)] {
            let loss = |moved: &[f64]| {
                let mut penalty = penalty.clone();
                penalty[[row, column]] = moved[0];
                digits.validation.loss(digits.solve(penalty.view(), solution.view()).view())
            };
            let found = differences::directional(loss, &[-4.0], &[1.0]);
            // The loss is below one half, and the step is 4 STEP. The solution is off by at most SOLVED over the least penalty.
            let (step, solution) = (4.0 * STEP, SOLVED / (-4f64).exp());
            assert_close("hypergradient", &[found], &[exact[[row, column]]], tolerance(400, 0.5, step) + 7.0 * solution / step);
        }
    }

    #[test]
    fn hypergradients_have_their_known_errors() {
        let (digits, penalty) = (data(), log_penalty());
        let (_, exact) = digits.hypergradient(penalty.view());
        let iterates = digits.descend(penalty.view(), 3000);
        for ((steps, unrolled), (_, implicit)) in UNROLLED_ERRORS.into_iter().zip(IMPLICIT_ERRORS) {
            let found = relative(&digits.unrolled_hypergradient(penalty.view(), &iterates[..=steps]), &exact);
            // Half of the last of three digits.
            assert_close("unrolled", &[found], &[unrolled], 5e-3 * unrolled);
            let found = relative(&digits.implicit_hypergradient(iterates[steps].view(), penalty.view()), &exact);
            assert_close("implicit", &[found], &[implicit], 5e-3 * implicit);
        }
    }
}
