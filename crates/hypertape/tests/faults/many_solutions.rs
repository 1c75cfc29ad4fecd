//! A system that has many solutions is refused, unless one of them is asked for.
//!
//! Looked at:
//! - GMRES, BiCGStab, CG, normal CG: the Krylov space of a right-hand side in the range of A never leaves the range, so the residual went to 0.
//!   Systems of at most 64 unknowns are now explored from a second, pseudo-random vector; for larger ones see `Stop::probe`.
//! - Normal CG: the minimum norm was found from 0 only, and was not asked for; now it is `minimum_norm`, which ignores the start.
//! - LU: pivots were compared with the largest of the matrix: diag(1e20, 1) was refused. They are compared with what they were computed from.
//! - Cholesky: a pivot that is rounding passed as positive.
//! - Neumann, one step: approximations by design; their residual is reported, and says nothing about uniqueness.
use crate::linear_solves::{self, condition, solved};
use hypertape::linear::{Outcome, Single};
use hypertape::prelude::*;
use ndarray::{Array1, Array2, arr1, arr2};
use std::convert::Infallible;

/// F = A z − t b, whose solution is given.
fn line(a: Array2<f64>, b: Array1<f64>, z: Array1<f64>, solver: impl linear::LinearSolver) -> Function<Leaf, Leaf> {
    let n = b.len();
    let (a, b) = (a.into_shared(), b.into_shared());
    let residual = Function::record((shape![n], shape![]), |(z, t)| constant(&a).dot(z) - t * constant(&b)).unwrap();
    let root = implicit::root(&residual, move |t: ndarray::ArrayViewD<'_, f64>, _: ndarray::ArrayViewD<'_, f64>| {
        let t = t.sum();
        Ok::<_, Infallible>(t * &z)
    });
    let root = root.adjoint(solver);
    Function::record(shape![], |t| root.solve(zeros(shape![n]), t)).unwrap()
}

/// x + y = t, twice.
fn twice(solver: impl linear::LinearSolver) -> Function<Leaf, Leaf> {
    line(arr2(&[[1.0, 1.0], [2.0, 2.0]]), arr1(&[1.0, 2.0]), arr1(&[0.5, 0.5]), solver)
}

fn refused(f: &Function<Leaf, Leaf>, name: &str) {
    let e = f.jvp(1.0, 1.0).map(|(_, t)| t).expect_err(name).to_string();
    assert!(e.contains("singular"), "{name}: {e}");
}

#[test]
fn an_equation_stated_twice_is_refused_in_forward_mode() {
    refused(&twice(Gmres::default()), "GMRES");
    refused(&twice(Bicgstab::default()), "BiCGStab");
    refused(&twice(NormalCg::default()), "normal CG");
    refused(&twice(Lu), "LU");
    refused(&twice(Qr), "QR");
    refused(&twice(Lsmr::default()), "LSMR");
    refused(&twice(Anderson::default().step(0.5)), "Anderson");
    refused(&twice(Broyden::default().step(0.5)), "Broyden");
}

#[test]
fn symmetric_systems_with_many_solutions_are_refused() {
    let f = |s: &dyn Fn(Array2<f64>, Array1<f64>, Array1<f64>) -> Function<Leaf, Leaf>| {
        s(arr2(&[[1.0, -1.0, 0.0], [-1.0, 2.0, -1.0], [0.0, -1.0, 1.0]]), arr1(&[1.0, 0.0, -1.0]), arr1(&[1.0, 0.0, -1.0]))
    };
    refused(&f(&|a, b, z| line(a, b, z, Cg::default())), "CG");
    refused(&f(&|a, b, z| line(a, b, z, Gmres::default())), "GMRES");
    refused(&f(&|a, b, z| line(a, b, z, Bicgstab::default())), "BiCGStab");
    refused(&f(&|a, b, z| line(a, b, z, NormalCg::default())), "normal CG");
    refused(&f(&|a, b, z| line(a, b, z, Ldlt)), "LDLᵀ");
    let e = f(&|a, b, z| line(a, b, z, Cholesky)).jvp(1.0, 1.0).map(|(_, t)| t).unwrap_err().to_string();
    assert!(e.contains("positive definite"), "{e}");
}

#[test]
fn the_minimum_norm_where_it_is_asked_for() {
    for f in [twice(NormalCg::default().minimum_norm()), twice(Lsmr::default().minimum_norm()), twice(Svd::default())] {
        let t = f.jvp(1.0, 1.0).unwrap().1;
        assert!(t.iter().all(|t| (t - 0.5).abs() < 1e-14), "{t}");
        // The transpose of A⁺: the gradient of x by t is ½ too, though no vector solves Aᵀw = e₁.
        let loss = Function::record(shape![], |t| f.call(t).slice_axis(0, 0, 1).sum()).unwrap();
        assert!((loss.gradient(1.0).unwrap().number().unwrap() - 0.5).abs() < 1e-14);
    }
}

