//! Softmax regression on the digits with one log-penalty for each weight: the bilevel problem that several examples study.

use crate::digits::{CLASSES, Digits, FEATURES};
use faer::{Mat, Side};
use hypertape::prelude::*;
use ndarray::{ArcArray2, Array2, ArrayView2};

/// The data, the inner objective, and the step size of gradient descent on it.
///
/// Inner: mean cross-entropy(X W, Y) + ½ Σ exp(λ) W² on the training rows; W and λ are 64 x 10, without intercept.
/// Outer: the mean cross-entropy on the validation rows.
#[derive(Debug)]
pub struct SoftmaxRegression {
    /// The data.
    pub digits: Digits,
    /// (W, λ) → the inner objective.
    pub inner: Function<(Leaf, Leaf), Leaf>,
    /// 1 / (½ λ_max(XᵀX/n) + e⁻⁴): the inverse of a bound on the curvature at penalties of e⁻⁴.
    pub step_size: f64,
}

/// The penalty, as its logarithm, at which derivatives are compared.
pub const LOG_PENALTY: f64 = -4.0;

/// Shape of the weights, and of their log-penalties.
#[must_use]
pub fn weights() -> Leaf {
    shape![FEATURES, CLASSES]
}

/// One log-penalty for all weights.
#[must_use]
pub fn single(log_penalty: f64) -> Array2<f64> {
    Array2::from_elem((FEATURES, CLASSES), log_penalty)
}

/// Mean cross-entropy of rows of scores against one-hot labels.
fn cross_entropy(scores: Var, labels: Var) -> Var {
    (scores.logsumexp_axis(1) - (scores * labels).sum_axis(1)).mean()
}

impl SoftmaxRegression {
    /// On these data.
    ///
    /// # Errors
    /// When the objective cannot be recorded, or the largest eigenvalue of XᵀX is not found.
    pub fn new(digits: Digits) -> Result<Self, Box<dyn std::error::Error>> {
        let (x, y) = (&digits.x_train, &digits.y_train);
        let inner = Function::record((weights(), weights()), |(w, log_penalty)| {
            cross_entropy(constant(x).dot(w), constant(y)) + 0.5 * (log_penalty.exp() * w.square()).sum()
        })?;
        let step_size = 1.0 / (0.5 * largest_eigenvalue(x)? + LOG_PENALTY.exp());
        Ok(SoftmaxRegression { digits, inner, step_size })
    }

    /// The mean cross-entropy of weights on the validation rows, in a recording.
    #[must_use]
    pub fn validation_loss(&self, w: Var) -> Var {
        cross_entropy(constant(&self.digits.x_validation).dot(w), constant(&self.digits.y_validation))
    }

    /// The mean cross-entropy of weights on the test rows, in a recording.
    #[must_use]
    pub fn test_loss(&self, w: Var) -> Var {
        cross_entropy(constant(&self.digits.x_test).dot(w), constant(&self.digits.y_test))
    }
}

/// The largest eigenvalue of XᵀX/n.
fn largest_eigenvalue(x: &ArcArray2<f64>) -> Result<f64, Box<dyn std::error::Error>> {
    let gram = x.t().dot(x) / x.nrows() as f64;
    let gram = Mat::from_fn(gram.nrows(), gram.ncols(), |i, j| gram[[i, j]]);
    let values = gram.self_adjoint_eigenvalues(Side::Lower).map_err(|e| format!("eigenvalues of XᵀX: {e:?}"))?;
    values.last().copied().ok_or_else(|| "the data have no columns".into())
}

/// The share of rows whose largest score is at the label.
#[must_use]
pub fn accuracy(x: &ArcArray2<f64>, labels: &[usize], w: ArrayView2<'_, f64>) -> f64 {
    let scores = x.dot(&w);
    let best = |row: ndarray::ArrayView1<'_, f64>| (0..row.len()).max_by(|a, b| row[*a].total_cmp(&row[*b]));
    let hits = scores.rows().into_iter().zip(labels).filter(|(row, label)| best(*row) == Some(**label)).count();
    hits as f64 / labels.len() as f64
}
