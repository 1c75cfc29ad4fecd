//! A question without a scale is not asked absolutely.
//!
//! Places looked at, for roots and their linear systems (other methods have their own files):
//! - `implicit/root.rs`: a root was ‖F‖ ≤ √ε(1 + ‖z‖), absolute in F and in z; it is the Newton step relative to z now (`implicit/judge.rs`).
//! - `implicit/root.rs`: a method's own tolerance may be absolute; a Newton step of a tenth of the solution is refused whatever it says.
//! - `implicit/root.rs`: refinement stopped at the same absolute bound; it stops at the relative one.
//! - `implicit/adjoint/dense.rs`: pivots were compared with the largest of the matrix as given; rows and columns are brought near 1 first.
//! - `linear/workspace.rs`, `neumann.rs`: relative to ‖b‖; clean. Absolute tolerances are options, 0 unless set.
//! - `implicit/root.rs`: a method's tolerance may ask for less than rounding leaves; what is rounding is accepted.
//! - `methods/line_search.rs`, `lbfgs.rs`: products of small gradients vanished; slopes and pairs are taken over their lengths.
use hypertape::prelude::*;
use ndarray::{Array1, arr1};
use std::convert::Infallible;

/// dz/dt of F = s (z² − t) with a point that is given.
fn square(s: f64, at: f64, t: f64, adjoint: impl LinearSolver) -> Result<f64> {
    let f = Function::record((shape![], shape![]), |(z, t)| s * (z * z - t))?;
    let root = implicit::root(&f, move |_, _| Ok::<_, Infallible>(at)).adjoint(adjoint);
    Ok(Function::record(shape![], |t| root.solve(1.0, t))?.value_and_gradient(t)?.1.number().unwrap())
}

#[test]
fn a_point_that_is_no_root_is_refused_at_any_scale_of_the_equation() {
    for s in [1e-9, 1e-150, 1e-3, 1.0, 1e9, 1e150] {
        for z in [5.0, 2.001] {
            let e = square(s, z, 4.0, Gmres::default()).expect_err("5 is no root of z² − 4").to_string();
            assert!(e.contains("not a solution") && e.contains("Newton step"), "{s}, {z}: {e}");
        }
    }
}

#[test]
fn a_root_that_is_right_to_rounding_is_accepted_at_any_scale_of_the_equation() {
    // √3, one and two units in the last place off.
    for s in [1e-150, 1e-9, 1.0, 1e9, 1e150] {
        for ulps in [-2.0, -1.0, 0.0, 1.0, 2.0] {
            let z = 3f64.sqrt() * (1.0 + ulps * f64::EPSILON);
            for g in [square(s, z, 3.0, Gmres::default()), square(s, z, 3.0, Lu), square(s, z, 3.0, Cg::default())] {
                let g = g.unwrap_or_else(|e| panic!("{s}, {ulps}: {e}"));
                assert!((g - 0.5 / 3f64.sqrt()).abs() < 1e-12, "{s}, {ulps}: {g}");
            }
        }
    }
}

#[test]
fn the_scale_of_the_solution_does_not_enter() {
    for k in [1e-70, 1e-10, 1.0, 1e10, 1e70] {
        let e = square(1.0, 5.0 * k, 4.0 * k * k, Lu).expect_err("no root").to_string();
        assert!(e.contains("not a solution"), "{k}: {e}");
        let g = square(1.0, 2.0 * k, 4.0 * k * k, Lu).unwrap_or_else(|e| panic!("{k}: {e}"));
        assert!((g * k - 0.25).abs() < 1e-12, "{k}: {g}");
    }
}

#[test]
fn single_precision_asks_the_same() {
    let by = |s: f32, at: f32| {
        let f = Function::record((Leaf::<f32>::new([]), Leaf::<f32>::new([])), |(z, t)| (z * z - t) * scalar::<f32>(f64::from(s))).unwrap();
        let root = implicit::root(&f, move |_, _| Ok::<_, Infallible>(at));
        Function::record(Leaf::<f32>::new([]), |t| root.solve(scalar(1.0), t))
            .unwrap()
            .value_and_gradient(4.0_f32)
            .map(|(_, g)| g.number().unwrap())
    };
    for s in [1e-18_f32, 1e-9, 1.0, 1e18] {
        assert!(by(s, 5.0).is_err(), "{s}");
        let g = by(s, 2.0).unwrap_or_else(|e| panic!("{s}: {e}"));
        assert!((g - 0.25).abs() < 1e-6, "{s}: {g}");
        let g = by(s, 2.0 + f32::EPSILON).unwrap_or_else(|e| panic!("{s}: {e}"));
        assert!((g - 0.25).abs() < 1e-6, "{s}: {g}");
    }
}