fn all() -> [(&'static str, Box<dyn LinearSolver>); 6] {
    [
        ("CG", Box::new(Cg::default())),
        ("MINRES", Box::new(Minres::default())),
        ("GMRES", Box::new(Gmres::default())),
        ("BiCGStab", Box::new(Bicgstab::default())),
        ("normal CG", Box::new(NormalCg::default())),
        ("LSMR", Box::new(Lsmr::default())),
    ]
}

fn solve(s: &dyn LinearSolver, a: &Array2<f64>, b: &Array1<f64>, x: &mut [f64]) -> std::result::Result<Outcome, Failed> {
    linear_solves::solve(s, &mut a.clone(), b.as_slice().unwrap(), x, 1e-12)
}

/// The Laplacian of a path: its null space are the constants.
fn path(n: usize) -> Array2<f64> {
    Array2::from_shape_fn((n, n), |(i, j)| match i.abs_diff(j) {
        0 if i == 0 || i == n - 1 => 1.0,
        0 => 2.0,
        1 => -1.0,
        _ => 0.0,
    })
}

#[test]
fn null_spaces_of_other_sizes_and_scales() {
    for (name, s) in &all() {
        for scale in [1e-150, 1.0, 1e150] {
            for n in [2, 3, 10, 64] {
                let a = scale * path(n);
                let b = a.dot(&Array1::from_shape_fn(n, |i| (i * i) as f64));
                let o = solve(&**s, &a, &b, &mut vec![0.0; n]);
                assert!(!solved(&o), "{name}, n = {n}, {scale:e}: {o:?}");
                // What conjugate gradients leave on a path of 64 is not always a residual of rounding; that A is singular is known all the same.
                assert!(condition(&o).unwrap() > 1e13, "{name}, n = {n}, {scale:e}: {o:?}");
            }
            // Most directions have no image.
            let mut a = Array2::zeros((5, 5));
            a[[2, 2]] = scale;
            let o = solve(&**s, &a, &(scale * arr1(&[0.0, 0.0, 3.0, 0.0, 0.0])), &mut [0.0; 5]);
            assert!(matches!(o, Err(Failed::Singular { .. })), "{name}: {o:?}");
        }
        // 0 x = 0 has the solution 0 for every method: of all, the shortest. 0 x = 1 has none.
        assert!(!solved(&solve(&**s, &Array2::zeros((1, 1)), &arr1(&[1.0]), &mut [0.0])), "{name}");
    }
}

#[test]
fn regular_systems_are_not_refused() {
    let shift = |n: usize| Array2::from_shape_fn((n, n), |(i, j)| if (i + 1) % n == j { 1.0 } else { 0.0 });
    let hilbert = Array2::from_shape_fn((5, 5), |(i, j)| 1.0 / (i + j + 1) as f64);
    let graded = Array2::from_diag(&Array1::from_shape_fn(6, |i| 10f64.powi(-(i as i32))));
    for (name, s) in &all() {
        for (what, a) in [
            ("identity", Array2::eye(7)),
            ("Hilbert", hilbert.clone()),
            ("graded", graded.clone()),
            ("one", arr2(&[[1e-3]])),
            ("shift", shift(9)),
        ] {
            if matches!(*name, "CG" | "MINRES") && what == "shift" {
                continue;
            }
            let n = a.nrows();
            let exact = Array1::from_shape_fn(n, |i| 1.0 + (i as f64).sin());
            let mut x = vec![0.0; n];
            let o = solve(&**s, &a, &a.dot(&exact), &mut x);
            assert!(solved(&o), "{name}, {what}: {o:?}");
            // Condition at most 4.8e5, of the Hilbert matrix.
            assert!(exact.iter().zip(&x).all(|(e, x)| (e - x).abs() < 1e-5), "{name}, {what}: {x:?}");
        }
    }
}

#[test]
fn the_minimum_norm_does_not_depend_on_the_start() {
    let s = NormalCg::default().minimum_norm();
    // (1, 1) of x + y = 2; (0.4, 0.8) of x + 2y = 2 and its double; (¼, ¼) of x + y = 1 and x + y = 0, in the least squares.
    for (a, b, exact, status) in [
        (arr2(&[[1.0, 1.0], [1.0, 1.0]]), arr1(&[2.0, 2.0]), [1.0, 1.0], Status::Converged),
        (arr2(&[[1.0, 2.0], [2.0, 4.0]]), arr1(&[2.0, 4.0]), [0.4, 0.8], Status::Converged),
        (arr2(&[[1.0, 1.0], [1.0, 1.0]]), arr1(&[1.0, 0.0]), [0.25, 0.25], Status::LeastSquares),
    ] {
        for scale in [1e-160, 1.0, 1e160] {
            let mut x = [3.0, -5.0];
            let o = solve(&s, &(scale * &a), &(scale * &b), &mut x).unwrap();
            assert!(o.converged() && matches!(o.status, s if s == status || s == Status::Rounding), "{o:?}");
            assert!((x[0] - exact[0]).abs() < 1e-14 && (x[1] - exact[1]).abs() < 1e-14, "{x:?}");
        }
    }
}

#[test]
fn many_solutions_in_single_precision() {
    let a = arr2(&[[0.1_f32, 0.3], [0.2, 0.6]]);
    for s in [&Gmres::default() as &dyn LinearSolver, &Bicgstab::default()] {
        let o = linear_solves::solve(s, &mut Single::new(a.clone()), &[0.1, 0.2], &mut [0.0; 2], 1e-5);
        assert!(matches!(o, Err(Failed::Singular { .. })), "{}: {o:?}", s.name());
    }
}

#[test]
fn large_systems_are_explored_where_that_is_asked_for() {
    let n = 100;
    let a = path(n);
    let b = a.dot(&Array1::from_shape_fn(n, |i| (i * i) as f64));
    let o = solve(&Cg::default().probe_up_to(n), &a, &b, &mut vec![0.0; n]);
    assert!(!solved(&o), "{o:?}");
}
