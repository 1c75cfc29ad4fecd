//! What must hold at the edges: zero and tiny cotangents, numbers as arrays, sizes around a restart, singular, divergent and unfinished solves.
use hypertape::linear::LinearSolver;
use hypertape::prelude::*;
use hypertape_testkit::differences::{assert_close, rounding};
use hypertape_testkit::problems::roots;
use ndarray::{Array1, Array2, arr1, arr2};
use std::convert::Infallible;

/// One test for each linear solver.
macro_rules! by_each {
    ($($name:ident: $solver:expr;)*) => { $(
        mod $name {
            use super::*;
            #[test]
            fn a_zero_cotangent_gives_exact_zeros() {
                super::zero_cotangent($solver);
            }
            #[test]
            fn a_tiny_cotangent_scales() {
                super::tiny_cotangent($solver);
            }
            #[test]
            fn a_number_is_an_array() {
                super::number($solver);
            }
            #[test]
            fn fifty_and_fifty_one_unknowns_agree() {
                super::fifty($solver);
            }
        }
    )* };
}
by_each! {
    cg: Cg::default();
    gmres: Gmres::default();
    bicgstab: Bicgstab::default();
    normal_cg: NormalCg::default();
    lu: Lu;
    cholesky: Cholesky;
    neumann: Neumann::terms(400);
}

/// 2w + w² = x as the minimum of w² + w³/3 − xw, by gradient descent.
fn curved(shape: &[usize]) -> GradientDescent<Objective<Leaf, Leaf>> {
    let f = Function::record((Leaf::new(shape), Leaf::new(shape)), |(w, x)| (w.square() + w.powi(3) / 3.0 - x * w).sum());
    GradientDescent::new(&f.expect("the objective records")).step_size(0.2).tolerance(1e-14)
}

fn solution(solver: impl LinearSolver, shape: &[usize]) -> Function<Leaf, Leaf> {
    let method = curved(shape).implicit(solver);
    Function::record(Leaf::new(shape), |x| method.solve(zeros(Leaf::new(shape)), x)).expect("the solution records")
}

fn zero_cotangent(solver: impl LinearSolver) {
    let x = arr1(&[1.0, 3.0]);
    let back = solution(solver, &[2]).vjp(&x, Array1::zeros(2)).expect("it runs").1;
    assert!(back.iter().all(|v| *v == 0.0), "{back}");
    let unrolled = Function::record(shape![2], |x| curved(&[2]).unroll(40).solve(zeros(shape![2]), x)).expect("it records");
    assert!(unrolled.vjp(&x, Array1::zeros(2)).expect("it runs").1.iter().all(|v| *v == 0.0));
}

fn tiny_cotangent(solver: impl LinearSolver) {
    let (f, x) = (solution(solver, &[2]), arr1(&[1.0, 3.0]));
    let pull = |c: f64| f.vjp(&x, Array1::from_elem(2, c)).expect("it runs").1;
    assert_close("implicit", &(pull(1e-30) * 1e30), &pull(1.0), 1e-12);
    let unrolled = Function::record(shape![2], |x| curved(&[2]).unroll(40).solve(zeros(shape![2]), x)).expect("it records");
    let pull = |c: f64| unrolled.vjp(&x, Array1::from_elem(2, c)).expect("it runs").1;
    assert_close("unrolled", &(pull(1e-30) * 1e30), &pull(1.0), rounding(40, 1.0));
}

fn number(solver: impl LinearSolver) {
    // w = √(1 + x) − 1.
    let f = solution(solver, &[]);
    let (w, slope) = f.value_and_gradient(3.0).expect("it runs");
    let second = f.hvp(3.0, 1.0).expect("it runs");
    let forward = f.jvp(3.0, 1.0).expect("it runs").1;
    assert_close("value", &[w], &[1.0], 1e-13);
    assert_close(
        "derivatives",
        &[slope.number().unwrap(), forward.number().unwrap(), second.number().unwrap()],
        &[0.25, 0.25, -1.0 / 32.0],
        1e-11,
    );
}

/// A z + x = 0 with a tridiagonal A of n unknowns: what the last of them does to the first ten is far below rounding.
fn tridiagonal(solver: impl LinearSolver, n: usize) -> Vec<f64> {
    let a = Array2::from_shape_fn((n, n), |(i, j)| match i.abs_diff(j) {
        0 => 3.0 + (i as f64).sin(),
        1 => -0.5,
        _ => 0.0,
    });
    let shared = a.into_shared();
    let f = Function::record((shape![n], shape![n]), |(z, x)| 0.5 * z.dot(constant(&shared).dot(z)) + x.dot(z)).expect("it records");
    let method = GradientDescent::new(&f).step_size(0.3).tolerance(1e-13).implicit(solver);
    let z = Function::record(shape![n], |x| method.solve(zeros(shape![n]), x)).expect("it records");
    let c = Array1::from_shape_fn(n, |i| if i < 5 { 1.0 + i as f64 } else { 0.0 });
    z.vjp(Array1::from_elem(n, 0.1), c).expect("it runs").1.iter().take(10).copied().collect()
}

