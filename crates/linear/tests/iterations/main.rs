//! Linear solvers: solutions, warm starts, either side, true residuals, counts, preconditioners, and what cannot work.
mod batches;
mod beside;
mod bicgstab_ell;
mod block;
mod block_gmres;
mod choice;
mod conditioning_price;
mod eigenvalues;
mod extremes;
mod faults;
mod lissa;
mod many;
mod minimum_norm;
mod shine;
mod smallest;
mod sparse;
mod support;
mod words;

use hypertape_linear::{
    Anderson, Auto, Bicgstab, Broyden, Cg, Cholesky, Diagonal, Failed, Gmres, Hints, Hutchinson, InverseMap, Jacobi, Ldlt, LinearSolver,
    Lsmr, Lu, Minres, Need, Neumann, NormalCg, Nystrom, OneStep, Outcome, Prepare, Products, Qr, Side, Single, Status, Svd, Tolerance,
    Workspace, from_fn,
};
use hypertape_testkit::allocations::Counting;
use hypertape_testkit::random;
use ndarray::{Array1, Array2, arr1, arr2};
use support::*;

#[global_allocator]
static MEMORY: Counting = Counting::new();

fn check(solver: &dyn LinearSolver, a: &Array2<f64>) {
    let n = a.nrows();
    let exact: Array1<f64> = random::normal(13, n);
    let mut w = Workspace::new(solver, n);
    w.prepare(&mut a.clone(), &Hints::default()).unwrap();
    for side in [Side::Plain, Side::Transposed] {
        let of = if side == Side::Plain { a.view() } else { a.t() };
        let b = of.dot(&exact);
        let (mut x, mut a, b) = (vec![0.0; n], a.clone(), b.to_vec());
        let tolerance = Tolerance { relative: 1e-12, absolute: 0.0 };
        let o = w.solve(&mut a, side, &b, &mut x, tolerance).unwrap();
        assert_eq!(o.status, Status::Converged, "{} n = {n}: {o:?}", solver.name());
        let r = (&arr1(&b) - &of.dot(&arr1(&x))).mapv(|v| v * v).sum().sqrt();
        assert!((o.absolute - r).abs() <= 1e-3 * o.absolute + 1e-15 * n as f64, "the residual is the true one");
        assert!(o.residual <= 1e-12 && o.products.plain + o.products.transposed > 0);
        if o.iterations > 0 {
            // From the solution: nothing to do.
            let again = w.solve(&mut a, side, &b, &mut x, Tolerance { relative: 1e-10, absolute: 0.0 }).unwrap();
            assert_eq!((again.iterations, again.status), (0, Status::Converged));
        }
        // b = 0 has the solution 0.
        let zero = w.solve(&mut a, side, &vec![0.0; n], &mut x, tolerance).unwrap();
        assert!(zero.converged() && zero.products == Products::default() && x.iter().all(|v| *v == 0.0));
    }
}

#[test]
fn conjugate_gradients() {
    for n in [1, 2, 7, 40, 50, 51] {
        check(&Cg::default(), &definite(n));
        check(&Cg::default(), &-definite(n));
    }
}

#[test]
fn minimal_residuals() {
    for n in [1, 2, 3, 7, 40, 50, 65] {
        check(&Minres::default(), &definite(n));
        check(&Minres::default(), &indefinite(n));
    }
}

#[test]
fn gmres() {
    for n in [1, 2, 7, 40, 50, 51, 120] {
        check(&Gmres::default(), &general(n));
        check(&Gmres::default().restart(5), &general(n));
    }
}

#[test]
fn bicgstab() {
    for n in [1, 2, 7, 40, 51] {
        for ell in [1, 2, 3, 4, 8, 16] {
            check(&Bicgstab::default().ell(ell), &general(n));
        }
    }
}

