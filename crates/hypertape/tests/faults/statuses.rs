//! Statuses and advice say what happened.
//!
//! Looked at: the one loop of all methods (`solvers/src/drive.rs`) and its report.
//! * What rounding or a kink keeps up was "iteration limit": it is "stalled".
//! * A loop that ended at its tolerance measured once more, which may round to the other side: "7 iterations (iteration limit)" of a limit of 150. The
//!   measure that ended it is the one reported.
//! * Only an absolute tolerance existed: `relative_tolerance` is of every method, by the measure at the start.
use hypertape::prelude::*;
use hypertape::solvers::Solved;
use ndarray::{Array1, arr1};

fn quadratic() -> Function<(Leaf, Leaf), Leaf> {
    Function::record((shape![3], shape![3]), |(z, theta)| 0.5 * (constant(arr1(&[1.0, 3.0, 10.0])) * (z - theta).square()).sum()).unwrap()
}

fn status(what: &str, solved: Result<Solved<Leaf>>) -> Status {
    let r = solved.unwrap_or_else(|e| panic!("{what}: {e}")).report;
    assert_eq!(r.converged, r.residual <= r.tolerance, "{what}: {r:?}");
    r.status
}

#[test]
fn a_stall_at_rounding() {
    // θ is not representable where the gradient is rounding of size 1e-16: no step reaches 1e-30.
    let f = Function::record((shape![3], shape![3]), |(z, theta)| (z.exp() - theta * z).sum()).unwrap();
    let (start, at) = (Array1::zeros(3), arr1(&[0.3, 1.7, 9.1]));
    let none = |v: Var, _: Var, _: &Var| v;
    let map = f.wrt(|(z, _)| z).gradient();
    let map = Function::record((shape![3], shape![3]), |(z, t)| z - 0.1 * map.call((z, t))).unwrap();
    let t = 1e-30;
    let all = [
        ("fixed steps", status("fixed", GradientDescent::new(&f).step_size(0.1).tolerance(t).max_iterations(12_000).solve(&start, &at))),
        ("backtracking", status("search", GradientDescent::new(&f).backtracking().tolerance(t).max_iterations(2000).solve(&start, &at))),
        ("L-BFGS", status("L-BFGS", Lbfgs::new(&f).tolerance(t).max_iterations(300).solve(&start, &at))),
        ("Newton-CG", status("Newton", NewtonCg::new(&f).tolerance(t).max_iterations(300).solve(&start, &at))),
        (
            "ISTA",
            status("ISTA", Ista::new(&Composite::with(&f, none)).step_size(0.1).tolerance(t).max_iterations(12_000).solve(&start, &at)),
        ),
        ("fixed point", status("fixed point", FixedPoint::new(&map).tolerance(t).max_iterations(12_000).solve(&start, &at))),
    ];
    for (name, status) in all {
        assert!(status == Status::Stalled || status == Status::Converged, "{name}: {status}");
    }
    assert!(all.iter().filter(|(_, s)| *s == Status::Stalled).count() >= 4, "{all:?}");
}

#[test]
fn a_stall_at_a_kink() {
    // |z − θ| has slope ±1 on both sides of its minimum: fixed steps jump to and fro.
    let f = Function::record((shape![], shape![]), |(z, theta)| (z - theta).abs()).unwrap();
    let solved = GradientDescent::new(&f).step_size(0.3).max_iterations(500).solve(0.0, 1.0).unwrap();
    assert_eq!((solved.report.status, solved.report.converged), (Status::Stalled, false));
    // Where steps are merely slow, the limit is what ended it.
    let slow =
        GradientDescent::new(&quadratic()).step_size(1e-6).max_iterations(500).solve(Array1::zeros(3), arr1(&[1.0, 2.0, 3.0])).unwrap();
    assert_eq!((slow.report.status, slow.report.iterations), (Status::IterationLimit, Some(500)));
    let none = |v: Var, _: Var, _: &Var| v;
    let fista = Fista::new(&Composite::with(&quadratic(), none))
        .step_size(0.01)
        .max_iterations(40)
        .solve(Array1::zeros(3), arr1(&[1.0, 2.0, 3.0]))
        .unwrap();
    assert_eq!(fista.report.status, Status::IterationLimit);
}

