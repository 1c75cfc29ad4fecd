//! Matrices that are not symmetric, and far from normal: their eigenvalues say little about their inverses.
use crate::case::{Case, Kind};
use crate::matrices::banded;
use hypertape_testkit::random::sym;
use ndarray::Array2;

const PARAMS: [f64; 3] = [0.7, -1.1, 0.4];

fn case(kind: Kind, a: Array2<f64>) -> Case {
    let n = a.nrows();
    Case::linear(kind, a, sym(21, (n, 3)), &PARAMS)
}

/// 1 on the diagonal and `beside` above it: one eigenvalue, one eigenvector.
pub(crate) fn jordan(n: usize, beside: f64) -> Case {
    case(
        Kind::Root,
        banded(n, |d| {
            if d == 0 {
                1.0
            } else if d == 1 {
                beside
            } else {
                0.0
            }
        }),
    )
}

/// Grcar's matrix: −1 below the diagonal, 1 on it and on three above.
pub(crate) fn grcar(n: usize) -> Case {
    case(
        Kind::Root,
        banded(n, |d| {
            if d == -1 {
                -1.0
            } else if (0..=3).contains(&d) {
                1.0
            } else {
                0.0
            }
        }),
    )
}

/// Upper triangular, with entries above the diagonal that are large beside it.
pub(crate) fn triangular(n: usize, size: f64) -> Case {
    let r = sym(22, (n, n));
    let a = Array2::from_shape_fn((n, n), |(i, j)| {
        if i == j {
            1.0
        } else if i < j {
            size * r[[i, j]]
        } else {
            0.0
        }
    });
    case(Kind::Root, a).double_only()
}

/// Convection and diffusion on a line by central differences: −1 − p, 2, −1 + p.
pub(crate) fn convection(n: usize, peclet: f64) -> Case {
    case(
        Kind::Root,
        banded(n, |d| match d {
            0 => 2.0,
            1 => -1.0 + peclet,
            -1 => -1.0 - peclet,
            _ => 0.0,
        }),
    )
}

fn skew(n: usize) -> Array2<f64> {
    let r = sym(23, (n, n));
    &r - &r.t()
}

/// I + K with Kᵀ = −K.
pub(crate) fn skew_and_identity(n: usize) -> Case {
    case(Kind::Root, Array2::eye(n) + skew(n))
}

/// K alone: xᵀK x is 0 for every x.
pub(crate) fn skew_alone(n: usize) -> Case {
    case(Kind::Root, skew(n)).double_only()
}

/// A cyclic shift: GMRES makes no progress before the last step.
pub(crate) fn shift(n: usize) -> Case {
    case(Kind::Root, Array2::from_shape_fn((n, n), |(i, j)| if (i + 1) % n == j { 1.0 } else { 0.0 })).double_only()
}

/// A map whose powers grow before they vanish: strictly upper triangular.
pub(crate) fn transient(n: usize, size: f64) -> Case {
    let map = banded(n, |d| if d == 1 { size } else { 0.0 });
    case(Kind::FixedPoint, Array2::eye(n) - map)
}
