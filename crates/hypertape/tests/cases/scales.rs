//! Numbers of other sizes: cotangents, parameters, unknowns and equations at 1e150 and 1e-150, and all sizes at once.
use crate::case::{Case, Kind, entry, expression};
use crate::matrices::rotated;
use hypertape::prelude::*;
use hypertape_testkit::random::sym;
use ndarray::{Array1, Array2};

const PARAMS: [f64; 3] = [0.7, -1.1, 0.4];

fn base(kind: Kind) -> Case {
    Case::linear(kind, rotated(&[1.0, 2.0, 3.0, 4.0, 5.0], 7), sym(51, (5, 3)), &PARAMS)
}

/// The same weights, times a factor.
pub(crate) fn cotangent(factor: f64) -> Case {
    base(Kind::Argmin).pulled_by(&sym(42, 5).mapv(|c| c * factor).to_vec()).double_only()
}

/// The same direction, times a factor.
pub(crate) fn tangent(factor: f64) -> Case {
    base(Kind::Argmin).pushed_by(&sym(41, 3).mapv(|c| c * factor).to_vec()).double_only()
}

/// Weights of 1e150, 1, 1e-150 and 0.
pub(crate) fn mixed_cotangent() -> Case {
    base(Kind::Root).pulled_by(&[1e150, 1.0, -1e-150, 0.0, 3e75]).double_only()
}

/// Only one small weight.
pub(crate) fn sparse_cotangent() -> Case {
    base(Kind::Root).pulled_by(&[0.0, 0.0, 1e-300, 0.0, 0.0]).double_only()
}

/// √θ and its like for parameters of 1e±150, entry by entry: z² = θ.
pub(crate) fn roots_of(factor: f64) -> Case {
    let p: Vec<f64> = [1.0, 4.0, 9.0].iter().map(|p| p * factor).collect();
    let z: Vec<f64> = p.iter().map(|p| p.sqrt()).collect();
    let a = Array2::from_diag(&Array1::from(z.iter().map(|z| 2.0 * z).collect::<Vec<_>>()));
    Case::at(Kind::Root, expression!([] | z, p | z * z - p), &p, &z, a, -Array2::eye(3)).double_only()
}

/// The equation times a factor; the solution stays.
pub(crate) fn equation(factor: f64) -> Case {
    let a = rotated(&[1.0, 2.0, 3.0, 4.0, 5.0], 7) * factor;
    Case::linear(Kind::Argmin, a, sym(51, (5, 3)) * factor, &PARAMS).double_only()
}

/// Parameters times a factor, and the solution with them.
pub(crate) fn parameters(factor: f64) -> Case {
    let p: Vec<f64> = PARAMS.iter().map(|p| p * factor).collect();
    Case::linear(Kind::FixedPoint, rotated(&[0.6, 0.8, 1.0, 1.2, 1.4], 7), sym(51, (5, 3)), &p).double_only()
}

/// Unknowns of 1e8, 1 and 1e-8 side by side: z₁ = 1e8 θ₁, z₂ = θ₂, z₃ = 1e-8 θ₃, mixed weakly.
pub(crate) fn unknowns() -> Case {
    let p = [1.0, 2.0, 3.0];
    let z = [1e8, 2.0, 3e-8];
    let f = expression!(
        [] | z,
        p | { concat(0, &[1e-8 * entry(z, 0) - entry(p, 0), entry(z, 1) - entry(p, 1), 1e8 * entry(z, 2) - entry(p, 2)]) }
    );
    Case::at(Kind::Root, f, &p, &z, Array2::from_diag(&Array1::from(vec![1e-8, 1.0, 1e8])), -Array2::eye(3)).double_only()
}
