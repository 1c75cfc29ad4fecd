//! The solution of least norm, and condition numbers, of matrices whose singular values are known.
use crate::support::*;
use hypertape_linear::*;
use hypertape_testkit::random;
use ndarray::arr1;

#[test]
fn the_solution_of_minimum_norm() {
    for (values, rank) in [(vec![3.0, 2.0, 1e-3, 0.0, 0.0], 3), (vec![1e-200, 0.0], 1), (vec![5.0, 1e-9, 0.0], 2), (vec![0.0; 3], 0)] {
        let n = values.len();
        let a = with_singular_values(&values);
        // x in the range of Aᵀ is the solution of least norm.
        for side in [Side::Plain, Side::Transposed] {
            let of = if side == Side::Plain { a.view() } else { a.t() };
            let size = values[0].max(f64::MIN_POSITIVE);
            let exact = of.t().dot(&random::normal(23, n)) / size;
            let b = of.dot(&exact);
            let mut x = vec![7.0; n];
            let mut w = Workspace::new(&Svd::default(), n);
            w.prepare(&mut a.clone(), &Hints::default()).unwrap();
            let o = w.solve(&mut a.clone(), side, &b.to_vec(), &mut x, Tolerance::default()).unwrap();
            let wrong = (&arr1(&x) - &exact).mapv(f64::abs).sum();
            let share = values[rank.max(1) - 1] / size;
            assert!(wrong <= 1e-14 * n as f64 / share.max(1e-300) * exact.mapv(f64::abs).sum(), "{values:?}: {x:?} {exact:?}");
            assert!(o.converged(), "{o:?}");
        }
    }
    // Outside the range: the residual that is left is orthogonal to it.
    let a = with_singular_values(&[2.0, 1.0, 0.0]);
    let s = Svd::default().prepare(a.clone()).unwrap().solve(&[1.0, 2.0, 3.0]).unwrap();
    let r = arr1(&[1.0, 2.0, 3.0]) - a.dot(&s.x);
    assert!(s.outcome.status == Status::LeastSquares && a.t().dot(&r).mapv(f64::abs).sum() < 1e-14, "{:?}", s.outcome);
    let normal = NormalCg::default().minimum_norm().prepare(a.clone()).unwrap().solve(&[1.0, 2.0, 3.0]).unwrap();
    let lsmr = Lsmr::default().minimum_norm().prepare(a).unwrap().solve(&[1.0, 2.0, 3.0]).unwrap();
    for s2 in [normal, lsmr] {
        assert!((&s2.x - &s.x).mapv(f64::abs).sum() < 1e-12 && s2.outcome.status == Status::LeastSquares);
    }
    // A small singular value that is to count as 0.
    let a = with_singular_values(&[2.0, 1.0, 1e-6]);
    let cut = Svd::default().cutoff(1e-3).prepare(a.clone()).unwrap().solve(&[1.0, 2.0, 3.0]).unwrap();
    assert!((&cut.x - &s.x).mapv(f64::abs).sum() < 1e-5 && cut.outcome.condition.is_some_and(|c| (c - 2.0).abs() < 1e-14));
    for cutoff in [-1.0, 1.0, f64::NAN] {
        assert!(matches!(Svd::default().cutoff(cutoff).prepare(a.clone()).map(|_| ()), Err(Failed::Setting { what: "cutoff", .. })));
    }
}

#[test]
fn condition_numbers_of_the_decomposition() {
    for c in [1.0, 1e3, 1e10] {
        let a = with_singular_values(&[c, (2.0 * c).min(c), 1.0]);
        let o = Svd::default().prepare(a).unwrap().solve(&[1.0, 1.0, 1.0]).unwrap().outcome;
        assert!(o.condition.is_some_and(|k| (k / c - 1.0).abs() < 1e-5), "{o:?}");
    }
}
