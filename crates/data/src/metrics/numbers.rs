//! Measures of predicted numbers and of images.
use crate::error::{Error, Result};
use ndarray::{ArrayView, AsArray, Dimension};

/// mean (truth − predicted)², of arrays of any rank. ∞ where that leaves the range of f64, as for differences of 10²⁰⁰: [`root_mean_squared_error`] does not.
///
/// # Errors
/// [`Error::Shapes`], [`Error::Nothing`], [`Error::NotFinite`].
pub fn mean_squared_error<'a, D: Dimension>(truth: impl AsArray<'a, f64, D>, predicted: impl AsArray<'a, f64, D>) -> Result<f64> {
    let (half, share) = scaled_square("mean_squared_error", &truth.into(), &predicted.into())?;
    Ok(2.0 * half * share * (2.0 * half))
}

/// √(mean (truth − predicted)²), of arrays of any rank: no square leaves the range of f64.
///
/// ```
/// use hypertape_data::metrics::{mean_squared_error, root_mean_squared_error};
/// let (truth, predicted) = ([0.0, 0.0], [3e200, 4e200]);
/// assert!((root_mean_squared_error(&truth, &predicted)? / 12.5_f64.sqrt() - 1e200).abs() < 1e185);
/// assert_eq!(mean_squared_error(&truth, &predicted)?, f64::INFINITY);
/// # Ok::<(), hypertape_data::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shapes`], [`Error::Nothing`], [`Error::NotFinite`].
pub fn root_mean_squared_error<'a, D: Dimension>(truth: impl AsArray<'a, f64, D>, predicted: impl AsArray<'a, f64, D>) -> Result<f64> {
    let (half, share) = scaled_square("root_mean_squared_error", &truth.into(), &predicted.into())?;
    Ok(2.0 * (half * share.sqrt()))
}

/// The peak signal-to-noise ratio in decibels, 10 log₁₀(range² / mean squared error), where values go from 0 to `range`; ∞ for equal images.
///
/// # Errors
/// [`Error::Setting`] for a range that is not positive and finite, [`Error::Shapes`], [`Error::Nothing`], [`Error::NotFinite`].
pub fn psnr<'a, D: Dimension>(truth: impl AsArray<'a, f64, D>, image: impl AsArray<'a, f64, D>, range: f64) -> Result<f64> {
    if !(range > 0.0 && range.is_finite()) {
        return Err(Error::Setting {
            of: "psnr",
            what: "the range",
            value: range,
            range: "the largest value less the smallest, such as 1 or 255",
        });
    }
    let (half, share) = scaled_square("psnr", &truth.into(), &image.into())?;
    // By logarithms: squares may leave the range of f64.
    Ok(20.0 * (range.log10() - half.log10() - 2_f64.log10()) - 10.0 * share.log10())
}

/// The coefficient of determination, 1 − Σ(truth − predicted)² / Σ(truth − mean)²: 1 is perfect, 0 is as good as the mean, and there is no least value.
///
/// # Errors
/// [`Error::Shapes`], [`Error::Nothing`], [`Error::NotFinite`]; [`Error::Undefined`] where all true values are the same.
pub fn r_squared<'a>(truth: impl AsArray<'a, f64>, predicted: impl AsArray<'a, f64>) -> Result<f64> {
    const OF: &str = "r_squared";
    let (truth, predicted) = (truth.into(), predicted.into());
    comparable(OF, &truth, &predicted)?;
    if truth.iter().all(|t| *t == truth[0]) {
        let what = format!("{} true values that are all {}", truth.len(), truth[0]);
        return Err(Error::Undefined { of: OF, what, because: "there is nothing to explain; look at the mean squared error" });
    }
    let rows = truth.len() as f64;
    let half = truth.iter().map(|t| t / 2.0 / rows).sum::<f64>();
    // Halves, whose differences stay in the range.
    let largest = truth.iter().fold(0.0_f64, |m, t| m.max((t / 2.0 - half).abs()));
    let square = |d: f64| (d / largest).powi(2);
    let spread = truth.iter().map(|t| square(t / 2.0 - half)).sum::<f64>();
    let error = truth.iter().zip(&predicted).map(|(t, p)| square(t / 2.0 - p / 2.0)).sum::<f64>();
    Ok(1.0 - error / spread)
}

/// That both have one shape, elements, and nothing but numbers.
fn comparable<D: Dimension>(of: &'static str, left: &ArrayView<'_, f64, D>, right: &ArrayView<'_, f64, D>) -> Result<()> {
    if left.shape() != right.shape() {
        return Err(Error::Shapes { of, left: left.shape().to_vec(), right: right.shape().to_vec() });
    }
    if left.is_empty() {
        return Err(Error::Nothing { of, what: "elements" });
    }
    for (what, array) in [("true values", left), ("predicted values", right)] {
        if let Some((index, value)) = array.iter().enumerate().find(|(_, x)| !x.is_finite()) {
            return Err(Error::NotFinite { of, what, index, value: value.to_string() });
        }
    }
    Ok(())
}

/// Half the largest difference, and the mean square of all over its square: 1 where there is no difference.
fn scaled_square<D: Dimension>(of: &'static str, left: &ArrayView<'_, f64, D>, right: &ArrayView<'_, f64, D>) -> Result<(f64, f64)> {
    comparable(of, left, right)?;
    // Halves, whose differences stay in the range.
    let half = || left.iter().zip(right).map(|(a, b)| a / 2.0 - b / 2.0);
    let largest = half().fold(0.0_f64, |m, d| m.max(d.abs()));
    if largest == 0.0 {
        return Ok((0.0, 1.0));
    }
    let share = half().map(|d| (d / largest).powi(2)).sum::<f64>() / left.len() as f64;
    Ok((largest, share))
}
