//! Folds, cusps and flat minima: the derivative grows without bound, and at the point itself there is none.
use crate::case::{Case, Kind, entry, expression};
use hypertape::prelude::*;
use ndarray::{Array2, arr2};

fn one(v: f64) -> Array2<f64> {
    Array2::from_elem((1, 1), v)
}

/// Bases of null spaces where F_z = 0 for one unknown.
fn flat(case: Case) -> Case {
    case.singular(one(1.0), one(1.0))
}

/// z² = θ from above.
pub(crate) fn square(theta: f64) -> Case {
    let z = theta.sqrt();
    let case = Case::at(Kind::Root, expression!([] | z, p | z * z - p), &[theta], &[z], one(2.0 * z), one(-1.0)).double_only();
    if theta == 0.0 { flat(case) } else { case.known(one(0.5 / z)) }
}

/// The other branch.
pub(crate) fn square_from_below(theta: f64) -> Case {
    let z = -theta.sqrt();
    Case::at(Kind::Root, expression!([] | z, p | z * z - p), &[theta], &[z], one(2.0 * z), one(-1.0)).double_only().known(one(0.5 / z))
}

/// (z₁² − θ, z₂ − z₁): the fold in one direction of two.
pub(crate) fn fold_of_two(theta: f64) -> Case {
    let z = theta.sqrt();
    let f = expression!(
        [] | z,
        p | {
            let (x, y) = (entry(z, 0), entry(z, 1));
            concat(0, &[x * x - p, y - x])
        }
    );
    Case::at(Kind::Root, f, &[theta], &[z, z], arr2(&[[2.0 * z, 0.0], [-1.0, 1.0]]), arr2(&[[-1.0], [0.0]])).double_only()
}

/// The cusp z³ − θ₁ z − θ₂ = 0, on the branch above.
pub(crate) fn cusp(theta: [f64; 2], z: f64) -> Case {
    let f = expression!([] | z, p | z * z * z - entry(p, 0) * z - entry(p, 1));
    let (a, b) = (one(3.0 * z * z - theta[0]), arr2(&[[-z, -1.0]]));
    let case = Case::at(Kind::Root, f, &theta, &[z], a.clone(), b).double_only();
    if a[[0, 0]] == 0.0 { flat(case) } else { case }
}

/// z³ = θ.
pub(crate) fn cube(theta: f64) -> Case {
    let z = theta.cbrt();
    let case = Case::at(Kind::Root, expression!([] | z, p | z * z * z - p), &[theta], &[z], one(3.0 * z * z), one(-1.0)).double_only();
    if theta == 0.0 { flat(case) } else { case.known(one(z / (3.0 * theta))) }
}

/// ¼ z⁴ − θ z, whose curvature vanishes at θ = 0.
pub(crate) fn quartic(theta: f64) -> Case {
    let z = theta.cbrt();
    let f = expression!([] | z, p | (0.25 * z * z * z * z - p * z).sum());
    let case = Case::at(Kind::Argmin, f, &[theta], &[z], one(3.0 * z * z), one(-1.0)).double_only();
    if theta == 0.0 { flat(case) } else { case.known(one(z / (3.0 * theta))) }
}

/// (z − 1)² (z + 2) = θ near the double root 1.
pub(crate) fn double_root(off: f64) -> Case {
    let z = 1.0 + off;
    // What rounding leaves of it.
    let off = z - 1.0;
    let theta = off * off * (z + 2.0);
    let f = expression!([] | z, p | (z - 1.0) * (z - 1.0) * (z + 2.0) - p);
    Case::at(Kind::Root, f, &[theta], &[z], one(2.0 * off * (z + 2.0) + off * off), one(-1.0)).double_only()
}
