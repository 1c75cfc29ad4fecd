//! A cotangent of any size is solved for.
//!
//! Looked at:
//! - CG, BiCGStab, normal CG, GMRES: squares of the right-hand side and of A left the range; now the system is scaled by powers of two.
//! - LU, Cholesky: the residual was measured by plain squares.
//! - All: b = 0 gives 0 exactly; what is not finite is named; sizes 0 and 1.
use crate::linear_solves::{solve, solved};
use hypertape::linear::{Diagonal, Operator, Single, from_fn};
use hypertape::prelude::*;
use ndarray::{Array1, Array2, arr1, arr2};
use std::convert::Infallible;

/// The gradient of scale · (z₁ − 2 z₂) by p, where A z = p, A = [[2, 1], [1, 3]]: scale · A⁻¹(1, −2) = scale · (1, −1).
fn gradient<T: Real>(scale: f64, solver: impl linear::LinearSolver) -> Result<Vec<f64>> {
    let two = Leaf::<T>::new([2]);
    let a = arr2(&[[2.0, 1.0], [1.0, 3.0]]).mapv(T::from_f64).into_shared();
    let residual = Function::record((two.clone(), two.clone()), |(z, p)| constant(&a).dot(z) - p)?;
    let root = implicit::root(&residual, |p: ndarray::ArrayViewD<'_, T>, _: ndarray::ArrayViewD<'_, T>| {
        let (p, q) = (hypertape::array::Element::to_f64(p[[0]]), hypertape::array::Element::to_f64(p[[1]]));
        Ok::<_, Infallible>(arr1(&[0.6 * p - 0.2 * q, 0.4 * q - 0.2 * p]).mapv(T::from_f64))
    });
    let root = root.tolerance(1e-5).adjoint(solver);
    let weights = arr1(&[1.0, -2.0]).mapv(T::from_f64).into_shared();
    let f = Function::record(two.clone(), |p| {
        let s: Var<T> = scalar(scale);
        s * constant(&weights).dot(root.solve(zeros(two.clone()), p))
    })?;
    let one: Array1<T> = arr1(&[T::from_f64(1.0), T::from_f64(2.0)]);
    Ok(f.gradient(&one)?.iter().map(|v| hypertape::array::Element::to_f64(*v)).collect())
}

fn scaled(solver: impl linear::LinearSolver + Clone) {
    let name = solver.name();
    for scale in [1e-290, 1e-170, 1e-30, 1.0, 1e30, 1e170, 1e290] {
        let g = gradient::<f64>(scale, solver.clone()).unwrap_or_else(|e| panic!("{name}, {scale:e}: {e}"));
        assert!((g[0] / scale - 1.0).abs() < 1e-11 && (g[1] / scale + 1.0).abs() < 1e-11, "{name}, {scale:e}: {g:?}");
    }
    for scale in [1e-30, 1.0, 1e30] {
        let g = gradient::<f32>(scale, solver.clone()).unwrap_or_else(|e| panic!("{name}, {scale:e}: {e}"));
        assert!((g[0] / scale - 1.0).abs() < 1e-4 && (g[1] / scale + 1.0).abs() < 1e-4, "{name}, {scale:e}: {g:?}");
    }
    let g = gradient::<f64>(0.0, solver).unwrap();
    assert_eq!(g, [0.0, 0.0], "{name}");
}

#[test]
fn cotangents_by_cg() {
    scaled(Cg::default());
}
#[test]
fn cotangents_by_bicgstab() {
    scaled(Bicgstab::default());
}
#[test]
fn cotangents_by_normal_cg() {
    scaled(NormalCg::default());
}
#[test]
fn cotangents_by_gmres() {
    scaled(Gmres::default());
}
#[test]
fn cotangents_by_lu() {
    scaled(Lu);
}
#[test]
fn cotangents_by_cholesky() {
    scaled(Cholesky);
}

#[test]
fn cotangents_by_minres() {
    scaled(Minres::default());
}

#[test]
fn cotangents_by_other_factorisations() {
    scaled(Qr);
    scaled(Ldlt);
    scaled(Svd::default());
}

#[test]
fn cotangents_by_lsmr() {
    scaled(Lsmr::default());
}

#[test]
fn cotangents_by_accelerated_iterations() {
    scaled(Anderson::default().step_from_spectrum());
    scaled(Broyden::default().step_from_spectrum());
}