#[test]
fn accelerated_iterations() {
    for n in [1, 2, 7, 40] {
        check(&Anderson::default().step(0.9), &general(n));
        check(&Anderson::default().memory(2).step_from_spectrum(), &definite(n));
        check(&Broyden::default().step(0.9), &general(n));
        check(&Broyden::default().memory(100).step_from_spectrum(), &-definite(n));
    }
    // With all iterates Anderson is GMRES, but for the last step; Broyden ends after 2n steps.
    let (a, b) = (general(12), [1.0; 12]);
    let steps = |s: &dyn LinearSolver| solve(s, &mut a.clone(), &b, &mut [0.0; 12], 1e-9).unwrap().iterations;
    let gmres = steps(&Gmres::default());
    assert!(steps(&Anderson::default().memory(12).step(1.0)).abs_diff(gmres) <= 1, "{gmres}");
    assert!(steps(&Broyden::default().memory(24).step(1.0)) <= 25);
    // Where the plain iteration repels: the condition is that of GMRES.
    let repelling = Array2::from_diag(&arr1(&[-0.5, 2.5, 4.0]));
    for s in [&Anderson::default().step(1.0) as &dyn LinearSolver, &Broyden::default().step(1.0)] {
        let mut x = [0.0; 3];
        let o = solve(s, &mut repelling.clone(), &[1.0; 3], &mut x, 1e-10).unwrap();
        assert!(o.converged() && (x[0] + 2.0).abs() < 1e-8 && (x[2] - 0.25).abs() < 1e-9, "{o:?} {x:?}");
    }
    for e in [Anderson::default().memory(0).check(), Broyden::default().memory(0).check(), Broyden::default().step(0.0).check()] {
        assert!(matches!(e, Err(Failed::Setting { .. })), "{e:?}");
    }
}

#[test]
fn normal_equations() {
    for n in [1, 2, 7, 40] {
        check(&NormalCg::default(), &general(n));
        check(&Lsmr::default(), &general(n));
    }
}

#[test]
fn factorisations() {
    for n in [1, 2, 7, 40, 300] {
        check(&Lu, &general(n));
        check(&Cholesky, &definite(n));
        check(&Cholesky, &-definite(n));
        check(&Qr, &general(n));
        check(&Ldlt, &definite(n));
        check(&Ldlt, &indefinite(n));
        check(&Svd::default(), &general(n));
    }
}

