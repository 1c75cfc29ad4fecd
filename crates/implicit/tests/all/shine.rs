//! SHINE through L-BFGS: what is handed over is what estimates the inverse, of every order, in loops, at any size, and a lack of it is found before anything runs.
use hypertape_autodiff::array::Real;
use hypertape_autodiff::record::{Scalar, Var, constant, scalar, scan, zeros};
use hypertape_autodiff::tree::Leaf;
use hypertape_autodiff::{ErrorKind, Function, shape};
use hypertape_implicit::*;
use hypertape_linear::{Auto, Cg, Cholesky, Failed, LinearSolver, Lu, Need, Shine, Status};
use hypertape_solvers::{GradientDescent, Lbfgs, Method, Objective, Solve};
use hypertape_testkit::random;
use ndarray::{Array1, Array2, ArrayD, arr0};

const N: usize = 12;

/// A symmetric positive definite matrix.
fn definite(n: usize) -> Array2<f64> {
    let b: Array2<f64> = random::normal(11, (n, n));
    b.t().dot(&b) / n.max(1) as f64 + 0.5 * Array2::<f64>::eye(n)
}

/// ½ zᵀA z + Σ ln(1 + exp z) + θ₀ Σ z² − θ₁ bᵀz, which is no quadratic.
fn smooth(n: usize) -> Function<(Leaf, Leaf), Leaf> {
    let (a, b): (_, Array1<f64>) = (definite(n).into_shared(), random::normal(3, n));
    let b = b.into_shared();
    Function::record((shape![n], shape![2]), |(z, p)| {
        let [first, second] = [p.rows(0), p.rows(1)];
        0.5 * z.dot(constant(&a).dot(z)) + z.softplus().sum() + first * z.square().sum() - second * z.dot(constant(&b))
    })
    .unwrap()
}

fn lbfgs(f: &Function<(Leaf, Leaf), Leaf>) -> Lbfgs<Objective<Leaf, Leaf>> {
    Lbfgs::new(f).memory(30).tolerance(1e-11)
}

fn at() -> Array1<f64> {
    ndarray::arr1(&[0.3, 1.5])
}

/// Σ sin z at the solution.
fn value<M: Method<Each = (), Problem = Objective<Leaf, Leaf>>>(method: &Implicit<M>, n: usize) -> Function<Leaf, Leaf> {
    Function::record(shape![2], |p| method.solve(zeros(shape![n]), p).sin().sum()).unwrap()
}

fn distance(a: &ArrayD<f64>, b: &ArrayD<f64>) -> f64 {
    (a - b).mapv(|v| v * v).sum().sqrt() / b.mapv(|v| v * v).sum().sqrt()
}

#[test]
fn extra_pairs_give_the_derivative_without_a_product() {
    let f = smooth(N);
    // Central differences of solutions to 1e-11 at a step of 1e-5: 1e-6 at the worst.
    let by_differences = |k: usize| {
        let of = value(&lbfgs(&f).implicit(Lu), N);
        let moved = |h: f64| {
            let mut p = at();
            p[k] += h;
            of.eval(&p).unwrap()[[]]
        };
        (moved(1e-5) - moved(-1e-5)) / 2e-5
    };
    let truth = Array1::from_iter([by_differences(0), by_differences(1)]).into_dyn();
    let exact = value(&lbfgs(&f).implicit(Lu), N).gradient(at()).unwrap();
    assert!(distance(&exact, &truth) <= 1e-5);
    let by = |method: Lbfgs<Objective<Leaf, Leaf>>| {
        let of = value(&method.implicit(Shine::default()), N);
        let found = of.gradient(at()).unwrap();
        let reports = of.wrt(|p| p).gradient();
        let mut workspace = reports.workspace();
        workspace.run(at()).unwrap();
        let report = workspace.reports().iter().find(|r| r.name == "adjoint solve").cloned().unwrap();
        assert!(report.status == Status::Estimated && report.residual.is_nan() && !report.converged, "{report}");
        assert!(report.to_string().contains("residual not known"), "{report}");
        (distance(&found, &truth), of.jvp(at(), ndarray::arr1(&[1.0, 0.0])).unwrap().1[[]])
    };
    let (without, _) = by(lbfgs(&f));
    let (with, forward) = by(lbfgs(&f).extra_pairs(1));
    assert!(with <= 1e-2 && with < without, "off by {with:e} with extra pairs, {without:e} without");
    // H is symmetric: forward and reverse say the same.
    let back = value(&lbfgs(&f).extra_pairs(1).implicit(Shine::default()), N).gradient(at()).unwrap()[0];
    assert!((forward - back).abs() <= 1e-10 * back.abs(), "{forward} forward, {back} in reverse");
}

