//! Unrolling: closed forms, storage forms, truncation, steps for each iteration, errors.
use crate::support::{close, flat, quadratic, ridge_objective};
use hypertape_autodiff::record::{constant, scalar, stop_gradient, zeros};
use hypertape_autodiff::{Function, shape};
use hypertape_solvers::{GradientDescent, Inner, Keep, Sgd, Solve, Step};
use hypertape_testkit::problems::{gradient_descent::CASE, ridge};
use ndarray::{arr0, arr1};

#[test]
fn gradient_descent_has_the_closed_form_and_its_derivatives() {
    let f = quadratic();
    let outer = Function::record(((shape![], shape![]), (shape![], shape![])), |((start, eta), params)| {
        GradientDescent::new(&f).step_size(eta).unroll(10).solve(start, params)
    })
    .unwrap();
    let (value, ((by_start, by_step), (by_curvature, by_theta))) = outer.value_and_gradient(((0.0, 0.1), (2.0, 3.0))).unwrap();
    let exact = CASE.closed_form();
    close("value", &arr0(value).into_dyn(), [exact.value], 1e-15);
    close("by start", &by_start, [exact.by_start], 1e-15);
    close("by step", &by_step, [exact.by_step_size], 4e-15);
    close("by curvature", &by_curvature, [exact.by_curvature], 1e-15);
    close("by theta", &by_theta, [exact.by_theta], 1e-15);
}

/// d/d(λ, steps) of Σ w after K steps, each with its own size.
fn of_steps(k: usize, keep: Keep) -> (f64, Vec<f64>, Vec<f64>) {
    let f = ridge_objective();
    let outer = Function::record((shape![], shape![k]), |(lambda, steps)| {
        let w = GradientDescent::new(&f).step_size(Step::each(steps)).unroll(k).keep(keep).solve(zeros(shape![3]), lambda);
        w.dot(constant(arr1(&[1.0, -2.0, 0.5])))
    })
    .unwrap();
    let steps = arr1(&(0..k).map(|i| 0.3 + 0.02 * i as f64).collect::<Vec<_>>());
    let (v, (l, s)) = outer.value_and_gradient((0.1, &steps)).unwrap();
    (v, flat(&l), flat(&s))
}

#[test]
fn every_number_of_steps_gives_the_same_in_each_storage_form() {
    for k in [1, 2, 3, 4, 5, 7, 9, 10, 16, 17, 23] {
        let all = of_steps(k, Keep::All);
        for keep in [Keep::Sqrt, Keep::Values, Keep::Bytes(24), Keep::Bytes(200), Keep::Bytes(10_000)] {
            let other = of_steps(k, keep);
            let tolerance = 64.0 * f64::EPSILON * k as f64;
            assert!((all.0 - other.0).abs() <= tolerance, "{k}, {keep:?}: {} {}", all.0, other.0);
            for (a, b) in all.1.iter().chain(&all.2).zip(other.1.iter().chain(&other.2)) {
                assert!((a - b).abs() <= tolerance, "{k}, {keep:?}: {a} {b}");
            }
        }
    }
}

#[test]
fn a_rule_of_the_counter_counts_through_all_storage_forms() {
    let f = ridge_objective();
    let run = |keep: Keep| {
        let outer = Function::record(shape![], |lambda| {
            let solver = GradientDescent::new(&f).step_size(Step::rule(|k| 0.5 / (1.0 + 0.1 * k)));
            let w = solver.unroll(11).keep(keep).solve(zeros(shape![3]), lambda);
            w.dot(w)
        })
        .unwrap();
        let (v, g) = outer.value_and_gradient(0.1).unwrap();
        (v, g[[]])
    };
    let mut w = arr1(&[0.0, 0.0, 0.0]);
    for k in 0..11 {
        w = &w - &(0.5 / (1.0 + 0.1 * f64::from(k)) * ridge::gradient(w.view(), 0.1));
    }
    let (all, sqrt, last) = (run(Keep::All), run(Keep::Sqrt), run(Keep::Last(4)));
    for (v, _) in [all, sqrt, last] {
        assert!((v - w.dot(&w)).abs() < 1e-14, "{v}");
    }
    assert!((all.1 - sqrt.1).abs() < 1e-14);
    assert!((all.1 - last.1).abs() > 1e-6);
}

