//! Matrices as operators: ndarray's, sparse ones by rows, diagonals; in double or single precision.
use crate::operator::{Known, Matrix, Operator};
use hypertape_autodiff::array::{Element, Kind, Real};
use hypertape_autodiff::ops::sparse::Csr;
use hypertape_autodiff::outcome::Failed;
use ndarray::linalg::{general_mat_mul, general_mat_vec_mul};
use ndarray::{ArrayBase, ArrayView1, ArrayView2, ArrayViewMut1, ArrayViewMut2, Data, Ix2, LinalgScalar};

/// A matrix that is square has as many unknowns as rows; another fails at the first product.
impl<S: Data<Elem = f64>> Operator for ArrayBase<S, Ix2> {
    fn len(&self) -> usize {
        self.ncols()
    }
    fn rows(&self) -> usize {
        self.nrows()
    }
    fn apply(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        square(self.nrows(), self.ncols())?;
        general_mat_vec_mul(1.0, self, &ArrayView1::from(x), 0.0, &mut ArrayViewMut1::from(y));
        Ok(())
    }
    fn apply_transposed(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        square(self.nrows(), self.ncols())?;
        general_mat_vec_mul(1.0, &self.t(), &ArrayView1::from(x), 0.0, &mut ArrayViewMut1::from(y));
        Ok(())
    }
    fn apply_many(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        product_of_matrices(self.view(), x, y)
    }
    fn apply_transposed_many(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        product_of_matrices(self.t(), x, y)
    }
    fn matrix(&self) -> Option<Matrix<'_>> {
        (self.nrows() == self.ncols()).then(|| Matrix::Dense(self.view()))
    }
}

fn square(rows: usize, columns: usize) -> Result<(), Failed> {
    if rows == columns { Ok(()) } else { Err(Failed::NotSquare { rows, columns }) }
}

/// Yᵀ = Xᵀ Aᵀ: vectors that follow one another are the rows of a matrix.
fn product_of_matrices<T: LinalgScalar>(a: ArrayView2<'_, T>, x: &[T], y: &mut [T]) -> Result<(), Failed> {
    let n = a.ncols();
    square(a.nrows(), n)?;
    let (k, given) = (x.len() / n.max(1), y.len());
    let unequal = |_| Failed::WrongLength { what: "what holds the products", given, expected: k * n };
    let x = ArrayView2::from_shape((k, n), x).map_err(unequal)?;
    let mut y = ArrayViewMut2::from_shape((k, n), y).map_err(unequal)?;
    general_mat_mul(T::one(), &x, &a.t(), T::zero(), &mut y);
    Ok(())
}

/// A matrix in single precision: products are made and rounded in it.
#[derive(Debug, Clone)]
pub struct Single<A> {
    matrix: A,
    x: Vec<f32>,
    y: Vec<f32>,
}

impl<S: Data<Elem = f32>> Single<ArrayBase<S, Ix2>> {
    /// Of a matrix.
    pub fn new(matrix: ArrayBase<S, Ix2>) -> Self {
        let n = matrix.ncols();
        Single { matrix, x: vec![0.0; n], y: vec![0.0; n] }
    }
    /// Of as many vectors as x holds.
    fn product(&mut self, transposed: bool, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        let n = self.matrix.ncols();
        square(self.matrix.nrows(), n)?;
        self.x.clear();
        self.x.extend(x.iter().map(|x| *x as f32));
        self.y.resize(y.len(), 0.0);
        let a = if transposed { self.matrix.t() } else { self.matrix.view() };
        if x.len() == n {
            general_mat_vec_mul(1.0, &a, &ArrayView1::from(&self.x), 0.0, &mut ArrayViewMut1::from(&mut self.y));
        } else {
            product_of_matrices(a, &self.x, &mut self.y)?;
        }
        y.iter_mut().zip(&self.y).for_each(|(to, y)| *to = f64::from(*y));
        Ok(())
    }
}

impl<S: Data<Elem = f32>> Operator for Single<ArrayBase<S, Ix2>> {
    fn len(&self) -> usize {
        self.matrix.ncols()
    }
    fn rows(&self) -> usize {
        self.matrix.nrows()
    }
    fn apply(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        self.product(false, x, y)
    }
    fn apply_transposed(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        self.product(true, x, y)
    }
    fn apply_many(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        self.product(false, x, y)
    }
    fn apply_transposed_many(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        self.product(true, x, y)
    }
    fn kind(&self) -> Kind {
        Kind::F32
    }
}

