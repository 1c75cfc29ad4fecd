//! Equations of well-known models, with their Jacobians written by hand.
use crate::case::{Case, Kind, array, entry, expression};
use crate::matrices::{banded, blocks, column, newton};
use hypertape::prelude::*;
use hypertape_testkit::random::sym;
use ndarray::{Array1, Array2};

fn one(v: f64) -> Array2<f64> {
    Array2::from_elem((1, 1), v)
}

/// Kepler's equation z − e sin z = M, by (e, M). Near e = 1 and M = 0 it is nearly flat.
pub(crate) fn kepler(eccentricity: f64, mean: f64) -> Case {
    let f = move |z: f64| z - eccentricity * z.sin() - mean;
    let start = if eccentricity > 0.8 { std::f64::consts::PI } else { mean };
    let z = newton(&[start], |z| (vec![f(z[0])], one(1.0 - eccentricity * z[0].cos())));
    let (sine, cosine) = z[0].sin_cos();
    let equation = expression!([] | z, p | z - entry(p, 0) * z.sin() - entry(p, 1));
    Case::at(Kind::Root, equation, &[eccentricity, mean], &z, one(1.0 - eccentricity * cosine), ndarray::arr2(&[[-sine, -1.0]]))
}

/// An implicit Euler step of a stiff chain z' = −K z + z³ … from the state θ: z + h (K z + z³) = θ.
pub(crate) fn implicit_euler(n: usize, step: f64) -> Case {
    let k = banded(n, |d| {
        if d == 0 {
            2.0
        } else if d.abs() == 1 {
            -1.0
        } else {
            0.0
        }
    }) * 100.0;
    let before: Vec<f64> = (0..n).map(|i| (i as f64 * 0.7).sin()).collect();
    let parts = |z: &[f64]| {
        let zz = Array1::from(z.to_vec());
        let value = &zz + &((k.dot(&zz) + zz.mapv(|z| z.powi(3))) * step) - Array1::from(before.clone());
        let a = Array2::eye(n) + (&k + &Array2::from_diag(&zz.mapv(|z| 3.0 * z * z))) * step;
        (value.to_vec(), a)
    };
    let z = newton(&before, parts);
    let a = parts(&z).1;
    let f = expression!([k] | z, p | z + step * (array(&k).dot(z) + z * z * z) - p);
    Case::at(Kind::Root, f, &before, &z, a, -Array2::eye(n))
}

/// min Σ z ln z − θᵀz with Σ z = 1: z = softmax(θ), and a multiplier.
pub(crate) fn softmax_kkt() -> Case {
    let p: [f64; 4] = [0.3, -1.0, 0.8, 0.1];
    let total: f64 = p.iter().map(|p| p.exp()).sum();
    let shares: Vec<f64> = p.iter().map(|p| p.exp() / total).collect();
    // ln zᵢ + 1 − θᵢ + μ = 0.
    let z: Vec<f64> = shares.iter().copied().chain([total.ln() - 1.0]).collect();
    let inverse = Array2::from_diag(&Array1::from(shares.iter().map(|z| 1.0 / z).collect::<Vec<_>>()));
    let ones = column(&[1.0; 4]);
    let a = blocks(&inverse, &ones, &ones.t().to_owned(), &Array2::zeros((1, 1)));
    let b = -Array2::from_shape_fn((5, 4), |(i, j)| f64::from(u8::from(i == j)));
    let jacobian =
        Array2::from_shape_fn((5, 4), |(i, j)| if i == 4 { shares[j] } else { shares[i] * (f64::from(u8::from(i == j)) - shares[j]) });
    let f = expression!(
        [] | z,
        p | {
            let (x, mu) = (z.slice_axis(0, 0, 4), z.slice_axis(0, 4, 5));
            concat(0, &[x.ln() + 1.0 - p + mu.reshape(&[]), (x.sum() - 1.0).reshape(&[1])])
        }
    );
    Case::at(Kind::Root, f, &p, &z, a, b).known(jacobian)
}

/// A v = λ v with ½(1 − vᵀv) = 0, A = C + Σ θ_k E_k: an eigenpair of a symmetric matrix. With a gap of `gap` to the next eigenvalue.
pub(crate) fn eigenpair(gap: f64) -> Case {
    let n = 5;
    let d = [1.0, 1.0 + gap, 3.0, 4.0, 5.0];
    let h = crate::matrices::reflection(n, 7);
    let c = crate::matrices::rotated(&d, 7);
    let v: Vec<f64> = h.column(0).to_vec();
    let z: Vec<f64> = v.iter().copied().chain([d[0]]).collect();
    // θ moves the diagonal.
    let shifted = &c - &(Array2::<f64>::eye(n) * d[0]);
    let minus = column(&v.iter().map(|v| -v).collect::<Vec<_>>());
    let a = blocks(&shifted, &minus, &minus.t().to_owned(), &Array2::zeros((1, 1)));
    let b = Array2::from_shape_fn((n + 1, n), |(i, j)| if i == j { v[i] } else { 0.0 });
    let f = expression!(
        [c] | z,
        p | {
            let (v, lambda) = (z.slice_axis(0, 0, 5), z.slice_axis(0, 5, 6).reshape(&[]));
            concat(0, &[array(&c).dot(v) + p * v - lambda * v, (0.5 * (1.0 - v.dot(v))).reshape(&[1])])
        }
    );
    let case = Case::at(Kind::Root, f, &[0.0; 5], &z, a, b);
    if gap < 1e-2 { case.double_only() } else { case }
}

