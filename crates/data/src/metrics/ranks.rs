//! The area under the receiver operating characteristic, by ranks.
use crate::error::{Error, Result};
use ndarray::AsArray;
use std::cmp::Ordering;

/// The probability that a positive example has a higher score than a negative one, where a tie counts half:
/// AUC = (R − n₊(n₊ + 1)/2) / (n₊ n₋), with R the sum of the ranks of the positive ones and mean ranks for ties (Mann and Whitney, 1947).
///
/// It costs a sort, and is exact but for the last division.
///
/// # Errors
/// [`Error::Shapes`], [`Error::Nothing`], [`Error::NotFinite`] for a score that is NaN, [`Error::OneClass`].
pub fn auc<'a>(scores: impl AsArray<'a, f64>, positive: impl AsArray<'a, bool>) -> Result<f64> {
    const OF: &str = "auc";
    let (scores, positive) = (scores.into(), positive.into());
    if scores.len() != positive.len() {
        return Err(Error::Shapes { of: OF, left: scores.shape().to_vec(), right: positive.shape().to_vec() });
    }
    if scores.is_empty() {
        return Err(Error::Nothing { of: OF, what: "scores" });
    }
    if let Some(index) = scores.iter().position(|s| s.is_nan()) {
        return Err(Error::NotFinite { of: OF, what: "scores", index, value: "NaN".into() });
    }
    let positives = positive.iter().filter(|p| **p).count();
    let negatives = positive.len() - positives;
    if positives == 0 || negatives == 0 {
        let class = if positives == 0 { "negative" } else { "positive" };
        return Err(Error::OneClass { of: OF, class: class.into(), rows: positive.len() });
    }
    let mut sorted: Vec<(f64, bool)> = scores.iter().copied().zip(positive.iter().copied()).collect();
    sorted.sort_unstable_by(|a, b| a.0.partial_cmp(&b.0).unwrap_or(Ordering::Equal));
    // Twice the ranks are whole numbers: ranks a + 1 … b have the mean (a + 1 + b)/2.
    let (mut twice_ranks, mut a) = (0_u128, 0);
    for tied in sorted.chunk_by(|x, y| x.0 == y.0) {
        let b = a + tied.len();
        twice_ranks += (a + 1 + b) as u128 * tied.iter().filter(|(_, positive)| *positive).count() as u128;
        a = b;
    }
    let (p, n) = (positives as u128, negatives as u128);
    Ok((twice_ranks - p * (p + 1)) as f64 / (2 * p * n) as f64)
}