/// Sums are in double precision, whatever the entries.
impl<T: Real> Operator for Csr<T> {
    fn len(&self) -> usize {
        self.columns()
    }
    fn rows(&self) -> usize {
        Csr::rows(self)
    }
    fn apply(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        square(Csr::rows(self), self.columns())?;
        y.fill(0.0);
        self.entries().for_each(|(i, j, v)| y[i] += Element::to_f64(v) * x[j]);
        Ok(())
    }
    fn apply_transposed(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        square(Csr::rows(self), self.columns())?;
        y.fill(0.0);
        self.entries().for_each(|(i, j, v)| y[j] += Element::to_f64(v) * x[i]);
        Ok(())
    }
    fn apply_many(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        let n = self.columns();
        square(Csr::rows(self), n)?;
        y.fill(0.0);
        let offsets = || (0..x.len()).step_by(n.max(1));
        self.entries().for_each(|(i, j, v)| {
            let v = Element::to_f64(v);
            offsets().for_each(|at| y[at + i] += v * x[at + j]);
        });
        Ok(())
    }
    fn apply_transposed_many(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        let n = self.columns();
        square(Csr::rows(self), n)?;
        y.fill(0.0);
        let offsets = || (0..x.len()).step_by(n.max(1));
        self.entries().for_each(|(i, j, v)| {
            let v = Element::to_f64(v);
            offsets().for_each(|at| y[at + j] += v * x[at + i]);
        });
        Ok(())
    }
    fn matrix(&self) -> Option<Matrix<'_>> {
        let doubles = (self as &dyn std::any::Any).downcast_ref::<Csr<f64>>()?;
        (self.rows() == self.columns()).then_some(Matrix::Sparse(doubles))
    }
}

/// The matrix with these numbers on its diagonal and zeros elsewhere.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagonal(pub Vec<f64>);

impl Operator for Diagonal {
    fn len(&self) -> usize {
        self.0.len()
    }
    fn apply(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        y.iter_mut().zip(x).zip(&self.0).for_each(|((y, x), d)| *y = d * x);
        Ok(())
    }
    fn apply_transposed(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        self.apply(x, y)
    }
    fn known(&self) -> Known {
        let definite = self.0.iter().all(|d| *d > 0.0) || self.0.iter().all(|d| *d < 0.0);
        Known { symmetric: true, definite }
    }
    fn matrix(&self) -> Option<Matrix<'_>> {
        Some(Matrix::Diagonal(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::arr2;

    #[test]
    fn products_and_their_transposes_agree() {
        let a = arr2(&[[1.0, 2.0], [3.0, 4.0]]);
        let sparse = Csr::from_dense(&a.view()).unwrap();
        let mut all: [Box<dyn Operator>; 4] = [
            Box::new(a.clone()),
            Box::new(a.t().to_owned().reversed_axes()),
            Box::new(Single::new(a.mapv(|v| v as f32))),
            Box::new(sparse),
        ];
        for a in &mut all {
            let mut y = [0.0; 2];
            a.apply(&[1.0, 10.0], &mut y).unwrap();
            assert_eq!(y, [21.0, 43.0]);
            a.apply_transposed(&[1.0, 10.0], &mut y).unwrap();
            assert_eq!(y, [31.0, 42.0]);
            let mut many = [0.0; 6];
            a.apply_many(&[1.0, 10.0, 0.0, 0.0, 0.0, 1.0], &mut many).unwrap();
            assert_eq!(many, [21.0, 43.0, 0.0, 0.0, 2.0, 4.0]);
            a.apply_transposed_many(&[1.0, 10.0, 0.0, 0.0, 0.0, 1.0], &mut many).unwrap();
            assert_eq!(many, [31.0, 42.0, 0.0, 0.0, 3.0, 4.0]);
            a.apply_many(&[], &mut []).unwrap();
        }
        let mut y = [0.0; 2];
        Diagonal(vec![2.0, 3.0]).apply(&[1.0, 10.0], &mut y).unwrap();
        assert_eq!(y, [2.0, 30.0]);
        assert!(matches!(arr2(&[[1.0, 2.0]]).apply(&[1.0, 1.0], &mut [0.0; 2]), Err(Failed::NotSquare { rows: 1, columns: 2 })));
    }
}
