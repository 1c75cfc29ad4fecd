//! Matrices that cases are made of.
use crate::reference::norm;
use hypertape_testkit::random::sym;
use ndarray::{Array1, Array2, s};

/// H D H for a reflection H: the eigenvalues are d, the eigenvectors have no zeros. Symmetric to the last digit.
pub(crate) fn rotated(d: &[f64], seed: u64) -> Array2<f64> {
    let h = reflection(d.len(), seed);
    let a = h.dot(&Array2::from_diag(&Array1::from(d.to_vec()))).dot(&h);
    Array2::from_shape_fn(a.dim(), |(i, j)| if i <= j { a[[i, j]] } else { a[[j, i]] })
}

/// I − 2 u uᵀ / uᵀu.
pub(crate) fn reflection(n: usize, seed: u64) -> Array2<f64> {
    let u = sym(seed, n);
    let square = u.dot(&u);
    Array2::from_shape_fn((n, n), |(i, j)| f64::from(u8::from(i == j)) - 2.0 * u[i] * u[j] / square)
}

/// A⁻¹ of [`rotated`].
pub(crate) fn rotated_inverse(d: &[f64], seed: u64) -> Array2<f64> {
    rotated(&d.iter().map(|d| 1.0 / d).collect::<Vec<_>>(), seed)
}

/// n numbers from 1 down to 1/condition, equally spaced in their logarithms.
pub(crate) fn log_spaced(n: usize, condition: f64) -> Vec<f64> {
    (0..n).map(|i| condition.powf(-(i as f64) / (n - 1) as f64)).collect()
}

/// By diagonals: an entry depends on column minus row.
pub(crate) fn banded(n: usize, entry: impl Fn(isize) -> f64) -> Array2<f64> {
    Array2::from_shape_fn((n, n), |(i, j)| entry(j as isize - i as isize))
}

/// [[A, B], [C, D]].
pub(crate) fn blocks(a: &Array2<f64>, b: &Array2<f64>, c: &Array2<f64>, d: &Array2<f64>) -> Array2<f64> {
    let (n, k) = (a.nrows(), d.nrows());
    let mut whole = Array2::zeros((n + k, n + k));
    whole.slice_mut(s![..n, ..n]).assign(a);
    whole.slice_mut(s![..n, n..]).assign(b);
    whole.slice_mut(s![n.., ..n]).assign(c);
    whole.slice_mut(s![n.., n..]).assign(d);
    whole
}

/// A column.
pub(crate) fn column(v: &[f64]) -> Array2<f64> {
    Array2::from_shape_vec((v.len(), 1), v.to_vec()).expect("as many entries as rows")
}

/// Newton's method in plain loops, from a start near the root: (F, F_z) by z.
pub(crate) fn newton(start: &[f64], f: impl Fn(&[f64]) -> (Vec<f64>, Array2<f64>)) -> Vec<f64> {
    let mut z = start.to_vec();
    for _ in 0..100 {
        let (value, a) = f(&z);
        let size = norm(&value);
        let step = hypertape_testkit::dense::solve(a.view(), Array1::from(value).view()).expect("the Jacobian is regular");
        let moved = |by: f64| z.iter().zip(&step).map(|(z, d)| z - by * d).collect::<Vec<f64>>();
        // Half as far, where the whole step makes F larger; the whole one, where rounding does.
        let nearer = (0..20).map(|k| moved(0.5f64.powi(k))).find(|z| norm(&f(z).0) < size);
        z = nearer.unwrap_or_else(|| moved(1.0));
    }
    z
}
