//! The inverse estimate of a quasi-Newton method: against the dense recursion, the inverse, and what a product tells of it.
use crate::MEMORY;
use crate::support::*;
use hypertape_linear::{
    Cg, Diagonal, Estimated, Failed, Hints, LinearSolver, Need, Outcome, Prepare, Secants, Shine, Side, Single, Status, Tolerance,
    Workspace, from_fn, norm,
};
use hypertape_testkit::random;
use ndarray::{Array1, Array2, arr1};

/// Pairs along pseudo-random directions.
fn drawn(a: &Array2<f64>, pairs: usize) -> Secants {
    let n = a.nrows();
    let mut secants = Secants::new(n);
    for k in 0..pairs {
        let s: Array1<f64> = random::normal(70 + k as u64, n);
        assert!(secants.push(&s.to_vec(), &a.dot(&s).to_vec()));
    }
    secants
}

/// Pairs along n conjugate directions: those of a quasi-Newton method with exact steps on a quadratic.
fn conjugate(a: &Array2<f64>) -> Secants {
    let n = a.nrows();
    let (mut secants, mut before) = (Secants::new(n), Vec::<Array1<f64>>::new());
    for k in 0..n {
        let mut s: Array1<f64> = random::normal(70 + k as u64, n);
        for _ in 0..2 {
            for d in &before {
                let along = d.dot(&a.dot(&s)) / d.dot(&a.dot(d));
                s.scaled_add(-along, d);
            }
        }
        assert!(secants.push(&s.to_vec(), &a.dot(&s).to_vec()));
        before.push(s);
    }
    secants
}

/// H by its recursion, pair by pair.
fn dense(a: &Array2<f64>, pairs: usize) -> Array2<f64> {
    let n = a.nrows();
    let outer = |a: &Array1<f64>, b: &Array1<f64>| Array2::from_shape_fn((n, n), |(i, j)| a[i] * b[j]);
    let all: Vec<Array1<f64>> = (0..pairs).map(|k| random::normal(70 + k as u64, n)).collect();
    let newest = all.last().map(|s| (s.clone(), a.dot(s)));
    let gamma = newest.map_or(1.0, |(s, y)| s.dot(&y) / y.dot(&y));
    let mut h = gamma * Array2::<f64>::eye(n);
    for s in all {
        let y = a.dot(&s);
        let rho = 1.0 / s.dot(&y);
        let left = Array2::<f64>::eye(n) - rho * outer(&s, &y);
        h = left.dot(&h).dot(&left.t()) + rho * outer(&s, &s);
    }
    h
}

fn far(x: &[f64], exact: &Array1<f64>) -> f64 {
    norm(&(&arr1(x) - exact).to_vec()) / norm(&exact.to_vec())
}

fn apply(a: Array2<f64>, secants: Secants, side: Side, b: &[f64]) -> (Vec<f64>, Outcome) {
    let solved = Shine::default().prepare(Estimated { operator: a, secants }).unwrap().solve_from(&vec![0.0; b.len()], b, side).unwrap();
    (solved.x.to_vec(), solved.outcome)
}

#[test]
fn two_loops_are_the_recursion() {
    for n in [1, 2, 7, 40] {
        let a = definite(n);
        let b: Array1<f64> = random::normal(5, n);
        for pairs in [0, 1, 2, 5, n + 3] {
            for side in [Side::Plain, Side::Transposed] {
                let (x, o) = apply(a.clone(), drawn(&a, pairs), side, &b.to_vec());
                // Each pair's projections round by some ε; they have norms of about the condition number.
                assert!(far(&x, &dense(&a, pairs).dot(&b)) <= 1e4 * (pairs + 1) as f64 * f64::EPSILON, "n = {n}, {pairs} pairs");
                assert_eq!((o.status, o.products.plain, o.products.transposed), (Status::Estimated, 0, 0));
                assert!(o.residual.is_nan() && o.absolute.is_nan() && o.backward.is_nan() && !o.converged());
                assert_eq!(o.remark.is_some(), pairs == 0);
            }
        }
    }
}

