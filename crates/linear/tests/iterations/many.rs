//! Several right-hand sides with one operator: every solver, either side, each column by itself.
use crate::all;
use crate::support::*;
use hypertape_linear::{
    Auto, Cg, Failed, Gmres, Known, LinearSolver, Lu, Many, Minres, Need, Operator, Prepare, Side, Single, Status, from_fn,
};
use hypertape_testkit::{dense, random};
use ndarray::{Array2, ArrayView2, Axis, arr2};
use std::sync::Arc;

/// Approximations by design, and those that need a step which comes with the system.
fn left_out(s: &dyn LinearSolver) -> bool {
    s.approximate() || s.needs().contains(&Need::Map)
}

fn close(many: &Many, a: ArrayView2<'_, f64>, b: &Array2<f64>, tolerance: f64, what: &str) {
    for (j, (x, b)) in many.x.columns().into_iter().zip(b.columns()).enumerate() {
        let exact = dense::solve(a, b).unwrap();
        let (wrong, size) = (dense::norm((&x - &exact).view()), dense::norm(exact.view()));
        assert!(wrong <= tolerance * size, "{what}, column {j}: {wrong:e} of {size:e}, {:?}", many.outcomes[j]);
    }
}

#[test]
fn every_solver_takes_many_right_hand_sides() {
    for n in [0, 1, 2, 50] {
        let a = definite(n);
        for k in [0, 1, 8, 60] {
            let b: Array2<f64> = random::normal(31, (n, k));
            for s in all() {
                let s: Arc<dyn LinearSolver> = s.into();
                if left_out(&*s) {
                    continue;
                }
                let what = format!("{} n = {n}, k = {k}", s.name());
                let mut ready = s.prepare(a.clone()).unwrap();
                let many = ready.solve_many(b.view());
                assert!(many.converged() && many.outcomes.len() == k && many.x.dim() == (n, k), "{what}: {:?}", many.outcomes);
                // The condition is below 10.
                close(&many, a.view(), &b, 1e-10, &what);
                for (x, o) in many.x.columns().into_iter().zip(&many.outcomes) {
                    assert!(n == 0 || x.as_slice().is_some() && o.as_ref().is_ok_and(|o| o.residual <= 1e-12));
                }
                // B may lie in memory as it likes.
                let turned = b.t().as_standard_layout().into_owned();
                assert_eq!(ready.solve_many(turned.t()).x, many.x, "{what}");
            }
        }
    }
}

#[test]
fn either_side() {
    let (a, b) = (general(50), random::normal(32, (50, 8)));
    for s in all().into_iter().filter(|s| !left_out(&**s)) {
        let s: Arc<dyn LinearSolver> = s.into();
        // Those that need a symmetric A say so of each column, or at once.
        let Ok(mut ready) = s.prepare(a.clone()) else { continue };
        let [plain, turned] = [ready.solve_many(b.view()), ready.solve_many_transposed(b.view())];
        if plain.failed().any(|(_, e)| matches!(e, Failed::NotSymmetric { .. })) {
            assert_eq!((plain.failed().count(), turned.failed().count()), (8, 8));
            continue;
        }
        for (many, a) in [(plain, a.view()), (turned, a.t())] {
            if many.converged() {
                close(&many, a, &b, 1e-9, &s.name());
            }
        }
    }
}

#[test]
fn a_column_is_solved_as_if_it_were_alone() {
    let (a, b) = (general(20), random::normal(33, (20, 5)));
    for s in [Arc::new(Lu) as Arc<dyn LinearSolver>, Arc::new(Gmres::default())] {
        let mut ready = s.prepare(a.clone()).unwrap();
        let many = ready.solve_many(b.view());
        for (j, b) in b.columns().into_iter().enumerate() {
            let one = ready.solve(&b.to_vec()).unwrap();
            assert_eq!(many.x.column(j), one.x);
            assert_eq!(many.outcomes[j].as_ref().unwrap().iterations, one.outcome.iterations);
        }
    }
}

#[test]
fn a_column_that_fails_leaves_the_others() {
    let a = definite(4);
    let b = arr2(&[[1.0, 0.0, f64::NAN, 1.0], [2.0, 0.0, 0.0, 2.0], [3.0, 0.0, 0.0, 3.0], [4.0, 0.0, 0.0, 4.0]]);
    for s in [Arc::new(Lu) as Arc<dyn LinearSolver>, Arc::new(Gmres::default()), Arc::new(Cg::default())] {
        let many = s.prepare(a.clone()).unwrap().solve_many(b.view());
        for j in [0, 3] {
            assert!((a.dot(&many.x.column(j)) - b.column(0)).iter().all(|r| r.abs() < 1e-11));
        }
        assert!(many.outcomes[1].as_ref().is_ok_and(|o| o.converged() && o.iterations == 0) && many.x.column(1).iter().all(|x| *x == 0.0));
        assert!(matches!(many.outcomes[2], Err(Failed::NotFinite { .. })) && many.x.column(2).iter().all(|x| x.is_nan()));
        assert!(!many.converged() && many.failed().map(|(j, _)| j).eq([2]));
    }
}