#[test]
fn a_solution_that_is_zero_is_accepted() {
    // z + z³ = t at t = 0: dz/dt = 1. Code that finds 0 to rounding, exactly, or nearly.
    let f = Function::record((shape![], shape![]), |(z, t)| z + z * z * z - t).unwrap();
    for at in [0.0, 1e-17, -1e-9] {
        let root = implicit::root(&f, move |_, _| Ok::<_, Infallible>(at));
        let g = Function::record(shape![], |t| root.solve(1.0, t)).unwrap().gradient(0.0).unwrap_or_else(|e| panic!("{at}: {e}"));
        assert!((g.number().unwrap() - 1.0).abs() < 1e-12, "{at}: {g}");
    }
    // A point that has not begun to be found is not near zero.
    let root = implicit::root(&f, move |_, _| Ok::<_, Infallible>(0.0));
    assert!(Function::record(shape![], |t| root.solve(1.0, t)).unwrap().gradient(2.0).is_err());
}

#[test]
fn rows_of_different_units_do_not_hide_one_another() {
    // F = (z₁ − p₁, s (z₂² − p₂)).
    let by = |s: f64, second: f64| {
        let units = arr1(&[1.0, s]).into_shared();
        let mask = arr1(&[0.0, 1.0]).into_shared();
        let f = Function::record((shape![2], shape![2]), |(z, p)| {
            let (u, m) = (constant(&units), constant(&mask));
            u * (m * z * z + (1.0 - m) * z - p)
        })
        .unwrap();
        let root = implicit::root(&f, move |_, _| Ok::<Array1<f64>, Infallible>(arr1(&[1.0, second]))).adjoint(Lu);
        Function::record(shape![2], |p| root.solve(zeros(shape![2]), p).sum()).unwrap().gradient(arr1(&[1.0, 4.0]))
    };
    for s in [1e-9, 1e-20, 1e20] {
        assert!(by(s, 5.0).is_err(), "{s}");
        let g = by(s, 2.0).unwrap_or_else(|e| panic!("{s}: {e}"));
        assert!((g[0] - 1.0).abs() < 1e-14 && (g[1] - 0.25).abs() < 1e-14, "{s}: {g}");
    }
}

#[test]
fn a_method_whose_tolerance_does_not_fit_the_scale_is_refused() {
    // ½ 1e-10 (z − 3)² from 0: the gradient, 3e-10, is under the tolerance, 1e-8, at the start.
    let f = Function::record((shape![], shape![]), |(z, t)| 0.5e-10 * (z - t) * (z - t)).unwrap();
    let by = |method: implicit::Implicit<GradientDescent<Objective<Leaf, Leaf>>>| {
        Function::record(shape![], |t| method.solve(0.0, t)).unwrap().value_and_gradient(3.0)
    };
    let method = GradientDescent::new(&f).step_size(1e10);
    let e = by(method.implicit(Cg::default())).expect_err("0 is not 3").to_string();
    assert!(e.contains("not a solution") && e.contains("scale"), "{e}");
    let (z, g) = by(method.clone().tolerance(1e-22).implicit(Cg::default())).expect("one step finds it");
    assert!((z - 3.0).abs() < 1e-12 && (g.number().unwrap() - 1.0).abs() < 1e-12);
    // Newton steps repair it.
    let (z, g) = by(method.implicit(Cg::default()).on_residual(OnResidual::Refine)).expect("it is refined");
    assert!((z - 3.0).abs() < 1e-7 && (g.number().unwrap() - 1.0).abs() < 1e-12);
}

#[test]
fn an_absolute_tolerance_is_absolute_and_a_relative_one_relative() {
    let f = Function::record((shape![], shape![]), |(z, t)| 1e-9 * (z * z - t)).unwrap();
    let root = implicit::root(&f, |_, _| Ok::<_, Infallible>(2.001)).accuracy(f64::INFINITY);
    let run = |root: &implicit::Outside<Root<Leaf, Leaf>>| Function::record(shape![], |t| root.solve(1.0, t)).unwrap().gradient(4.0);
    assert!(run(&root).is_err());
    assert!(run(&root.clone().tolerance(1e-10)).is_ok(), "as asked");
    assert!(run(&root.clone().relative_tolerance(1e-3)).is_ok(), "as asked");
    assert!(run(&root.clone().relative_tolerance(1e-4)).is_err());
}

