//! Fixed points: maps that contract fast and slowly, turn, or repel; their derivatives exist wherever I − T_z is regular.
use crate::case::{Case, Kind, array, expression};
use crate::matrices::{newton, rotated};
use hypertape::prelude::*;
use hypertape_testkit::random::sym;
use ndarray::{Array1, Array2};

const PARAMS: [f64; 3] = [0.7, -1.1, 0.4];

/// z = M z + S θ.
fn affine(m: &Array2<f64>) -> Case {
    let n = m.nrows();
    Case::linear(Kind::FixedPoint, Array2::eye(n) - m, sym(31, (n, 3)), &PARAMS)
}

/// A symmetric map with eigenvalues from −q to q.
pub(crate) fn symmetric(q: f64) -> Case {
    let n = 6;
    affine(&rotated(&(0..n).map(|i| q * (2.0 * i as f64 / (n - 1) as f64 - 1.0)).collect::<Vec<_>>(), 7))
}

/// z = q z + θ, entry by entry.
pub(crate) fn scalar_map(q: f64) -> Case {
    let case = Case::linear(Kind::FixedPoint, Array2::eye(3) * (1.0 - q), Array2::eye(3), &PARAMS).known(Array2::eye(3) / (1.0 - q));
    if (1.0 - q).abs() < 1e-3 { case.double_only() } else { case }
}

/// Rotations by several angles, times ρ: complex eigenvalues of modulus ρ.
pub(crate) fn rotations(pairs: usize, modulus: f64) -> Case {
    let mut m = Array2::zeros((2 * pairs, 2 * pairs));
    for k in 0..pairs {
        let (sine, cosine) = (0.7 + 0.9 * k as f64).sin_cos();
        for (i, j, v) in [(0, 0, cosine), (0, 1, -sine), (1, 0, sine), (1, 1, cosine)] {
            m[[2 * k + i, 2 * k + j]] = modulus * v;
        }
    }
    affine(&m)
}

/// One direction of six is repelled by a little.
pub(crate) fn one_repelled() -> Case {
    affine(&rotated(&[0.5, -0.3, 0.2, 1.05, 0.7, -0.6], 7))
}

/// The logistic map z = r z (1 − z) at r: its slope at the fixed point 1 − 1/r is 2 − r.
pub(crate) fn logistic(r: f64) -> Case {
    let z = 1.0 - 1.0 / r;
    let (a, b) = (Array2::from_elem((1, 1), r - 1.0), Array2::from_elem((1, 1), -z * (1.0 - z)));
    Case::at(Kind::FixedPoint, expression!([] | z, r | r * z * (1.0 - z)), &[r], &[z], a, b).known(Array2::from_elem((1, 1), 1.0 / (r * r)))
}

/// An equilibrium network z = tanh(W z + θ), W not normal; θ is such that z is known.
pub(crate) fn equilibrium_network(n: usize, size: f64) -> Case {
    let (w, z) = (sym(32, (n, n)) * size, sym(33, n) * 1.6);
    let params = z.mapv(f64::atanh) - w.dot(&z);
    let slope = z.mapv(|z| 1.0 - z * z);
    let a = Array2::from_shape_fn((n, n), |(i, j)| f64::from(u8::from(i == j)) - slope[i] * w[[i, j]]);
    let map = expression!([w] | z, p | (array(&w).dot(z) + p).tanh());
    Case::at(Kind::FixedPoint, map, &params.to_vec(), &z.to_vec(), a, -Array2::from_diag(&slope))
}

/// A random row-stochastic matrix.
fn stochastic(n: usize, seed: u64) -> Array2<f64> {
    let r = sym(seed, (n, n)) + 0.5;
    Array2::from_shape_fn((n, n), |(i, j)| r[[i, j]] / r.row(i).sum())
}

/// Bellman's equation of one policy: z = θ + γ P z, rewards are the parameters.
pub(crate) fn bellman(n: usize, discount: f64) -> Case {
    let a = Array2::eye(n) - stochastic(n, 34) * discount;
    Case::linear(Kind::FixedPoint, a, Array2::eye(n), &sym(35, n).to_vec())
}

/// Bellman's equation with a soft maximum over two actions: zᵢ = τ ln Σ_a exp((θ_a + γ (P_a z)ᵢ)/τ).
pub(crate) fn soft_bellman() -> Case {
    let (n, discount, tau) = (8, 0.9, 0.3);
    let (p, q) = (stochastic(n, 36), stochastic(n, 37));
    let at = [0.4, -0.2];
    let parts = |z: &[f64]| {
        let z = Array1::from(z.to_vec());
        let (u, v) = (p.dot(&z) * discount + at[0], q.dot(&z) * discount + at[1]);
        // The share of the first action.
        let share = Array1::from_shape_fn(n, |i| 1.0 / (1.0 + ((v[i] - u[i]) / tau).exp()));
        let value = Array1::from_shape_fn(n, |i| u[i] - tau * share[i].ln());
        let a = Array2::from_shape_fn((n, n), |(i, j)| {
            f64::from(u8::from(i == j)) - discount * (share[i] * p[[i, j]] + (1.0 - share[i]) * q[[i, j]])
        });
        (value, share, a)
    };
    let z = newton(&vec![0.0; n], |z| {
        let (value, _, a) = parts(z);
        (z.iter().zip(&value).map(|(z, t)| z - t).collect(), a)
    });
    let (_, share, a) = parts(&z);
    let b = Array2::from_shape_fn((n, 2), |(i, k)| if k == 0 { -share[i] } else { share[i] - 1.0 });
    let map = expression!(
        [p, q] | z,
        r | {
            let u = array(&p).dot(z) * discount + r.slice_axis(0, 0, 1).reshape(&[]);
            let v = array(&q).dot(z) * discount + r.slice_axis(0, 1, 2).reshape(&[]);
            tau * stack(&[u / tau, v / tau]).logsumexp_axis(0)
        }
    );
    Case::at(Kind::FixedPoint, map, &at, &z, a, b)
}

/// PageRank: z = d Pᵀ z + (1 − d) θ.
pub(crate) fn pagerank(n: usize, damping: f64) -> Case {
    let a = Array2::eye(n) - stochastic(n, 38).t().to_owned() * damping;
    Case::linear(Kind::FixedPoint, a, Array2::eye(n) * (1.0 - damping), &vec![1.0 / n as f64; n])
}

/// The Lyapunov equation X = M X Mᵀ + Q for a k × k matrix X, by rows; Q is the parameter.
pub(crate) fn lyapunov(k: usize) -> Case {
    let m = sym(39, (k, k));
    let n = k * k;
    let a = Array2::from_shape_fn((n, n), |(r, c)| f64::from(u8::from(r == c)) - m[[r / k, c / k]] * m[[r % k, c % k]]);
    let case = Case::linear(Kind::FixedPoint, a, Array2::eye(n), &sym(40, n).to_vec());
    let map = expression!(
        [m] | z,
        q | {
            let m = array(&m);
            m.matmul(z.reshape(&[k, k])).matmul(m.t()).reshape(&[n]) + q
        }
    );
    Case { expression: map, ..case }
}

/// Players with quadratic costs answer each other at once: z = −D⁻¹ C z + θ, a game without a common potential.
pub(crate) fn nash() -> Case {
    affine(&(sym(43, (6, 6)) * 0.9))
}
