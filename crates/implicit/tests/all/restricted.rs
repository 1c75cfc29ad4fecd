//! Linear systems on the active set: against closed forms on the support, all unknowns, and differences.
use hypertape_autodiff::operation::Report;
use hypertape_autodiff::record::{Var, constant, scalar, zeros};
use hypertape_autodiff::tree::{Leaf, Ranked};
use hypertape_autodiff::{Function, shape};
use hypertape_implicit::*;
use hypertape_linear::*;
use hypertape_solvers::prox::{self, Prox};
use hypertape_solvers::{Composite, Fista, Method};
use hypertape_testkit::differences::{self, STEP, assert_close};
use hypertape_testkit::{dense, random};
use ndarray::{Array1, Array2, Axis};

const N: usize = 90;
const ROWS: usize = 60;

fn x() -> Array2<f64> {
    random::normal(1, (ROWS, N))
}

fn y() -> Array1<f64> {
    let mut z = Array1::zeros(N);
    [3, 17, 40, 41, 88].iter().enumerate().for_each(|(k, i)| z[*i] = if k % 2 == 0 { 1.0 } else { -1.5 });
    x().dot(&z) + 0.1 * &random::normal(2, ROWS)
}

/// ½‖X z − y‖².
fn misfit() -> Function<(Leaf, Leaf), Leaf> {
    let (x, y) = (x().into_shared(), y().into_shared());
    Function::record((shape![N], shape![]), |(z, _)| 0.5 * (constant(&x).dot(z) - constant(&y)).square().sum()).unwrap()
}

/// θ ↦ Σ sin(i) z_i² of the solution with a proximal term.
fn outer(prox: impl Prox<Leaf, Leaf>, adjoint: impl LinearSolver, restricted: bool) -> Function<Leaf, Leaf> {
    let weights = Array1::from_shape_fn(N, |i| (1.0 + i as f64).sin()).into_shared();
    let inner = Fista::new(&Composite::new(&misfit(), prox)).step_size(0.003).tolerance(1e-14).max_iterations(20_000);
    let inner = inner.implicit(adjoint).restricted(restricted).on_residual(OnResidual::Warn);
    Function::record(shape![], |t| (constant(&weights) * inner.solve(zeros(shape![N]), t).square()).sum()).unwrap()
}

/// The solution itself.
fn solution(prox: impl Prox<Leaf, Leaf>, t: f64) -> Array1<f64> {
    let inner = Fista::new(&Composite::new(&misfit(), prox)).step_size(0.003).tolerance(1e-14).max_iterations(20_000);
    let z = hypertape_solvers::Solve::solve(&inner, Array1::<f64>::zeros(N), t).unwrap().solution;
    z.into_dimensionality().unwrap()
}

fn lasso() -> impl Prox<Leaf, Leaf> {
    prox::l1::<Leaf, _>(|t| *t)
}

/// What the linear solves said.
fn solves<I: hypertape_autodiff::tree::Structure, O: hypertape_autodiff::tree::Structure>(f: &Function<I, O>) -> Vec<Report> {
    f.reports().into_iter().filter(|r| r.name.contains("solve")).collect()
}

/// (support, d z_A / d λ) of the lasso, by (X_Aᵀ X_A)⁻¹.
fn closed(lambda: f64) -> (Vec<usize>, Array1<f64>, Array1<f64>) {
    let z = solution(lasso(), lambda);
    let support: Vec<usize> = (0..N).filter(|i| z[*i] != 0.0).collect();
    let part = x().select(Axis(1), &support);
    let signs = support.iter().map(|i| z[*i].signum()).collect::<Array1<f64>>();
    let moved = dense::solve(part.t().dot(&part).view(), (-signs).view()).unwrap();
    (support, z, moved)
}

fn expected(lambda: f64) -> (usize, f64) {
    let (support, z, moved) = closed(lambda);
    let slope = support.iter().zip(&moved).map(|(i, m)| 2.0 * (1.0 + *i as f64).sin() * z[*i] * m).sum();
    (support.len(), slope)
}

#[test]
fn the_lasso_by_every_solver_is_the_closed_form_on_its_support() {
    fn check(solver: impl LinearSolver) {
        let name = solver.name();
        let f = outer(lasso(), solver, true);
        let (active, slope) = expected(8.0);
        let found = f.gradient(8.0).unwrap().number().unwrap();
        assert!(active > 2 && active < 20);
        assert!((found - slope).abs() <= 1e-9 * slope.abs(), "{name}: {found} instead of {slope}");
        let reports = solves(&f);
        assert!(reports.iter().all(|r| r.converged && r.active == Some([active as u64, N as u64])), "{name}: {reports:?}");
        // Forwards too.
        let forward = f.wrt(|t| t).jvp().eval((8.0, 1.0)).unwrap().1.number().unwrap();
        assert!((forward - slope).abs() <= 1e-9 * slope.abs(), "{name}: {forward} instead of {slope}");
    }
    check(Gmres::tolerance(1e-12));
    check(Bicgstab::tolerance(1e-12));
    // What is left is symmetric and definite.
    check(Cg::tolerance(1e-12));
    check(Minres::tolerance(1e-12));
    check(Cholesky);
    check(Ldlt);
    check(Lu);
    check(Qr);
    check(Svd::default());
    check(NormalCg::tolerance(1e-12));
    check(Lsmr::tolerance(1e-12));
    check(Auto::tolerance(1e-12));
}