/// Z² = Θ for 3 × 3 matrices, by rows.
pub(crate) fn matrix_root() -> Case {
    let (k, n) = (3, 9);
    let root = Array2::<f64>::eye(3) * 2.0 + sym(71, (3, 3));
    let theta = root.dot(&root);
    let z: Vec<f64> = root.iter().copied().collect();
    let p: Vec<f64> = theta.iter().copied().collect();
    // d(Z²) = dZ Z + Z dZ.
    let a = Array2::from_shape_fn((n, n), |(r, c)| {
        let ((i, j), (s, t)) = ((r / k, r % k), (c / k, c % k));
        (if i == s { root[[t, j]] } else { 0.0 }) + if j == t { root[[i, s]] } else { 0.0 }
    });
    let f = expression!(
        [] | z,
        p | {
            let m = z.reshape(&[3, 3]);
            m.matmul(m).reshape(&[9]) - p
        }
    );
    Case::at(Kind::Root, f, &p, &z, a, -Array2::eye(n))
}

/// The Sylvester equation A X + X B = Θ for 3 × 3 matrices, by rows.
pub(crate) fn sylvester() -> Case {
    let (a, b) = (Array2::<f64>::eye(3) * 2.0 + sym(72, (3, 3)), Array2::<f64>::eye(3) + sym(73, (3, 3)));
    let whole = Array2::from_shape_fn((9, 9), |(r, c)| {
        let ((i, j), (s, t)) = ((r / 3, r % 3), (c / 3, c % 3));
        (if j == t { a[[i, s]] } else { 0.0 }) + if i == s { b[[t, j]] } else { 0.0 }
    });
    let case = Case::linear(Kind::Root, whole, Array2::eye(9), &sym(74, 9).to_vec());
    let f = expression!(
        [a, b] | z,
        p | {
            let x = z.reshape(&[3, 3]);
            (array(&a).matmul(x) + x.matmul(array(&b))).reshape(&[9]) - p
        }
    );
    Case { expression: f, ..case }
}

/// Sinkhorn's sweep in one potential, at the pace ε: g = ε (ln b − ln Σᵢ exp((fᵢ − Cᵢⱼ)/ε)), f likewise from g. Potentials are determined up to a constant.
pub(crate) fn sinkhorn(epsilon: f64) -> Case {
    let n = 4;
    let cost = sym(75, (n, n)).mapv(|c| c + 0.5);
    let mass = Array1::from_elem(n, 1.0 / n as f64);
    let (row, target) = (mass.clone(), [0.1, 0.2, 0.3, 0.4]);
    let sweep = |g: &Array1<f64>, b: &[f64]| {
        let f = Array1::from_shape_fn(n, |i| {
            epsilon * (row[i].ln() - (0..n).map(|j| ((g[j] - cost[[i, j]]) / epsilon).exp()).sum::<f64>().ln())
        });
        Array1::from_shape_fn(n, |j| epsilon * (b[j].ln() - (0..n).map(|i| ((f[i] - cost[[i, j]]) / epsilon).exp()).sum::<f64>().ln()))
    };
    let mut g = Array1::<f64>::zeros(n);
    for _ in 0..20_000 {
        g = sweep(&g, &target);
        g -= g.sum() / n as f64;
    }
    let f =
        Array1::from_shape_fn(n, |i| epsilon * (row[i].ln() - (0..n).map(|j| ((g[j] - cost[[i, j]]) / epsilon).exp()).sum::<f64>().ln()));
    let plan = Array2::from_shape_fn((n, n), |(i, j)| ((f[i] + g[j] - cost[[i, j]]) / epsilon).exp());
    // ∂f/∂g = −P/rows, ∂g⁺/∂f = −Pᵀ/columns; the columns of the plan are the target.
    let map = Array2::from_shape_fn((n, n), |(j, k)| (0..n).map(|i| plan[[i, j]] * plan[[i, k]] / row[i]).sum::<f64>() / target[j]);
    let by_target = Array2::from_shape_fn((n, n), |(i, j)| if i == j { -epsilon / target[i] } else { 0.0 });
    let expression = expression!(
        [cost, row] | g,
        b | {
            let cost = array(&cost);
            let f = epsilon * (array(&row).ln() - ((g - cost) / epsilon).logsumexp_axis(1));
            epsilon * (b.ln() - ((f - cost.t()) / epsilon).logsumexp_axis(1))
        }
    );
    // (I − T)ᵀ has the null vector `target`: T_g is P/target on one side.
    let left = column(&target);
    Case::at(Kind::FixedPoint, expression, &target, &g.to_vec(), Array2::eye(n) - map, by_target)
        .singular(left, column(&[0.5; 4]))
        .pushed_by(&[0.1, -0.1, 0.05, -0.05])
        .pulled_by(&[1.0, -1.0, 2.0, -2.0])
        .double_only()
}

/// An exchange of three goods: excess demand θᵢ/zᵢ Σ w z − wᵢ … of Cobb–Douglas buyers, with the price of the last good fixed.
pub(crate) fn market() -> Case {
    // Two buyers with shares α, 1 − α of a good 1, and endowments; good 2 is the numéraire of price 1.
    let (own, other) = ([1.0, 2.0], [3.0, 1.0]);
    let p = [0.3, 0.6];
    // Demand for good 1: Σ αₖ (ownₖ z + otherₖ) / z = Σ ownₖ.
    let z = (p[0] * other[0] + p[1] * other[1]) / (own[0] + own[1] - p[0] * own[0] - p[1] * own[1]);
    let income = [own[0] * z + other[0], own[1] * z + other[1]];
    let a = one(-(p[0] * other[0] + p[1] * other[1]) / (z * z));
    let f = expression!([] | z, p | { entry(p, 0) * (1.0 * z + 3.0) / z + entry(p, 1) * (2.0 * z + 1.0) / z - 3.0 });
    Case::at(Kind::Root, f, &p, &[z], a, ndarray::arr2(&[[income[0] / z, income[1] / z]]))
}