#[test]
fn refined_is_exact_of_every_order() {
    for n in [1, 2, N, 70] {
        let f = smooth(n);
        let exact = value(&lbfgs(&f).implicit(Cholesky), n);
        for method in [lbfgs(&f), lbfgs(&f).extra_pairs(3)] {
            let of = value(&method.implicit(Shine::tolerance(1e-12)), n);
            let (g, e) = (of.gradient(at()).unwrap(), exact.gradient(at()).unwrap());
            assert!(distance(&g, &e) <= 1e-8, "n = {n}: {g} instead of {e}");
            let d = ndarray::arr1(&[0.7, -0.4]);
            let (h, e) = (of.hvp(at(), &d).unwrap(), exact.hvp(at(), &d).unwrap());
            assert!(distance(&h, &e) <= 1e-6, "n = {n}: {h} instead of {e}");
            // The pairs are handed from the point to its products.
            let mut linear = of.linearize(at()).unwrap();
            let pulled = linear.apply_transpose(arr0(1.0)).unwrap();
            assert!(distance(&pulled, &exact.gradient(at()).unwrap()) <= 1e-8);
        }
    }
}

#[test]
fn every_point_of_a_loop_has_its_own_pairs() {
    let f = smooth(N);
    let by = |adjoint: std::sync::Arc<dyn LinearSolver>| {
        let method = lbfgs(&f).implicit(adjoint);
        let of = Function::record(shape![2], |p| {
            let turns = constant(ndarray::arr1(&[0.5, 1.0, 2.0]));
            scan(scalar(0.0), turns, |sum: Var, turn: Var| (sum + method.solve(zeros(shape![N]), turn * p).sin().sum(), ())).0
        });
        of.unwrap().gradient(at()).unwrap()
    };
    let (found, exact) = (by(std::sync::Arc::new(Shine::tolerance(1e-12))), by(std::sync::Arc::new(Cholesky)));
    assert!(distance(&found, &exact) <= 1e-8, "{found} instead of {exact}");
}

/// The derivative by the penalty of Σ z, for a ridge regression.
fn slope<T: Real>(adjoint: impl LinearSolver, n: usize, tolerance: f64) -> f64 {
    let (number, vector) = (Leaf::<T>::new([]), Leaf::<T>::new([n]));
    let (a, b): (_, Array1<f64>) = (definite(n).mapv(T::from_f64).into_shared(), random::normal(3, n));
    let b = b.mapv(T::from_f64).into_shared();
    let objective = Function::record((vector.clone(), number.clone()), |(z, l)| {
        let half: Var<T> = scalar(0.5);
        half * z.dot(constant(&a).dot(z)) + half * l * z.square().sum() - constant(&b).dot(z)
    });
    let method = Lbfgs::new(&objective.unwrap()).memory(20).extra_pairs(2).tolerance(Scalar::from(tolerance)).implicit(adjoint);
    let f = Function::record(number, |l| method.solve(zeros(vector), l).sum()).unwrap();
    f.gradient(&arr0(T::from_f64(0.3))).unwrap()[[]].to_f64()
}

#[test]
fn single_precision_and_small_sizes() {
    for n in [0, 1, 2, N] {
        let exact = slope::<f64>(Cg::default(), n, 1e-11);
        let (single, double) = (slope::<f32>(Shine::default(), n, 1e-4), slope::<f64>(Shine::default(), n, 1e-11));
        assert!((double - exact).abs() <= 1e-2 * exact.abs(), "n = {n}: {double} instead of {exact}");
        assert!((single - exact).abs() <= 5e-2 * exact.abs(), "n = {n}: {single} instead of {exact}");
        let refined = slope::<f32>(Shine::tolerance(1e-5), n, 1e-4);
        assert!((refined - exact).abs() <= 1e-3 * exact.abs(), "n = {n}: {refined} instead of {exact}");
    }
}

#[test]
fn a_start_at_the_solution_makes_no_pair() {
    // z = θ: from there, no step. H is a multiple of I, and ∇²f is I.
    let f = Function::record((shape![3], shape![3]), |(z, p)| 0.5 * (z - p).square().sum()).unwrap();
    let method = Lbfgs::new(&f).implicit(Shine::default());
    let of = Function::record(shape![3], |p| method.solve(hypertape_autodiff::record::stop_gradient(&p), p).sum()).unwrap();
    assert_eq!(of.gradient(&ndarray::arr1(&[1.0, 2.0, 3.0])).unwrap(), ndarray::arr1(&[1.0; 3]).into_dyn());
}

