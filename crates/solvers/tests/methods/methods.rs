//! Every method converges to known solutions, says how it stopped, and has derivatives that agree with differences.
use crate::support::{close, lasso_fit, ridge_objective};
use hypertape_autodiff::outcome::Status;
use hypertape_autodiff::record::{constant, zeros};
use hypertape_autodiff::tree::Leaf;
use hypertape_autodiff::{Function, shape};
use hypertape_solvers::{
    AdamDescent, Composite, CondatVu, Equation, Fista, FixedPoint, Gradient2d, GradientDescent, Ista, Lbfgs, Method, NewtonCg, Problem,
    Saddle, Solve, Step, prox,
};
use hypertape_testkit::problems::{denoising, lasso, ridge};
use ndarray::{Array1, Array2, arr0, arr1};

const LAMBDA: f64 = 0.1;

/// Solves the ridge problem and differentiates `steps` unrolled steps by λ.
fn ridge_by<M: Method<Problem: Problem<Unknown = Leaf, Params = Leaf, Solution = Leaf>, Each = ()>>(
    solver: M,
    tolerance: f64,
    steps: usize,
    differentiable: bool,
) -> u64 {
    let solved = solver.clone().tolerance(tolerance).max_iterations(20_000).solve(&arr1(&[0.0; 3]), LAMBDA).unwrap();
    let r = solved.report;
    assert!(r.converged && r.residual <= tolerance && r.status == Status::Converged, "{r:?}");
    // ‖w − w*‖ ≤ ‖∇G‖/λ_min(H), and λ_min ≥ λ.
    close(solver.name(), &solved.solution, ridge::solution(LAMBDA), 30.0 * tolerance);
    let outer = Function::record(shape![], |lambda| {
        let w = solver.unroll(steps).solve(zeros(shape![3]), lambda);
        w.dot(constant(arr1(&[1.0, -0.5, 2.0])))
    })
    .unwrap();
    if differentiable {
        let c = outer.check_gradient(LAMBDA).unwrap();
        assert!(c.passed(), "{}: {c:?}", solver.name());
    }
    r.iterations.unwrap()
}

#[test]
fn gradient_descent() {
    ridge_by(GradientDescent::new(&ridge_objective()).step_size(0.9), 1e-10, 20, true);
}

#[test]
fn gradient_descent_with_backtracking() {
    let with = ridge_by(GradientDescent::new(&ridge_objective()).step_size(4.0).backtracking(), 1e-9, 5, true);
    assert!(with > 1);
    let without = GradientDescent::new(&ridge_objective()).step_size(40.0).max_iterations(30).solve(arr1(&[0.0; 3]), LAMBDA).unwrap();
    assert_eq!((without.report.converged, without.report.status, without.report.iterations), (false, Status::IterationLimit, Some(30)));
}

/// Line searches near the solution, where values differ by rounding alone: they still converge to a gradient of rounding size, and steps beyond that do
/// not spoil the derivative of the steps before.
fn rests<M: Method<Problem: Problem<Unknown = Leaf, Params = Leaf, Solution = Leaf>, Each = ()>>(solver: M, steps: usize) {
    let solved = solver.clone().tolerance(1e-13).max_iterations(3000).solve(arr1(&[0.0; 3]), LAMBDA).unwrap();
    assert!(solved.report.converged, "{:?}", solved.report);
    for k in [steps, 4 * steps] {
        let outer = Function::record(shape![], |l| solver.unroll(k).solve(zeros(shape![3]), l)).unwrap();
        close(solver.name(), &outer.jvp(LAMBDA, 1.0).unwrap().1, ridge::derivative(LAMBDA), 1e-9);
    }
}

#[test]
fn backtracking_rests_at_the_solution() {
    rests(GradientDescent::new(&ridge_objective()).step_size(4.0).backtracking(), 400);
}

#[test]
fn lbfgs_rests_at_the_solution() {
    rests(Lbfgs::new(&ridge_objective()), 30);
}