#[test]
fn preconditioners() {
    // Rows and columns of very different sizes: D A D, whose diagonal tells D.
    let n = 60;
    let scale = Array2::from_diag(&Array1::from_shape_fn(n, |i| 10f64.powf(i as f64 / 20.0)));
    for (a, plain, with) in [
        (
            scale.dot(&definite(n)).dot(&scale),
            Box::new(Cg::default()) as Box<dyn LinearSolver>,
            Box::new(Cg::default().preconditioner(Jacobi)) as Box<dyn LinearSolver>,
        ),
        (scale.dot(&definite(n)).dot(&scale), Box::new(Minres::default()), Box::new(Minres::default().preconditioner(Jacobi))),
        (scale.dot(&general(n)).dot(&scale), Box::new(Bicgstab::default()), Box::new(Bicgstab::default().preconditioner(Jacobi))),
        (scale.dot(&general(n)).dot(&scale), Box::new(Gmres::default()), Box::new(Gmres::default().preconditioner(Jacobi))),
    ] {
        let exact: Array1<f64> = random::normal(13, n);
        let b = a.dot(&exact).to_vec();
        let [mut x, mut y] = [vec![0.0; n], vec![0.0; n]];
        let without = solve(&*plain, &mut a.clone(), &b, &mut y, 1e-10);
        let o = solve(&*with, &mut a.clone(), &b, &mut x, 1e-10).unwrap();
        assert!(o.converged() && o.products.preconditioner > 0, "{}: {o:?}", with.name());
        let iterations = without.as_ref().map_or(u64::MAX, |o| o.iterations);
        assert!(o.iterations < iterations, "{}: {o:?} {without:?}", with.name());
        assert!(exact.iter().zip(&x).all(|(e, x)| (e - x).abs() < 1e-4), "{}: {x:?}", with.name());
        // From a start, and for the other side.
        let mut w = Workspace::new(&*with, n);
        w.prepare(&mut a.clone(), &Hints::default()).unwrap();
        let mut x = vec![0.5; n];
        let b = a.t().dot(&exact).to_vec();
        let o = w.solve(&mut a.clone(), Side::Transposed, &b, &mut x, Tolerance { relative: 1e-10, absolute: 0.0 }).unwrap();
        assert!(o.converged() && exact.iter().zip(&x).all(|(e, x)| (e - x).abs() < 1e-4), "{}: {o:?}", with.name());
    }
    // Few large eigenvalues, of either sign and at any scale; a diagonal that is known by products alone.
    let sizes = |at: f64| Array2::from_diag(&Array1::from_shape_fn(n, |i| at * (1.0 + 1e6 * 0.4f64.powi(i as i32))));
    for at in [1.0, -1e-250, 1e250] {
        let q = indefinite(n);
        let a = q.dot(&(sizes(at) / at)).dot(&q.t()) * at;
        let b = a.dot(&random::normal(13, n)).to_vec();
        let count = |s: &dyn LinearSolver| solve(s, &mut a.clone(), &b, &mut vec![0.0; n], 1e-8).unwrap().iterations;
        let (plain, with) = (count(&Cg::default()), count(&Cg::default().preconditioner(Nystrom { rank: 20 })));
        assert!(2 * with < plain, "{at:e}: {plain} {with}");
        assert!(count(&Cg::default().preconditioner(Nystrom { rank: 1000 })) <= 4);
        assert_eq!(count(&Cg::default().preconditioner(Nystrom { rank: 0 })), plain);
        let a = scale.dot(&definite(n)).dot(&scale) * at;
        let b = a.dot(&random::normal(13, n)).to_vec();
        let count = |s: &dyn LinearSolver| solve(s, &mut a.clone(), &b, &mut vec![0.0; n], 1e-8).unwrap().iterations;
        assert!(count(&Cg::default().preconditioner(Hutchinson { probes: 40 })) < count(&Cg::default()), "{at:e}");
        assert_eq!(count(&Cg::default().preconditioner(Hutchinson { probes: n })), count(&Cg::default().preconditioner(Jacobi)));
    }
    // The inverse itself: one step.
    let a = definite(5);
    let mut lu = Lu.prepare(a.clone()).unwrap();
    let inverse: Vec<Array1<f64>> = (0..5).map(|i| lu.solve(Array2::<f64>::eye(5).row(i).as_slice().unwrap()).unwrap().x).collect();
    let map = InverseMap::new(move |_, r, z| {
        z.iter_mut().zip(&inverse).for_each(|(z, row)| *z = row.iter().zip(r).map(|(a, b)| a * b).sum());
        Ok(())
    });
    for s in [&Cg::default().preconditioner(map.clone()) as &dyn LinearSolver, &Gmres::default().preconditioner(map.clone())] {
        let o = solve(s, &mut a.clone(), &[1.0; 5], &mut [0.0; 5], 1e-10).unwrap();
        assert!(o.iterations <= 2, "{o:?}");
    }
    // A lack is named, and so is a preconditioner that is not definite.
    let mut matrix_free = from_fn(2, |x: &[f64], y: &mut [f64]| {
        y.copy_from_slice(x);
        Ok::<(), String>(())
    });
    let o = solve(&Cg::default().preconditioner(Jacobi), &mut matrix_free, &[1.0, 2.0], &mut [0.0; 2], 1e-9);
    assert!(matches!(o, Err(Failed::Lacks(Need::Diagonal))), "{o:?}");
    let negative = InverseMap::new(|_, r, z| {
        z.iter_mut().zip(r).for_each(|(z, r)| *z = -r);
        Ok(())
    });
    let o = solve(&Cg::default().preconditioner(negative), &mut a.clone(), &[1.0; 5], &mut [0.0; 5], 1e-9);
    assert!(matches!(o, Err(Failed::NotDefinite { .. })), "{o:?}");
}

