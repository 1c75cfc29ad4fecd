//! Linear solvers: solutions, warm starts, true residuals, and what cannot work.
use hypertape_solvers::krylov::{Bicgstab, Cg, Gmres, LinearSolver, Neumann, NormalCg, Outcome, Status, WithAdjoint, Workspace};
use hypertape_testkit::allocations::Counting;
use hypertape_testkit::random;
use ndarray::{Array1, Array2, ArrayView1};

#[global_allocator]
static MEMORY: Counting = Counting::new();

fn product(a: &Array2<f64>) -> impl FnMut(&[f64], &mut [f64]) -> Result<(), String> + '_ {
    |x, y| {
        for (row, y) in a.rows().into_iter().zip(y) {
            *y = row.dot(&ArrayView1::from(x));
        }
        Ok(())
    }
}

/// I/2 + BᵀB/n: symmetric positive definite.
fn definite(n: usize) -> Array2<f64> {
    let b = random::normal(11, (n, n));
    b.t().dot(&b) / n as f64 + 0.5 * Array2::<f64>::eye(n)
}

/// I + B/(2√n): general and well-conditioned.
fn general(n: usize) -> Array2<f64> {
    Array2::eye(n) + random::normal(12, (n, n)) / (2.0 * (n as f64).sqrt())
}

fn check(solver: &dyn LinearSolver<f64, String>, a: &Array2<f64>) -> Outcome {
    let n = a.nrows();
    let exact: Array1<f64> = random::normal(13, n);
    let b = a.dot(&exact);
    let t = a.t().to_owned();
    let mut x = vec![0.0; n];
    let mut work = Workspace::new();
    let tolerance = 1e-12;
    let o = solver.solve(&mut WithAdjoint(product(a), product(&t)), b.as_slice().unwrap(), &mut x, tolerance, &mut work).unwrap();
    assert_eq!(o.status, Status::Converged, "{} n = {n}: {o:?}", solver.name());
    let r = (&b - &a.dot(&Array1::from(x.clone()))).mapv(|v| v * v).sum().sqrt();
    assert!((o.residual - r).abs() <= 1e-3 * o.residual + 1e-15 * n as f64, "the residual is the true one");
    assert!(o.relative <= tolerance);
    // From the solution: nothing to do. From nearby: less.
    let again = solver.solve(&mut WithAdjoint(product(a), product(&t)), b.as_slice().unwrap(), &mut x, 1e-10, &mut work).unwrap();
    assert_eq!((again.iterations, again.status), (0, Status::Converged));
    // b = 0 has the solution 0.
    let zero = solver.solve(&mut WithAdjoint(product(a), product(&t)), &vec![0.0; n], &mut x, tolerance, &mut work).unwrap();
    assert!(zero.converged() && x.iter().all(|v| *v == 0.0));
    o
}

#[test]
fn conjugate_gradients() {
    for n in [1, 2, 7, 40, 50, 51] {
        check(&Cg::default(), &definite(n));
    }
}

#[test]
fn gmres() {
    for n in [1, 2, 7, 40, 50, 51, 120] {
        check(&Gmres::default(), &general(n));
        check(&Gmres::restart(5), &general(n));
    }
}

#[test]
fn bicgstab() {
    for n in [1, 2, 7, 40, 51] {
        check(&Bicgstab::default(), &general(n));
    }
}

#[test]
fn normal_equations() {
    for n in [1, 2, 7, 40] {
        check(&NormalCg::default(), &general(n));
    }
}

#[test]
fn neumann_terms_are_the_truncated_series() {
    // z = z/2 + x: A = ½; K terms give 2(1 − ½ᴷ).
    let mut half = |x: &[f64], y: &mut [f64]| {
        y[0] = 0.5 * x[0];
        Ok::<(), String>(())
    };
    for (k, exact) in [(1, 1.0), (5, 1.9375), (10, 1.998046875)] {
        let mut x = [9.0];
        let o = Neumann::terms(k).solve(&mut half, &[1.0], &mut x, 0.0, &mut Workspace::new()).unwrap();
        assert_eq!((x[0], o.iterations, o.status), (exact, k, Status::IterationLimit));
    }
    // T = 2z + x: A = −1 and the terms double.
    let mut grows = |x: &[f64], y: &mut [f64]| {
        y[0] = -x[0];
        Ok::<(), String>(())
    };
    let mut x = [0.0];
    let o = Neumann::terms(20).solve(&mut grows, &[1.0], &mut x, 1e-10, &mut Workspace::new()).unwrap();
    assert_eq!(o.status, Status::Diverged);
    assert!(o.residual > 1e5);
}