fn fifty(solver: impl LinearSolver + Clone) {
    // GMRES restarts after 50 steps: one path for 50 unknowns, another for 51.
    let (fifty, more) = (tridiagonal(solver.clone(), 50), tridiagonal(solver, 51));
    assert_close("fifty and fifty-one", &fifty, &more, 1e-11);
}

/// z₁ + z₂ = x₁ twice: F_z has rank 1.
fn singular(solver: impl LinearSolver, x: [f64; 2]) -> Result<Vec<f64>> {
    let a = arr2(&[[1.0, 1.0], [1.0, 1.0]]).into_shared();
    let residual = Function::record((shape![2], shape![2]), |(z, x)| constant(&a).dot(z) - x).expect("it records");
    let by = implicit::root(&residual, move |x, _| Ok::<_, Infallible>(arr1(&[0.5 * x[[0]], 0.5 * x[[0]]]))).adjoint(solver);
    let f = Function::record(shape![2], |x| by.solve(zeros(shape![2]), x)).expect("it records");
    Ok(f.jvp(arr1(&[1.0, 1.0]), arr1(&x))?.1.iter().copied().collect())
}

/// The error of a singular system names it, for a right-hand side that no vector reaches.
fn names_it(solver: impl LinearSolver) {
    let name = solver.name();
    let e = singular(solver, [1.0, 0.0]).expect_err("no solution exists").to_string();
    assert!(["singular", "positive definite", "least squares"].iter().any(|w| e.contains(w)), "{name}: {e}");
}

#[test]
fn a_singular_system_is_named_by_cg() {
    names_it(Cg::default());
}
#[test]
fn a_singular_system_is_named_by_gmres() {
    names_it(Gmres::default());
}
#[test]
fn a_singular_system_is_named_by_bicgstab() {
    names_it(Bicgstab::default());
}
#[test]
fn a_singular_system_is_named_by_normal_cg() {
    names_it(NormalCg::default());
}
#[test]
fn a_singular_system_is_named_by_lu() {
    names_it(Lu);
}
#[test]
fn a_singular_system_is_named_by_cholesky() {
    names_it(Cholesky);
}

#[test]
fn normal_cg_gives_the_solution_of_minimum_norm_where_there_is_one() {
    let dz = singular(NormalCg::default().minimum_norm(), [1.0, 1.0]).expect("the right-hand side is in the range");
    assert_close("minimum norm", &dz, &[0.5, 0.5], 1e-14);
}

#[test]
fn a_neumann_series_that_grows_says_so() {
    // T = 2z + x has the fixed point −x, which the user knows.
    let map = Function::record((shape![], shape![]), |(z, x)| 2.0 * z + x).expect("it records");
    let own = implicit::fixed_point(&map, |x, _| x.number().map(|x| -x));
    let by = |root: &implicit::Outside<Equilibrium<Leaf, Leaf>>| {
        let f = Function::record(shape![], |x| root.solve(0.0, x)).expect("it records");
        f.gradient(1.5).and_then(|g| g.number())
    };
    assert_eq!(roots::expansion_step(-1.5, 1.5), -1.5);
    assert_close("GMRES", &[by(&own).expect("it runs")], &[-1.0], rounding(1, 1.0));
    let e = by(&own.clone().adjoint(Neumann::terms(20))).expect_err("the terms double").to_string();
    assert!(e.contains("diverges") && e.contains("2.000"), "{e}");
    // The iteration itself runs away from every start but that point.
    let solved = FixedPoint::new(&map).max_iterations(60).solve(0.0, 1.5).expect("60 doublings are finite");
    assert_eq!((solved.report.converged, solved.report.status), (false, Status::IterationLimit));
    let e = FixedPoint::new(&map).max_iterations(5000).solve(0.0, 1.5).expect_err("5000 doublings are not").to_string();
    assert!(e.contains("fixed point") && e.contains("finite"), "{e}");
}

