//! BiCGStab solves regular systems.
//!
//! Looked at:
//! - BiCGStab: a restart took the residual for its shadow again, so it broke down in the same place; ω = 0 for every skew system. Restarts take a
//!   pseudo-random shadow and go on as BiCGStab(2); small systems are handed over to GMRES if that breaks down; the outcome's remark says so.
//! - CG: zero or changing curvature is named as what it is: singular, or not definite.
//! - GMRES: an exhausted space is a solution or a singular matrix; stagnation is named, and is rounding where the backward error says so.
//! - Normal CG: has no breakdown; ends with least squares.
//! - Neumann: terms that do not shrink end it, also where their number has no limit.
use crate::linear_solves::{self, solved};
use hypertape::linear::{Failed, Outcome, Single, from_fn};
use hypertape::prelude::*;
use ndarray::{Array1, Array2, arr1, arr2};
use std::convert::Infallible;

fn right(a: &Array2<f64>, exact: &Array1<f64>, allowed: f64) -> Outcome {
    let mut x = Array1::zeros(exact.len());
    let solver = Bicgstab::default().max_iterations(40 * exact.len());
    let o = linear_solves::solve(&solver, &mut a.clone(), a.dot(exact).as_slice().unwrap(), x.as_slice_mut().unwrap(), 1e-12);
    assert!(solved(&o), "{o:?}");
    let error = (&x - exact).iter().fold(0.0_f64, |m, e| m.max(e.abs()));
    assert!(error <= allowed, "{error:e}: {o:?}");
    o.unwrap()
}

#[test]
fn a_rotation_by_a_right_angle() {
    for exact in [arr1(&[1.0, 0.0]), arr1(&[0.0, 1.0]), arr1(&[3.0, -4.0])] {
        let o = right(&arr2(&[[0.0, 1.0], [-1.0, 0.0]]), &exact, 1e-11);
        assert!(o.remark.is_some(), "{o:?}");
    }
}

#[test]
fn a_saddle() {
    for scale in [1e-150, 1.0, 1e150] {
        let a = scale * arr2(&[[2.0, 0.0, 1.0], [0.0, 2.0, 1.0], [1.0, 1.0, 0.0]]);
        for exact in
            [arr1(&[1.0, 1.0, 1.0]), arr1(&[1.0, 0.0, 0.0]), arr1(&[0.0, 0.0, 1.0]), arr1(&[1.0, -1.0, 0.0]), arr1(&[-1.0, 2.0, 5.0])]
        {
            right(&a, &exact, 1e-10);
        }
    }
}

#[test]
fn permutations_and_skew_matrices() {
    for n in 2..=12 {
        let shift = Array2::from_shape_fn((n, n), |(i, j)| if (i + 1) % n == j { 1.0 } else { 0.0 });
        for k in 0..n {
            right(&shift, &Array1::from_shape_fn(n, |i| f64::from(u8::from(i == k))), 1e-10);
        }
    }
    // Skew and regular for even n: the differences of neighbours.
    for n in [2, 4, 10, 40] {
        let skew = Array2::from_shape_fn((n, n), |(i, j)| {
            if i + 1 == j {
                1.0
            } else if j + 1 == i {
                -1.0
            } else {
                0.0
            }
        });
        right(&skew, &Array1::from_shape_fn(n, |i| (0.7 * i as f64).cos()), 1e-8);
    }
    // Skew and large, with a part that makes it well-conditioned: rotations by right angles, of four lengths.
    let n = 200;
    let blocks = Array2::from_shape_fn((n, n), |(i, j)| match (i % 2, i.abs_diff(j)) {
        (0, 1) if j > i => 1.0 + (i % 8) as f64,
        (1, 1) if j < i => -1.0 - ((i - 1) % 8) as f64,
        _ => 0.0,
    });
    right(&blocks, &Array1::from_shape_fn(n, |i| (0.7 * i as f64).cos()), 1e-9);
}

#[test]
fn single_precision() {
    for scale in [1e-18, 1.0, 1e18] {
        let mut x = [0.0; 2];
        let mut a = Single::new(arr2(&[[0.0_f32, 1.0], [-1.0, 0.0]]));
        let o = linear_solves::solve(&Bicgstab::default(), &mut a, &[3.0 * scale, 4.0 * scale], &mut x, 1e-6);
        assert!(solved(&o) && (x[0] / scale + 4.0).abs() < 1e-4 && (x[1] / scale - 3.0).abs() < 1e-4, "{o:?} {x:?}");
    }
}

#[test]
fn derivatives_of_regular_systems() {
    for a in [arr2(&[[0.0, 1.0], [-1.0, 0.0]]), arr2(&[[0.0, 2.0], [3.0, 0.0]])] {
        // z = A⁻¹ (t, 2 t).
        let det = a[[0, 0]] * a[[1, 1]] - a[[0, 1]] * a[[1, 0]];
        let exact = arr1(&[a[[1, 1]] - 2.0 * a[[0, 1]], 2.0 * a[[0, 0]] - a[[1, 0]]]) / det;
        let (shared, z) = (a.into_shared(), exact.clone());
        let b = arr1(&[1.0, 2.0]).into_shared();
        let residual = Function::record((shape![2], shape![]), |(z, t)| constant(&shared).dot(z) - t * constant(&b)).unwrap();
        let root = implicit::root(&residual, move |t: ndarray::ArrayViewD<'_, f64>, _: ndarray::ArrayViewD<'_, f64>| {
            Ok::<_, Infallible>(t.sum() * &z)
        });
        let root = root.adjoint(Bicgstab::default());
        let f = Function::record(shape![], |t| root.solve(zeros(shape![2]), t)).unwrap();
        let t = f.jvp(1.0, 1.0).unwrap().1;
        assert!(t.iter().zip(&exact).all(|(t, e)| (t - e).abs() < 1e-11), "{t} {exact}");
        let sum = Function::record(shape![], |t| f.call(t).sum()).unwrap();
        assert!((sum.gradient(1.0).unwrap().number().unwrap() - exact.sum()).abs() < 1e-11);
    }
}

#[test]
fn a_neumann_series_ends() {
    let terms = |a: f64, b: f64| {
        let mut apply = from_fn(1, |x: &[f64], y: &mut [f64]| {
            y[0] = a * x[0];
            Ok::<(), String>(())
        });
        let mut x = [0.0];
        let o = linear_solves::solve(&Neumann::terms(usize::MAX), &mut apply, &[b], &mut x, 0.0);
        (o, x[0])
    };
    // The terms are 0 after the first; after 1074 halvings; never, as they keep their size.
    let (once, x) = terms(1.0, 3.0);
    assert_eq!((x, once.unwrap().iterations), (3.0, 2));
    assert_eq!(terms(0.5, 1.0).1, 2.0);
    let never = terms(2.0, 1.0).0;
    assert!(matches!(never, Ok(Outcome { status: Status::Stalled, .. }) | Err(Failed::Diverged { .. })), "{never:?}");
}