#[test]
fn what_ended_the_loop_is_what_is_reported() {
    // Tolerances at, and one unit around, measures that the loop meets: whoever stops before the limit has converged.
    let (start, at) = (Array1::zeros(3), arr1(&[1.0, -2.0, 0.7]));
    let solver = GradientDescent::new(&quadratic()).step_size(0.15);
    for k in 1..40 {
        let met = solver.clone().tolerance(0.0).max_iterations(k).solve(&start, &at).unwrap().report.residual;
        for tolerance in [met, met * (1.0 - 2e-16), met * (1.0 + 2e-16)] {
            let r = solver.clone().tolerance(tolerance).max_iterations(150).solve(&start, &at).unwrap().report;
            assert!(r.converged && r.status == Status::Converged && r.iterations < Some(150) && r.residual <= tolerance, "{k}: {r:?}");
        }
    }
}

#[test]
fn relative_tolerances_in_every_method() {
    let (start, at) = (Array1::zeros(3), arr1(&[1.0, 2.0, 3.0]));
    for scale in [1e-150, 1e-8, 1.0, 1e150] {
        let f = Function::record((shape![3], shape![3]), |(z, theta)| {
            0.5 * (constant(arr1(&[scale, 3.0 * scale, 10.0 * scale])) * (z - theta).square()).sum()
        })
        .unwrap();
        let none = |v: Var, _: Var, _: &Var| v;
        let (r, step) = (1e-9, 0.1 / scale);
        let all = [
            GradientDescent::new(&f).step_size(step).tolerance(0.0).relative_tolerance(r).solve(&start, &at),
            GradientDescent::new(&f).step_size(step).backtracking().tolerance(0.0).relative_tolerance(r).solve(&start, &at),
            Lbfgs::new(&f).tolerance(0.0).relative_tolerance(r).solve(&start, &at),
            NewtonCg::new(&f).tolerance(0.0).relative_tolerance(r).solve(&start, &at),
            Ista::new(&Composite::with(&f, none)).step_size(step).tolerance(0.0).relative_tolerance(r).solve(&start, &at),
            Fista::new(&Composite::with(&f, none)).step_size(step).tolerance(0.0).relative_tolerance(r).solve(&start, &at),
        ];
        for (i, s) in all.into_iter().enumerate() {
            let s = s.unwrap_or_else(|e| panic!("{i} at {scale:e}: {e}"));
            assert!(s.report.converged && s.report.iterations > Some(0), "{i} at {scale:e}: {:?}", s.report);
            for (z, t) in s.solution.iter().zip(&at) {
                assert!((z - t).abs() < 1e-6, "{i} at {scale:e}: {z} and {t}");
            }
        }
    }
    for bad in [-1.0, 1.0, f64::NAN] {
        let e = NewtonCg::new(&quadratic()).relative_tolerance(bad).solve(&start, &at).unwrap_err().to_string();
        assert!(e.contains("the relative tolerance is") && e.contains("statuses.rs:"), "{e}");
    }
}

#[test]
fn no_iterations_and_mini_batches_know_their_numbers() {
    let f = Function::record((shape![], shape![], shape![]), |(z, t, x)| 0.5 * (z - t * x).square()).unwrap();
    let solved = Sgd::new(&f).step_size(0.5).tolerance(1e-3).solve_over(0.0, 1.0, Array1::ones(50)).unwrap();
    assert!(solved.report.converged && solved.report.iterations < Some(20), "{:?}", solved.report);
    let all = Sgd::new(&f).step_size(0.5).tolerance(0.0).solve_over(0.0, 1.0, Array1::ones(50)).unwrap();
    assert_eq!(all.report.iterations, Some(50));
    let mut none = NewtonCg::new(&quadratic()).max_iterations(0).prepare(&shape![3], &shape![3]).unwrap();
    let r = none.solve(Array1::zeros(3), arr1(&[1.0, 0.0, 0.0])).unwrap().report;
    assert_eq!((r.iterations, r.residual, r.converged, r.status), (Some(0), 1.0, false, Status::IterationLimit));
}

#[test]
fn counts_beyond_counting_are_named() {
    for solver in [
        GradientDescent::new(&quadratic()).max_iterations(usize::MAX),
        GradientDescent::new(&quadratic()).tolerance(0.0).max_iterations(usize::MAX),
    ] {
        let e = solver.solve(Array1::zeros(3), Array1::zeros(3)).unwrap_err().to_string();
        assert!(e.contains("more than can be counted") && e.contains("statuses.rs:"), "{e}");
    }
}