#[test]
fn columns_of_any_scale_and_starts() {
    let a = definite(30);
    let mut b: Array2<f64> = random::normal(34, (30, 6));
    for (mut column, scale) in b.columns_mut().into_iter().zip([1e-150, 1.0, 1e150, 1e-300, 1e300, 1e-20]) {
        column *= scale;
    }
    for s in [Arc::new(Lu) as Arc<dyn LinearSolver>, Arc::new(Cg::default()), Arc::new(Minres::default())] {
        for scale in [1.0, -1e-150, 1e150] {
            // Solutions stay within the range.
            let within = b.map_axis(Axis(0), |b| (b.dot(&b).sqrt() / scale).abs()).mapv(|v| v > 1e-290 && v < 1e290);
            let mut ready = s.prepare(&a * scale).unwrap();
            let many = ready.solve_many(b.view());
            for (j, _) in within.iter().enumerate().filter(|(_, fits)| **fits) {
                let o = many.outcomes[j].as_ref().unwrap();
                assert!(o.converged() && o.residual < 1e-12, "{} {scale:e} {j}: {o:?}", s.name());
                let image = (&a * scale).dot(&many.x.column(j));
                let size = b.column(j).iter().fold(0.0_f64, |m, v| m.max(v.abs()));
                assert!((&image - &b.column(j)).iter().all(|r| r.abs() < 1e-11 * size), "{} {scale:e} {j}", s.name());
            }
        }
        // From the solution there is nothing to do, but for a column that starts elsewhere.
        let mut ready = s.prepare(a.clone()).unwrap();
        let mut start = ready.solve_many(b.view()).x;
        start.column_mut(1).fill(0.5);
        let again = ready.solve_many_from(start.view(), b.view(), Side::Transposed);
        let iterations: Vec<u64> = again.outcomes.iter().map(|o| o.as_ref().unwrap().iterations).collect();
        assert!(again.converged() && iterations[0] == 0 && iterations[2..].iter().all(|i| *i <= 1), "{}: {iterations:?}", s.name());
        // Starts that do not fit, and right-hand sides that do not.
        let wrong = ready.solve_many_from(start.slice(ndarray::s![.., ..3]), b.view(), Side::Plain);
        assert!(wrong.failed().count() == 6 && matches!(wrong.outcomes[0], Err(Failed::Setting { value: 3.0, .. })));
        let wrong = ready.solve_many(Array2::zeros((29, 2)).view());
        assert!(
            wrong.failed().all(|(_, e)| matches!(e, Failed::WrongLength { given: 29, expected: 30, .. })) && wrong.failed().count() == 2
        );
    }
}

#[test]
fn single_precision_and_limits() {
    let b: Array2<f64> = random::normal(35, (30, 5));
    for s in all().into_iter().filter(|s| !left_out(&**s)) {
        let s: Arc<dyn LinearSolver> = s.into();
        let mut workspace = s.prepare(Single::new(definite(30).mapv(|v| v as f32))).unwrap();
        let many = workspace.solve_many(b.view());
        assert!(many.converged(), "{}: {:?}", s.name(), many.outcomes);
        assert!(many.outcomes.iter().flatten().all(|o| o.residual < 1e-5));
    }
    let limited: [Box<dyn LinearSolver>; 3] = [
        Box::new(Cg::default().max_iterations(2)),
        Box::new(Minres::default().max_iterations(2)),
        Box::new(Gmres::default().max_iterations(2)),
    ];
    for s in limited {
        let s: Arc<dyn LinearSolver> = s.into();
        let mut b = b.clone();
        b.column_mut(3).fill(0.0);
        let many = s.prepare(definite(30)).unwrap().solve_many(b.view());
        for (j, o) in many.outcomes.iter().enumerate() {
            let o = o.as_ref().unwrap();
            let expected = if j == 3 { (Status::Converged, 0) } else { (Status::IterationLimit, 2) };
            assert_eq!((o.status, o.iterations), expected, "{}", s.name());
        }
    }
}

#[test]
fn the_choice_of_a_block_is_named() {
    let (n, a) = (300, definite(300));
    let b: Array2<f64> = random::normal(37, (n, 4));
    let known = Known { symmetric: true, definite: true };
    let products = move |x: &[f64], y: &mut [f64]| a.clone().apply(x, y);
    let mut ready = Auto::default().prepare(from_fn(n, products).known(known)).unwrap();
    let many = ready.solve_many(b.view());
    assert!(many.converged(), "{:?}", many.outcomes);
    close(&many, definite(n).view(), &b, 1e-10, "auto");
    for (o, b) in many.outcomes.iter().zip(b.columns()) {
        let (o, alone) = (o.as_ref().unwrap(), ready.solve(&b.to_vec()).unwrap().outcome);
        assert!(o.remark == alone.remark && o.iterations < alone.iterations, "{o:?} {alone:?}");
    }
}

#[test]
fn products_of_many_vectors_are_those_of_each() {
    let a = general(7);
    let x: Array2<f64> = random::normal(36, (5, 7));
    let sparse = hypertape_autodiff::ops::sparse::Csr::from_dense(&a.view()).unwrap();
    let mut all: [Box<dyn Operator>; 3] = [Box::new(a.clone()), Box::new(sparse), Box::new(Single::new(a.mapv(|v| v as f32)))];
    for a in &mut all {
        let (mut many, mut one) = (vec![0.0; 35], [0.0; 7]);
        let rounding = 8.0 * a.epsilon() * 7.0;
        for turned in [false, true] {
            let flat = x.as_slice().unwrap();
            if turned { a.apply_transposed_many(flat, &mut many) } else { a.apply_many(flat, &mut many) }.unwrap();
            for (x, y) in flat.chunks(7).zip(many.chunks(7)) {
                if turned { a.apply_transposed(x, &mut one) } else { a.apply(x, &mut one) }.unwrap();
                assert!(one.iter().zip(y).all(|(a, b)| (a - b).abs() <= rounding), "{one:?} {y:?}");
            }
        }
    }
    assert!(matches!(general(3).apply_many(&[1.0; 6], &mut [0.0; 5]), Err(Failed::WrongLength { given: 5, expected: 6, .. })));
    assert!(matches!(Array2::zeros((2, 3)).apply_many(&[1.0; 6], &mut [0.0; 4]), Err(Failed::NotSquare { .. })));
}
