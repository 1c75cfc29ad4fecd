//! Problems of a user's own: what they give must fit, and code that solves them may fail in every way.
use hypertape::prelude::*;
use hypertape::{Error, error::Typed};
use ndarray::{Array1, arr0, arr1};
use std::convert::Infallible;

/// min ½‖w − p‖², whose gradient is a sum: it would broadcast without a word.
#[derive(Clone)]
struct Bad;

impl Problem for Bad {
    type Unknown = Leaf;
    type Params = Leaf;
    type Solution = Leaf;
    fn shapes(&self) -> Result<(Leaf, Leaf)> {
        Ok((shape![2], shape![2]))
    }
    fn solution(&self, w: &Var, _: &Var, _: Scale) -> Var {
        *w
    }
}

impl Smooth for Bad {
    fn gradient(&self, w: &Var, p: &Var) -> Var {
        (*w - *p).sum()
    }
    fn value_and_gradient(&self, w: &Var, p: &Var) -> (Var, Var) {
        (0.5 * (*w - *p).square(), *w - *p)
    }
    fn hessian_product(&self, _: &Var, _: &Var, v: &Var) -> Var {
        v.sum()
    }
}

impl Proximal for Bad {
    fn gradient(&self, w: &Var, p: &Var) -> Var {
        *w - *p
    }
    fn prox(&self, w: Var, _: Var, _: &Var) -> Var {
        w.sum()
    }
}

fn names(part: &str, made: Result<impl Sized>) {
    let e: Error = made.map(|_| ()).expect_err(part);
    assert!(matches!(e.kind(), ErrorKind::Types { of: Typed::Part(p), .. } if *p == part), "{part}: {e}");
    assert!(e.to_string().contains(part) && e.site().is_some_and(|s| s.file() == file!()), "{e}");
}

#[test]
fn what_a_problem_gives_has_the_types_of_what_it_is_about() {
    let (start, p) = (arr1(&[0.0, 0.0]), arr1(&[1.0, 3.0]));
    names("gradient", GradientDescent::new(&Bad).step_size(0.25).solve(&start, &p));
    names("gradient", AdamDescent::new(&Bad).step_size(0.1).solve(&start, &p));
    names("value", Lbfgs::new(&Bad).solve(&start, &p));
    names("value", NewtonCg::new(&Bad).solve(&start, &p));
    names("proximal operator", Ista::new(&Bad).step_size(0.5).solve(&start, &p));
    names("proximal operator", Fista::new(&Bad).step_size(0.5).solve(&start, &p));
    names("gradient", Function::record(shape![2], |p| GradientDescent::new(&Bad).step_size(0.25).unroll(5).solve(zeros(shape![2]), p)));
    names("proximal operator", Function::record(shape![2], |p| Ista::new(&Bad).step_size(0.25).unroll(5).solve(zeros(shape![2]), p)));
}

#[test]
fn proximal_operators_of_other_shapes_are_refused_by_splittings_too() {
    let short = |v: Var, step: Var, p: &Var| ((v + step * *p) / (1.0 + step)).slice_axis(0, 0, 1);
    let split = Split::new((shape![2], shape![2]), prox::l1::<Leaf, _>(prox::number(0.1)), prox::of::<Leaf, Leaf, _>(short));
    let (start, p) = (arr1(&[0.0, 0.0]), arr1(&[1.0, 5.0]));
    names("second proximal operator", DouglasRachford::new(&split).solve(&start, &p));
    names("second proximal operator", Function::record(shape![2], |p| DouglasRachford::new(&split).unroll(3).solve(zeros(shape![2]), p)));
    let fit = Function::record((shape![2], shape![2]), |(z, p)| 0.5 * (z - p).square().sum()).unwrap();
    let lasso = Composite::new(&fit, prox::of::<Leaf, Leaf, _>(short));
    let code = |_: ndarray::ArrayViewD<'_, f64>, _: ndarray::ArrayViewD<'_, f64>| Ok::<_, Infallible>(arr1(&[1.0, 5.0]));
    let mine = implicit::outside(&lasso, code);
    names("proximal operator", Function::record(shape![2], |p| mine.solve(zeros(shape![2]), p)));
}

#[test]
fn a_relative_tolerance_that_is_a_variable_is_below_one() {
    let o = Function::record((shape![1], shape![1]), |(z, p)| 0.5 * (z - p).square().sum()).unwrap();
    let f = Function::record((shape![1], shape![]), |(p, e)| {
        GradientDescent::new(&o).step_size(0.5).relative_tolerance(e).implicit(Cg::default()).solve(zeros(shape![1]) + 1.05, p)
    })
    .unwrap();
    assert!(f.eval((arr1(&[1.0]), 1e-9)).is_ok());
    for e in [1.0, 2.0, 1e9, -1.0, f64::NAN] {
        let e = f.eval((arr1(&[1.0]), e)).unwrap_err();
        assert!(e.to_string().contains("tolerance") || matches!(e.kind(), ErrorKind::NotFinite { .. }), "{e}");
    }
}