fn iterative() -> [Box<dyn LinearSolver>; 8] {
    [
        Box::new(Cg::default()),
        Box::new(Minres::default()),
        Box::new(Gmres::default()),
        Box::new(Bicgstab::default()),
        Box::new(NormalCg::default()),
        Box::new(Lsmr::default()),
        Box::new(Anderson::default().step_from_spectrum()),
        Box::new(Broyden::default().step_from_spectrum()),
    ]
}

/// A = size · tridiag(−1, 3, −1), whose inverse is known by a solve without scale: x = pattern · right / size.
fn system(single: bool, size: f64, right: f64, n: usize) {
    let pattern: Vec<f64> = (0..n).map(|i| 1.0 + (i % 3) as f64).collect();
    let matrix = Array2::from_shape_fn((n, n), |(i, j)| match i.abs_diff(j) {
        0 => 3.0 * size,
        1 => -size,
        _ => 0.0,
    });
    let b: Vec<f64> = (0..n)
        .map(|i| {
            let at = |k: usize| pattern.get(k).copied().unwrap_or(0.0);
            right * (3.0 * at(i) - at(i + 1) - if i > 0 { at(i - 1) } else { 0.0 })
        })
        .collect();
    let epsilon = if single { f64::from(f32::EPSILON) } else { f64::EPSILON };
    let mut a: Box<dyn Operator> = if single { Box::new(Single::new(matrix.mapv(|v| v as f32))) } else { Box::new(matrix) };
    let exact = right / size;
    let direct: [Box<dyn LinearSolver>; 5] = [Box::new(Lu), Box::new(Cholesky), Box::new(Qr), Box::new(Ldlt), Box::new(Svd::default())];
    for s in iterative().into_iter().chain(direct) {
        // From 0, and from a start near the solution.
        for start in [0.0, 0.9 * exact] {
            let mut x = vec![start; n];
            let o = solve(&*s, &mut *a, &b, &mut x, 64.0 * epsilon);
            assert!(solved(&o), "{}: A {size:e}, b {right:e}, n = {n}: {o:?}", s.name());
            let close = x.iter().zip(&pattern).all(|(x, p)| (x / exact - p).abs() < 1e3 * epsilon);
            assert!(close, "{}: A {size:e}, b {right:e}, n = {n}: {o:?} {x:?}", s.name());
        }
    }
}

#[test]
fn systems_at_any_scale() {
    for (size, right) in
        [(1e-150, 1.0), (1e150, 1.0), (1e-150, 1e-150), (1e150, 1e150), (1.0, 1e-290), (1.0, 1e290), (1e-200, 1e-300), (1e280, 1e290)]
    {
        for n in [0, 1, 2, 7, 65] {
            system(false, size, right, n);
        }
    }
    for (size, right) in [(1e-18, 1.0), (1e18, 1.0), (1e-18, 1e-18), (1e18, 1e18), (1.0, 1e-30), (1.0, 1e30), (1e25, 1e30), (1e-25, 1e-30)]
    {
        for n in [0, 1, 2, 7, 65] {
            system(true, size, right, n);
        }
    }
}

#[test]
fn what_is_not_finite_is_named() {
    let series: [Box<dyn LinearSolver>; 1] = [Box::new(Neumann::terms(9))];
    for s in iterative().into_iter().chain(series) {
        for bad in [f64::NAN, f64::INFINITY] {
            let o = solve(&*s, &mut Diagonal(vec![1.0, 1.0]), &[1.0, bad], &mut [0.0; 2], 1e-9);
            assert!(matches!(&o, Err(Failed::NotFinite { what, .. }) if what.contains("right-hand side")), "{}: {o:?}", s.name());
            let o = solve(&*s, &mut Diagonal(vec![1.0, bad]), &[1.0, 1.0], &mut [0.0; 2], 1e-9);
            assert!(matches!(&o, Err(Failed::NotFinite { what, .. }) if what.contains("operator")), "{}: {o:?}", s.name());
        }
        // 1e-300 x = 1e300.
        let o = solve(&*s, &mut Diagonal(vec![1e-300]), &[1e300], &mut [0.0], 1e-9);
        assert!(!solved(&o), "{}: {o:?}", s.name());
    }
}

