//! Solutions on the border of sets, replayed along a path in one workspace: the active set changes from point to point, and the derivative with it.
use crate::case::{Case, Kind, Point, array, expression};
use hypertape::prelude::*;
use hypertape_testkit::dense;
use hypertape_testkit::random::sym;
use ndarray::{Array1, Array2};

/// G = XᵀX/n, and b = Xᵀy/n, of a small regression.
fn regression(n: usize) -> (Array2<f64>, Array1<f64>) {
    let x = sym(61, (20, n));
    let g = x.t().dot(&x) / 20.0 + Array2::<f64>::eye(n) * 0.05;
    (g, Array1::from_shape_fn(n, |i| 0.3 * (1.0 + i as f64) * if i % 2 == 0 { 1.0 } else { -1.0 } / n as f64))
}

/// The rows of the Jacobian of z − prox(z − s (G z − b)): those of I − (I − sG) where the coordinate is free, those of I where not.
fn by_z(g: &Array2<f64>, step: f64, free: &[bool]) -> Array2<f64> {
    Array2::from_shape_fn(g.dim(), |(i, j)| if free[i] { step * g[[i, j]] } else { f64::from(u8::from(i == j)) })
}

/// min ½ zᵀG z − bᵀz + λ‖z‖₁ by coordinate descent: the signs settle, and the solution on them is exact.
fn lasso(g: &Array2<f64>, b: &Array1<f64>, lambda: f64) -> Vec<f64> {
    let n = b.len();
    let mut z = Array1::<f64>::zeros(n);
    for _ in 0..2000 {
        for i in 0..n {
            let rest = b[i] - g.row(i).dot(&z) + g[[i, i]] * z[i];
            z[i] = rest.signum() * (rest.abs() - lambda).max(0.0) / g[[i, i]];
        }
    }
    let active: Vec<usize> = (0..n).filter(|i| z[*i] != 0.0).collect();
    let k = active.len();
    let small = Array2::from_shape_fn((k, k), |(i, j)| g[[active[i], active[j]]]);
    let right = Array1::from_shape_fn(k, |i| b[active[i]] - lambda * z[active[i]].signum());
    let exact = dense::solve(small.view(), right.view()).expect("the Gram matrix is regular");
    let mut out = vec![0.0; n];
    active.iter().zip(&exact).for_each(|(i, v)| out[*i] = *v);
    out
}

/// The lasso along its path; λ is the parameter.
pub(crate) fn lasso_path() -> Case {
    let (n, step) = (6, 1.0);
    let (g, b) = regression(n);
    let at = |lambda: f64| {
        let z = lasso(&g, &b, lambda);
        let free: Vec<bool> = z.iter().map(|z| *z != 0.0).collect();
        let by_lambda = Array2::from_shape_fn((n, 1), |(i, _)| if free[i] { step * z[i].signum() } else { 0.0 });
        Point::new(&[lambda], &z, by_z(&g, step, &free), by_lambda)
    };
    let points: Vec<Point> = [0.28, 0.22, 0.17, 0.12, 0.07, 0.03, 0.004].into_iter().map(at).collect();
    let map = expression!([g, b] | z, l | { (z - step * (array(&g).dot(z) - array(&b))).soft_threshold(step * l.reshape(&[])) });
    Case::new(Kind::FixedPoint, map, points).pushed_by(&[1.0])
}

/// min ½ zᵀG z − (b + θ c)ᵀz over 0 ≤ z ≤ 1, along θ, by the projected gradient.
pub(crate) fn box_path() -> Case {
    let (n, step) = (6, 1.0);
    let (g, b) = regression(n);
    let c = Array1::from_shape_fn(n, |i| 1.0 - 0.4 * i as f64);
    let at = |theta: f64| {
        let right = &b + &(&c * theta);
        let mut z = Array1::<f64>::zeros(n);
        for _ in 0..4000 {
            z = (&z - &((g.dot(&z) - &right) * step)).mapv(|v| v.clamp(0.0, 1.0));
        }
        let free: Vec<bool> = z.iter().map(|z| *z > 0.0 && *z < 1.0).collect();
        let by_theta = Array2::from_shape_fn((n, 1), |(i, _)| if free[i] { -step * c[i] } else { 0.0 });
        Point::new(&[theta], &z.to_vec(), by_z(&g, step, &free), by_theta)
    };
    let points: Vec<Point> = [-0.4, -0.2, -0.05, 0.05, 0.1, 0.3].into_iter().map(at).collect();
    let map = expression!(
        [g, b, c] | z,
        t | {
            let right = array(&b) + t.reshape(&[]) * array(&c);
            (z - step * (array(&g).dot(z) - right)).clamp(0.0, 1.0)
        }
    );
    Case::new(Kind::FixedPoint, map, points).pushed_by(&[1.0])
}

/// The lasso with G = I and a coordinate with |bᵢ| = λ: it may be in or out.
pub(crate) fn weakly_active_lasso() -> Case {
    let b = ndarray::arr1(&[2.0, 0.5, -1.0]);
    let by_z = |_| Array2::from_diag(&ndarray::arr1(&[0.5, 1.0, 0.5]));
    let other = Array2::eye(3) * 0.5;
    let mut point = Point::new(&[0.5], &[1.5, 0.0, -0.5], by_z(()), ndarray::arr2(&[[0.5], [0.0], [-0.5]]));
    point.other = Some((other, ndarray::arr2(&[[0.5], [0.5], [-0.5]])));
    let map = expression!([b] | z, l | (0.5 * z + 0.5 * array(&b)).soft_threshold(0.5 * l.reshape(&[])));
    Case::new(Kind::FixedPoint, map, vec![point]).pushed_by(&[1.0])
}

fn diagonal(d: [f64; 3]) -> Array2<f64> {
    Array2::from_diag(&ndarray::arr1(&d))
}

/// The projection onto z ≥ 0 where an entry of θ is 0, by steps of one half.
pub(crate) fn weakly_active_bound() -> Case {
    let mut point = Point::new(&[1.0, 0.0, -2.0], &[1.0, 0.0, 0.0], diagonal([0.5, 1.0, 1.0]), -diagonal([0.5, 0.0, 0.0]));
    point.other = Some((diagonal([0.5, 0.5, 1.0]), -diagonal([0.5, 0.5, 0.0])));
    Case::new(Kind::FixedPoint, expression!([] | z, p | (0.5 * z + 0.5 * p).relu()), vec![point])
}

/// The same by a whole step, z − (z − θ) = θ: whether the bound is active depends on the parameters alone.
pub(crate) fn kink_of_parameters() -> Case {
    let mut point = Point::new(&[1.0, 0.0, -2.0], &[1.0, 0.0, 0.0], Array2::eye(3), -diagonal([1.0, 0.0, 0.0]));
    point.other = Some((Array2::eye(3), -diagonal([1.0, 1.0, 0.0])));
    Case::new(Kind::FixedPoint, expression!([] | z, p | (z - (z - p)).relu()), vec![point])
}
