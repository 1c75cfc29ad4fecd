//! The places of a sparse matrix's entries.
use crate::error::{Compressed, Error, ErrorKind, Result, Site};
use std::sync::{Arc, OnceLock};

/// Where the entries of a sparse matrix stand, row by row (compressed sparse rows), without their values. Entries of a row may stand in any order; a
/// place may be named twice, and its entries add up.
///
/// Its parts are shared: a clone is the same memory.
///
/// ```
/// use hypertape_ir::operation::named::Pattern;
/// // [* . *]
/// // [. . *]
/// let pattern = Pattern::new([2, 3], vec![0, 2, 3], vec![0, 2, 2])?;
/// assert_eq!((pattern.rows(), pattern.columns(), pattern.nonzeros()), (2, 3, 3));
/// # Ok::<(), hypertape_ir::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Pattern(Arc<Places>);

#[derive(Debug)]
struct Places {
    columns: usize,
    /// Row i holds the entries starts[i] … starts[i + 1] − 1.
    starts: Vec<usize>,
    /// The column of each entry, less than `columns`.
    indices: Vec<u32>,
    /// Whether a column has more than a few entries; found when it is first asked for.
    long: OnceLock<bool>,
}

/// Entries of a column up to which sums in single precision stay there.
const FEW: usize = 64;

impl Places {
    fn has_long_column(&self) -> bool {
        let mut sorted = if self.indices.len() > FEW { self.indices.clone() } else { vec![] };
        sorted.sort_unstable();
        sorted.windows(FEW + 1).any(|w| w[0] == w[FEW])
    }
    /// What does not fit together, in words.
    fn check(&self, rows: usize) -> Result<(), Compressed> {
        let Places { columns, starts, indices, .. } = self;
        if starts.len().checked_sub(1) != Some(rows) || starts[0] != 0 || starts[rows] != indices.len() {
            return Err(Compressed::Starts { rows, entries: indices.len() });
        }
        if let Some(i) = starts.windows(2).position(|w| w[0] > w[1]) {
            return Err(Compressed::Decreasing { row: i, start: starts[i], next: starts[i + 1] });
        }
        if let Some(k) = indices.iter().position(|j| *j as usize >= *columns) {
            return Err(Compressed::Column { entry: k, column: indices[k] as usize, columns: *columns });
        }
        Ok(())
    }
}

impl PartialEq for Pattern {
    /// Whether both are the same memory.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Pattern {
    /// From the numbers of rows and columns, where each row starts among the entries (one number more than there are rows), and the column of
    /// each entry: the arrays `indptr` and `indices` of SciPy.
    ///
    /// # Errors
    /// Parts that do not belong together, a column out of range.
    #[track_caller]
    pub fn new([rows, columns]: [usize; 2], starts: Vec<usize>, indices: Vec<u32>) -> Result<Self> {
        let at = Site::caller();
        Self::checked([rows, columns], starts, indices).map_err(|problem| Error::new("Pattern::new", ErrorKind::Sparse(problem)).at(at))
    }
    pub(super) fn checked([rows, columns]: [usize; 2], starts: Vec<usize>, indices: Vec<u32>) -> Result<Self, Compressed> {
        let places = Places { columns, starts, indices, long: OnceLock::new() };
        places.check(rows)?;
        Ok(Pattern(Arc::new(places)))
    }
    /// Without rows and columns.
    pub(super) fn of_nothing() -> Self {
        Pattern(Arc::new(Places { columns: 0, starts: vec![0], indices: vec![], long: OnceLock::new() }))
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
        self.0.indices.len()
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
    /// Whether some column has so many entries that sums down it are in double precision, though entries are in single.
    #[must_use]
    pub fn has_long_columns(&self) -> bool {
        *self.0.long.get_or_init(|| self.0.has_long_column())
    }
    /// Size in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of_val(&self.0.starts[..]) + size_of_val(&self.0.indices[..])
    }
    /// Where its parts lie, which is the same for all clones, and their bytes.
    #[must_use]
    pub fn parts(&self) -> (usize, usize) {
        (Arc::as_ptr(&self.0).addr(), self.bytes())
    }
    /// Whether there are rows of these numbers.
    ///
    /// # Errors
    /// The first number that is not below the number of rows.
    pub fn has_rows(&self, named: &[u32]) -> Result<(), ErrorKind> {
        let beyond = named.iter().position(|i| *i as usize >= self.rows());
        let wrong = |at: usize| ErrorKind::IndexOutOfRange { index: named[at], place: vec![at], axis: Some(0), length: self.rows() };
        beyond.map_or(Ok(()), |at| Err(wrong(at)))
    }
    /// The places of row i: the number of each entry, and its column.
    pub fn row(&self, i: usize) -> impl Iterator<Item = (usize, usize)> + '_ {
        (self.0.starts[i]..self.0.starts[i + 1]).map(move |k| (k, self.0.indices[k] as usize))
    }
}
