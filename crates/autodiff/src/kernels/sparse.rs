//! Products with compressed sparse rows: streams of the nonzeros.
#![allow(unsafe_code, reason = "indices were checked when the matrix was made")]
use crate::array::Real;
use crate::error::{Error, Result};
use std::panic::Location;
use std::sync::Arc;

/// A sparse matrix by its nonzeros, row by row (compressed sparse rows). Entries of a row may stand in any order; equal places add up.
///
/// Its parts are shared: a clone is the same memory.
///
/// ```
/// use hypertape_autodiff::record::Csr;
/// // [1 0 2]
/// // [0 0 3]
/// let a = Csr::new([2, 3], vec![0, 2, 3], vec![0, 2, 2], vec![1.0, 2.0, 3.0])?;
/// assert_eq!((a.rows(), a.columns(), a.nonzeros()), (2, 3, 3));
/// let e = Csr::new([2, 3], vec![0, 2, 3], vec![0, 2, 7], vec![1.0, 2.0, 3.0]).unwrap_err();
/// assert!(e.to_string().contains("entry 2 stands in column 7, of 3"));
/// # Ok::<(), hypertape_autodiff::Error>(())
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
}

/// Nonzeros, times columns of the right-hand side, above which a product is worth two threads.
const PARALLEL: usize = 1 << 17;

