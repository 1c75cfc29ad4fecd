//! Sparse matrices in a recording: constant ones, mini-batches of their rows, and ones whose values are variables.
use crate::array::Real;
use crate::error::Site;
use crate::operation::named::{Csr, Pattern};
use crate::tape;
use crate::tape::{DynVar, Var};
use crate::tree::{Give, Leaf};

/// A constant sparse matrix in products of a recording; made by [`csr`].
#[derive(Debug, Clone)]
pub struct SparseConstant<T: Real> {
    matrix: Csr<T>,
}

/// A sparse matrix whose values or rows are variables, in products of a recording; made by [`csr_with`] and [`SparseConstant::rows`].
#[derive(Debug, Clone)]
pub struct SparseVar<T: Real> {
    pattern: Pattern,
    values: Var<T>,
    rows: Option<Var<u32>>,
}

/// The transpose of a sparse matrix: the same memory, read the other way. Its rows cannot be chosen, since columns of what is stored row by row lie
/// everywhere: store the transpose where that is needed.
#[derive(Debug, Clone)]
pub struct Transposed<S>(S);

/// A sparse matrix as part of the program: read where it lies, never copied, not differentiated.
///
/// ```
/// use hypertape_autodiff::{Function, record::{Csr, csr}, shape};
/// // [1 0 2]
/// // [0 0 3]
/// let x = Csr::new([2, 3], vec![0, 2, 3], vec![0, 2, 2], vec![1.0, 2.0, 3.0])?;
/// let f = Function::record((shape![3], shape![2]), |(theta, y)| (csr(&x).dot(theta) - y).square().sum())?;
/// // 2 Xᵀ(X θ − y)
/// let gradient = f.wrt(|(theta, _)| theta).gradient().eval((ndarray::arr1(&[1.0, 5.0, 1.0]), ndarray::arr1(&[0.0, 2.0])))?;
/// assert_eq!(gradient.as_slice(), Some(&[6.0, 0.0, 18.0][..]));
/// # Ok::<(), hypertape_autodiff::Error>(())
/// ```
#[must_use]
pub fn csr<T: Real>(matrix: &Csr<T>) -> SparseConstant<T> {
    SparseConstant { matrix: matrix.clone() }
}

/// A sparse matrix of these values, one for each entry of a pattern: weights that are learned, edges of a graph. Products are differentiated by the values
/// and by what is multiplied; the derivative by the values is computed in the places of the pattern alone, never as a dense matrix.
///
/// ```
/// use hypertape_autodiff::{Function, record::{Pattern, csr_with}, shape};
/// // [a . b]
/// // [. . c]
/// let pattern = Pattern::new([2, 3], vec![0, 2, 3], vec![0, 2, 2])?;
/// let f = Function::record((shape![3], shape![3]), |(values, x)| csr_with(&pattern, values).dot(x).sum())?;
/// let (values, x) = (ndarray::arr1(&[1.0, 2.0, 3.0]), ndarray::arr1(&[5.0, 7.0, 11.0]));
/// let (sum, (by_values, by_x)) = f.value_and_gradient((&values, &x))?;
/// assert_eq!(sum, 5.0 + 22.0 + 33.0);
/// assert_eq!(by_values.as_slice(), Some(&[5.0, 11.0, 11.0][..]));
/// assert_eq!(by_x.as_slice(), Some(&[1.0, 0.0, 5.0][..]));
/// # Ok::<(), hypertape_autodiff::Error>(())
/// ```
#[must_use]
pub fn csr_with<T: Real>(pattern: &Pattern, values: Var<T>) -> SparseVar<T> {
    SparseVar { pattern: pattern.clone(), values, rows: None }
}