#[test]
fn derivatives_agree_with_differences() {
    let f = ridge_objective();
    let outer = Function::record((shape![], shape![]), |(lambda, eta)| {
        let w = GradientDescent::new(&f).step_size(eta).unroll(25).solve(zeros(shape![3]), lambda);
        w.dot(w)
    })
    .unwrap();
    assert!(outer.check_gradient((0.1, 0.5)).unwrap().passed());
    let f = quadratic();
    let second =
        Function::record(shape![], |a| GradientDescent::new(&f).step_size(0.1).unroll(10).solve(zeros(shape![]), (a, scalar(3.0))))
            .unwrap();
    let h = second.hvp(2.0, 1.0).unwrap()[[]];
    let e = 1e-4;
    let difference = (second.gradient(2.0 + e).unwrap()[[]] - second.gradient(2.0 - e).unwrap()[[]]) / (2.0 * e);
    assert!((h - difference).abs() < 1e-7, "{h} {difference}");
}

#[test]
fn truncation_at_the_solution_is_a_neumann_series() {
    let f = ridge_objective();
    let (alpha, v) = (0.5, arr1(&[0.3, -1.0, 2.0]));
    let at = ridge::solution(0.1);
    for k in [1, 5, 20] {
        let outer = Function::record((shape![3], shape![]), |(start, lambda)| {
            let w = GradientDescent::new(&f).step_size(alpha).unroll(40).keep(Keep::Last(k)).solve(start, lambda);
            w.dot(constant(v.clone()))
        })
        .unwrap();
        let (start, lambda) = outer.gradient((&at, 0.1)).unwrap();
        assert!(start.iter().all(|g| *g == 0.0));
        let exact = ridge::neumann_hypergradient(v.view(), 0.1, alpha, k);
        assert!((lambda[[]] - exact).abs() < 1e-12, "{k}: {} {exact}", lambda[[]]);
        let direct = ridge::truncated_hypergradient(v.view(), 0.1, alpha, k);
        assert!((lambda[[]] - direct).abs() < 1e-12);
    }
}

#[test]
fn contraction_unrolled_k_steps() {
    let map = Function::record((shape![], shape![]), |(z, x)| 0.5 * z + x).unwrap();
    let solver = hypertape_solvers::FixedPoint::new(&map);
    for (k, exact) in [(1, 1.0), (5, 1.9375), (10, 1.998046875)] {
        let outer = Function::record(shape![], |x| solver.unroll(k).solve(zeros(shape![]), x)).unwrap();
        assert_eq!(outer.gradient(0.7).unwrap()[[]], exact);
    }
}

#[test]
fn the_trace_stacks_every_iterate() {
    let f = ridge_objective();
    for keep in [Keep::All, Keep::Sqrt, Keep::Values, Keep::Bytes(100), Keep::Last(3)] {
        let outer = Function::record(shape![], |lambda| {
            GradientDescent::new(&f).step_size(0.5).unroll(7).keep(keep).trace(zeros(shape![3]), lambda)
        })
        .unwrap();
        let (last, all) = outer.eval(0.1).unwrap();
        assert_eq!(all.shape(), &[7, 3]);
        let mut w = arr1(&[0.0, 0.0, 0.0]);
        for k in 0..7 {
            w = &w - &(0.5 * ridge::gradient(w.view(), 0.1));
            close("iterate", &all.index_axis(ndarray::Axis(0), k).to_owned(), w.iter().copied(), 1e-14);
        }
        close("last", &last, w, 1e-14);
    }
}