#[test]
fn a_workspace_takes_another_operator() {
    let a = general(4);
    let again = Lu.prepare(a.clone()).unwrap().again(2.0 * &a).unwrap().solve(&[1.0, 2.0, 3.0, 4.0]).unwrap().x;
    assert!((2.0 * a.dot(&again) - arr1(&[1.0, 2.0, 3.0, 4.0])).iter().all(|r| r.abs() < 1e-14));
}

#[test]
fn products_are_counted() {
    let count = |s: &dyn LinearSolver| solve(s, &mut definite(30), &[1.0; 30], &mut [0.0; 30], 1e-8).unwrap();
    // Two for the symmetry, one an iteration, one for the true residual; the second space ends before all 30 where a pseudo-random vector is solved for.
    let cg = count(&Cg::default());
    let second = cg.products.plain - (cg.iterations + 3);
    assert!((1..=cg.iterations + 2).contains(&second) && cg.products.transposed == 0, "{cg:?}");
    // Of a symmetric indefinite operator it has all 30.
    let minres = solve(&Minres::default(), &mut indefinite(30), &[1.0; 30], &mut [0.0; 30], 1e-8).unwrap();
    assert!(minres.products.plain >= minres.iterations + 30, "{minres:?}");
    let cg = count(&Cg::default().trusted());
    assert_eq!(cg.products.plain, cg.iterations + 1);
    let normal = count(&NormalCg::default().probe_up_to(0));
    assert_eq!((normal.products.plain, normal.products.transposed), (normal.iterations + 1, normal.iterations + 1));
    let one = count(&OneStep::default());
    assert_eq!((one.iterations, one.products.plain, one.status), (1, 1, Status::Truncated { terms: 1 }));
    // The matrix is read where it lies; the residual takes a product.
    assert_eq!(count(&Lu).products.plain, 1);
}

/// Of a singular system whose right-hand side lies outside the range, the residual keeps its part along the null vector, and the steps grow without bound.
#[test]
fn singular_systems_are_told_whatever_the_right_hand_side() {
    for n in [2, 3, 7, 20, 64] {
        for scale in [1.0, -1.0, 1e-150, 1e150] {
            for (zeros, outside) in [(1, 1.0), (1, 1e-12), (2, 1.0)] {
                let values = Array1::from_shape_fn(n, |i| scale * i.saturating_sub(zeros - 1) as f64);
                let b = Array1::from_shape_fn(n, |i| if i < zeros { outside } else { 1.0 });
                let o = solve(&Cg::default(), &mut Array2::from_diag(&values), b.as_slice().unwrap(), &mut vec![0.0; n], 1e-12);
                assert!(matches!(o, Err(Failed::Singular { .. })), "{n} {scale:e} {zeros} {outside:e}: {o:?}");
            }
        }
        // A projection along ones: its null vector is hidden among rounding.
        let projection = Array2::eye(n) - 1.0 / n as f64;
        let b: Vec<f64> = (0..n).map(|i| 1.0 + (i as f64).sin()).collect();
        let o = solve(&Cg::default(), &mut projection.clone(), &b, &mut vec![0.0; n], 1e-12);
        assert!(matches!(o, Err(Failed::Singular { .. })), "{n}: {o:?}");
    }
    // Without curvature along the first direction, but not singular.
    let o = solve(&Cg::default(), &mut arr2(&[[0.0, 1.0], [1.0, 0.0]]), &[1.0, 0.0], &mut [0.0; 2], 1e-12);
    assert!(matches!(o, Err(Failed::NotDefinite { .. })), "{o:?}");
}

