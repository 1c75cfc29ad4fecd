//! `check_gradient` allows for the accuracy of the inner solution.
//!
//! Places looked at:
//! - `autodiff/function/check.rs`: the only comparison with differences that the library offers; it knew the rounding of the value alone.
//! - `testkit/differences.rs`: tests state what they allow; clean.
use hypertape::prelude::*;
use std::convert::Infallible;

/// A loss of the minimiser of a function that is no quadratic, by a solver that stops at a tolerance.
fn hypergradient(tolerance: f64) -> Function<Leaf, Leaf> {
    let inner = Function::record((shape![3], shape![]), |(z, t)| {
        let (w, b) = (constant(&ndarray::arr1(&[1.0, 2.0, 5.0]).into_shared()), constant(&ndarray::arr1(&[1.0, -1.0, 0.5]).into_shared()));
        (0.5 * w * t.exp() * z * z + z.exp() - b * z).sum()
    })
    .unwrap();
    let method = GradientDescent::new(&inner).step_size(0.08).tolerance(tolerance).max_iterations(5000).implicit(Cg::default());
    Function::record(shape![], |t| method.solve(zeros(shape![3]), t).square().sum()).unwrap()
}

/// A gradient that is a fraction off, of a value that is right.
fn wrong_by(f: &Function<Leaf, Leaf>, fraction: f64) -> Function<Leaf, Leaf> {
    Function::record(shape![], |t| {
        let v = f.call(t);
        v + fraction * (v - stop_gradient(&v))
    })
    .unwrap()
}

#[test]
fn a_right_implicit_gradient_passes_at_any_inner_tolerance() {
    for tolerance in [1e-6, 1e-8, 1e-10, 1e-12] {
        for t in [-1.0, 0.0, 0.7] {
            let c = hypergradient(tolerance).check_gradient(t).unwrap();
            assert!(c.passed() && c.inner >= tolerance && c.allowed < 0.01, "{tolerance}, {t}: {c:?}");
        }
    }
}

#[test]
fn a_gradient_that_is_off_by_one_percent_fails_at_any_inner_tolerance() {
    for tolerance in [1e-6, 1e-8, 1e-10] {
        for fraction in [0.01, -0.01, 0.5] {
            let c = wrong_by(&hypergradient(tolerance), fraction).check_gradient(0.0).unwrap();
            assert!(!c.passed(), "{tolerance}, {fraction}: {c:?}");
        }
    }
}

#[test]
fn the_accuracy_can_be_stated() {
    // √t by bisection to 1e-7, which no report tells.
    let f = Function::record((shape![], shape![]), |(z, t)| z * z - t).unwrap();
    let find = |t: ndarray::ArrayViewD<'_, f64>, _: ndarray::ArrayViewD<'_, f64>| {
        let (mut a, mut b) = (0.0, 10.0);
        while b - a > 1e-6 {
            let m = 0.5 * (a + b);
            if m * m < t.number().unwrap() { a = m } else { b = m }
        }
        Ok::<_, Infallible>(0.5 * (a + b))
    };
    let root = implicit::root(&f, find).tolerance(1e-5);
    let g = Function::record(shape![], |t| root.solve(1.0, t)).unwrap();
    let c = g.check_gradient_within(3.0, 1e-6).unwrap();
    assert!(c.passed() && c.inner == 1e-6, "{c:?}");
    assert!(!wrong_by(&g, 0.01).check_gradient_within(3.0, 1e-6).unwrap().passed());
    let e = g.check_gradient_within(3.0, f64::NAN).expect_err("it is no number").to_string();
    assert!(e.contains("NaN") && e.contains("not negative"), "{e}");
}

#[test]
fn what_has_no_solver_inside_is_checked_as_closely_as_before() {
    let f = Function::record(shape![], |t| t.exp() * t).unwrap();
    let c = f.check_gradient(0.3).unwrap();
    assert!(c.passed() && c.inner == 0.0 && c.allowed < 1e-8, "{c:?}");
    assert!(!wrong_by(&f, 1e-6).check_gradient(0.3).unwrap().passed());
}

#[test]
fn each_number_moves_by_its_own_size() {
    let small = Function::record(shape![], |x| (x / 1e-6).sin()).unwrap();
    let c = small.check_gradient(1e-6).unwrap();
    assert!(c.passed() && c.allowed < 1e-3, "{c:?}");
    let mixed = Function::record(shape![2], |x| (x / constant(&ndarray::arr1(&[1e-3, 1e3]).into_shared())).sin().sum()).unwrap();
    let c = mixed.check_gradient(ndarray::arr1(&[1e-3, 1e3])).unwrap();
    assert!(c.passed() && c.allowed < 1e-3, "{c:?}");
    // The points of the differences stay where the function is defined.
    let c = Function::record(shape![], |x| x.ln()).unwrap().check_gradient(1e-4).unwrap();
    assert!(c.passed() && c.allowed < 1e-3, "{c:?}");
    // A small number beside large ones still counts.
    let f = Function::record(shape![], |x| x.sin() + x.cos()).unwrap();
    let c = f.check_gradient(1e-14).unwrap();
    assert!(c.passed() && c.allowed < 1e-3, "{c:?}");
}

#[test]
fn a_wrong_gradient_by_a_small_number_does_not_hide_behind_large_ones() {
    // Right by the second number, a tenth off by the first.
    let f = Function::record((shape![], shape![]), |(a, b): (Var, Var)| {
        let s = (a / 1e-4).sin();
        s + 0.1 * (s - stop_gradient(&s)) + b.sin()
    })
    .unwrap();
    for a in [1e-4, 1e-14, 0.0] {
        let c = f.check_gradient((a, 1.0)).unwrap();
        assert!(!c.passed(), "{a:e}: {c:?}");
    }
    let right = Function::record((shape![], shape![]), |(a, b): (Var, Var)| (a / 1e-4).sin() + b.sin()).unwrap();
    assert!(right.check_gradient((1e-4, 1.0)).unwrap().passed());
}

#[test]
fn a_point_of_the_differences_outside_the_domain_is_said_to_be_one() {
    let f = Function::record(shape![], |x| x.sqrt().exp()).unwrap();
    let e = f.check_gradient(0.0).expect_err("beside 0 it has no value").to_string();
    assert!(e.contains("point of the differences"), "{e}");
}