#[test]
fn searches_in_single_precision_rest_at_the_solution() {
    let (x, y) = (ridge::x().mapv(|v| v as f32).into_shared(), ridge::y().mapv(|v| v as f32).into_shared());
    let f = Function::record((shape![f32; 3], shape![f32;]), |(w, lambda)| {
        let r = constant(&x).dot(w) - constant(&y);
        r.dot(r) / 20.0 + 0.5 * lambda * w.dot(w)
    })
    .unwrap();
    // A step that is no longer made is as long as 4ε; the derivative is behind by the number of steps times the condition number.
    let tolerance = 200.0 * 4.0 * f64::from(f32::EPSILON) * 10.0 * 3.0;
    for steps in [200, 1000] {
        let (search, lbfgs) = (GradientDescent::new(&f).step_size(4.0).backtracking(), Lbfgs::new(&f));
        let outer = Function::record(shape![f32;], |l| {
            (search.unroll(steps).solve(zeros(shape![f32; 3]), l), lbfgs.unroll(steps / 5).solve(zeros(shape![f32; 3]), l))
        })
        .unwrap();
        let (by_search, by_lbfgs) = outer.jvp(0.1f32, 1.0f32).unwrap().1;
        for (found, known) in [by_search, by_lbfgs].iter().flat_map(|d| d.iter().zip(ridge::derivative(LAMBDA))) {
            assert!((f64::from(*found) - known).abs() < tolerance, "{steps} steps: {found} instead of {known}");
        }
    }
}

#[test]
fn newton_cg() {
    let n = ridge_by(NewtonCg::new(&ridge_objective()), 1e-10, 3, false);
    assert!(n <= 12, "{n}");
    let outer = Function::record(shape![], |l| NewtonCg::new(&ridge_objective()).unroll(12).solve(zeros(shape![3]), l)).unwrap();
    close("derivative", &outer.jvp(LAMBDA, 1.0).unwrap().1, ridge::derivative(LAMBDA), 1e-6);
    // Indefinite at the start: (z² − 1)² has a maximum at 0.
    let f = Function::record((shape![], shape![]), |(z, a)| (z * z - a) * (z * z - a)).unwrap();
    let s = NewtonCg::new(&f).solve(0.1, 1.0).unwrap();
    assert!(s.report.converged && (s.solution[[]] - 1.0).abs() < 1e-8);
    let damped = NewtonCg::new(&f).damping(5.0).solve(0.1, 1.0).unwrap();
    assert!(damped.report.converged && damped.report.iterations >= s.report.iterations);
}

#[test]
fn lbfgs() {
    let n = ridge_by(Lbfgs::new(&ridge_objective()), 1e-10, 6, true);
    assert!(n < 30, "{n}");
    ridge_by(Lbfgs::new(&ridge_objective()).memory(1), 1e-8, 4, true);
    let outer = Function::record(shape![], |l| Lbfgs::new(&ridge_objective()).unroll(20).solve(zeros(shape![3]), l)).unwrap();
    close("derivative", &outer.jvp(LAMBDA, 1.0).unwrap().1, ridge::derivative(LAMBDA), 1e-6);
    // A start at the solution takes no step.
    let at = Lbfgs::new(&ridge_objective()).solve(ridge::solution(LAMBDA), LAMBDA).unwrap();
    assert!(at.report.converged && at.report.iterations == Some(0));
}

#[test]
fn adam_in_the_tape() {
    let f = ridge_objective();
    let outer = Function::record((shape![], shape![]), |(lambda, eta)| {
        let w = AdamDescent::new(&f).step_size(eta).unroll(12).solve(zeros(shape![3]), lambda);
        w.dot(w)
    })
    .unwrap();
    assert!(outer.check_gradient((LAMBDA, 0.05)).unwrap().passed());
    let s = AdamDescent::new(&f)
        .step_size(Step::rule(|k| 0.3 / (1.0 + 0.05 * k)))
        .max_iterations(3000)
        .tolerance(1e-4)
        .solve(arr1(&[0.0; 3]), LAMBDA)
        .unwrap();
    assert!(s.report.converged, "{:?}", s.report);
}

#[test]
fn adam_on_arrays_makes_the_steps_of_the_paper() {
    let mut adam = hypertape_solvers::Optimiser::adam(&(shape![1], shape![f32; 1]), |m| m.step_size(0.1));
    let mut x = (arr1(&[1.0]).into_dyn(), arr1(&[1.0f32]).into_dyn());
    let (mut m, mut v, mut z) = (0.0, 0.0, 1.0);
    for k in 1..=5 {
        let g = 2.0 * z;
        m = 0.9 * m + 0.1 * g;
        v = 0.999 * v + 0.001 * g * g;
        let (x0, x1) = (x.0.clone(), x.1.clone());
        adam.update(&mut x, &(2.0 * x0, 2.0 * x1)).unwrap();
        z -= 0.1 * (m / (1.0 - 0.9f64.powi(k))) / ((v / (1.0 - 0.999f64.powi(k))).sqrt() + 1e-8);
        assert!((x.0[[0]] - z).abs() < 1e-14 && (f64::from(x.1[[0]]) - z).abs() < 1e-6);
    }
}

