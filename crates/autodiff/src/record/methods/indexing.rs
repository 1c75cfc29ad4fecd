//! Elements chosen by indices: constant ones, or variables of the recording.
use crate::array::{Element, Real};
use crate::error::Site;
use crate::operation::{Builder, Value};
use crate::tape;
use crate::tape::Var;
use crate::tree::{Give, Leaf};

/// Applies an emitter to a variable and indices.
#[track_caller]
fn indexed<T: Element>(op: &str, x: Var<T>, index: impl Give<Leaf<u32>>, f: impl FnOnce(&mut Builder, Value, Value) -> Value) -> Var<T> {
    let at = Site::caller();
    let operands = [x.to_dyn(), index.give().to_dyn()];
    Var::from_dyn(tape::apply(op, &operands, at, |b, v| f(b, v[0], v[1])))
}

impl<T: Element> Var<T> {
    /// Entries of the leading axis: a mini-batch, an embedding. Derivatives of entries that are chosen more than once add up.
    ///
    /// `index` is a number, a shared array or a variable, of any rank; its axes take the place of the leading axis, so that one index gives one
    /// entry: (n, d…) by (b…) is (b…, d…). An index that is not below n is an error when the function runs.
    ///
    /// ```
    /// use hypertape_autodiff::{Function, index, shape};
    /// let f = Function::record((shape![4, 2], index![3]), |(table, batch)| (table.rows(batch).sum(), table.rows(0)))?;
    /// let table = ndarray::arr2(&[[1.0, 0.0], [2.0, 0.0], [3.0, 0.0], [4.0, 0.5]]);
    /// let (sum, first) = f.eval((&table, ndarray::arr1(&[3, 1, 3])))?;
    /// assert_eq!((sum[[]], first[[0]]), (11.0, 1.0));
    /// let slope = f.output(|(sum, _)| sum).wrt(|(table, _)| table).gradient().eval((&table, ndarray::arr1(&[3, 1, 3])))?;
    /// assert_eq!(slope.into_raw_vec_and_offset().0, [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 2.0, 2.0]);
    /// # Ok::<(), hypertape_autodiff::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn rows(self, index: impl Give<Leaf<u32>>) -> Var<T> {
        indexed("rows", self, index, |b, x, i| b.take(x, i, 0))
    }
    /// Entries of one axis, as NumPy's `take`: the axes of the indices take the place of that axis; see [`rows`](Var::rows).
    #[track_caller]
    #[must_use]
    pub fn take(self, index: impl Give<Leaf<u32>>, axis: usize) -> Var<T> {
        indexed("take", self, index, |b, x, i| b.take(x, i, axis))
    }
    /// `len` entries of the leading axis from a start that may be a variable: a window of a series, one part of a batch.
    ///
    /// A window that leaves the array is an error when the function runs.
    #[track_caller]
    #[must_use]
    pub fn slice_at(self, start: impl Give<Leaf<u32>>, len: usize) -> Var<T> {
        indexed("slice_at", self, start, |b, x, i| b.slice_at(x, i, len))
    }
    /// Zeros with a leading axis of `len`, and these entries from a start that may be a variable: the transpose of
    /// [`slice_at`](Var::slice_at). Entries that leave the array are an error when the function runs.
    #[track_caller]
    #[must_use]
    pub fn place_at(self, start: impl Give<Leaf<u32>>, len: usize) -> Var<T> {
        indexed("place_at", self, start, |b, x, i| b.place_at(x, i, len))
    }
}

impl<T: Real> Var<T> {
    /// Sums of the entries with equal index along an axis, which gets the length `len`: the transpose of [`take`](Var::take), and the sum of
    /// each segment or group.
    ///
    /// The axes of the indices stand from `axis` on. Entry k of the result is the sum of the entries with index k, in their order, and 0 where
    /// there are none. An index that is not below `len` is an error when the function runs.
    ///
    /// ```
    /// use hypertape_autodiff::{Function, index, shape};
    /// let totals = Function::record((shape![4], index![4]), |(x, group)| x.scatter_add(group, 0, 3))?;
    /// let sums = totals.eval((ndarray::arr1(&[1.0, 2.0, 4.0, 8.0]), ndarray::arr1(&[2, 0, 2, 2])))?;
    /// assert_eq!(sums.as_slice(), Some(&[2.0, 0.0, 13.0][..]));
    /// # Ok::<(), hypertape_autodiff::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn scatter_add(self, index: impl Give<Leaf<u32>>, axis: usize, len: usize) -> Var<T> {
        indexed("scatter_add", self, index, |b, x, i| b.scatter_add(x, i, axis, len))
    }
}

impl Var<u32> {
    /// 1 at the place that each index names along a new last axis of length `classes`, 0 elsewhere. An index that is not below `classes` is an
    /// error when the function runs: labels count from 0.
    ///
    /// ```
    /// use hypertape_autodiff::{Function, index};
    /// let f = Function::record(index![2], |labels| labels.one_hot::<f64>(3))?;
    /// assert_eq!(f.eval(ndarray::arr1(&[2, 0]))?.as_slice(), Some(&[0.0, 0.0, 1.0, 1.0, 0.0, 0.0][..]));
    /// # Ok::<(), hypertape_autodiff::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn one_hot<T: Real>(self, classes: usize) -> Var<T> {
        Var::from_dyn(tape::apply("one_hot", &[self.to_dyn()], Site::caller(), |b, v| b.one_hot(v[0], classes, T::KIND)))
    }
}