#[test]
fn settings_that_cannot_work_are_named() {
    let a = || definite(3);
    for t in [-1.0, 1.0, f64::NAN, f64::INFINITY] {
        let e = Cg::tolerance(t).prepare(a()).map(|_| ()).unwrap_err();
        assert!(matches!(e, Failed::Setting { what: "tolerance", .. }), "{e}");
        let e = Gmres::default().absolute_tolerance(-1.0 - t.abs()).prepare(a()).map(|_| ()).unwrap_err();
        assert!(matches!(e, Failed::Setting { what: "absolute tolerance", .. }), "{e}");
    }
    assert!(matches!(Neumann::terms(0).check(), Err(Failed::Setting { .. })));
    assert!(matches!(OneStep::step(0.0).check(), Err(Failed::Setting { .. })));
    assert!(matches!(Neumann::terms(3).prepare(a()).map(|_| ()), Err(Failed::Lacks(Need::Map))));
    assert!(matches!(Minres::default().accuracy(0.0).prepare(a()).map(|_| ()), Err(Failed::Setting { what: "accuracy", .. })));
    let plain = from_fn(2, |x: &[f64], y: &mut [f64]| {
        y.copy_from_slice(x);
        Ok::<(), String>(())
    });
    assert!(matches!(NormalCg::default().prepare(plain).map(|_| ()), Err(Failed::Lacks(Need::Transpose))));
    assert!(matches!(Lu.prepare(Array2::zeros((2, 3))).map(|_| ()), Err(Failed::NotSquare { rows: 2, columns: 3 })));
}

#[test]
fn neumann_terms_are_the_truncated_series() {
    // z = z/2 + x: A = ½; K terms give 2(1 − ½ᴷ).
    for (k, exact) in [(1, 1.0), (5, 1.9375), (10, 1.998046875)] {
        let mut x = [9.0];
        let o = solve(&Neumann::terms(k), &mut Diagonal(vec![0.5]), &[1.0], &mut x, 0.0).unwrap();
        assert_eq!((x[0], o.iterations, o.status), (exact, k as u64, Status::Truncated { terms: k as u64 }));
    }
    // Without a step: that of the spectrum, of either sign and at any scale.
    for scale in [1.0, -3.0, 1e-200, 1e200] {
        let a = definite(20) * scale;
        let exact: Array1<f64> = random::normal(13, 20);
        let mut x = [0.0; 20];
        let mut w = Workspace::new(&Neumann::tolerance(1e-10).step_from_spectrum(), 20);
        w.prepare(&mut a.clone(), &Hints::default()).unwrap();
        let o =
            w.solve(&mut a.clone(), Side::Plain, &a.dot(&exact).to_vec(), &mut x, Tolerance { relative: 1e-10, absolute: 0.0 }).unwrap();
        assert!(o.converged() && o.iterations < 1000 && (&arr1(&x) - &exact).mapv(f64::abs).sum() < 1e-6, "{scale:e} {o:?}");
    }
    // From a start that counts, they are steps of Richardson's iteration, on either side and at any scale; at the solution nothing moves.
    for size in [1.0, 1e-200, 1e200] {
        let (a, b) = (general(9), random::normal(14, 9) * size);
        let mut w = Workspace::new(&Neumann::terms(5).step(0.7).from_start(), 9);
        w.prepare(&mut a.clone(), &Hints::default()).unwrap();
        for side in [Side::Plain, Side::Transposed] {
            let of = if side == Side::Plain { a.view() } else { a.t() };
            let mut steps: Array1<f64> = random::normal(15, 9) * size;
            let mut x = steps.to_vec();
            (0..5).for_each(|_| steps = &steps + &(0.7 * (&b - &of.dot(&steps))));
            let o = w.solve(&mut a.clone(), side, b.as_slice().unwrap(), &mut x, Tolerance { relative: 0.0, absolute: 0.0 }).unwrap();
            assert!((&arr1(&x) - &steps).iter().all(|d| d.abs() <= 100.0 * f64::EPSILON * size), "{o:?}");
            assert_eq!((o.iterations, o.products.plain + o.products.transposed), (5, 6));
        }
    }
    let solver = Neumann::tolerance(1e-10).from_start();
    let (mut x, mut a) = ([2.0], Diagonal(vec![0.5]));
    assert_eq!(solve(&solver, &mut a, &[1.0], &mut x, 1e-10).map(|o| (o.status, o.iterations)).unwrap(), (Status::Converged, 1));
    assert_eq!(x, [2.0]);
    x = [2.25];
    let o = solve(&solver, &mut a, &[1.0], &mut x, 1e-10).unwrap();
    assert!(o.converged() && (x[0] - 2.0).abs() <= 2e-10 && o.iterations <= 32, "{o:?}");
    // T = 2z + x: A = −1 and the terms double.
    let o = solve(&Neumann::terms(20), &mut Diagonal(vec![-1.0]), &[1.0], &mut [0.0], 1e-10);
    assert!(matches!(o, Err(Failed::Diverged { growth: Some(g), .. }) if (g - 2.0).abs() < 1e-12), "{o:?}");
}