#[test]
fn what_conjugate_gradients_cannot_do_is_reported() {
    let a = general(20);
    let solve = |a: &Array2<f64>, cg: Cg| cg.solve(&mut product(a), &[1.0; 20], &mut [0.0; 20], 1e-10, &mut Workspace::new()).unwrap();
    assert_eq!(solve(&a, Cg::default()).status, Status::NotSymmetric);
    let mut indefinite = definite(20);
    indefinite[[3, 3]] -= 50.0;
    assert_eq!(solve(&indefinite, Cg::default()).status, Status::NegativeCurvature);
    let limited = solve(&definite(20), Cg::default().max_iterations(2));
    assert_eq!((limited.status, limited.iterations), (Status::IterationLimit, 2));
    assert!(limited.relative > 1e-10 && limited.relative < 1.0);
}

#[test]
fn singular_systems_are_reported() {
    // Rank 1, and b outside the range.
    let a = ndarray::arr2(&[[1.0, 1.0], [1.0, 1.0]]);
    let b = [1.0, 0.0];
    let gmres = Gmres::default().solve(&mut product(&a), &b, &mut [0.0; 2], 1e-10, &mut Workspace::new()).unwrap();
    assert!(matches!(gmres.status, Status::Breakdown(_)), "{gmres:?}");
    let bicg = Bicgstab::default().solve(&mut product(&a), &b, &mut [0.0; 2], 1e-10, &mut Workspace::new()).unwrap();
    assert!(!bicg.converged(), "{bicg:?}");
    // Least squares of minimum norm: (¼, ¼), residual √½.
    let mut x = [0.0; 2];
    let normal = NormalCg::default().solve(&mut WithAdjoint(product(&a), product(&a)), &b, &mut x, 1e-10, &mut Workspace::new()).unwrap();
    assert!(matches!(normal.status, Status::Breakdown(what) if what.contains("least squares")), "{normal:?}");
    assert!((x[0] - 0.25).abs() < 1e-15 && (x[1] - 0.25).abs() < 1e-15);
    assert!((normal.residual - 0.5f64.sqrt()).abs() < 1e-15);
    // b in the range: one of many solutions.
    let o = Gmres::default().solve(&mut product(&a), &[1.0, 1.0], &mut [0.0; 2], 1e-12, &mut Workspace::new()).unwrap();
    assert_eq!(o.status, Status::Singular, "{o:?}");
}

#[test]
fn an_operators_own_error_ends_the_solve() {
    let mut failing = |_: &[f64], _: &mut [f64]| Err::<(), String>("out of paper".into());
    for solver in [&Cg::default() as &dyn LinearSolver<f64, String>, &Gmres::default(), &Bicgstab::default(), &Neumann::terms(3)] {
        let e = solver.solve(&mut failing, &[1.0], &mut [0.0], 1e-10, &mut Workspace::new()).unwrap_err();
        assert_eq!(e, "out of paper");
    }
    let mut nan = |_: &[f64], y: &mut [f64]| {
        y.fill(f64::NAN);
        Ok::<(), String>(())
    };
    for solver in [&Cg::default() as &dyn LinearSolver<f64, String>, &Gmres::default(), &Bicgstab::default(), &Neumann::terms(3)] {
        let o = solver.solve(&mut nan, &[1.0, 2.0], &mut [0.0; 2], 1e-10, &mut Workspace::new()).unwrap();
        assert_eq!(o.status, Status::NotFinite("the operator's product is not finite"), "{}", solver.name());
    }
}

#[test]
fn single_precision() {
    let a = definite(30).mapv(|v| v as f32);
    let mut apply = |x: &[f32], y: &mut [f32]| {
        for (row, y) in a.rows().into_iter().zip(y) {
            *y = row.dot(&ArrayView1::from(x));
        }
        Ok::<(), String>(())
    };
    for solver in [&Cg::default() as &dyn LinearSolver<f32, String>, &Gmres::default(), &Bicgstab::default()] {
        let mut x = [0.0f32; 30];
        let o = solver.solve(&mut apply, &[1.0; 30], &mut x, 1e-5, &mut Workspace::new()).unwrap();
        assert!(o.converged(), "{} {o:?}", solver.name());
    }
}

#[test]
fn a_warm_workspace_allocates_nothing() {
    let (a, b) = (definite(40), vec![1.0; 40]);
    let (mut x, mut work) = (vec![0.0; 40], Workspace::new());
    for solver in [
        &Cg::default() as &dyn LinearSolver<f64, String>,
        &Gmres::default(),
        &Bicgstab::default(),
        &NormalCg::default(),
        &Neumann::terms(9),
    ] {
        let mut run = || {
            x.fill(0.0);
            solver.solve(&mut WithAdjoint(product(&a), product(&a)), &b, &mut x, 1e-10, &mut work).unwrap()
        };
        run();
        let (_, used) = MEMORY.measure(|| {
            run();
        });
        assert_eq!(used.on_this_thread, 0, "{}", solver.name());
    }
}