#[test]
fn ista_and_fista_find_the_lasso_and_its_derivative() {
    for case in [lasso::full_support(), lasso::one_feature()] {
        let (beta, slope) = lasso::solution(case.y.view(), case.lambda);
        let fit = lasso_fit(lasso::x(), case.y.clone());
        let weight = prox::l1::<Leaf, _>(|l| *l);
        let ista = Ista::new(&Composite::new(&fit, weight.clone())).step_size(1.0).tolerance(1e-12).max_iterations(2000);
        let fista = Fista::new(&Composite::new(&fit, weight)).step_size(0.9).tolerance(1e-10).max_iterations(2000);
        for (name, s) in
            [("ista", ista.solve(arr1(&[0.0; 2]), case.lambda).unwrap()), ("fista", fista.solve(arr1(&[0.0; 2]), case.lambda).unwrap())]
        {
            assert!(s.report.converged, "{:?}", s.report);
            close(name, &s.solution, beta.clone(), 1e-9);
        }
        let unrolled =
            Function::record(shape![], |l| (ista.unroll(200).solve(zeros(shape![2]), l), fista.unroll(400).solve(zeros(shape![2]), l)))
                .unwrap();
        let (by_ista, by_fista) = unrolled.jvp(case.lambda, 1.0).unwrap().1;
        close("ista", &by_ista, slope.clone(), 1e-9);
        close("fista", &by_fista, slope, 1e-6);
    }
}

#[test]
fn the_stopping_measure_of_fista_bounds_the_optimality_map() {
    let case = lasso::full_support();
    let fit = lasso_fit(lasso::x(), case.y.clone());
    let fista = Fista::new(&Composite::new(&fit, prox::l1::<Leaf, _>(|l| *l))).step_size(0.9);
    let optimality = Function::record((shape![2], shape![]), |(z, l)| fista.problem().residual(&z, &l, fista.scale())).unwrap();
    for n in [1, 3, 10, 30] {
        let s = fista.clone().tolerance(0.0).max_iterations(n).solve(arr1(&[0.0; 2]), case.lambda).unwrap();
        let f = optimality.eval((&s.solution, case.lambda)).unwrap();
        assert_eq!(s.report.iterations, Some(n as u64));
        assert!(f.iter().map(|v| v * v).sum::<f64>().sqrt() / 0.9 <= s.report.residual * (1.0 + 1e-12));
    }
}

#[test]
fn fixed_point() {
    let map = Function::record((shape![2], shape![2]), |(y, x)| 0.5 * (y + x / y)).unwrap();
    let solver = FixedPoint::new(&map).tolerance(1e-13);
    let s = solver.solve(arr1(&[1.0, 1.0]), arr1(&[4.0, 9.0])).unwrap();
    close("Heron", &s.solution, [2.0, 3.0], 1e-14);
    let outer = Function::record(shape![2], |x| solver.unroll(12).solve(hypertape_autodiff::record::ones(shape![2]), x)).unwrap();
    close("J", &outer.jvp(arr1(&[4.0, 9.0]), arr1(&[1.0, 1.0])).unwrap().1, [0.25, 1.0 / 6.0], 1e-14);
}

#[test]
fn condat_vu_iterates_as_known() {
    let problem = denoising::Denoising::new(24);
    let y = problem.noisy.clone().into_shared();
    let fit = Function::record((shape![24, 24], shape![]), |(x, _)| {
        let r = (x - constant(&y)).reshape(&[576]);
        0.5 * r.dot(r)
    })
    .unwrap();
    let ball = |u: hypertape_autodiff::record::Var, _, lambda: &hypertape_autodiff::record::Var| {
        let size = (u * u).sum_axis(0).sqrt().reshape(&[1, 24, 24]);
        u / (size / *lambda).max(1.0)
    };
    let solver = CondatVu::new(&Saddle::with(&fit, Gradient2d, ball)).tau(denoising::TAU).sigma(denoising::SIGMA);
    let start = (problem.noisy.clone(), ndarray::Array3::<f64>::zeros((2, 24, 24)));
    let inputs = ((shape![24, 24], shape![2, 24, 24]), shape![]);
    for k in [1, 10, 50] {
        let f = Function::record(inputs.clone(), |(start, lambda)| solver.unroll(k).solve(start, lambda)).unwrap();
        let (x, u) = f.eval((&start, denoising::LAMBDA)).unwrap();
        let known = problem.run(denoising::LAMBDA, k);
        close("x", &x, known.x.iter().copied(), 1e-13);
        close("u", &u.index_axis(ndarray::Axis(0), 0).to_owned(), known.down.iter().copied(), 1e-13);
    }
    let truth = problem.truth.clone().into_shared();
    let loss = Function::record(inputs, |(start, lambda)| {
        let (x, _) = solver.unroll(40).solve(start, lambda);
        let r = x - constant(&truth);
        (r * r).sum() / 576.0
    })
    .unwrap();
    let (value, (_, slope)) = loss.value_and_gradient((&start, denoising::LAMBDA)).unwrap();
    let (known, exact) = problem.unrolled(denoising::LAMBDA, 40);
    close("loss", &arr0(value).into_dyn(), [known], 1e-14);
    close("slope", &slope, [exact], 1e-12);
    let s = solver.tolerance(1e-6).max_iterations(20_000).solve(start, denoising::LAMBDA).unwrap();
    assert!(s.report.converged, "{:?}", s.report);
}