#[test]
fn batches_run_over_the_leading_axis_in_each_storage_form() {
    let f = Function::record((shape![2], shape![], shape![2]), |(w, lambda, batch)| {
        let r = w - batch;
        0.5 * r.dot(r) + 0.5 * lambda * w.dot(w)
    })
    .unwrap();
    let batches = ndarray::Array2::from_shape_fn((11, 2), |(i, j)| (i as f64 * 0.7 + j as f64).sin());
    let run = |keep: Keep| {
        let outer = Function::record((shape![], shape![11, 2]), |(lambda, batches)| {
            let w = Sgd::new(&f).step_size(0.2).momentum(0.9).unroll(11).keep(keep).solve_over(zeros(shape![2]), lambda, batches);
            w.dot(w)
        })
        .unwrap();
        assert!(keep == Keep::Last(3) || outer.check_gradient((0.3, &batches)).unwrap().passed());
        outer.value_and_gradient((0.3, &batches)).unwrap()
    };
    let (all, last) = (run(Keep::All), run(Keep::Last(3)));
    assert!((all.0 - last.0).abs() < 1e-14);
    for keep in [Keep::Sqrt, Keep::Values, Keep::Bytes(100)] {
        let other = run(keep);
        assert!((all.0 - other.0).abs() < 1e-14);
        close("by batch", &all.1.1, other.1.1.iter().copied(), 1e-14);
    }
    let outside = Sgd::new(&f).step_size(0.2).momentum(0.9).solve_over(arr1(&[0.0, 0.0]), 0.3, &batches).unwrap();
    assert_eq!(outside.report.iterations, Some(11));
    assert!((outside.solution[[0]].powi(2) + outside.solution[[1]].powi(2) - all.0).abs() < 1e-14);
}

#[test]
fn settings_that_cannot_work_fail_the_recording_at_the_users_line() {
    let f = quadratic();
    let fails = |make: &dyn Fn() -> hypertape_solvers::Unrolled<GradientDescent<_>>| {
        let line = |e: hypertape_autodiff::Error| e.to_string();
        Function::record((shape![], shape![]), |p| make().solve(zeros(shape![]), p)).err().map(line).unwrap()
    };
    let solver = GradientDescent::new(&f).step_size(0.1);
    let e = fails(&|| solver.unroll(0));
    assert!(e.contains("unroll.rs:") && e.contains("unroll at least 1"), "{e}");
    for bad in [-1.0, 0.0, f64::NAN, f64::INFINITY] {
        let e = fails(&|| GradientDescent::new(&f).step_size(bad).unroll(3));
        assert!(e.contains("gradient descent") && e.contains("finite positive"), "{e}");
    }
    let e = fails(&|| solver.unroll(3).keep(Keep::Last(4)));
    assert!(e.contains("`Keep::Last(4)` of 3 steps"), "{e}");
    let e = fails(&|| solver.unroll(3).keep(Keep::Bytes(7)));
    assert!(e.contains("`Keep::Bytes(7)` does not hold one state of 8 bytes"), "{e}");
    let e = fails(&|| solver.unroll(3).keep(Keep::Last(0)));
    assert!(e.contains("keep at least 1"), "{e}");
    let e = fails(&|| GradientDescent::new(&f).step_size(Step::each(constant(arr1(&[0.1, 0.2])))).unroll(3));
    assert!(e.contains("2 entries for 3 iterations"), "{e}");
}

#[test]
fn segments_need_less_memory() {
    let f = Function::record((shape![500], shape![]), |(w, a)| (a * w * w - w).sum()).unwrap();
    let bytes = |keep: Keep| {
        let outer = Function::record(shape![], |a| {
            GradientDescent::new(&f).step_size(0.1).unroll(400).keep(keep).solve(zeros(shape![500]), a).sum()
        })
        .unwrap();
        outer.memory().total()
    };
    let (all, sqrt, last) = (bytes(Keep::All), bytes(Keep::Sqrt), bytes(Keep::Last(10)));
    let (half, tenth) = (bytes(Keep::Bytes(200 * 4032)), bytes(Keep::Bytes(40 * 4032)));
    assert!(half < 210 * 4032 && tenth < 50 * 4032, "{half} {tenth}");
    // 400 iterates of 4000 bytes; 20 + 20; 10.
    assert!(all >= 400 * 4000 && sqrt < 80 * 4000 && last < 40 * 4000, "{all} {sqrt} {last}");
}

