//! Dense linear algebra for reference solutions: plain loops, sizes up to a thousand.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, s};

/// The lower triangular `L` with `L Lᵀ = a`, by rows; `None` when a pivot is not positive. Only the lower half of `a` is read.
///
/// # Panics
/// When `a` is not square.
#[must_use]
pub fn cholesky(a: ArrayView2<'_, f64>) -> Option<Array2<f64>> {
    assert!(a.is_square(), "cholesky: a matrix of shape {:?} is not square", a.dim());
    let mut l = Array2::<f64>::zeros(a.dim());
    for i in 0..a.nrows() {
        for j in 0..=i {
            let rest = a[[i, j]] - l.slice(s![i, ..j]).dot(&l.slice(s![j, ..j]));
            l[[i, j]] = if i > j {
                rest / l[[j, j]]
            } else if rest > 0.0 {
                rest.sqrt()
            } else {
                return None;
            };
        }
    }
    Some(l)
}

/// The solution of `L Lᵀ x = b` for a factor from [`cholesky`].
#[must_use]
pub fn cholesky_solve(l: ArrayView2<'_, f64>, b: ArrayView1<'_, f64>) -> Array1<f64> {
    let n = l.nrows();
    let mut x = b.to_owned();
    for i in 0..n {
        x[i] = (x[i] - l.slice(s![i, ..i]).dot(&x.slice(s![..i]))) / l[[i, i]];
    }
    for i in (0..n).rev() {
        x[i] /= l[[i, i]];
        let value = x[i];
        x.slice_mut(s![..i]).scaled_add(-value, &l.slice(s![i, ..i]));
    }
    x
}

/// The solution of `a x = b` by elimination with partial pivoting; `None` when a pivot is zero.
///
/// # Panics
/// When the shapes do not fit.
#[must_use]
pub fn solve(a: ArrayView2<'_, f64>, b: ArrayView1<'_, f64>) -> Option<Array1<f64>> {
    let n = b.len();
    assert_eq!(a.dim(), (n, n), "solve: the matrix does not fit a right-hand side of length {n}");
    let (mut a, mut b) = (a.to_owned(), b.to_owned());
    for k in 0..n {
        let pivot = (k..n).max_by(|&i, &j| a[[i, k]].abs().total_cmp(&a[[j, k]].abs()))?;
        if a[[pivot, k]] == 0.0 {
            return None;
        }
        b.swap(k, pivot);
        for j in 0..n {
            a.swap([k, j], [pivot, j]);
        }
        for i in k + 1..n {
            let factor = a[[i, k]] / a[[k, k]];
            let (row, mut below) = a.multi_slice_mut((s![k, k..], s![i, k..]));
            below.scaled_add(-factor, &row);
            b[i] -= factor * b[k];
        }
    }
    for k in (0..n).rev() {
        b[k] = (b[k] - a.slice(s![k, k + 1..]).dot(&b.slice(s![k + 1..]))) / a[[k, k]];
    }
    Some(b)
}

/// The largest eigenvalue of a symmetric matrix with no negative ones, by 1000 power iterations from a vector of ones.
///
/// Its relative error is the ratio of the two largest eigenvalues to the power 2000, when the vector of ones is not orthogonal to the first.
#[must_use]
pub fn largest_eigenvalue(a: ArrayView2<'_, f64>) -> f64 {
    let mut v = Array1::ones(a.nrows());
    let mut value = 0.0;
    for _ in 0..1000 {
        let next = a.dot(&v);
        value = norm(next.view());
        if value == 0.0 {
            return 0.0;
        }
        v = next / value;
    }
    value
}

/// The Euclidean norm.
#[must_use]
pub fn norm(v: ArrayView1<'_, f64>) -> f64 {
    v.dot(&v).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::differences::{assert_close, rounding};
    use crate::random::sym;
    use ndarray::array;

    #[test]
    fn solutions_satisfy_their_systems() {
        for n in [1, 2, 9, 40] {
            let (m, b) = (sym(n as u64, (n, n)), sym(100 + n as u64, n));
            let spd = m.t().dot(&m) + Array2::<f64>::eye(n);
            let l = cholesky(spd.view()).unwrap();
            assert_close("L Lᵀ", &l.dot(&l.t()), &spd, rounding(n, 10.0));
            let x = cholesky_solve(l.view(), b.view());
            assert_close("A x", &spd.dot(&x), &b, rounding(n, 10.0));
            let x = solve(m.view(), b.view()).unwrap();
            let size = x.iter().fold(1.0, |largest: f64, x| largest.max(x.abs()));
            assert_close("M x", &m.dot(&x), &b, rounding(n, size));
        }
    }

    #[test]
    fn singular_matrices_have_no_solution() {
        let singular = array![[1.0, 2.0], [2.0, 4.0]];
        assert!(solve(singular.view(), array![1.0, 1.0].view()).is_none());
        assert!(cholesky(singular.view()).is_none());
        assert!(cholesky(array![[-1.0]].view()).is_none());
        assert_eq!(cholesky(Array2::zeros((0, 0)).view()).map(|l| l.len()), Some(0));
    }

    #[test]
    fn the_largest_eigenvalue_is_found() {
        let found = largest_eigenvalue(array![[2.0, 1.0], [1.0, 2.0]].view());
        assert_close("eigenvalue", &[found], &[3.0], rounding(2, 3.0));
        let found = largest_eigenvalue(array![[5.0, 1.0], [1.0, 2.0]].view());
        assert_close("eigenvalue", &[found], &[(7.0 + 13f64.sqrt()) / 2.0], rounding(2, 6.0));
    }
}