#[test]
fn all_unknowns_give_the_same_and_the_report_says_which_were_solved_for() {
    let [part, whole] = [true, false].map(|r| outer(lasso(), Gmres::tolerance(1e-13), r));
    let [a, b] = [&part, &whole].map(|f| f.gradient(8.0).unwrap().number().unwrap());
    assert!((a - b).abs() <= 1e-10 * b.abs());
    assert!(solves(&whole).iter().all(|r| r.active.is_none()));
    let said = solves(&part)[0].to_string();
    assert!(said.ends_with("of 90 unknowns active"), "{said}");
}

/// The slope by part and all of the unknowns, and by differences of the solution where they are allowed to be off by a tolerance; what the restricted solves said.
fn agree(what: &str, t: f64, tolerance: f64, f: impl Fn(bool) -> Function<Leaf, Leaf>) -> Vec<Report> {
    let [part, whole] = [true, false].map(&f);
    let [a, b] = [&part, &whole].map(|f| f.gradient(t).unwrap().number().unwrap());
    assert!((a - b).abs() <= 1e-9 * (1.0 + b.abs()), "{what}: {a} and {b}");
    let said = solves(&part);
    let [c, d] = [&part, &whole].map(|f| f.wrt(|t| t).jvp().eval((t, 1.0)).unwrap().1.number().unwrap());
    assert!((c - b).abs() <= 1e-9 * (1.0 + b.abs()) && (d - b).abs() <= 1e-9 * (1.0 + b.abs()), "{what}: {c}, {d} and {b}");
    if tolerance.is_finite() {
        let difference = differences::directional(|t| part.eval(t[0]).unwrap().number().unwrap(), &[t], &[1.0]);
        assert_close(what, &[a], &[difference], tolerance);
    }
    said
}

/// Of the differences of solutions that are right to 10⁻¹².
fn differenced(scale: f64) -> f64 {
    differences::tolerance(N, scale, STEP) + 1e-11 * scale / STEP
}

#[test]
fn other_proximal_operators_agree_with_all_unknowns_and_with_differences() {
    let gmres = || Gmres::tolerance(1e-13);
    let active = |reports: Vec<Report>| reports.first().and_then(|r| r.active).map(|a| a[0]);
    let net = |r| outer(prox::elastic_net::<Leaf, _>(|t| (*t, 0.3 * *t)), gmres(), r);
    assert!(active(agree("elastic net", 8.0, differenced(10.0), net)).is_some_and(|k| k < 40));
    // Bounds that move: inactive unknowns move with them. Other unknowns reach a bound within a step of differences.
    let boxed = |r| outer(prox::between::<Leaf, _>(|t| (-1.0 * *t, *t)), gmres(), r);
    let k = active(agree("box", 0.01, f64::INFINITY, boxed));
    assert!(k.is_some_and(|k| k > 0), "{k:?}");
    let simplex = |r| outer(prox::simplex::<Leaf, _>(|t| *t), gmres(), r);
    assert!(active(agree("simplex", 1.5, differenced(10.0), simplex)).is_some_and(|k| k < 45));
    // Nothing is active, and everything.
    assert_eq!(active(agree("all zero", 1e4, differenced(1.0), |r| outer(lasso(), gmres(), r))), None);
    let none = outer(lasso(), gmres(), true);
    assert_eq!(none.wrt(|t| t).jvp().eval((1e4, 1.0)).unwrap().1.number().unwrap(), 0.0);
}

#[test]
fn groups_are_cut_as_rows() {
    let weights = Array2::from_shape_fn((N / 3, 3), |(i, j)| (1.0 + i as f64 - 2.0 * j as f64).sin()).into_shared();
    let (x, y) = (x().into_shared(), y().into_shared());
    let fit =
        Function::record((shape![N / 3, 3], shape![]), |(z, _)| 0.5 * (constant(&x).dot(z.reshape(&[N])) - constant(&y)).square().sum())
            .unwrap();
    let f = |restricted| {
        let inner =
            Fista::new(&Composite::new(&fit, prox::group::<Leaf, _>(|t| *t))).step_size(0.003).tolerance(1e-14).max_iterations(20_000);
        let inner = inner.implicit(Gmres::tolerance(1e-13)).restricted(restricted).on_residual(OnResidual::Warn);
        Function::record(shape![], |t| (constant(&weights) * inner.solve(zeros(shape![N / 3, 3]), t).square()).sum()).unwrap()
    };
    let said = agree("groups", 20.0, differenced(10.0), f);
    let [k, n] = said[0].active.unwrap();
    assert!(k % 3 == 0 && k <= 45 && n == N as u64);
}