#[test]
fn a_move_that_does_not_end_leaves_no_point() {
    use std::sync::atomic::{AtomicBool, Ordering};
    static BOOM: AtomicBool = AtomicBool::new(false);
    let equation = Function::record((shape![], shape![]), |(z, t)| z - t).unwrap();
    let root = implicit::root(&equation, |t: ndarray::ArrayViewD<'_, f64>, _: ndarray::ArrayViewD<'_, f64>| {
        assert!(!BOOM.load(Ordering::Relaxed), "boom");
        Ok::<_, Infallible>(arr0(t.sum()))
    });
    let f = Function::record(shape![], |t| t.exp() * root.solve(0.0, t.exp() * 0.5 + t)).unwrap();
    let mut l = f.linearize(1.0).unwrap();
    BOOM.store(true, Ordering::Relaxed);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| l.move_to(2.0)));
    BOOM.store(false, Ordering::Relaxed);
    assert!(panicked.is_err() && l.apply(1.0).is_err() && l.values().is_err());
    l.move_to(2.0).unwrap();
    let exact = 2f64.exp() * (0.5 * 2f64.exp() + 2.0) + 2f64.exp() * (0.5 * 2f64.exp() + 1.0);
    assert!((l.apply(1.0).unwrap().sum() - exact).abs() < 1e-10 * exact && l.values().is_ok());
}

/// The fixed point of ρz + t.
fn fixed(rho: f64, adjoint: impl LinearSolver) -> Function<Leaf, Leaf> {
    let map = Function::record((shape![], shape![]), |(z, t)| rho * z + t).unwrap();
    let code = move |t: ndarray::ArrayViewD<'_, f64>, _: ndarray::ArrayViewD<'_, f64>| {
        Ok::<_, Infallible>(arr0(t.first().copied().unwrap_or(0.0) / (1.0 - rho)))
    };
    let point = implicit::fixed_point(&map, code).adjoint(adjoint);
    Function::record(shape![], |t| point.solve(zeros(shape![]), t)).unwrap()
}

#[test]
fn the_step_of_a_fixed_point_is_one() {
    let slope = |f: Function<Leaf, Leaf>| f.gradient(1.0).unwrap().first().copied().unwrap();
    for with in [OneStep::default(), OneStep::step(1.0)] {
        assert!((slope(fixed(0.5, with)) - 1.0).abs() < 1e-15);
    }
    for with in [Neumann::terms(5), Neumann::terms(5).step(1.0)] {
        assert!((slope(fixed(0.5, with)) - 1.9375).abs() < 1e-15);
    }
    // Any code on any problem that is a fixed point's.
    let map = Function::record((shape![], shape![]), |(z, t)| 0.5 * z + t).unwrap();
    let code = |t: ndarray::ArrayViewD<'_, f64>, _: ndarray::ArrayViewD<'_, f64>| Ok::<_, Infallible>(arr0(2.0 * t.sum()));
    let point = implicit::outside(&Equilibrium::new(&map), code).adjoint(OneStep::default());
    let f = Function::record(shape![], |t| point.solve(zeros(shape![]), t)).unwrap();
    assert!((slope(f) - 1.0).abs() < 1e-15);
}

#[test]
fn a_series_that_grows_is_said_to_diverge_before_it_overflows() {
    for rho in [1.02, 1.5, 20.0] {
        for with in [Neumann::tolerance(1e-10), Neumann::terms(2000), Neumann::tolerance(1e-10).step(1.0)] {
            let e = fixed(rho, with).gradient(1.0).unwrap_err();
            let ErrorKind::Solve { failed: Failed::Diverged { growth: Some(growth), at }, .. } = e.kind() else { panic!("{rho}: {e}") };
            assert!((growth / rho - 1.0).abs() < 1e-9 && at.iterations < 2100, "{rho}: {e}");
        }
    }
}

#[test]
fn a_series_that_stands_still_says_so() {
    // One direction is left as it is by I − A: no number of terms helps.
    let residual = Function::record((shape![2], shape![2]), |(z, t)| constant(arr1(&[1.0, 0.0]).into_shared()) * z - t).unwrap();
    let code = |t: ndarray::ArrayViewD<'_, f64>, _: ndarray::ArrayViewD<'_, f64>| Ok::<_, Infallible>(arr1(&[t[0], 0.0]));
    let root = implicit::root(&residual, code).adjoint(Neumann::tolerance(1e-10).step(1.0)).on_residual(OnResidual::Error);
    let f = Function::record(shape![2], |t| root.solve(zeros(shape![2]), t).sum()).unwrap();
    let e = f.gradient(&arr1(&[1.0, 0.0])).unwrap_err();
    assert!(matches!(e.kind(), ErrorKind::Solve { failed: Failed::NotConverged { status: Status::Stalled, .. }, .. }), "{e}");
}

