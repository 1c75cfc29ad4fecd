//! Sparse rows: the numbers of a matrix that are not zero, row by row, in plain vectors.
use crate::error::{Error, Result};
use ndarray::Array2;

/// The entries of a matrix row by row (compressed sparse rows), in ascending columns. All values are finite.
///
/// ```
/// use hypertape_data::SparseRows;
/// // [1 0 2]
/// // [0 0 3]
/// let a = SparseRows::new([2, 3], vec![0, 2, 3], vec![0, 2, 2], vec![1.0, 2.0, 3.0])?;
/// assert_eq!(a.row(0), Some((&[0, 2][..], &[1.0, 2.0][..])));
/// assert_eq!(a.to_dense()?, ndarray::arr2(&[[1.0, 0.0, 2.0], [0.0, 0.0, 3.0]]));
/// # Ok::<(), hypertape_data::Error>(())
/// ```
///
/// `Csr::new` of hypertape takes what [`SparseRows::into_parts`] gives, in this order.
#[derive(Debug, Clone, PartialEq)]
pub struct SparseRows {
    columns: usize,
    /// Row i holds the entries starts[i] … starts[i + 1] − 1.
    starts: Vec<usize>,
    indices: Vec<u32>,
    values: Vec<f64>,
}

/// The most bytes of [`SparseRows::to_dense`]: 4 GiB.
pub const DENSE_LIMIT: u64 = 1 << 32;

impl SparseRows {
    /// From the numbers of rows and columns, where each row starts among the entries (one number more than there are rows), the column of each
    /// entry from 0, and its value.
    ///
    /// # Errors
    /// [`Error::Starts`], [`Error::Decreasing`], [`Error::Entries`] for parts that do not belong together, [`Error::Column`] for a column out of
    /// range or order, [`Error::NotFinite`] for a value.
    pub fn new([rows, columns]: [usize; 2], starts: Vec<usize>, indices: Vec<u32>, values: Vec<f64>) -> Result<Self> {
        if starts.len().checked_sub(1) != Some(rows) || starts[0] != 0 || starts[rows] != indices.len() {
            return Err(Error::Starts { rows, entries: indices.len() });
        }
        if indices.len() != values.len() {
            return Err(Error::Entries { indices: indices.len(), values: values.len() });
        }
        if let Some(row) = starts.windows(2).position(|w| w[0] > w[1]) {
            return Err(Error::Decreasing { row, start: starts[row], next: starts[row + 1] });
        }
        for row in 0..rows {
            let mut least = 0;
            for entry in starts[row]..starts[row + 1] {
                let column = indices[entry];
                if (column as usize) < least || column as usize >= columns {
                    return Err(Error::Column { row, entry, column, columns });
                }
                least = column as usize + 1;
            }
        }
        match values.iter().position(|v| !v.is_finite()) {
            Some(index) => Err(Error::NotFinite { of: "SparseRows::new", what: "values", index, value: values[index].to_string() }),
            None => Ok(SparseRows { columns, starts, indices, values }),
        }
    }
    /// The number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.starts.len() - 1
    }
    /// The number of columns.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }
    /// The number of entries.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.values.len()
    }
    /// Where each row starts among the entries, and where the last one ends.
    #[must_use]
    pub fn starts(&self) -> &[usize] {
        &self.starts
    }
    /// The column of each entry.
    #[must_use]
    pub fn indices(&self) -> &[u32] {
        &self.indices
    }
    /// The value of each entry.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }
    /// The numbers of rows and columns, the starts, the columns and the values, without a copy.
    #[must_use]
    pub fn into_parts(self) -> ([usize; 2], Vec<usize>, Vec<u32>, Vec<f64>) {
        ([self.rows(), self.columns], self.starts, self.indices, self.values)
    }
    /// The columns and the values of a row, or nothing where there is no such row.
    #[must_use]
    pub fn row(&self, row: usize) -> Option<(&[u32], &[f64])> {
        let range = *self.starts.get(row)?..*self.starts.get(row.checked_add(1)?)?;
        Some((&self.indices[range.clone()], &self.values[range]))
    }
    /// Rows by their numbers, in the order that is given; a row may come several times.
    ///
    /// # Errors
    /// [`Error::Row`] where there is no such row.
    pub fn select(&self, rows: &[usize]) -> Result<Self> {
        let mut selected = SparseRows { columns: self.columns, starts: vec![0], indices: vec![], values: vec![] };
        for &row in rows {
            let (indices, values) = self.row(row).ok_or(Error::Row { of: "select", row, rows: self.rows() })?;
            selected.indices.extend_from_slice(indices);
            selected.values.extend_from_slice(values);
            selected.starts.push(selected.values.len());
        }
        Ok(selected)
    }
    /// As a dense matrix of at most [`DENSE_LIMIT`] bytes.
    ///
    /// # Errors
    /// Those of [`SparseRows::to_dense_within`].
    pub fn to_dense(&self) -> Result<Array2<f64>> {
        self.to_dense_within(DENSE_LIMIT)
    }
    /// As a dense matrix of at most so many bytes: one line of a file can name column 4,294,967,295.
    ///
    /// # Errors
    /// [`Error::Dense`] where it would take more.
    pub fn to_dense_within(&self, limit: u64) -> Result<Array2<f64>> {
        let (rows, columns) = (self.rows(), self.columns);
        let bytes = (rows as u128) * (columns as u128) * size_of::<f64>() as u128;
        if bytes > u128::from(limit) || bytes > isize::MAX as u128 {
            return Err(Error::Dense { rows, columns, limit });
        }
        let mut dense = Array2::zeros((rows, columns));
        for row in 0..rows {
            for entry in self.starts[row]..self.starts[row + 1] {
                dense[[row, self.indices[entry] as usize]] = self.values[entry];
            }
        }
        Ok(dense)
    }
    /// The same places with other values, one for each.
    pub(crate) fn with_values(&self, values: Vec<f64>) -> Self {
        SparseRows { columns: self.columns, starts: self.starts.clone(), indices: self.indices.clone(), values }
    }
}
