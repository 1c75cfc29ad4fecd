//! Equations with several solutions: the derivative is that of the one that was found.
use crate::case::{Case, Kind, entry, expression};
use crate::matrices::newton;
use hypertape::prelude::*;
use ndarray::{Array2, arr2};

fn one(v: f64) -> Array2<f64> {
    Array2::from_elem((1, 1), v)
}

/// ¼ (z² − 1)² − θ z, whose stationary points lie near −1, 0 and 1.
pub(crate) fn double_well(theta: f64, near: f64) -> Case {
    let z = newton(&[near], |z| (vec![z[0].powi(3) - z[0] - theta], one(3.0 * z[0] * z[0] - 1.0)));
    let f = expression!([] | z, p | (0.25 * (z * z - 1.0) * (z * z - 1.0) - p * z).sum());
    let a = 3.0 * z[0] * z[0] - 1.0;
    Case::at(Kind::Argmin, f, &[theta], &z, one(a), one(-1.0)).known(one(1.0 / a))
}

/// sin z = θ on one of its branches.
pub(crate) fn sine(theta: f64, branch: i32) -> Case {
    let pi = std::f64::consts::PI;
    let z = f64::from(branch) * pi + if branch % 2 == 0 { theta.asin() } else { -theta.asin() };
    Case::at(Kind::Root, expression!([] | z, p | z.sin() - p), &[theta], &[z], one(z.cos()), one(-1.0))
        .known(one((1.0 - theta * theta).sqrt().recip() * if branch % 2 == 0 { 1.0 } else { -1.0 }))
}

/// The root `k` of (z − 1)(z − 2)…(z − 5) by its coefficients, which are large and of both signs.
pub(crate) fn polynomial(k: usize) -> Case {
    // From the constant up; the leading one is 1.
    let coefficients = [-120.0, 274.0, -225.0, 85.0, -15.0];
    let z = k as f64;
    let slope: f64 = (1..=5).filter(|j| *j != k).map(|j| z - j as f64).product();
    let f = expression!(
        [] | z,
        c | {
            let mut value = z * 0.0 + 1.0;
            for i in (0..5).rev() {
                value = value * z + entry(c, i);
            }
            value
        }
    );
    let b = Array2::from_shape_fn((1, 5), |(_, i)| z.powi(i as i32));
    Case::at(Kind::Root, f, &coefficients, &[z], one(slope), b.clone()).known(-b / slope).double_only()
}

/// A circle and a line meet twice: z₁² + z₂² = θ₁, z₂ = θ₂ z₁.
pub(crate) fn circle_and_line(side: f64) -> Case {
    let p: [f64; 2] = [2.0, 0.5];
    let x = side * (p[0] / (1.0 + p[1] * p[1])).sqrt();
    let z = [x, p[1] * x];
    let f = expression!(
        [] | z,
        p | {
            let (x, y) = (entry(z, 0), entry(z, 1));
            concat(0, &[x * x + y * y - entry(p, 0), y - entry(p, 1) * x])
        }
    );
    let a = arr2(&[[2.0 * z[0], 2.0 * z[1]], [-p[1], 1.0]]);
    Case::at(Kind::Root, f, &p, &z, a, arr2(&[[-1.0, 0.0], [0.0, -x]]))
}
