//! Methods that combine neighbours: finite differences and two-dimensional convolutions, with stated boundaries.
use crate::array::Real;
use crate::error::Site;
use crate::ops::convolution::Boundary;
use crate::ops::difference::Edge;
use crate::tape;
use crate::tape::Var;

impl<T: Real> Var<T> {
    /// y_i = x_{i+1} − x_i along an axis, of the same length: the last difference is 0, or goes round to the first element.
    ///
    /// ```
    /// use hypertape_autodiff::{Function, record::Edge, shape};
    /// let f = Function::record(shape![3], |x| (x.difference(0, Edge::Zero), x.difference(0, Edge::Periodic)))?;
    /// let (zero, periodic) = f.eval(ndarray::arr1(&[1.0, 3.0, 4.0]))?;
    /// assert_eq!((zero.as_slice(), periodic.as_slice()), (Some(&[2.0, 1.0, 0.0][..]), Some(&[2.0, 1.0, -3.0][..])));
    /// # Ok::<(), hypertape_autodiff::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn difference(self, axis: usize, edge: Edge) -> Var<T> {
        self.unary("difference", |b, x| b.difference(x, axis, edge))
    }
    /// The transpose of [`difference`](Var::difference), y_i = x_{i−1} − x_i: the negative divergence.
    #[track_caller]
    #[must_use]
    pub fn difference_adjoint(self, axis: usize, edge: Edge) -> Var<T> {
        self.unary("difference_adjoint", |b, x| b.difference_adjoint(x, axis, edge))
    }
    /// Filters run over images, as neural networks define it: y[b, o, p, q] = Σ w[o, c, i, j] · x[b, c, p·s + i − ⌊(h−1)/2⌋, q·t + j − ⌊(w−1)/2⌋]
    /// over channels c and taps (i, j) of an h×w filter, with strides (s, t). With [`Boundary::Valid`] nothing is subtracted from the index.
    ///
    /// Self is a batch of images (batch, channels, rows, columns) or one (channels, rows, columns), for filters (filters, channels, h, w);
    /// or an image (rows, columns) for one filter (h, w). Turn the filter round with `flip` for a convolution in the strict sense.
    ///
    /// ```
    /// use hypertape_autodiff::{Function, record::Boundary, shape};
    /// let blur = Function::record((shape![3, 3], shape![1, 3]), |(image, filter)| image.convolve(filter, Boundary::Zero, [1, 1]))?;
    /// let image = ndarray::arr2(&[[1.0, 2.0, 4.0], [0.0, 0.0, 0.0], [0.0, 1.0, 0.0]]);
    /// let y = blur.eval((&image, ndarray::arr2(&[[1.0, 1.0, 1.0]])))?;
    /// assert_eq!(y.as_slice(), Some(&[3.0, 7.0, 6.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0][..]));
    /// # Ok::<(), hypertape_autodiff::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn convolve(self, filter: Var<T>, boundary: Boundary, stride: [usize; 2]) -> Var<T> {
        Var::from_dyn(tape::apply("convolve", &[self.to_dyn(), filter.to_dyn()], Site::caller(), |b, v| {
            b.convolve(v[0], v[1], boundary, stride)
        }))
    }
}
