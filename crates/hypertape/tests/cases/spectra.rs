//! Symmetric definite systems by their spectra: minimisers of quadratics, of condition 1e2 to 1e14.
use crate::case::{Case, Kind};
use crate::matrices::{log_spaced, rotated, rotated_inverse};
use hypertape_testkit::random::sym;
use ndarray::Array2;

const PARAMS: [f64; 3] = [0.7, -1.1, 0.4];

/// ½ zᵀA z − zᵀS θ for A with these eigenvalues.
fn quadratic(d: &[f64]) -> Case {
    let s = sym(11, (d.len(), 3));
    let jacobian = rotated_inverse(d, 7).dot(&s);
    let least = d.iter().fold(f64::INFINITY, |m: f64, d| m.min(d.abs()));
    let case = Case::linear(Kind::Argmin, rotated(d, 7), s, &PARAMS).known(jacobian);
    if least < 1e-3 { case.double_only() } else { case }
}

/// Eigenvalues equally spaced in their logarithms.
pub(crate) fn logarithmic(n: usize, condition: f64) -> Case {
    quadratic(&log_spaced(n, condition))
}

/// Three clusters: 1, 1/√κ and 1/κ.
pub(crate) fn clustered(condition: f64) -> Case {
    let centre = [1.0, condition.sqrt().recip(), condition.recip()];
    quadratic(&(0..24).map(|i| centre[i % 3] * (1.0 + 1e-3 * (i / 3) as f64)).collect::<Vec<_>>())
}

/// All 1 but one.
pub(crate) fn one_small(condition: f64) -> Case {
    let mut d = vec![1.0; 24];
    d[23] = condition.recip();
    quadratic(&d)
}

/// Maxima: all eigenvalues are negative.
pub(crate) fn maximum() -> Case {
    quadratic(&log_spaced(12, 1e2).iter().map(|d| -d).collect::<Vec<_>>())
}

/// Not rotated: rows of other scales, which elimination does not see.
pub(crate) fn graded() -> Case {
    let d = log_spaced(15, 1e14);
    let s = sym(11, (15, 3));
    Case::linear(Kind::Argmin, Array2::from_diag(&ndarray::Array1::from(d)), s, &PARAMS).double_only()
}

/// Hilbert's matrix of order n.
pub(crate) fn hilbert(n: usize) -> Case {
    let a = Array2::from_shape_fn((n, n), |(i, j)| 1.0 / (i + j + 1) as f64);
    Case::linear(Kind::Argmin, a, sym(12, (n, 3)), &PARAMS).double_only()
}
