//! At a fold of the solution the derivative is an error, with the conditioning.
//!
//! Places looked at:
//! - `implicit/linear_system.rs`: the one place where F_z is inverted for derivatives of every order, in both modes; each solve is checked.
//! - `implicit/root.rs`: values alone are no derivatives; a root there is judged by its Newton step.
//! - approximations (`Neumann::terms`, `OneStep`, and `Shine`, whose residual is not known) say so themselves; not checked.
use hypertape::prelude::*;
use ndarray::{Array1, arr1};
use std::convert::Infallible;

/// Where w³ − w + l = 0 has a double root, 1/√3.
fn critical() -> f64 {
    2.0 / (3.0 * 3f64.sqrt())
}

fn quartic() -> Function<(Leaf, Leaf), Leaf> {
    Function::record((shape![], shape![]), |(w, l)| 0.25 * w * w * w * w - 0.5 * w * w + l * w).unwrap()
}

fn refused<T: std::fmt::Debug>(what: &str, result: Result<T>) {
    let e = result.expect_err(what).to_string();
    assert!(e.contains("singular") || e.contains("positive definite"), "{what}: {e}");
}

#[test]
fn the_quartic_at_its_fold() {
    let f = quartic();
    for tolerance in [1e-6, 1e-8, 1e-10, 1e-12] {
        let method = NewtonCg::new(&f).tolerance(tolerance);
        let e = Function::record(shape![], |l| method.implicit(Cg::default()).solve(1.2, l)).unwrap().gradient(critical());
        let e = e.expect_err("the minimiser is a fold").to_string();
        // A Newton step from a double root halves the distance: F_zz δ / F_z = ½.
        assert!(e.contains("singular") && e.contains("conditioning"), "{tolerance}: {e}");
        let g = Function::record(shape![], |l| method.implicit(Lu).solve(1.2, l)).unwrap();
        refused("forward", g.jvp(critical(), 1.0));
        refused("reverse", g.gradient(critical()));
    }
}

#[test]
fn away_from_the_fold_the_derivative_stands() {
    // dw/dl = −1 / (3w² − 1).
    let f = quartic();
    for away in [1e-1, 1e-3, 1e-5] {
        let method = NewtonCg::new(&f).tolerance(1e-13).implicit(Lu);
        let (w, g) = Function::record(shape![], |l| method.solve(1.2, l)).unwrap().value_and_gradient(critical() - away).unwrap();
        let exact = -1.0 / (3.0 * w * w - 1.0);
        assert!((g.number().unwrap() / exact - 1.0).abs() < 1e-9, "{away}: {g} {exact}");
    }
}

#[test]
fn points_next_to_a_double_root_are_refused_however_small_the_residual() {
    // Code that finds 1/√3 exactly, to rounding, and with the residual below what rounding allows.
    let f = quartic();
    let w = 1.0 / 3f64.sqrt();
    for off in [0.0, 1e-15, 1e-9, 1e-8, 1e-6, 1e-4] {
        let root = implicit::argmin(&f, move |_, _| Ok::<_, Infallible>(w + off)).tolerance(1e-6).adjoint(Lu);
        refused(&format!("{off}"), Function::record(shape![], |l| root.solve(1.2, l)).unwrap().gradient(critical()));
    }
}

#[test]
fn a_fold_in_several_dimensions() {
    // (z₁² − p, z₂ − z₁, …): a double root at p = 0 moved to z = 1, mixed with regular equations.
    let n = 5;
    let mix = hypertape_testkit::random::sym(3, (n, n)).into_shared();
    for mixed in [false, true] {
        let f = Function::record((shape![n], shape![]), |(z, p)| {
            let first = constant(&arr1(&[1.0, 0.0, 0.0, 0.0, 0.0]).into_shared());
            let r = first * ((z - 1.0).square() - p) + (1.0 - first) * (2.0 * (z - 1.0) - 0.3 * (z - 1.0).slice_axis(0, 0, 1).sum());
            if mixed { constant(&mix).dot(r) } else { r }
        })
        .unwrap();
        // 1 + d (1, 0.15, …) is off the double root by d.
        for d in [1e-7, 1e-5, 1e-3] {
            let z = move || Array1::from_shape_fn(n, |i| 1.0 + if i == 0 { d } else { 0.15 * d });
            let root = implicit::root(&f, move |_, _| Ok::<_, Infallible>(z())).tolerance(1e-4);
            for root in [root.clone().adjoint(Lu), root] {
                let g = Function::record(shape![], |p| root.solve(zeros(shape![n]), p).sum()).unwrap();
                refused(&format!("{mixed}, {d}, reverse"), g.gradient(0.0));
                refused(&format!("{mixed}, {d}, forward"), g.jvp(0.0, 1.0));
            }
            // The same point is a regular root for p = d².
            let g = Function::record(shape![], |p| {
                implicit::root(&f, move |_, _| Ok::<_, Infallible>(z())).adjoint(Lu).solve(zeros(shape![n]), p).sum()
            });
            let g = g.unwrap().gradient(d * d).unwrap_or_else(|e| panic!("{mixed}, {d}: {e}")).number().unwrap();
            assert!((g * 2.0 * d / 1.6 - 1.0).abs() < 1e-4, "{mixed}, {d}: {g}");
        }
    }
}

#[test]
fn what_is_accepted_all_the_same_says_so() {
    let f = quartic();
    let method = NewtonCg::new(&f).tolerance(1e-10).implicit(Lu).on_residual(OnResidual::Warn);
    let g = Function::record(shape![], |l| method.solve(1.2, l)).unwrap().wrt(|l| l).gradient();
    let mut w = g.workspace();
    w.run(critical()).expect("it is accepted");
    let adjoint = w.reports().iter().find(|r| r.name == "adjoint solve").expect("it reports");
    assert!(!adjoint.converged && adjoint.status == Status::NearFold, "{adjoint:?}");
}

#[test]
fn a_large_offset_of_the_solution_is_no_fold() {
    // exp(z − t) = 1 at t = 1.7e9: F_zz z / F_z is 1.7e9, and the derivative is 1.
    let f = Function::record((shape![], shape![]), |(z, t)| (z - t).exp() - 1.0).unwrap();
    let root = implicit::root(&f, |t, _| Ok::<_, Infallible>(t.number().unwrap()));
    let g = Function::record(shape![], |t| root.solve(1.0, t)).unwrap().gradient(1.7e9).unwrap();
    assert!((g.number().unwrap() - 1.0).abs() < 1e-12, "{g}");
}

#[test]
fn single_precision_has_folds_too() {
    let f = Function::record((Leaf::<f32>::new([]), Leaf::<f32>::new([])), |(w, l)| w * w * w - w + l).unwrap();
    let by = |w: f32| {
        let root = implicit::root(&f, move |_, _| Ok::<_, Infallible>(w)).tolerance(1e-3).adjoint(Lu);
        Function::record(Leaf::<f32>::new([]), |l| root.solve(scalar(1.2), l)).unwrap()
    };
    for off in [1e-4_f32, 1e-3, 1e-2] {
        refused(&format!("{off}"), by(1.0 / 3f32.sqrt() + off).gradient(critical() as f32));
    }
    let g = by(1.0).gradient(0.0_f32).expect("w = 1 at l = 0 is regular").number().unwrap();
    assert!((g + 0.5).abs() < 1e-6, "{g}");
}
