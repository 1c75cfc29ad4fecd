//! A status says what it means: converged is a residual under the tolerance, rounding is named, and a system without a solution is no matter of iterations.
use crate::support::*;
use hypertape_linear::{Auto, Cg, Failed, LinearSolver, Lu, Minres, Prepare, Side, Status, Workspace, from_fn};
use hypertape_linear::{Hints, Tolerance};
use hypertape_testkit::random;
use ndarray::{Array1, Array2};

/// 1 on the diagonal, c below it.
fn bidiagonal(n: usize, c: f64) -> Array2<f64> {
    Array2::from_shape_fn((n, n), |(i, j)| {
        if i == j {
            1.0
        } else if i == j + 1 {
            c
        } else {
            0.0
        }
    })
}

#[test]
fn a_direct_solver_that_is_above_its_tolerance_says_by_what_it_is_judged() {
    // x grows by 1.9 a row. The residual is rounding of |A||x|, and most of b.
    let n = 200;
    let (a, b) = (bidiagonal(n, -1.9), vec![1.0; n]);
    for solver in [&Lu as &dyn LinearSolver, &Auto::default()] {
        let (mut w, mut x) = (Workspace::new(solver, n), vec![0.0; n]);
        w.prepare(&mut a.clone(), &Hints::default()).unwrap();
        let o = w.solve(&mut a.clone(), Side::Plain, &b, &mut x, Tolerance { relative: 1e-12, absolute: 0.0 }).unwrap();
        assert!(o.residual > 0.1 && o.residual > o.tolerance, "{o:?}");
        assert!(o.status != Status::Converged && o.status.converged(), "{}: {o:?}", solver.name());
        // Auto's remark is its choice.
        assert!(solver.name() == "auto" || o.remark.is_some_and(|r| r.contains("componentwise")), "{o:?}");
        // x_n = (1.9ⁿ − 1)/0.9, and the bound on the error holds.
        let exact = (1.9_f64.powi(n as i32) - 1.0) / 0.9;
        assert!((x[n - 1] - exact).abs() <= 1e-2 * exact, "{} instead of {exact}", x[n - 1]);
    }
    // A well conditioned one: at or under the tolerance or rounding, and then it says so.
    for n in [1, 2, 30, 300] {
        let b: Array1<f64> = random::normal(5, n);
        let solved = Lu.prepare(definite(n)).unwrap().solve(&b.to_vec()).unwrap();
        let o = solved.outcome;
        assert_eq!(o.status, if o.residual <= o.tolerance { Status::Converged } else { Status::Rounding }, "{o:?}");
        assert!(o.remark.is_none());
    }
}

#[test]
fn factors_of_another_operator_are_no_solution() {
    // An operator that answers with another matrix once it was read. The error of x is under a hundredth, and no rounding.
    let (n, mut read) = (4, 0);
    let mut a = from_fn(n, move |x: &[f64], y: &mut [f64]| {
        read += 1;
        let factor = if read <= n { 1.0 } else { 1.001 };
        y.iter_mut().zip(x).for_each(|(y, x)| *y = factor * x);
        Ok::<(), String>(())
    });
    let (mut w, mut x) = (Workspace::new(&Lu, n), vec![0.0; n]);
    w.prepare(&mut a, &Hints::default()).unwrap();
    let o = w.solve(&mut a, Side::Plain, &[1.0; 4], &mut x, Tolerance { relative: 1e-12, absolute: 0.0 }).unwrap();
    assert!(!o.converged() && o.status == Status::Stalled, "{o:?}");
}

#[test]
fn a_singular_system_without_a_solution_is_not_short_of_iterations() {
    // The Laplacian of a ring, whose null space is that of the ones, and a right-hand side that has some of it.
    for n in [10, 50, 120] {
        let ring = |i: usize, j: usize| match (i + n - j) % n {
            0 => 2.0,
            1 => -1.0,
            k if k == n - 1 => -1.0,
            _ => 0.0,
        };
        let a = Array2::from_shape_fn((n, n), |(i, j)| ring(i, j));
        let b: Vec<f64> = (0..n).map(|i| 1.0 + (i as f64).sin()).collect();
        for made in [Cg::default().prepare(a.clone()).unwrap().solve(&b), Minres::default().prepare(a.clone()).unwrap().solve(&b)] {
            let e = made.unwrap_err();
            assert!(e.is_singular() || matches!(e, Failed::NotDefinite { .. }), "{n}: {e}");
            assert!(e.to_string().contains("singular"), "{n}: {e}");
        }
        let made = Auto::default().prepare(from_fn(n, symmetric_product(a.clone()))).and_then(|mut auto| auto.solve(&b));
        assert!(made.as_ref().is_err_and(Failed::is_singular), "{n}: {made:?}");
    }
    // Few iterations on a regular system are few iterations.
    let b: Array1<f64> = random::normal(3, 40);
    let o = Cg::default().max_iterations(2).prepare(definite(40)).unwrap().solve(&b.to_vec()).unwrap().outcome;
    assert_eq!(o.status, Status::IterationLimit, "{o:?}");
}

fn symmetric_product(a: Array2<f64>) -> impl FnMut(&[f64], &mut [f64]) -> Result<(), String> {
    move |x, y| {
        let product = a.dot(&Array1::from(x.to_vec()));
        y.iter_mut().zip(&product).for_each(|(y, p)| *y = *p);
        Ok(())
    }
}