#[test]
fn a_warning_says_the_same_as_an_error() {
    // A gradient under the tolerance 1 far from the minimum 1e9: the Newton step is as long as the solution.
    let f = Function::record((shape![], shape![]), |(z, t)| 0.5e-10 * (z - t).square()).unwrap();
    let solver = GradientDescent::new(&f).step_size(1.0).tolerance(1.0).implicit(Cg::default());
    let strict = solver.clone();
    let e = Function::record(shape![], |t| strict.solve(scalar(0.0), t)).unwrap().eval(1e9).expect_err("it is far off").to_string();
    assert!(e.contains("not a solution"), "{e}");
    let lenient = solver.on_residual(OnResidual::Warn);
    let f = Function::record(shape![], |t| lenient.solve(scalar(0.0), t)).unwrap();
    let mut w = f.workspace();
    w.run(1e9).unwrap();
    let reports = w.reports();
    assert!(!reports.is_empty() && reports.iter().any(|r| !r.converged && r.residual > 0.1), "{reports:?}");
}

#[test]
fn a_solution_right_to_the_last_digit_is_accepted_whatever_the_tolerance() {
    // The gradient of ½ Σ a (z − t)² at the double next to t is 1e-16 t: above any absolute tolerance, and all that there is.
    for t in [1e150, 1e12, 3e8, 1.0] {
        let f =
            Function::record((shape![3], shape![]), |(z, t)| 0.5 * (constant(arr1(&[0.3, 0.9, 0.7])) * (z - t).square()).sum()).unwrap();
        let all = [
            ("fixed", Function::record(shape![], |t| GradientDescent::new(&f).implicit(Cg::default()).solve(zeros(shape![3]), t).sum())),
            (
                "backtracking",
                Function::record(shape![], |t| {
                    GradientDescent::new(&f).backtracking().implicit(Cg::default()).solve(zeros(shape![3]), t).sum()
                }),
            ),
            ("L-BFGS", Function::record(shape![], |t| Lbfgs::new(&f).implicit(Cg::default()).solve(zeros(shape![3]), t).sum())),
            ("Newton-CG", Function::record(shape![], |t| NewtonCg::new(&f).implicit(Cg::default()).solve(zeros(shape![3]), t).sum())),
        ];
        for (name, g) in all {
            let (z, d) = g.unwrap().value_and_gradient(t).unwrap_or_else(|e| panic!("{name} at {t:e}: {e}"));
            let d = d.number().unwrap();
            assert!((z / t - 3.0).abs() < 1e-6 && (d - 3.0).abs() < 1e-8, "{name} at {t:e}: {z:e}, {d}");
        }
    }
}

#[test]
fn line_searches_where_values_leave_the_range() {
    // ½ s (z/u − t)²: values of 1e-340 to 1e-400, gradients in range.
    for (s, u, t) in [(1e-150, 1.0, 1e-120), (1.0, 1.0, 1e-170), (1e-120, 1.0, 1e-110), (1e-150, 1e-50, 1e-150)] {
        let f = Function::record((shape![3], shape![]), |(z, t)| {
            let r = z / u - t;
            0.5 * s * (constant(arr1(&[1.0, 2.0, 4.0])) * r * r).sum()
        })
        .unwrap();
        let start = || zeros(shape![3]);
        let all = [
            (
                "backtracking",
                Function::record(shape![], |t| {
                    GradientDescent::new(&f).step_size(0.5 / s * u * u).backtracking().unroll(80).solve(start(), t).sum()
                }),
            ),
            ("L-BFGS", Function::record(shape![], |t| Lbfgs::new(&f).unroll(40).solve(start(), t).sum())),
            ("Newton-CG", Function::record(shape![], |t| NewtonCg::new(&f).unroll(6).solve(start(), t).sum())),
        ];
        for (name, g) in all {
            let (z, d) = g.unwrap().value_and_gradient(t).unwrap_or_else(|e| panic!("{name} at {s:e}, {u:e}, {t:e}: {e}"));
            let (z, d) = (z / (t * u), d.number().unwrap() / u);
            assert!((z - 3.0).abs() < 1e-6 && (d - 3.0).abs() < 1e-6, "{name} at {s:e}, {u:e}, {t:e}: {z}, {d}");
        }
    }
    // Values of 1e450 are an error that names the objective.
    let f = Function::record((shape![], shape![]), |(z, t)| 0.5e150 * (z - t).square()).unwrap();
    let all = [
        Function::record(shape![], |t| GradientDescent::new(&f).backtracking().unroll(5).solve(scalar(0.0), t)),
        Function::record(shape![], |t| Lbfgs::new(&f).unroll(5).solve(scalar(0.0), t)),
        Function::record(shape![], |t| NewtonCg::new(&f).unroll(5).solve(scalar(0.0), t)),
    ];
    for g in all {
        let e = g.unwrap().eval(1e150).expect_err("the objective is infinite").to_string();
        assert!(e.contains("gave inf from finite operands") && e.contains("scale_free.rs"), "{e}");
    }
}