impl<T: Real> SparseConstant<T> {
    /// The product with a vector, or with a matrix of as many rows as this one has columns.
    #[track_caller]
    #[must_use]
    pub fn dot(&self, x: Var<T>) -> Var<T> {
        self.product(x, false, Site::caller())
    }
    /// The transpose: the same memory, read the other way.
    #[must_use]
    pub fn t(&self) -> Transposed<Self> {
        Transposed(self.clone())
    }
    /// Rows of these numbers, in this order, which may repeat: a mini-batch. One program serves every batch of a length.
    ///
    /// Products cost what the entries of these rows cost, not those of the whole matrix; the transposed one also writes zeros into its result. A
    /// number that is not below the number of rows is an error when the function runs.
    ///
    /// ```
    /// use hypertape_autodiff::{Function, index, record::{Csr, csr}, shape};
    /// // [1 0 2]
    /// // [0 0 3]
    /// // [4 0 0]
    /// let x = Csr::new([3, 3], vec![0, 2, 3, 4], vec![0, 2, 2, 0], vec![1.0, 2.0, 3.0, 4.0])?;
    /// let loss = Function::record((shape![3], index![2]), |(w, batch)| csr(&x).rows(batch).dot(w).square().sum())?;
    /// let step = loss.wrt(|(w, _)| w).value_and_gradient();
    /// let w = ndarray::arr1(&[1.0, 5.0, 1.0]);
    /// let (value, gradient) = step.eval((&w, ndarray::arr1(&[2, 0])))?;
    /// assert_eq!(value[[]], 16.0 + 9.0);
    /// assert_eq!(gradient.as_slice(), Some(&[2.0 * (4.0 * 4.0 + 3.0), 0.0, 2.0 * 3.0 * 2.0][..]));
    /// let e = step.eval((&w, ndarray::arr1(&[2, 3]))).unwrap_err().to_string();
    /// assert!(e.contains("index 3 at [1] is out of range: axis 0 has length 3"), "{e}");
    /// # Ok::<(), hypertape_autodiff::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn rows(&self, index: impl Give<Leaf<u32>>) -> SparseVar<T> {
        let values = tape::apply("constant", &[], Site::caller(), |b, _| b.constant(self.matrix.shared_values()));
        csr_with(self.matrix.pattern(), Var::from_dyn(values)).rows(index)
    }
    fn product(&self, x: Var<T>, transpose: bool, at: Site) -> Var<T> {
        Var::from_dyn(tape::apply("sparse_dot", &[x.to_dyn()], at, |b, v| b.sparse_dot(&self.matrix, v[0], transpose)))
    }
}

impl<T: Real> SparseVar<T> {
    /// The product with a vector, or with a matrix of as many rows as this one has columns.
    #[track_caller]
    #[must_use]
    pub fn dot(&self, x: Var<T>) -> Var<T> {
        self.product(x, false, Site::caller())
    }
    /// The transpose: the same memory, read the other way.
    #[must_use]
    pub fn t(&self) -> Transposed<Self> {
        Transposed(self.clone())
    }
    /// Rows of these numbers, in this order, which may repeat; see [`SparseConstant::rows`]. The derivative by the values has a number for each
    /// of them, in whatever row, so it costs as much as zeros for all.
    #[track_caller]
    #[must_use]
    pub fn rows(&self, index: impl Give<Leaf<u32>>) -> Self {
        let index = index.give();
        SparseVar { rows: Some(self.rows.map_or(index, |rows| rows.rows(index))), ..self.clone() }
    }
    fn product(&self, x: Var<T>, transpose: bool, at: Site) -> Var<T> {
        let operands: Vec<DynVar> = [self.values.to_dyn(), x.to_dyn()].into_iter().chain(self.rows.map(Var::to_dyn)).collect();
        let product =
            tape::apply("sparse_product", &operands, at, |b, v| b.sparse_product(&self.pattern, transpose, v[0], v[1], v.get(2).copied()));
        Var::from_dyn(product)
    }
}

impl<T: Real> Transposed<SparseConstant<T>> {
    /// The product with a vector, or with a matrix of as many rows as the matrix itself has.
    #[track_caller]
    #[must_use]
    pub fn dot(&self, x: Var<T>) -> Var<T> {
        self.0.product(x, true, Site::caller())
    }
}

impl<T: Real> Transposed<SparseVar<T>> {
    /// The product with a vector, or with a matrix of as many rows as the matrix itself has.
    #[track_caller]
    #[must_use]
    pub fn dot(&self, x: Var<T>) -> Var<T> {
        self.0.product(x, true, Site::caller())
    }
}

impl<S: Clone> Transposed<S> {
    /// The matrix itself.
    #[must_use]
    pub fn t(&self) -> S {
        self.0.clone()
    }
}