#[test]
fn rounding_is_not_called_an_iteration_limit() {
    // ‖A‖‖x‖/‖b‖ = 1e6: the relative residual cannot get below 1e-10.
    let d = [1e6, 1.0, 3.0];
    let apply = |x: &[f64], y: &mut [f64]| {
        y.iter_mut().zip(x).zip(d).for_each(|((y, x), d)| *y = d * x);
        // A rotation of the first two makes products round.
        (y[0], y[1]) = (0.6 * y[0] + 0.8 * y[1], 0.8 * y[0] - 0.6 * y[1]);
        Ok::<(), String>(())
    };
    let transposed = |x: &[f64], y: &mut [f64]| {
        (y[0], y[1], y[2]) = (d[0] * (0.6 * x[0] + 0.8 * x[1]), d[1] * (0.8 * x[0] - 0.6 * x[1]), d[2] * x[2]);
        Ok::<(), String>(())
    };
    let solvers: [&dyn LinearSolver; 4] = [&Gmres::default(), &Bicgstab::default(), &NormalCg::default(), &Lsmr::default()];
    for s in solvers {
        for tolerance in [0.0, 1e-17] {
            let mut x = [0.0; 3];
            let o = solve(s, &mut from_fn(3, apply).with_transpose(transposed), &[0.8, -0.6, 3.0], &mut x, tolerance);
            assert!(solved(&o), "{}: {o:?}", s.name());
            assert!((x[1] - 1.0).abs() < 1e-8 && (x[2] - 1.0).abs() < 1e-8, "{}: {x:?}", s.name());
        }
    }
}

#[test]
fn an_absolute_tolerance_is_met_too() {
    let b = [1e8; 30];
    let solvers: [&dyn LinearSolver; 5] = [
        &Cg::default().absolute_tolerance(1.0),
        &Minres::default().absolute_tolerance(1.0),
        &Gmres::default().absolute_tolerance(1.0),
        &Bicgstab::default().absolute_tolerance(1.0),
        &NormalCg::default().absolute_tolerance(1.0),
    ];
    for s in solvers {
        let mut a = Diagonal((1..=30).map(f64::from).collect());
        let o = solve(s, &mut a, &b, &mut [0.0; 30], 0.0).unwrap();
        assert!(o.converged() && o.absolute <= 1.0, "{}: {o:?}", s.name());
    }
}

/// A z = p for a symmetric A, by any code.
fn warm(solver: impl linear::LinearSolver) -> Function<Leaf, Leaf> {
    let a = || constant(&arr2(&[[4.0, 1.0], [1.0, 3.0]]).into_shared());
    let residual = Function::record((shape![2], shape![2]), |(z, p)| a().dot(z) - p).unwrap();
    // A⁻¹ = [[3, −1], [−1, 4]]/11.
    let root = implicit::root(&residual, |p: ndarray::ArrayViewD<'_, f64>, _: ndarray::ArrayViewD<'_, f64>| {
        Ok::<_, Infallible>(arr1(&[(3.0 * p[[0]] - p[[1]]) / 11.0, (4.0 * p[[1]] - p[[0]]) / 11.0]))
    })
    .adjoint(solver)
    .warm_start();
    Function::record(shape![2], |p| root.solve(zeros(shape![2]), p)).unwrap()
}

#[test]
fn warm_starts_of_cotangents_of_other_sizes() {
    fn check(solver: impl linear::LinearSolver, what: &str) {
        let f = warm(solver).wrt(|p| p).vjp();
        let mut w = f.workspace();
        for (a, b) in [
            (1e200, 1.0),
            (1.0, 2.0),
            (1.0, 2.0),
            (1e-150, 2e-150),
            (1e-160, 0.0),
            (1.0, 1.0),
            (3e5, 1.0),
            (1e-300, 1e-300),
            (1e300, 0.0),
            (1.0, 0.0),
        ] {
            let (_, c) = w.run((arr1(&[1.0, 2.0]), arr1(&[a, b]))).unwrap_or_else(|e| panic!("{what}, {a:e}: {e}"));
            let expected = [(3.0 * a - b) / 11.0, (4.0 * b - a) / 11.0];
            let size = expected[0].abs().max(expected[1].abs());
            for (c, e) in c.iter().zip(expected) {
                assert!((c - e).abs() <= 1e-11 * size, "{what}, {a:e}: {c:e}, {e:e}");
            }
        }
    }
    check(Cg::default(), "CG");
    check(Gmres::default(), "GMRES");
    check(Bicgstab::default(), "BiCGStab");
    check(NormalCg::default(), "normal CG");
    check(Lu, "LU");
}
