//! Symmetric indefinite systems: saddle points, and spectra on both sides of 0.
use crate::case::{Case, Kind};
use crate::matrices::{blocks, log_spaced, rotated};
use hypertape_testkit::random::sym;
use ndarray::Array2;

const PARAMS: [f64; 3] = [0.7, -1.1, 0.4];

fn kkt(q: &Array2<f64>, c: &Array2<f64>) -> Array2<f64> {
    blocks(q, &c.t().to_owned(), c, &Array2::zeros((c.nrows(), c.nrows())))
}

/// min ½ xᵀQ x − pᵀx with k equations C x = r: the stationary point of the Lagrangian. θ moves p and r along three directions.
pub(crate) fn program(n: usize, k: usize, kind: Kind) -> Case {
    let d: Vec<f64> = (0..n).map(|i| 1.0 + (i % 7) as f64).collect();
    Case::linear(kind, kkt(&rotated(&d, 3), &sym(4, (k, n))), sym(5, (n + k, 3)), &PARAMS)
}

/// Two equations that are nearly one.
pub(crate) fn nearly_parallel(apart: f64) -> Case {
    let mut c = sym(4, (2, 8));
    for j in 0..8 {
        c[[1, j]] = c[[0, j]] + apart * c[[1, j]];
    }
    Case::linear(Kind::Argmin, kkt(&rotated(&[1.0, 2.0, 3.0, 4.0, 1.0, 2.0, 3.0, 4.0], 3), &c), sym(5, (10, 3)), &PARAMS).double_only()
}

/// Eigenvalues of alternating signs, equally spaced in their logarithms.
pub(crate) fn alternating(n: usize, condition: f64) -> Case {
    let d: Vec<f64> = log_spaced(n, condition).iter().enumerate().map(|(i, d)| if i % 2 == 0 { *d } else { -d }).collect();
    let case = Case::linear(Kind::Root, rotated(&d, 7), sym(11, (n, 3)), &PARAMS);
    if condition > 1e3 { case.double_only() } else { case }
}

/// Pairs ±λ: half of the steps of MINRES make nothing smaller, and conjugate gradients meet a curvature of 0.
pub(crate) fn pairs() -> Case {
    let d: Vec<f64> = (0..20).map(|i| (1.0 + (i / 2) as f64) * if i % 2 == 0 { 1.0 } else { -1.0 }).collect();
    Case::linear(Kind::Root, rotated(&d, 7), sym(11, (20, 3)), &PARAMS)
}

/// [[0, 1], [1, 0]]: curvature 0 along both axes.
pub(crate) fn exchange() -> Case {
    Case::linear(Kind::Argmin, ndarray::arr2(&[[0.0, 1.0], [1.0, 0.0]]), Array2::eye(2), &[0.3, -0.8]).pulled_by(&[1.0, 0.0])
}
