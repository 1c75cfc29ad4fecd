//! Scaling: columns to mean 0 and variance 1, rows to length 1.
use crate::error::{Error, Result};
use crate::sparse::SparseRows;
use ndarray::{Array1, Array2, ArrayView2, Axis};

/// The mean and the standard deviation of each column, to scale other data in the same way.
///
/// ```
/// use hypertape_data::scaling::Standard;
/// let train = ndarray::arr2(&[[1.0, 5.0], [3.0, 5.0]]);
/// let standard = Standard::of(train.view())?;
/// assert_eq!(standard.apply(train.view())?, ndarray::arr2(&[[-1.0, 0.0], [1.0, 0.0]]));
/// assert_eq!(standard.apply(ndarray::arr2(&[[2.0, 6.0]]).view())?, ndarray::arr2(&[[0.0, 1.0]]));
/// # Ok::<(), hypertape_data::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Standard {
    /// The mean of each column.
    pub mean: Array1<f64>,
    /// What each column is divided by: √(mean (x − mean)²), or 1 where all its values are the same.
    pub scale: Array1<f64>,
}

impl Standard {
    /// Of the columns of at least one row.
    ///
    /// # Errors
    /// [`Error::Nothing`] without rows, [`Error::NotFinite`] for a value, or for columns whose mean or scale leaves the range of f64.
    pub fn of(x: ArrayView2<'_, f64>) -> Result<Self> {
        const OF: &str = "Standard::of";
        if x.nrows() == 0 {
            return Err(Error::Nothing { of: OF, what: "rows" });
        }
        finite(OF, "values", x.iter())?;
        let rows = x.nrows() as f64;
        let (mut mean, mut scale) = (Array1::zeros(x.ncols()), Array1::ones(x.ncols()));
        for (k, column) in x.axis_iter(Axis(1)).enumerate() {
            let first = column[0];
            if column.iter().all(|v| *v == first) {
                mean[k] = first;
                continue;
            }
            // From the first value on, so that a small spread far from 0 keeps its digits.
            mean[k] = first + column.iter().map(|v| 2.0 * ((v / 2.0 - first / 2.0) / rows)).sum::<f64>();
            // Divided by the largest first, so that no square leaves the range.
            let largest = column.iter().fold(0.0_f64, |m, v| m.max((v - mean[k]).abs()));
            let sum: f64 = column.iter().map(|v| ((v - mean[k]) / largest).powi(2)).sum();
            scale[k] = largest * (sum / rows).sqrt();
        }
        finite(OF, "scales", scale.iter())?;
        Ok(Standard { mean, scale })
    }
    /// (x − mean) / scale.
    ///
    /// # Errors
    /// [`Error::Shapes`] for another number of columns, [`Error::NotFinite`] for a value, such as a missing one that is NaN, or for a result that leaves the range of f64.
    pub fn apply(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        if x.ncols() != self.mean.len() {
            return Err(Error::Shapes { of: "Standard::apply", left: x.shape().to_vec(), right: vec![x.nrows(), self.mean.len()] });
        }
        finite("Standard::apply", "values", x.iter())?;
        let scaled = (&x - &self.mean) / &self.scale;
        finite("Standard::apply", "scaled values", scaled.iter())?;
        Ok(scaled)
    }
}

/// Rows of length 1: x / ‖x‖₂. A row of zeros stays.
///
/// # Errors
/// [`Error::NotFinite`] for a value.
pub fn normalise_rows(x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
    finite("normalise_rows", "values", x.iter())?;
    let mut x = x.to_owned();
    for mut row in x.rows_mut() {
        let (largest, norm) = norm(row.iter());
        row.mapv_inplace(|v| v / largest / norm);
    }
    Ok(x)
}

/// Sparse rows of length 1: x / ‖x‖₂. A row without entries stays.
#[must_use]
pub fn normalise_sparse_rows(x: &SparseRows) -> SparseRows {
    let mut values = Vec::with_capacity(x.entries());
    for row in 0..x.rows() {
        let (_, entries) = x.row(row).unwrap_or_default();
        let (largest, norm) = norm(entries.iter());
        values.extend(entries.iter().map(|v| v / largest / norm));
    }
    x.with_values(values)
}

/// The largest absolute value, and the length divided by it, which neither overflows nor vanishes. Both are 1 for zeros.
fn norm<'a>(row: impl Iterator<Item = &'a f64> + Clone) -> (f64, f64) {
    let largest = row.clone().fold(0.0_f64, |m, v| m.max(v.abs()));
    if largest == 0.0 {
        return (1.0, 1.0);
    }
    (largest, row.map(|v| (v / largest).powi(2)).sum::<f64>().sqrt())
}

fn finite<'a>(of: &'static str, what: &'static str, mut values: impl Iterator<Item = &'a f64>) -> Result<()> {
    let mut index = 0;
    match values.find(|v| {
        index += 1;
        !v.is_finite()
    }) {
        Some(value) => Err(Error::NotFinite { of, what, index: index - 1, value: value.to_string() }),
        None => Ok(()),
    }
}