#[test]
fn a_solver_at_its_limit_says_so_and_the_hypergradient_shows_it() {
    let solver = curved(&[2]).max_iterations(7);
    let x = arr1(&[1.0, 3.0]);
    let solved = solver.solve(arr1(&[0.0, 0.0]), &x).expect("stopping early is no error");
    assert_eq!((solved.report.iterations, solved.report.converged, solved.report.status), (Some(7), false, Status::IterationLimit));
    assert!(solved.report.residual > 1e-14);
    // As an operation it is an error, unless it was accepted.
    let by = |policy: OnResidual| {
        let method = solver.implicit(Cg::default()).on_residual(policy);
        Function::record(shape![2], |x| method.solve(zeros(shape![2]), x).sum()).expect("it records")
    };
    let e = by(OnResidual::Error).gradient(&x).expect_err("7 iterations do not reach the tolerance").to_string();
    assert!(e.contains("not a solution") && e.contains("7 iterations"), "{e}");
    let gradient = by(OnResidual::Warn).wrt(|x| x).gradient();
    let mut workspace = gradient.workspace();
    workspace.run(&x).expect("it was accepted");
    let inner = workspace.reports().iter().find(|r| r.name == "gradient descent").expect("the inner solve reports");
    assert!(!inner.converged && inner.iterations == Some(7) && (inner.residual - solved.report.residual).abs() < 1e-15, "{inner:?}");
    let adjoint = workspace.reports().iter().find(|r| r.name == "adjoint solve").expect("the adjoint solve reports");
    assert!(adjoint.converged, "{adjoint:?}");
    // Newton steps from there reach it.
    let refined = by(OnResidual::Refine).gradient(&x).expect("refinement reaches the solution");
    assert_close("refined", &refined, &[0.5 / 2f64.sqrt(), 0.25], 1e-7);
}

#[test]
fn an_adjoint_solve_at_its_limit_is_an_error_unless_accepted() {
    let x = arr1(&[1.0, 3.0]);
    let by = |policy: OnResidual| {
        let method = curved(&[2]).implicit(Cg::default().max_iterations(1)).on_residual(policy);
        Function::record(shape![2], |x| method.solve(zeros(shape![2]), x).dot(constant(&arr1(&[1.0, -2.0]).into_shared())))
            .expect("it records")
    };
    let e = by(OnResidual::Error).gradient(&x).expect_err("one iteration does not solve two equations").to_string();
    assert!(e.contains("CG: it did not reach its tolerance") && e.contains("1 iterations"), "{e}");
    let gradient = by(OnResidual::Warn).wrt(|x| x).gradient();
    let mut workspace = gradient.workspace();
    workspace.run(&x).expect("it was accepted");
    let adjoint = workspace.reports().iter().find(|r| r.name == "adjoint solve").expect("the adjoint solve reports");
    assert!(!adjoint.converged && adjoint.residual > 1e-3, "{adjoint:?}");
}

#[test]
fn what_is_not_finite_is_reported_where_it_entered() {
    let f = Function::record(shape![2], |x| solution(Cg::default(), &[2]).call(x).sum()).expect("it records");
    let e = f.gradient(arr1(&[1.0, f64::NAN])).expect_err("the input is not finite").to_string();
    assert!(e.contains("input 0 of 1") && e.contains("[1]") && e.contains("NaN"), "{e}");
    // The start of a solve.
    let e = curved(&[2]).solve(arr1(&[0.0, f64::INFINITY]), arr1(&[1.0, 3.0])).expect_err("the start is not finite").to_string();
    assert!(e.contains("input 0") && e.contains("inf"), "{e}");
    // Data in a recording.
    let data = arr1(&[1.0, f64::NAN]).into_shared();
    let e = Function::record(shape![2], |x| x.dot(constant(&data))).expect_err("the constant is not finite").to_string();
    assert!(e.contains("edges.rs:") && e.contains("NaN"), "{e}");
    // A user's own solver.
    let residual = Function::record((shape![2], shape![2]), |(z, x)| z.square() - x).expect("it records");
    let wrong = implicit::root(&residual, |x, _| Ok::<_, Infallible>(x.mapv(|x| (x - 2.0).sqrt())));
    let f = Function::record(shape![2], |x| wrong.solve(zeros(shape![2]), x).sum()).expect("it records");
    let e = f.gradient(arr1(&[3.0, 1.0])).expect_err("√−1 is not finite").to_string();
    assert!(e.contains("root gave a solution that is not finite") && e.contains("[1]"), "{e}");
    // Inside a solve: the operation, its line and the iteration.
    let falls = Function::record((shape![], shape![]), |(z, x)| (z - x).sqrt()).expect("it records");
    let e = FixedPoint::new(&falls).solve(10.0, 2.9).expect_err("it leaves the domain").to_string();
    assert!(e.contains("`sqrt`") && e.contains("edges.rs:") && e.contains("iteration"), "{e}");
}
