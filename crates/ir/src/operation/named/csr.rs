//! A constant sparse matrix.
use crate::array::{Element, Kind, Real};
use crate::error::{Compressed, Error, ErrorKind, Many, Result, Site};
use std::sync::Arc;

/// A sparse matrix by its nonzeros, row by row (compressed sparse rows). Entries of a row may stand in any order; equal places add up.
///
/// Its parts are shared: a clone is the same memory.
///
/// ```
/// use hypertape_ir::operation::named::Csr;
/// // [1 0 2]
/// // [0 0 3]
/// let a = Csr::new([2, 3], vec![0, 2, 3], vec![0, 2, 2], vec![1.0, 2.0, 3.0])?;
/// assert_eq!((a.rows(), a.columns(), a.nonzeros()), (2, 3, 3));
/// let e = Csr::new([2, 3], vec![0, 2, 3], vec![0, 2, 7], vec![1.0, 2.0, 3.0]).unwrap_err();
/// assert!(e.to_string().contains("entry 2 stands in column 7, of 3"));
/// # Ok::<(), hypertape_ir::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Csr<T>(Arc<Parts<T>>);

#[derive(Debug)]
struct Parts<T> {
    columns: usize,
    /// Row i holds the entries starts[i] … starts[i + 1] − 1.
    starts: Vec<usize>,
    /// The column of each entry, less than `columns`.
    indices: Vec<u32>,
    values: Vec<T>,
    /// Whether a column has more than a few entries of single precision.
    wide: bool,
}

/// Entries of a column up to which sums in single precision stay there.
const FEW: usize = 64;

impl<T: Real> Parts<T> {
    /// Whether a column has more than a few entries.
    fn has_long_column(&self) -> bool {
        let mut sorted = if self.indices.len() > FEW { self.indices.clone() } else { vec![] };
        sorted.sort_unstable();
        sorted.windows(FEW + 1).any(|w| w[0] == w[FEW])
    }
    /// What does not fit together, in words.
    fn check(&self, rows: usize) -> Result<(), Compressed> {
        let Parts { columns, starts, indices, values, .. } = self;
        if starts.len().checked_sub(1) != Some(rows) || starts[0] != 0 || starts[rows] != indices.len() {
            return Err(Compressed::Starts { rows, entries: indices.len() });
        }
        if let Some(i) = starts.windows(2).position(|w| w[0] > w[1]) {
            return Err(Compressed::Decreasing { row: i, start: starts[i], next: starts[i + 1] });
        }
        if indices.len() != values.len() {
            return Err(Compressed::Entries { columns: indices.len(), values: values.len() });
        }
        if let Some(k) = indices.iter().position(|j| *j as usize >= *columns) {
            return Err(Compressed::Column { entry: k, column: indices[k] as usize, columns: *columns });
        }
        if let Some(k) = values.iter().position(|v| !v.is_finite()) {
            return Err(Compressed::Value { entry: k, value: Element::to_f64(values[k]) });
        }
        Ok(())
    }
}

impl<T> PartialEq for Csr<T> {
    /// Whether both are the same memory.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<T: Real> Csr<T> {
    /// From the numbers of rows and columns, where each row starts among the entries (one number more than there are rows), the column of
    /// each entry, and its value: the arrays `indptr`, `indices` and `data` of SciPy.
    ///
    /// # Errors
    /// Parts that do not belong together, a column out of range, a value that is not finite.
    #[track_caller]
    pub fn new([rows, columns]: [usize; 2], starts: Vec<usize>, indices: Vec<u32>, values: Vec<T>) -> Result<Self> {
        let at = Site::caller();
        let mut parts = Parts { columns, starts, indices, values, wide: false };
        parts.check(rows).map_err(|problem| Error::new("Csr::new", ErrorKind::Sparse(problem)).at(at))?;
        parts.wide = T::KIND == Kind::F32 && parts.has_long_column();
        Ok(Csr(Arc::new(parts)))
    }
    /// The nonzeros of a dense matrix.
    ///
    /// # Errors
    /// A value that is not finite.
    #[track_caller]
    pub fn from_dense(a: &ndarray::ArrayView2<'_, T>) -> Result<Self> {
        if u32::try_from(a.ncols()).is_err() {
            let kind = ErrorKind::TooMany { of: Many::Columns, given: a.ncols() as u64, most: u64::from(u32::MAX) };
            return Err(Error::new("Csr::from_dense", kind).at(Site::caller()));
        }
        let (mut starts, mut indices, mut values) = (vec![0], vec![], vec![]);
        for row in a.rows() {
            for (j, v) in row.iter().enumerate().filter(|(_, v)| **v != T::zero()) {
                indices.push(j as u32);
                values.push(*v);
            }
            starts.push(values.len());
        }
        Csr::new([a.nrows(), a.ncols()], starts, indices, values)
    }
    /// Without rows and columns.
    pub(super) fn of_nothing() -> Self {
        Csr(Arc::new(Parts { columns: 0, starts: vec![0], indices: vec![], values: vec![], wide: false }))
    }
    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.0.starts.len() - 1
    }
    /// Number of columns.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.0.columns
    }
    /// Number of entries.
    #[must_use]
    pub fn nonzeros(&self) -> usize {
        self.0.values.len()
    }
    /// Row i holds the entries `starts[i]` … `starts[i + 1]` − 1.
    #[must_use]
    pub fn starts(&self) -> &[usize] {
        &self.0.starts
    }
    /// The column of each entry, less than the number of columns.
    #[must_use]
    pub fn indices(&self) -> &[u32] {
        &self.0.indices
    }
    /// Each entry.
    #[must_use]
    pub fn values(&self) -> &[T] {
        &self.0.values
    }
    /// Whether sums down columns are in double precision, though entries are not: where a column has many.
    #[must_use]
    pub fn has_long_columns(&self) -> bool {
        self.0.wide
    }
    /// Size in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of_val(&self.0.starts[..]) + size_of_val(&self.0.indices[..]) + size_of_val(&self.0.values[..])
    }
    /// Where its parts lie: the same for all clones.
    #[must_use]
    pub fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
    /// Every entry as (row, column, value).
    pub fn entries(&self) -> impl Iterator<Item = (usize, usize, T)> + '_ {
        (0..self.rows())
            .flat_map(move |i| (self.0.starts[i]..self.0.starts[i + 1]).map(move |k| (i, self.0.indices[k] as usize, self.0.values[k])))
    }
}