#[test]
fn conjugate_pairs_are_the_inverse() {
    for n in [1, 2, 7, 40] {
        let a = definite(n);
        let exact: Array1<f64> = random::normal(5, n);
        let (x, _) = apply(a.clone(), conjugate(&a), Side::Plain, &a.dot(&exact).to_vec());
        assert!(far(&x, &exact) <= 1e5 * n as f64 * f64::EPSILON, "n = {n}: {:e}", far(&x, &exact));
    }
}

#[test]
fn any_scale() {
    for n in [1, 2, 7, 65] {
        let (a, exact): (_, Array1<f64>) = (definite(n), random::normal(5, n));
        let (x, _) = apply(a.clone(), drawn(&a, 5), Side::Plain, &a.dot(&exact).to_vec());
        let x = arr1(&x);
        for (size, right) in
            [(1e-150, 1.0), (1e150, 1.0), (1e-150, 1e-150), (1e150, 1e150), (1.0, 1e-300), (1.0, 1e300), (1e-200, 1e-300), (1e280, 1e290)]
        {
            let (b, of) = (right * a.dot(&exact), size * &a);
            let mut secants = Secants::new(n);
            for k in 0..5 {
                let s: Array1<f64> = random::normal(70 + k, n);
                assert!(secants.push(&s.to_vec(), &of.dot(&s).to_vec()));
            }
            let (found, _) = apply(of.clone(), secants.clone(), Side::Plain, &b.to_vec());
            let found = arr1(&found) / (right / size);
            assert!(far(&found.to_vec(), &x) <= 1e4 * f64::EPSILON, "A {size:e}, b {right:e}, n = {n}");
            let solved = Shine::tolerance(1e-12).prepare(Estimated { operator: of, secants }).unwrap().solve(&b.to_vec()).unwrap();
            let off = far(&(solved.x / (right / size)).to_vec(), &exact);
            assert!(solved.outcome.converged() && off <= 1e-10, "A {size:e}, b {right:e}, n = {n}: {off:e} {:?}", solved.outcome);
        }
    }
}

#[test]
fn refined_to_a_tolerance() {
    let n = 60;
    let scale = Array2::from_diag(&Array1::from_shape_fn(n, |i| 10f64.powf(i as f64 / 40.0)));
    let a = scale.dot(&definite(n)).dot(&scale);
    let exact: Array1<f64> = random::normal(5, n);
    let b = a.dot(&exact).to_vec();
    let solve = |s: &dyn LinearSolver, secants: Secants| {
        let (mut w, mut x) = (Workspace::new(s, n), vec![0.0; n]);
        let mut a = Estimated { operator: a.clone(), secants };
        w.prepare(&mut a, &Hints::default()).unwrap();
        let o = w.solve(&mut a, Side::Plain, &b, &mut x, Tolerance { relative: 1e-8, absolute: 0.0 }).unwrap();
        (far(&x, &exact), o)
    };
    let (_, zero) = solve(&Cg::default().trusted(), Secants::new(n));
    let (off, some) = solve(&Shine::tolerance(1e-8), drawn(&a, 40));
    assert!(some.converged() && some.residual <= 1e-8 && off <= 1e-5, "{off:e} {some:?}");
    assert!(some.products.plain < zero.products.plain, "{} products, {} from zero", some.products.plain, zero.products.plain);
    assert!(some.remark.is_some_and(|r| r.contains("CG went on")), "{some:?}");
    // Where the estimate is the inverse, one product says so.
    let (off, all) = solve(&Shine::tolerance(1e-8), conjugate(&a));
    assert!(off <= 1e-8 && all.converged() && all.iterations == 0 && all.products.plain == 1, "{all:?}");
    assert!(all.remark.is_some_and(|r| r.contains("within the tolerance")));
    // No pair at all: CG from a multiple of b.
    let (_, none) = solve(&Shine::tolerance(1e-8), Secants::new(n));
    assert!(none.converged() && none.iterations >= zero.iterations - 5, "{none:?}");
    let (_, few) = solve(&Shine::tolerance(1e-8).max_iterations(2), drawn(&a, 4));
    assert_eq!((few.status, few.iterations), (Status::IterationLimit, 2));
}