#[test]
fn second_derivatives_go_through_restricted_solves() {
    let [part, whole] = [true, false].map(|r| outer(lasso(), Gmres::tolerance(1e-13), r));
    let [a, b] = [&part, &whole].map(|f| f.hvp(8.0, 1.0).unwrap().number().unwrap());
    assert!((a - b).abs() <= 1e-9 * b.abs(), "{a} and {b}");
    // Σ w (z + m (λ − λ₀))² on the support.
    let (support, _, moved) = closed(8.0);
    let second: f64 = support.iter().zip(&moved).map(|(i, m)| 2.0 * (1.0 + *i as f64).sin() * m * m).sum();
    assert!((a - second).abs() <= 1e-8 * second.abs(), "{a} instead of {second}");
}

#[test]
fn the_set_changes_between_replays_of_one_workspace() {
    let f = outer(lasso(), Lu, true);
    let mut w = f.wrt(|t| t).gradient().workspace();
    let mut sizes = vec![];
    for lambda in [8.0, 1.0, 30.0, 8.0, 1e4, 8.0] {
        let found = w.run(lambda).unwrap().number().unwrap();
        let (size, slope) = if lambda > 1e3 { (0, 0.0) } else { expected(lambda) };
        assert!((found - slope).abs() <= 1e-8 * (1.0 + slope.abs()), "{lambda}: {found} instead of {slope}");
        let said = w.reports().iter().find(|r| r.name.contains("solve")).unwrap();
        if size > 0 {
            assert!(said.active.is_none_or(|a| a == [size as u64, N as u64]));
            sizes.push(size);
        }
    }
    assert!(sizes[0] != sizes[1] && sizes[0] == sizes[3], "{sizes:?}");
}

#[test]
fn single_precision() {
    let (x, y) = (x().mapv(|v| v as f32).into_shared(), y().mapv(|v| v as f32).into_shared());
    let vector = Leaf::<f32>::new([N]);
    let fit = Function::record((vector.clone(), Leaf::<f32>::new([])), |(z, _)| {
        let half: Var<f32> = scalar(0.5);
        half * (constant(&x).dot(z) - constant(&y)).square().sum()
    })
    .unwrap();
    let [a, b] = [true, false].map(|restricted| {
        let prox = prox::l1::<Leaf<f32>, _>(|t: &Var<f32>| hypertape_autodiff::record::Scalar::from(*t).real());
        let inner = Fista::new(&Composite::new(&fit, prox)).step_size(0.003).tolerance(1e-5).max_iterations(5000);
        let inner = inner.implicit(Gmres::default()).restricted(restricted).on_residual(OnResidual::Warn);
        let f = Function::record(Leaf::<f32>::new([]), |t| inner.solve(zeros(vector.clone()), t).square().sum()).unwrap();
        let slope = f.gradient(&ndarray::arr0(8.0_f32)).unwrap().number().unwrap();
        let said = solves(&f);
        assert_eq!(said[0].active.is_some(), restricted, "{said:?}");
        f64::from(slope)
    });
    let (support, z, moved) = closed(8.0);
    let slope: f64 = support.iter().zip(&moved).map(|(i, m)| 2.0 * z[*i] * m).sum();
    assert!((a - slope).abs() <= 1e-3 * slope.abs() && (b - slope).abs() <= 1e-3 * slope.abs(), "{a}, {b} and {slope}");
}

#[test]
fn small_sizes_are_left_alone() {
    for n in [0_usize, 1] {
        let fit = Function::record((shape![n], shape![]), |(z, _)| 0.5 * (z - 2.0).square().sum()).unwrap();
        let inner = Fista::new(&Composite::new(&fit, lasso())).step_size(0.5).tolerance(1e-13).implicit(Gmres::default());
        let f = Function::record(shape![], |t| inner.solve(zeros(shape![n]), t).sum()).unwrap();
        assert!((f.gradient(0.5).unwrap().number().unwrap() + n as f64).abs() < 1e-9);
        assert!(solves(&f).iter().all(|r| r.active.is_none()));
    }
}

#[test]
fn a_set_that_has_not_settled_is_a_warning_that_names_it() {
    let stopped = |steps: usize| {
        let inner = Fista::new(&Composite::new(&misfit(), lasso())).step_size(0.003).tolerance(1e-14).max_iterations(steps);
        let inner = inner.implicit(Gmres::default()).residual_tolerance(1e3).check_active_set();
        let f = Function::record(shape![], |t| inner.solve(zeros(shape![N]), t)).unwrap();
        let z = f.eval(8.0).unwrap();
        (f.reports()[0].clone(), z.iter().map(|z| *z != 0.0).collect::<Vec<_>>())
    };
    let (settled, last) = stopped(20_000);
    assert!(settled.converged && settled.status == Status::Converged, "{settled}");
    let mut seen = 0;
    for steps in 1..12 {
        let (said, set) = stopped(steps);
        if set != last {
            seen += 1;
            assert!(!said.converged && said.status == Status::SetNotSettled, "{steps}: {said}");
        }
    }
    assert!(seen > 0);
}