#[test]
fn what_symmetric_methods_cannot_do_is_reported() {
    let ones = [1.0; 20];
    for s in [&Cg::default() as &dyn LinearSolver, &Minres::default(), &Cholesky, &Ldlt] {
        let o = solve(s, &mut general(20), &ones, &mut [0.0; 20], 1e-10);
        assert!(matches!(o, Err(Failed::NotSymmetric { .. })), "{o:?}");
    }
    let mut indefinite = definite(20);
    indefinite[[3, 3]] -= 50.0;
    for s in [&Cg::default() as &dyn LinearSolver, &Cholesky] {
        let o = solve(s, &mut indefinite, &ones, &mut [0.0; 20], 1e-10);
        assert!(matches!(o, Err(Failed::NotDefinite { curvature: Some(_) })), "{o:?}");
    }
    for s in [&Cg::default().max_iterations(2) as &dyn LinearSolver, &Minres::default().max_iterations(2)] {
        let limited = solve(s, &mut definite(20), &ones, &mut [0.0; 20], 1e-10).unwrap();
        assert_eq!((limited.status, limited.iterations), (Status::IterationLimit, 2));
        assert!(limited.residual > 1e-10 && limited.residual < 1.0);
    }
}

#[test]
fn singular_systems_are_reported() {
    // Rank 1, and b outside the range.
    let a = || arr2(&[[1.0, 1.0], [1.0, 1.0]]);
    let b = [1.0, 0.0];
    let gmres = solve(&Gmres::default(), &mut a(), &b, &mut [0.0; 2], 1e-10);
    assert!(matches!(gmres, Err(Failed::Breakdown { .. })), "{gmres:?}");
    for s in [&Bicgstab::default() as &dyn LinearSolver, &Minres::default(), &Cg::default()] {
        let o = solve(s, &mut a(), &b, &mut [0.0; 2], 1e-10);
        assert!(!o.as_ref().is_ok_and(Outcome::converged), "{o:?}");
    }
    // Least squares of minimum norm: (¼, ¼), residual √½.
    for s in [&NormalCg::default() as &dyn LinearSolver, &Lsmr::default()] {
        let mut x = [0.0; 2];
        let made = solve(s, &mut a(), &b, &mut x, 1e-10);
        assert!(
            matches!(&made, Err(Failed::Breakdown { what, at }) if what.contains("least squares") && (at.residual - 0.5f64.sqrt()).abs() < 1e-15),
            "{made:?}"
        );
        assert!((x[0] - 0.25).abs() < 1e-15 && (x[1] - 0.25).abs() < 1e-15);
    }
    // b in the range: one of many solutions.
    for s in [&Gmres::default() as &dyn LinearSolver, &Minres::default(), &Cg::default(), &Bicgstab::default(), &Lsmr::default()] {
        let o = solve(s, &mut a(), &[1.0, 1.0], &mut [0.0; 2], 1e-12);
        assert!(matches!(o, Err(Failed::Singular { .. })), "{o:?}");
    }
    for s in [&Lu as &dyn LinearSolver, &Cholesky, &Qr, &Ldlt] {
        let o = solve(s, &mut a(), &[1.0, 1.0], &mut [0.0; 2], 1e-12);
        assert!(matches!(o, Err(Failed::SingularPivot { pivot: 1, n: 2, .. } | Failed::NotDefinite { .. })), "{o:?}");
    }
}

