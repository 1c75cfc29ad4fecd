//! Results of a known rank.
use ndarray::{ArrayBase, ArrayView1, ArrayView2, Data, Dimension, Ix1, Ix2};

/// Arrays of dynamic rank seen as vectors, matrices and numbers.
///
/// A view of another rank is reshaped when its elements are contiguous: a number is a vector of one, a vector a matrix of one row,
/// an array of higher rank a matrix of its last axis. It is empty when that is not possible.
pub trait Ranked<T> {
    /// As a vector.
    fn d1(&self) -> ArrayView1<'_, T>;
    /// As a matrix.
    fn d2(&self) -> ArrayView2<'_, T>;
    /// The only element; the default number if there is none.
    fn number(&self) -> T;
}

impl<T: Copy + Default, S: Data<Elem = T>, D: Dimension> Ranked<T> for ArrayBase<S, D> {
    fn d1(&self) -> ArrayView1<'_, T> {
        match self.view().into_dimensionality::<Ix1>() {
            Ok(v) => v,
            Err(_) => ArrayView1::from(self.as_slice().unwrap_or(&[])),
        }
    }
    fn d2(&self) -> ArrayView2<'_, T> {
        if let Ok(v) = self.view().into_dimensionality::<Ix2>() {
            return v;
        }
        let columns = self.shape().last().copied().unwrap_or(1);
        let rows = self.len().checked_div(columns).unwrap_or(0);
        let empty = || ArrayView2::from(&[[]; 0]);
        self.as_slice().and_then(|s| ArrayView2::from_shape((rows, columns), s).ok()).unwrap_or_else(empty)
    }
    fn number(&self) -> T {
        self.iter().next().copied().unwrap_or_default()
    }
}
