//! Results of a known rank.
use crate::error::{Error, Misfit, Result, Site};
use ndarray::{Array1, Array2, ArrayBase, ArrayView1, ArrayView2, CowArray, Data, Dimension, Ix1, Ix2};

/// Arrays of dynamic rank seen as vectors, matrices and numbers. Nothing is left out.
///
/// ```
/// use hypertape_autodiff::tree::Ranked;
/// let a = ndarray::arr2(&[[1.0, 2.0], [3.0, 4.0]]);
/// assert_eq!(a.t().d1(), ndarray::arr1(&[1.0, 3.0, 2.0, 4.0]));
/// assert_eq!(a.d1().d2(), ndarray::arr2(&[[1.0, 2.0, 3.0, 4.0]]));
/// let e = a.number().unwrap_err().to_string();
/// assert!(e.contains("`number`") && e.contains("[2, 2]"));
/// assert_eq!(ndarray::arr0(5.0).number()?, 5.0);
/// # Ok::<(), hypertape_autodiff::Error>(())
/// ```
pub trait Ranked<T: Clone> {
    /// All elements as a vector, in row-major order: a view where they lie so, else a copy.
    fn d1(&self) -> CowArray<'_, T, Ix1>;
    /// As a matrix: a number has one row and one column, a vector one row, and an array of higher rank the rows of its last axis. A view where
    /// elements lie so, else a copy.
    fn d2(&self) -> CowArray<'_, T, Ix2>;
    /// The only element.
    ///
    /// # Errors
    /// When there is none, or more than one.
    fn number(&self) -> Result<T>;
}

impl<T: Copy, S: Data<Elem = T>, D: Dimension> Ranked<T> for ArrayBase<S, D> {
    fn d1(&self) -> CowArray<'_, T, Ix1> {
        if let Ok(v) = self.view().into_dimensionality::<Ix1>() {
            return v.into();
        }
        match self.as_slice() {
            Some(s) => ArrayView1::from(s).into(),
            None => Array1::from_iter(self.iter().copied()).into(),
        }
    }
    fn d2(&self) -> CowArray<'_, T, Ix2> {
        if let Ok(v) = self.view().into_dimensionality::<Ix2>() {
            return v.into();
        }
        let (columns, before) = self.shape().split_last().map_or((1, &[][..]), |(c, before)| (*c, before));
        let shape = (before.iter().product::<usize>(), columns);
        if let Some(v) = self.as_slice().and_then(|s| ArrayView2::from_shape(shape, s).ok()) {
            return v.into();
        }
        let copy = Array2::from_shape_vec(shape, self.iter().copied().collect());
        copy.expect("a matrix of the same number of elements").into()
    }
    #[track_caller]
    fn number(&self) -> Result<T> {
        match (self.len(), self.iter().next()) {
            (1, Some(v)) => Ok(*v),
            _ => {
                let kind = Misfit::OneElement { shape: self.shape().into(), elements: self.len() };
                Err(Error::new("number", kind).at(Site::caller()))
            }
        }
    }
}