fn all() -> [Box<dyn LinearSolver>; 16] {
    [
        Box::new(Cg::default()),
        Box::new(Minres::default()),
        Box::new(Gmres::default()),
        Box::new(Bicgstab::default()),
        Box::new(Bicgstab::default().ell(4)),
        Box::new(NormalCg::default()),
        Box::new(Lsmr::default()),
        Box::new(Neumann::terms(9)),
        Box::new(Auto::default()),
        Box::new(Anderson::default()),
        Box::new(Broyden::default()),
        Box::new(Lu),
        Box::new(Cholesky),
        Box::new(Qr),
        Box::new(Ldlt),
        Box::new(Svd::default()),
    ]
}

#[test]
fn an_operators_own_error_ends_the_solve() {
    for s in all() {
        let failing = |_: &[f64], _: &mut [f64]| Err::<(), String>("out of paper".into());
        let o = solve(&*s, &mut from_fn(1, failing).with_transpose(failing), &[1.0], &mut [0.0], 1e-10);
        assert!(matches!(&o, Err(Failed::Operator(e)) if e.to_string() == "out of paper"), "{}: {o:?}", s.name());
        let nan = |_: &[f64], y: &mut [f64]| {
            y.fill(f64::NAN);
            Ok::<(), String>(())
        };
        let o = solve(&*s, &mut from_fn(2, nan).with_transpose(nan), &[1.0, 2.0], &mut [0.0; 2], 1e-10);
        assert!(matches!(o, Err(Failed::NotFinite { .. })), "{}: {o:?}", s.name());
    }
}

#[test]
fn single_precision() {
    for s in all() {
        if s.approximate() {
            continue;
        }
        let mut x = [0.0; 30];
        let o = solve(&*s, &mut Single::new(definite(30).mapv(|v| v as f32)), &[1.0; 30], &mut x, 1e-5).unwrap();
        assert!(o.converged(), "{} {o:?}", s.name());
    }
}

#[test]
fn a_warm_workspace_allocates_nothing() {
    let b = vec![1.0; 40];
    let preconditioned: [Box<dyn LinearSolver>; 5] = [
        Box::new(Cg::default().preconditioner(Nystrom { rank: 7 })),
        Box::new(Cg::default().preconditioner(Hutchinson::default())),
        Box::new(Cg::default().preconditioner(Jacobi)),
        Box::new(Minres::default().preconditioner(Jacobi)),
        Box::new(Gmres::default().preconditioner(Jacobi)),
    ];
    for solver in all().into_iter().chain(preconditioned) {
        let (mut a, mut x) = (definite(40), vec![0.0; 40]);
        let mut work = Workspace::new(&*solver, 40);
        let mut run = || {
            x.fill(0.0);
            work.prepare(&mut a, &Hints { step: Some(0.1) }).unwrap();
            work.solve(&mut a, Side::Plain, &b, &mut x, Tolerance { relative: 1e-10, absolute: 0.0 }).unwrap()
        };
        run();
        let (_, used) = MEMORY.measure(|| {
            run();
        });
        assert_eq!(used.on_this_thread, 0, "{}", solver.name());
    }
}

#[test]
fn sizes_of_nothing() {
    for s in all() {
        let o = solve(&*s, &mut Diagonal(vec![]), &[], &mut [], 1e-10).unwrap();
        assert!(o.converged(), "{}", s.name());
        let nothing = |_: &[f64], _: &mut [f64]| Ok::<(), String>(());
        let o = solve(&*s, &mut from_fn(0, nothing).with_transpose(nothing), &[], &mut [], 1e-10).unwrap();
        assert!(o.converged(), "{}", s.name());
    }
}