#[test]
fn solvers_as_objects() {
    let f = quadratic();
    let solver = GradientDescent::new(&f).step_size(0.1);
    let (a, b) = (solver.unroll(10), solver.unroll(10).keep(Keep::Sqrt));
    let many: [&dyn Inner<_, _>; 2] = [&a, &b];
    assert_eq!(many[1].name(), "gradient descent, unrolled 10 steps, Sqrt");
    for inner in many {
        let outer = Function::record((shape![], shape![]), |p| inner.solve(zeros(shape![]), p)).unwrap();
        assert!((outer.eval((2.0, 3.0)).unwrap()[[]] - 1.3389387264).abs() < 1e-14);
    }
}

#[test]
fn single_precision() {
    let f = Function::record((shape![f32; 2], shape![f32;]), |(w, a)| 0.5 * a * w.dot(w) - w.sum()).unwrap();
    let outer = Function::record(shape![f32;], |a| {
        let w = GradientDescent::new(&f).step_size(0.1).unroll(10).keep(Keep::Sqrt).solve(zeros(shape![f32; 2]), a);
        stop_gradient(&w).sum() * 0.0 + w.sum()
    })
    .unwrap();
    let (v, g) = outer.value_and_gradient(2.0f32).unwrap();
    assert!((v - 2.0 * 0.446_312_9).abs() < 4e-7 && g[[]] < 0.0, "{v} {g}");
}

/// Extreme counts neither run for ever nor panic: they are named, or they are plain.
#[test]
fn extreme_counts_are_named() {
    let f = quadratic();
    let solver = GradientDescent::new(&f).step_size(0.1);
    let max = usize::MAX;
    for keep in [Keep::All, Keep::Sqrt, Keep::Values, Keep::Bytes(u64::MAX), Keep::Bytes(64), Keep::Last(1), Keep::Last(max)] {
        let e =
            Function::record((shape![], shape![]), |p| solver.unroll(max).keep(keep).solve(zeros(shape![]), p)).unwrap_err().to_string();
        assert!(e.contains("more than can be counted") && e.contains("unroll.rs:"), "{keep:?}: {e}");
        let none =
            Function::record((shape![], shape![]), |p| solver.unroll(0).keep(keep).solve(zeros(shape![]), p)).unwrap_err().to_string();
        assert!(none.contains("unroll at least 1"), "{keep:?}: {none}");
    }
    let e = Function::record((shape![], shape![]), |p| solver.unroll(5).keep(Keep::Last(max)).solve(zeros(shape![]), p)).unwrap_err();
    assert!(e.to_string().contains("of 5 steps"), "{e}");
    let most = u32::MAX as usize;
    assert!(Function::record((shape![], shape![]), |p| solver.unroll(most).keep(Keep::Sqrt).solve(zeros(shape![]), p)).is_ok());
    let lbfgs = hypertape_solvers::Lbfgs::new(&f).memory(max);
    let e = Function::record((shape![], shape![]), |p| lbfgs.unroll(3).solve(zeros(shape![]), p)).unwrap_err().to_string();
    assert!(e.contains("at most 1000"), "{e}");
    let newton = hypertape_solvers::NewtonCg::new(&f).inner_iterations(max);
    let e = Function::record((shape![], shape![]), |p| newton.unroll(3).solve(zeros(shape![]), p)).unwrap_err().to_string();
    assert!(e.contains("inner iterations"), "{e}");
}
