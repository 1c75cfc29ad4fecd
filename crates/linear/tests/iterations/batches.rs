//! Batches of independent systems: order, threads, workspaces, and the number of the one that fails.
use crate::support::*;
use hypertape_linear::{Auto, Cg, Failed, Gmres, LinearSolver, Lu, Neumann, Operator, Prepare, Solved, Svd};
use hypertape_testkit::random;
use ndarray::{Array1, Array2};
use rayon::ThreadPoolBuilder;
use std::sync::Arc;

/// Systems of several sizes, every fifth one with a right-hand side that is not finite, every seventh one with zeros alone.
fn systems(count: usize) -> Vec<(Array2<f64>, Vec<f64>)> {
    let size = |i: usize| [0, 1, 2, 17, 17, 40][i % 6];
    let system = |i: usize| {
        let n = size(i);
        let mut b: Array1<f64> = random::normal(i as u64, n);
        if i % 5 == 4 && n > 0 {
            b[n - 1] = f64::NAN;
        }
        (if i % 7 == 6 { Array2::zeros((n, n)) } else { definite(n) }, b.to_vec())
    };
    (0..count).map(system).collect()
}

#[test]
fn each_has_its_own_result_the_same_for_any_number_of_threads() {
    let solvers: [Arc<dyn LinearSolver>; 5] =
        [Arc::new(Lu), Arc::new(Cg::default()), Arc::new(Gmres::default()), Arc::new(Auto::default()), Arc::new(Svd::default())];
    for solver in solvers {
        let mut before: Option<Vec<Option<Solved>>> = None;
        for threads in [1, 2, 3] {
            let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut given = systems(70);
            let solved = pool.install(|| solver.solve_each(&mut given));
            assert_eq!(solved.len(), 70);
            for (i, (made, (a, b))) in solved.iter().zip(&given).enumerate() {
                let alone = solver.prepare(a.clone()).and_then(|mut s| s.solve(b));
                match (made, alone) {
                    (Ok(made), Ok(alone)) => assert!(made.x == alone.x && made.outcome == alone.outcome, "{} {i}", solver.name()),
                    (Err(e), Err(alone)) => {
                        assert_eq!(e.to_string(), format!("system {i}: `solve`: linear system: {alone}"), "{}", solver.name());
                        assert!(e.within()[0].index == i as u64);
                    }
                    (made, alone) => panic!("{} {i}: {made:?}, alone {alone:?}", solver.name()),
                }
            }
            let now: Vec<_> = solved.into_iter().map(Result::ok).collect();
            assert!(before.as_ref().is_none_or(|before| *before == now));
            before = Some(now);
        }
    }
}

#[test]
fn large_systems_have_the_same_bits_for_any_number_of_threads() {
    let at = |threads: usize| {
        let mut given: Vec<_> = (0..2).map(|i| (definite(300), random::normal(i, 300).to_vec())).collect();
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let solved = pool.install(|| Lu.solve_each(&mut given));
        solved.into_iter().map(|s| s.unwrap().x).collect::<Vec<_>>()
    };
    assert_eq!(at(1), at(2));
    assert_eq!(at(1), at(3));
}

#[test]
fn nothing_and_settings_that_cannot_work() {
    let mut none: [(Array2<f64>, Vec<f64>); 0] = [];
    assert!(Lu.solve_each(&mut none).is_empty());
    let solved = Cg::tolerance(2.0).solve_each(&mut systems(3));
    assert!(solved.iter().all(|s| s.as_ref().is_err_and(|e| e.to_string().contains("the tolerance is 2"))));
    let solved = Neumann::terms(3).solve_each(&mut systems(2));
    assert!(solved.iter().all(Result::is_err));
    // Operators may be borrowed, and of any kind.
    let (mut a, mut b) = (definite(3), definite(2));
    let mut mixed: Vec<(&mut (dyn Operator + Send), &[f64])> = vec![(&mut a, &[1.0, 2.0, 3.0]), (&mut b, &[1.0])];
    let solved = Lu.solve_each(&mut mixed);
    assert!(solved[0].is_ok() && solved[1].as_ref().is_err_and(|e| matches!(kind(e), Some(Failed::WrongLength { .. }))));
}

fn kind(e: &hypertape_autodiff::Error) -> Option<&Failed> {
    match e.kind() {
        hypertape_autodiff::ErrorKind::Solve { failed, .. } => Some(failed),
        _ => None,
    }
}