impl<T: Real> Parts<T> {
    /// What does not fit together, in words.
    fn check(&self, rows: usize) -> Result<(), String> {
        let Parts { columns, starts, indices, values } = self;
        if starts.len() != rows + 1 || starts[0] != 0 || starts[rows] != indices.len() {
            return Err(format!(
                "the starts of {rows} rows must be {} numbers from 0 to the number of entries, {}",
                rows + 1,
                indices.len()
            ));
        }
        if let Some(i) = starts.windows(2).position(|w| w[0] > w[1]) {
            return Err(format!("row {i} starts at {} and the next at {}; give starts that do not decrease", starts[i], starts[i + 1]));
        }
        if indices.len() != values.len() {
            return Err(format!(
                "there are {} columns of entries and {} values; give one of each for every entry",
                indices.len(),
                values.len()
            ));
        }
        if let Some(k) = indices.iter().position(|j| *j as usize >= *columns) {
            return Err(format!("entry {k} stands in column {}, of {columns}; give columns below that", indices[k]));
        }
        if let Some(k) = values.iter().position(|v| !v.is_finite()) {
            return Err(format!("entry {k} is {}; clean the data", values[k]));
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
        let at = Some(Location::caller());
        let parts = Parts { columns, starts, indices, values };
        parts.check(rows).map_err(|problem| Error::Argument { op: "Csr::new".into(), problem, at })?;
        Ok(Csr(Arc::new(parts)))
    }
    /// The nonzeros of a dense matrix.
    ///
    /// # Errors
    /// A value that is not finite.
    #[track_caller]
    pub fn from_dense(a: &ndarray::ArrayView2<'_, T>) -> Result<Self> {
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
    /// Size in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of_val(&self.0.starts[..]) + size_of_val(&self.0.indices[..]) + size_of_val(&self.0.values[..])
    }
    /// Where its parts lie: the same for all clones.
    pub(crate) fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
    /// Every entry as (row, column, value).
    pub fn entries(&self) -> impl Iterator<Item = (usize, usize, T)> + '_ {
        (0..self.rows())
            .flat_map(move |i| (self.0.starts[i]..self.0.starts[i + 1]).map(move |k| (i, self.0.indices[k] as usize, self.0.values[k])))
    }
    /// y = A x, for x and y with k columns.
    pub fn dot(&self, x: &[T], y: &mut [T], k: usize) {
        assert!(x.len() == self.0.columns * k && y.len() == self.rows() * k, "the operands have as many rows as the matrix says");
        if k > 0 {
            self.dot_rows(x, y, k, 0);
        }
    }
    fn dot_rows(&self, x: &[T], y: &mut [T], k: usize, first: usize) {
        let rows = y.len() / k;
        if rows > 1 && (self.0.starts[first + rows] - self.0.starts[first]) * k >= PARALLEL {
            let (a, b) = y.split_at_mut(rows / 2 * k);
            rayon::join(|| self.dot_rows(x, a, k, first), || self.dot_rows(x, b, k, first + rows / 2));
            return;
        }
        for (i, y) in y.chunks_exact_mut(k).enumerate() {
            let at = self.0.starts[first + i]..self.0.starts[first + i + 1];
            let (indices, values) = (&self.0.indices[at.clone()], &self.0.values[at]);
            if k == 1 {
                y[0] = gather(indices, values, x);
            } else {
                y.fill(T::zero());
                for (j, v) in indices.iter().zip(values) {
                    y.iter_mut().zip(&x[*j as usize * k..][..k]).for_each(|(y, x)| *y += *v * *x);
                }
            }
        }
    }
    /// Parts in which the transposed product is made: by size.
    fn parts(&self, k: usize) -> usize {
        if self.nonzeros() * k >= 2 * PARALLEL && self.0.columns * 8 <= self.nonzeros() { 2 } else { 1 }
    }
    /// Elements of scratch memory that `dot_transposed` needs.
    #[must_use]
    pub fn scratch(&self, k: usize) -> usize {
        (self.parts(k) - 1) * self.0.columns * k
    }
    /// y = Aᵀ x, for x and y with k columns.
    pub fn dot_transposed(&self, x: &[T], y: &mut [T], k: usize, scratch: &mut [T]) {
        assert!(x.len() == self.rows() * k && y.len() == self.0.columns * k, "the operands have as many rows as the matrix says");
        if k == 0 {
            return;
        }
        if self.parts(k) == 1 {
            return self.scatter_rows(x, y, k, 0..self.rows());
        }
        let other = &mut scratch[..self.0.columns * k];
        let half = self.0.starts.partition_point(|s| *s < self.nonzeros() / 2).min(self.rows());
        rayon::join(|| self.scatter_rows(x, y, k, 0..half), || self.scatter_rows(x, other, k, half..self.rows()));
        y.iter_mut().zip(other).for_each(|(y, o)| *y += *o);
    }
    /// y = the rows' share of Aᵀ x.
    fn scatter_rows(&self, x: &[T], y: &mut [T], k: usize, rows: std::ops::Range<usize>) {
        y.fill(T::zero());
        for i in rows {
            let at = self.0.starts[i]..self.0.starts[i + 1];
            let (indices, values) = (&self.0.indices[at.clone()], &self.0.values[at]);
            if k == 1 {
                let u = x[i];
                for (j, v) in indices.iter().zip(values) {
                    // SAFETY: `new` checked that indices are below the number of columns, which is the length of y.
                    unsafe { *y.get_unchecked_mut(*j as usize) += *v * u };
                }
            } else {
                let u = &x[i * k..(i + 1) * k];
                for (j, v) in indices.iter().zip(values) {
                    y[*j as usize * k..][..k].iter_mut().zip(u).for_each(|(y, u)| *y += *v * *u);
                }
            }
        }
    }
}

/// Σ values·x[indices] in four sums.
fn gather<T: Real>(indices: &[u32], values: &[T], x: &[T]) -> T {
    let mut acc = [T::zero(); 4];
    let (i4, ir) = indices.as_chunks::<4>();
    let (v4, vr) = values.as_chunks::<4>();
    for (i, v) in i4.iter().zip(v4) {
        for l in 0..4 {
            // SAFETY: `new` checked that indices are below the number of columns, which is the length of x.
            acc[l] += v[l] * unsafe { *x.get_unchecked(i[l] as usize) };
        }
    }
    let rest = ir.iter().zip(vr).fold(T::zero(), |a, (i, v)| a + *v * x[*i as usize]);
    (acc[0] + acc[1]) + (acc[2] + acc[3]) + rest
}