#[test]
fn prepared_solves_replay_and_agree() {
    let f = ridge_objective();
    let solver = GradientDescent::new(&f).step_size(0.9).tolerance(1e-9).max_iterations(5000);
    let mut prepared = solver.prepare(&shape![3], &shape![]).unwrap();
    for lambda in [0.05, 0.1, 0.4] {
        let (a, b) = (solver.solve(arr1(&[0.0; 3]), lambda).unwrap(), prepared.solve(arr1(&[0.0; 3]), lambda).unwrap());
        assert_eq!(a.report, b.report);
        assert_eq!(a.solution, b.solution);
        let (view, r) = prepared.run(arr1(&[0.0; 3]), lambda, (), &[]).unwrap();
        assert_eq!((view.to_owned(), r.report("gradient descent")), (a.solution, a.report));
    }
    // No iterations at all: the start and its residual.
    let mut none = solver.clone().max_iterations(0).prepare(&shape![3], &shape![]).unwrap();
    let s = none.solve(arr1(&[0.0; 3]), 0.1).unwrap();
    assert_eq!((s.report.iterations, s.report.converged), (Some(0), false));
    assert!((s.report.residual - ridge::gradient(arr1(&[0.0; 3]).view(), 0.1).mapv(|v| v * v).sum().sqrt()).abs() < 1e-15);
}

#[test]
fn variables_of_the_recording_become_inputs_of_a_prepared_solve() {
    let f = ridge_objective();
    let mut seen = None;
    Function::record((shape![], shape![]), |(eta, tolerance)| {
        let solver = GradientDescent::new(&f).step_size(eta).tolerance(tolerance).max_iterations(5000);
        seen = solver.prepare_here(&shape![3], &shape![]).ok();
        eta
    })
    .unwrap();
    let (mut prepared, captured) = seen.unwrap();
    assert_eq!(captured.len(), 2);
    let (a, b) = (arr0(0.9).into_dyn(), arr0(1e-7).into_dyn());
    let views =
        if prepared.function().inputs().3.len() == 2 { [a, b].map(hypertape_autodiff::array::AnyArray::F64) } else { unreachable!() };
    let order: Vec<_> = views.iter().map(hypertape_autodiff::array::AnyArray::view).collect();
    let runs = [[0, 1], [1, 0]]
        .map(|o: [usize; 2]| prepared.run(arr1(&[0.0; 3]), 0.1, (), &[order[o[0]].clone(), order[o[1]].clone()]).map(|r| r.1).unwrap());
    // One order is (η, tolerance): it converges under 10⁻⁷.
    assert!(runs.iter().any(|r| r.converged && r.tolerance == 1e-7), "{runs:?}");
    // Outside, a variable of a closed recording is an error, not a wrong number.
    let mut leaked = None;
    Function::record(shape![], |eta| {
        leaked = Some(GradientDescent::new(&f).step_size(eta));
        eta
    })
    .unwrap();
    assert!(leaked.unwrap().solve(arr1(&[0.0; 3]), 0.1).is_err());
}