#[test]
fn what_cannot_work_is_named() {
    let e = Shine::default().prepare(definite(3)).map(|_| ()).unwrap_err();
    assert!(matches!(e, Failed::Lacks(Need::Estimate)) && e.to_string().contains("L-BFGS"), "{e}");
    let other = Estimated { operator: definite(3), secants: Secants::new(4) };
    assert!(matches!(Shine::default().prepare(other).map(|_| ()), Err(Failed::WrongLength { given: 4, expected: 3, .. })));
    for t in [-1.0, 1.0, f64::NAN] {
        assert!(matches!(Shine::tolerance(t).check(), Err(Failed::Setting { what: "tolerance", .. })));
    }
    assert!(matches!(Shine::tolerance(0.1).absolute_tolerance(-1.0).check(), Err(Failed::Setting { what: "absolute tolerance", .. })));
    assert!(Shine::default().approximate() && !Shine::tolerance(0.1).approximate());
    // Pairs that say nothing do not enter.
    let mut secants = Secants::new(2);
    for (s, y) in [
        ([1.0, 0.0], [0.0, 1.0]),
        ([1.0, 0.0], [-1.0, 0.0]),
        ([0.0; 2], [1.0; 2]),
        ([f64::NAN; 2], [1.0; 2]),
        ([1.0; 2], [f64::INFINITY; 2]),
    ] {
        assert!(!secants.push(&s, &y));
    }
    assert!(!secants.push(&[1.0], &[1.0]) && secants.is_empty() && secants.scale() == 1.0);
    secants.set_scale(-1.0);
    assert!(secants.scale() == 1.0);
    // An estimate beyond the range.
    secants.set_scale(1e300);
    let o = Shine::default().prepare(Estimated { operator: Diagonal(vec![1.0; 2]), secants }).unwrap().solve(&[1e300; 2]);
    assert!(matches!(o, Err(Failed::NotFinite { .. })), "{o:?}");
    // The operator's own error ends a refined solve; the plain one does not ask it.
    let failing = |_: &[f64], _: &mut [f64]| Err::<(), String>("out of paper".into());
    let a = || Estimated { operator: from_fn(1, failing), secants: Secants::new(1) };
    assert!(matches!(Shine::tolerance(0.1).prepare(a()).unwrap().solve(&[1.0]), Err(Failed::Operator(_))));
    assert!(Shine::default().prepare(a()).unwrap().solve(&[1.0]).is_ok());
}

#[test]
fn nothing_zero_and_single_precision() {
    for s in [Shine::default(), Shine::tolerance(1e-5)] {
        let solved = s.prepare(Estimated { operator: Diagonal(vec![]), secants: Secants::new(0) }).unwrap().solve(&[]).unwrap();
        assert!(solved.outcome.converged(), "{}", s.name());
        let a = definite(30);
        let mut shine = s.prepare(Estimated { operator: Single::new(a.mapv(|v| v as f32)), secants: conjugate(&a) }).unwrap();
        let zero = shine.solve(&[0.0; 30]).unwrap();
        assert!(zero.outcome.converged() && zero.x.iter().all(|x| *x == 0.0));
        let exact: Array1<f64> = random::normal(5, 30);
        let solved = shine.solve(&a.dot(&exact).to_vec()).unwrap();
        assert!(far(&solved.x.to_vec(), &exact) <= 1e-5, "{}: {:?}", s.name(), solved.outcome);
    }
}

#[test]
fn a_warm_workspace_allocates_nothing() {
    let b = vec![1.0; 40];
    for s in [Shine::default(), Shine::tolerance(1e-10)] {
        let (mut a, mut x) = (Estimated { operator: definite(40), secants: drawn(&definite(40), 6) }, vec![0.0; 40]);
        let mut work = Workspace::new(&s, 40);
        let mut run = || {
            x.fill(0.0);
            work.prepare(&mut a, &Hints::default()).unwrap();
            work.solve(&mut a, Side::Plain, &b, &mut x, Tolerance { relative: 1e-10, absolute: 0.0 }).unwrap()
        };
        run();
        let (_, used) = MEMORY.measure(|| {
            run();
        });
        assert_eq!(used.on_this_thread, 0, "{}", s.name());
    }
}
