//! Singular systems: one, two and three flat directions, right-hand sides in the range and beside it, and what is nearly singular.
use crate::case::{Case, Kind};
use crate::matrices::{blocks, column, rotated};
use hypertape_testkit::random::sym;
use ndarray::{Array1, Array2, arr2};

/// The Laplacian of so many rings of four: the null vectors are constant on each.
fn rings(count: usize) -> (Array2<f64>, Array2<f64>) {
    let n = 4 * count;
    let a = Array2::from_shape_fn((n, n), |(i, j)| {
        let (apart, same) = ((i % 4).abs_diff(j % 4), i / 4 == j / 4);
        match apart {
            0 if same => 2.0,
            1 | 3 if same => -1.0,
            _ => 0.0,
        }
    });
    (a, Array2::from_shape_fn((n, count), |(i, k)| if i / 4 == k { 0.5 } else { 0.0 }))
}

/// Whole numbers whose image under a matrix of whole numbers is exact.
fn whole(n: usize, k: usize) -> Array2<f64> {
    Array2::from_shape_fn((n, k), |(i, j)| ((3 * i + 5 * j + i * j) % 7) as f64 - 3.0)
}

/// Both right-hand sides are in the range.
pub(crate) fn flat(count: usize) -> Case {
    let (a, null) = rings(count);
    let n = a.nrows();
    let s = a.dot(&whole(n, 2));
    let cotangent = a.dot(&whole(n, 1).column(0));
    Case::linear_at(Kind::Argmin, a, s, &[0.0, 0.0], &vec![0.0; n])
        .singular(null.clone(), null)
        .pushed_by(&[1.0, -2.0])
        .pulled_by(&cotangent.to_vec())
}

/// The cotangent has a part in the null space: no adjoint vector solves that.
pub(crate) fn flat_beside(count: usize) -> Case {
    let n = 4 * count;
    flat(count).pulled_by(&Array1::from_shape_fn(n, |i| 1.0 + (i % 3) as f64).to_vec())
}

/// The equation has no solution for other parameters: the forward right-hand side is beside the range too.
pub(crate) fn no_solution_nearby() -> Case {
    let (a, null) = rings(2);
    let s = whole(8, 2) + 1.0;
    Case::linear_at(Kind::Root, a, s, &[0.0, 0.0], &[0.0; 8])
        .singular(null.clone(), null)
        .pushed_by(&[1.0, 1.0])
        .pulled_by(&[1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
}

/// The same equation twice, the second one doubled: not symmetric, with other null spaces on either side.
pub(crate) fn twice() -> Case {
    let a = arr2(&[[1.0, 1.0], [2.0, 2.0]]);
    let (left, right) = (column(&[2.0, -1.0]), column(&[1.0, -1.0]));
    Case::linear_at(Kind::Root, a, column(&[1.0, 2.0]), &[0.0], &[0.0, 0.0]).singular(left, right).pushed_by(&[1.0]).pulled_by(&[3.0, 3.0])
}

/// Rank one in five dimensions.
pub(crate) fn rank_one() -> Case {
    let (u, v) = (column(&[1.0, 2.0, -1.0, 2.0, 0.0]), column(&[1.0, 0.0, 1.0, -1.0, 1.0]));
    let left = arr2(&[[2.0, 1.0, 2.0, 0.0], [-1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, -1.0, 0.0], [0.0, 0.0, 0.0, 1.0]]);
    let right = arr2(&[[0.0, 1.0, 1.0, 1.0], [1.0, 0.0, 0.0, 0.0], [0.0, -1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, -1.0]]);
    let cotangent: Vec<f64> = v.iter().map(|v| 2.0 * v).collect();
    Case::linear_at(Kind::Root, u.dot(&v.t()), u.clone(), &[0.0], &[0.0; 5]).singular(left, right).pushed_by(&[1.0]).pulled_by(&cotangent)
}

/// The stationary distribution without its normalisation, as a fixed point: z = P z.
pub(crate) fn markov() -> Case {
    let p = arr2(&[[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.25, 0.25, 0.5]]);
    let ones = column(&[1.0, 1.0, 1.0]);
    Case::linear_at(Kind::FixedPoint, Array2::eye(3) - p, arr2(&[[1.0], [-1.0], [0.0]]), &[0.0], &[0.0; 3])
        .singular(ones.clone(), ones)
        .pushed_by(&[1.0])
        .pulled_by(&[1.0, 1.0, -2.0])
}

/// All of F_z is 0: every direction is flat.
pub(crate) fn nothing() -> Case {
    let null = Array2::eye(3);
    Case::linear_at(Kind::Root, Array2::zeros((3, 3)), Array2::eye(3), &[0.0; 3], &[0.0; 3])
        .singular(null.clone(), null)
        .pushed_by(&[1.0, 0.0, 2.0])
}

/// Regular, by this much: an eigenvalue beside others from 1 to 4.
pub(crate) fn nearly(smallest: f64) -> Case {
    let d: Vec<f64> = (0..10).map(|i| if i == 0 { smallest } else { 1.0 + (i % 4) as f64 }).collect();
    Case::linear(Kind::Argmin, rotated(&d, 7), sym(11, (10, 3)), &[0.7, -1.1, 0.4]).double_only()
}

/// A saddle point with an equation that is stated twice: the multipliers are not determined, and the point is.
pub(crate) fn repeated_constraint() -> Case {
    let c = arr2(&[[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]);
    let q = Array2::from_diag(&Array1::from(vec![1.0, 2.0, 4.0]));
    let a = blocks(&q, &c.t().to_owned(), &c, &Array2::zeros((2, 2)));
    let null = column(&[0.0, 0.0, 0.0, 1.0, -1.0]);
    let s = arr2(&[[1.0, 0.0], [0.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]);
    Case::linear_at(Kind::Argmin, a, s, &[0.0, 0.0], &[0.0; 5])
        .singular(null.clone(), null)
        .pushed_by(&[1.0, 2.0])
        .pulled_by(&[1.0, -2.0, 1.0, 0.0, 0.0])
}