#[test]
fn code_that_solves_a_problem_may_fail_in_every_way() {
    let residual = Function::record((shape![2], shape![2]), |(z, t)| z - t).unwrap();
    let with = |made: fn() -> Array1<f64>| {
        let root =
            implicit::root(&residual, move |_: ndarray::ArrayViewD<'_, f64>, _: ndarray::ArrayViewD<'_, f64>| Ok::<_, Infallible>(made()));
        Function::record(shape![2], |t| root.solve(zeros(shape![2]), t)).unwrap().eval(arr1(&[1.0, 2.0])).unwrap_err()
    };
    let e = with(|| arr1(&[1.0]));
    assert!(matches!(e.kind(), ErrorKind::Types { of: Typed::Solution(0), .. }), "{e}");
    let e = with(|| arr1(&[1.0, f64::NAN]));
    assert!(matches!(e.kind(), ErrorKind::SolutionNotFinite { part: 0, index, .. } if index[..] == [1]), "{e}");
    // A start of another shape, and parameters: the first that does not fit is named, and nothing of the library's own.
    let root = implicit::root(&residual, |_: ndarray::ArrayViewD<'_, f64>, _: ndarray::ArrayViewD<'_, f64>| {
        Ok::<_, Infallible>(arr1(&[1.0, 2.0]))
    });
    for (start, params, what) in [(3, 2, "the start"), (2, 3, "the parameters")] {
        let e = Function::record(shape![params], |t| root.solve(zeros(shape![start]), t)).unwrap_err();
        assert!(matches!(e.kind(), ErrorKind::Types { of: Typed::Given(w), expected, .. } if *w == what && expected.len() == 1), "{e}");
        assert!(e.operands().len() == 1 && e.to_string().contains(what), "{e}");
    }
}

#[test]
fn settings_of_unrolling_are_kinds() {
    let f = Function::record((shape![2], shape![]), |(z, t)| 0.5 * (z - t).square().sum()).unwrap();
    let of = |steps: usize, keep: Keep| {
        let method = GradientDescent::new(&f).step_size(0.5);
        Function::record(shape![], |t| method.unroll(steps).keep(keep).solve(zeros(shape![2]), t)).map(|_| ()).unwrap_err()
    };
    assert!(matches!(of(0, Keep::All).kind(), ErrorKind::Setting { .. }));
    assert!(matches!(of(5, Keep::Last(0)).kind(), ErrorKind::Setting { .. }));
    assert!(matches!(of(5, Keep::Last(6)).kind(), ErrorKind::TooMany { given: 6, most: 5, .. }));
    assert!(matches!(of(5, Keep::Bytes(0)).kind(), ErrorKind::TooFewBytes { given: 0, needed: 16 }));
}

#[test]
fn a_direction_is_called_a_direction() {
    let f = Function::record((shape![2], shape![3]), |(a, b)| a.square().sum() * b.square().sum()).unwrap();
    let at = (arr1(&[1.0, 2.0]), arr1(&[1.0, 2.0, 3.0]));
    let (short, nan) = ((arr1(&[1.0, 2.0]), arr1(&[1.0])), (arr1(&[1.0, f64::NAN]), arr1(&[1.0, 2.0, 3.0])));
    for e in [f.jvp(&at, &short).map(|_| ()), f.hvp(&at, &short).map(|_| ()), f.linearize(&at).unwrap().apply(&short).map(|_| ())] {
        let e = e.unwrap_err();
        assert!(e.to_string().starts_with("direction 1 of 2"), "{e}");
    }
    for e in [f.jvp(&at, &nan).map(|_| ()), f.hvp(&at, &nan).map(|_| ()), f.linearize(&at).unwrap().apply(&nan).map(|_| ())] {
        let e = e.unwrap_err();
        assert!(e.to_string().starts_with("direction 0 of 2"), "{e}");
    }
    let e = f.vjp(&at, arr1(&[1.0])).unwrap_err();
    assert!(e.to_string().starts_with("cotangent 0 of 1"), "{e}");
    let e = f.jvp(&short, &at).unwrap_err();
    assert!(e.to_string().starts_with("input 1 of 2"), "{e}");
}

#[test]
fn linear_systems_and_derivatives_share_one_main() {
    fn both() -> Result<f64> {
        let x = Lu.prepare(ndarray::arr2(&[[1.0, 1.0], [1.0, 1.0]]))?.solve(&[1.0, 2.0])?.x;
        Ok(x[0])
    }
    let e = both().unwrap_err();
    assert!(matches!(e.kind(), ErrorKind::Solve { failed, .. } if failed.is_singular()), "{e}");
    let e = Gmres::default().prepare(ndarray::Array2::zeros((3, 4))).unwrap_err();
    assert!(matches!(e, Failed::NotSquare { rows: 3, columns: 4 }), "{e}");
}
