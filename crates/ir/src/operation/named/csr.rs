//! A constant sparse matrix.
use super::Pattern;
use crate::array::{Element, Real, Shared};
use crate::error::{Compressed, Error, ErrorKind, Many, Result, Site};
use ndarray::{ArcArray, Array1, IxDyn};
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
    pattern: Pattern,
    /// One for each entry of the pattern. Programs hold the same memory as a constant.
    values: ArcArray<T, IxDyn>,
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
        Self::checked([rows, columns], starts, indices, values).map_err(|problem| Error::new("Csr::new", ErrorKind::Sparse(problem)).at(at))
    }
    fn checked(shape: [usize; 2], starts: Vec<usize>, indices: Vec<u32>, values: Vec<T>) -> Result<Self, Compressed> {
        Self::matching(Pattern::checked(shape, starts, indices)?, values)
    }
    fn matching(pattern: Pattern, values: Vec<T>) -> Result<Self, Compressed> {
        if pattern.nonzeros() != values.len() {
            return Err(Compressed::Entries { columns: pattern.nonzeros(), values: values.len() });
        }
        if let Some(k) = if all_finite(&values) { None } else { values.iter().position(|v| !v.is_finite()) } {
            return Err(Compressed::Value { entry: k, value: Element::to_f64(values[k]) });
        }
        Ok(Self::of(pattern, values))
    }
    /// From the places of the entries, which are shared, and their values.
    ///
    /// # Errors
    /// Another number of values than of entries, a value that is not finite.
    #[track_caller]
    pub fn with_pattern(pattern: &Pattern, values: Vec<T>) -> Result<Self> {
        let at = Site::caller();
        Self::matching(pattern.clone(), values).map_err(|problem| Error::new("Csr::with_pattern", ErrorKind::Sparse(problem)).at(at))
    }
    fn of(pattern: Pattern, values: Vec<T>) -> Self {
        Csr(Arc::new(Parts { pattern, values: Array1::from(values).into_dyn().into_shared() }))
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
        Self::of(Pattern::of_nothing(), vec![])
    }
    /// The places of the entries, in the same memory.
    #[must_use]
    pub fn pattern(&self) -> &Pattern {
        &self.0.pattern
    }
    /// The values of the entries as an array that a program can hold, in the same memory.
    #[must_use]
    pub fn shared_values(&self) -> Shared {
        T::shared(self.0.values.clone())
    }
    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.pattern().rows()
    }
    /// Number of columns.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.pattern().columns()
    }
    /// Number of entries.
    #[must_use]
    pub fn nonzeros(&self) -> usize {
        self.pattern().nonzeros()
    }
    /// Row i holds the entries `starts[i]` … `starts[i + 1]` − 1.
    #[must_use]
    pub fn starts(&self) -> &[usize] {
        self.pattern().starts()
    }
    /// The column of each entry, less than the number of columns.
    #[must_use]
    pub fn indices(&self) -> &[u32] {
        self.pattern().indices()
    }
    /// Each entry.
    #[must_use]
    pub fn values(&self) -> &[T] {
        self.0.values.as_slice().expect("a vector lies in one piece")
    }
    /// Size in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.pattern().bytes() + size_of_val(self.values())
    }
    /// Where its values lie, and their bytes; then the same of its pattern, which may be that of other matrices too.
    #[must_use]
    pub fn parts(&self) -> [(usize, usize); 2] {
        [(self.values().as_ptr().addr(), size_of_val(self.values())), self.pattern().parts()]
    }
    /// Where its parts lie: the same for all clones.
    #[must_use]
    pub fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
    /// Every entry as (row, column, value).
    pub fn entries(&self) -> impl Iterator<Item = (usize, usize, T)> + '_ {
        let values = self.values();
        (0..self.rows()).flat_map(move |i| self.pattern().row(i).map(move |(k, j)| (i, j, values[k])))
    }
}

/// Whether all numbers are finite: v·0 is 0 then, and NaN otherwise. Eight sums side by side, so the compiler makes vectors of them.
fn all_finite<T: Real>(values: &[T]) -> bool {
    let mut sums = [T::zero(); 8];
    let (eights, rest) = values.as_chunks::<8>();
    for eight in eights {
        sums.iter_mut().zip(eight).for_each(|(sum, v)| *sum += *v * T::zero());
    }
    sums.iter().all(|sum| *sum == T::zero()) && rest.iter().all(|v| v.is_finite())
}