#[test]
fn wrong_settings_are_named() {
    let f = ridge_objective();
    let start = arr1(&[0.0; 3]);
    let e = GradientDescent::new(&f).max_iterations(0).solve(&start, 0.1).unwrap_err().to_string();
    assert!(e.contains("gradient descent") && e.contains("methods.rs:") && e.contains("at least 1"), "{e}");
    for bad in [f64::NAN, f64::INFINITY, -1.0] {
        let e = GradientDescent::new(&f).tolerance(bad).solve(&start, 0.1).unwrap_err().to_string();
        assert!(e.contains("the tolerance is"), "{e}");
    }
    for bad in [f64::NAN, 0.0, -0.5] {
        let e = GradientDescent::new(&f).step_size(bad).solve(&start, 0.1).unwrap_err().to_string();
        assert!(e.contains("step size") && e.contains("positive"), "{e}");
    }
    let e = GradientDescent::new(&f).solve(arr1(&[f64::NAN, 0.0, 0.0]), 0.1).unwrap_err().to_string();
    assert!(e.contains("not finite"), "{e}");
    let e = GradientDescent::new(&f).solve(arr1(&[0.0; 2]), 0.1).unwrap_err().to_string();
    assert!(e.contains("expected"), "{e}");
    assert!(Lbfgs::new(&f).memory(0).solve(&start, 0.1).unwrap_err().to_string().contains("memory"));
}

#[test]
fn divergence_names_the_iteration_and_the_operation() {
    let f = Function::record((shape![1], shape![]), |(z, a)| (a * z * z * z * z).sum()).unwrap();
    let e = GradientDescent::new(&f).step_size(1.0).solve(arr1(&[8.0]), 1.0).unwrap_err().to_string();
    assert!(e.contains("gradient descent") && e.contains("iteration") && e.contains("finite operands"), "{e}");
    println!("{e}");
    // √ of a negative number in the map of a fixed point.
    let map = Function::record((shape![], shape![]), |(z, a)| (z - a).sqrt()).unwrap();
    let e = FixedPoint::new(&map).solve(10.0, 2.9).unwrap_err().to_string();
    println!("{e}");
    assert!(e.contains("`sqrt`") && e.contains("methods.rs:") && e.contains("NaN"), "{e}");
}

#[test]
fn single_precision() {
    let x = ridge::x().mapv(|v| v as f32).into_shared();
    let y = ridge::y().mapv(|v| v as f32).into_shared();
    let f = Function::record((shape![f32; 3], shape![f32;]), |(w, lambda)| {
        let r = constant(&x).dot(w) - constant(&y);
        r.dot(r) / 20.0 + 0.5 * lambda * w.dot(w)
    })
    .unwrap();
    let start = Array1::<f32>::zeros(3);
    let weight = prox::l1::<Leaf<f32>, _>(|l| hypertape_autodiff::record::Scalar::from(*l).real::<f64>() * 0.0);
    let solutions = [
        GradientDescent::new(&f).step_size(0.9).tolerance(1e-5).solve(&start, 0.1f32).unwrap(),
        GradientDescent::new(&f).step_size(4.0).backtracking().tolerance(1e-4).solve(&start, 0.1f32).unwrap(),
        Lbfgs::new(&f).tolerance(1e-5).solve(&start, 0.1f32).unwrap(),
        NewtonCg::new(&f).tolerance(1e-5).solve(&start, 0.1f32).unwrap(),
        Ista::new(&Composite::new(&f, weight.clone())).step_size(0.9).tolerance(1e-5).solve(&start, 0.1f32).unwrap(),
        Fista::new(&Composite::new(&f, weight)).step_size(0.9).tolerance(1e-4).solve(&start, 0.1f32).unwrap(),
    ];
    for (i, s) in solutions.iter().enumerate() {
        assert!(s.report.converged, "{i}: {:?}", s.report);
        for (a, b) in s.solution.iter().zip(ridge::solution(0.1)) {
            assert!((f64::from(*a) - b).abs() < 3e-3, "{i}: {a} {b}");
        }
    }
}

#[test]
fn structured_solutions_of_mixed_precision() {
    let f = Function::record(((shape![2], [shape![f32; 2, 2]]), shape![]), |((a, [b]), p)| {
        let d = a - p;
        d.dot(d) + hypertape_autodiff::record::Scalar::from(((b - 1.0) * (b - 1.0)).sum()).real::<f64>()
    })
    .unwrap();
    let start = (Array1::<f64>::zeros(2), [Array2::<f32>::zeros((2, 2))]);
    for s in [
        GradientDescent::new(&f).step_size(0.4).tolerance(1e-5).solve(&start, 3.0).unwrap(),
        Lbfgs::new(&f).tolerance(1e-5).solve(&start, 3.0).unwrap(),
        NewtonCg::new(&f).tolerance(1e-5).solve(&start, 3.0).unwrap(),
    ] {
        assert!(s.report.converged, "{:?}", s.report);
        assert!((s.solution.0[[1]] - 3.0).abs() < 1e-5 && (s.solution.1[0][[1, 1]] - 1.0).abs() < 1e-5);
    }
}