#[test]
fn without_a_pair_the_system_is_solved_and_the_report_says_so() {
    // From the solution, and with no iteration. ∇²f has entries off the diagonal, so a multiple of I would be far off.
    let f = smooth(N);
    let exact = lbfgs(&f).implicit(Lu);
    let solution = lbfgs(&f).solve(Array1::<f64>::zeros(N), at()).unwrap().solution;
    let start = solution.into_shared();
    let truth = Function::record(shape![2], |p| exact.solve(constant(&start), p).sin().sum()).unwrap().gradient(at()).unwrap();
    for none in [lbfgs(&f).tolerance(1e-6), lbfgs(&f).max_iterations(0)] {
        let method = none.implicit(Shine::default()).on_residual(OnResidual::Warn);
        let of = Function::record(shape![2], |p| method.solve(constant(&start), p).sin().sum()).unwrap();
        let gradient = of.wrt(|p| p).gradient();
        let mut workspace = gradient.workspace();
        let found = workspace.run(at()).unwrap().to_owned();
        assert!(distance(&found.into_dyn(), &truth) <= 1e-6);
        let report = workspace.reports().iter().find(|r| r.name == "adjoint solve").cloned().unwrap();
        assert!(report.converged && report.pairs == Some(0), "{report}");
        assert!(report.remark.is_some_and(|r| r.contains("no secant pair")) && report.to_string().contains("0 secant pairs"), "{report}");
    }
}

#[test]
fn reports_say_how_many_pairs_and_what_auto_chose() {
    let f = smooth(N);
    let report = |of: Function<Leaf, Leaf>| {
        let gradient = of.wrt(|p| p).gradient();
        let mut workspace = gradient.workspace();
        workspace.run(at()).unwrap();
        workspace.reports().iter().find(|r| r.name == "adjoint solve").cloned().unwrap()
    };
    let plain = report(value(&lbfgs(&f).implicit(Shine::default()), N));
    assert!(plain.pairs.is_some_and(|k| k > 0 && k <= 30) && plain.to_string().contains("secant pairs"), "{plain}");
    let refined = report(value(&lbfgs(&f).implicit(Shine::tolerance(1e-12)), N));
    assert!(refined.pairs == plain.pairs && refined.remark.is_some_and(|r| r.contains("CG went on")), "{refined}");
    let auto = report(value(&lbfgs(&f).implicit(Auto::default()), N));
    assert!(auto.pairs.is_none() && auto.remark.is_some_and(|r| r.contains("chosen: LU")), "{auto}");
    assert!(auto.to_string().ends_with(auto.remark.unwrap()), "{auto}");
}

#[test]
fn second_derivatives_through_an_estimate_are_refused() {
    let f = smooth(N);
    let of = value(&lbfgs(&f).implicit(Shine::default()), N);
    let d = ndarray::arr1(&[0.7, -0.4]);
    let e = of.hvp(at(), &d).unwrap_err();
    assert!(e.to_string().contains("SHINE has no derivative") && e.to_string().contains("Shine::tolerance"), "{e}");
    // First derivatives of every kind are none of that.
    let gradient = of.gradient(at()).unwrap();
    let mut linear = of.linearize(at()).unwrap();
    let pulled = linear.apply_transpose(arr0(1.0)).unwrap();
    assert!(distance(&pulled, &gradient) <= 1e-12);
    assert!(linear.apply(&d).is_ok());
}

#[test]
fn a_lack_is_found_before_anything_runs() {
    let f = smooth(N);
    let lacks = |e: &hypertape_autodiff::Error| matches!(e.kind(), ErrorKind::Solve { failed: Failed::Lacks(Need::Estimate), .. });
    for adjoint in [Shine::default(), Shine::tolerance(0.1)] {
        let descent = GradientDescent::new(&f).step_size(0.1).implicit(adjoint);
        let e = Function::record(shape![2], |p| descent.solve(zeros(shape![N]), p).sum()).unwrap_err();
        assert!(lacks(&e) && e.to_string().contains("solve with L-BFGS"), "{e}");
        let own = outside(&f, |_, z| Ok::<_, std::convert::Infallible>(z.to_owned())).adjoint(adjoint);
        let e = Function::record(shape![2], |p| own.solve(zeros(shape![N]), p).sum()).unwrap_err();
        assert!(lacks(&e), "{e}");
        let outer = Function::record((shape![N], shape![2]), |(z, _)| z.sum()).unwrap();
        let e = lbfgs(&f).implicit(adjoint).certify(&outer).prepare().unwrap_err();
        assert!(e.to_string().contains("`with_derivative`"), "{e}");
    }
    let e = lbfgs(&f).extra_pairs(0).solve(Array1::<f64>::zeros(N), at()).unwrap_err();
    assert!(e.to_string().contains("`extra_pairs` at least 1"), "{e}");
}
