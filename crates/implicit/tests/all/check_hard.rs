//! `check_hypergradient` where its verdict is easily wrong: derivatives that are 0, values without digits, jumps, hopeless tolerances; and remedies that must do at once.
use hypertape_autodiff::record::{Var, constant, stop_gradient};
use hypertape_autodiff::tree::Leaf;
use hypertape_autodiff::{Function, Result, shape};
use hypertape_implicit::{HypergradientCheck, ImplicitExt, Verdict, check_hypergradient};
use hypertape_linear::{Cg, Neumann};
use hypertape_solvers::{GradientDescent, Lbfgs, Method, NewtonCg, Objective};
use ndarray::{Array1, arr1};

type Scalars = Function<(Leaf, Leaf), Leaf>;

/// min ½ Σ dᵢ zᵢ² − t Σ zᵢ: zᵢ = t/dᵢ.
fn quadratic(d: &[f64]) -> Scalars {
    let (n, d) = (d.len(), arr1(d).into_shared());
    Function::record((shape![n], shape![]), |(z, t)| (0.5 * constant(&d) * z.square() - t * z).sum()).unwrap()
}

fn outer(n: usize, f: impl FnOnce(Var, Var) -> Var) -> Scalars {
    Function::record((shape![n], shape![]), |(z, t)| f(z, t)).unwrap()
}

fn descent(d: &[f64]) -> GradientDescent<Objective<Leaf, Leaf>> {
    let largest = d.iter().fold(0.0, |m: f64, d| m.max(*d));
    GradientDescent::new(&quadratic(d)).step_size(1.5 / largest)
}

fn at(
    method: &impl Method<Each = (), Problem = Objective<Leaf, Leaf>>,
    of: &Scalars,
    n: usize,
    t: f64,
) -> Result<HypergradientCheck<Leaf>> {
    check_hypergradient(method, of).at(Array1::zeros(n), t)
}

#[test]
fn a_derivative_of_0_is_healthy() -> Result<()> {
    let d = [1.0, 2.0, 5.0];
    // Minima, maxima, saddles in t, and what cancels, at the point or everywhere.
    let cases: [(&str, Scalars, f64); 8] = [
        ("least squares at its minimum", outer(3, |z, _| (z.rows(0) - 1.0).square()), 1.0),
        ("beside a minimum", outer(3, |z, _| (z.rows(0) - 1.0).square()), 1.0 + 1e-7),
        ("cosine", outer(3, |z, _| z.rows(0).cos() * 100.0), 0.0),
        ("saddle", outer(3, |z, _| (z.rows(0) - 1.0).powi(3)), 1.0),
        ("two terms that cancel", outer(3, |z, _| z.rows(0) - 2.0 * z.rows(1)), 1.3),
        ("nothing of t", outer(3, |z, _| stop_gradient(&z).sum() * 0.0 + 7.0), 1.3),
        ("large value", outer(3, |z, _| 1e5 + (z.sum() - 1.7).square()), 1.0),
        ("t against z", outer(3, |z, t| z.rows(0) * z.rows(0) - t * t), 1.3),
    ];
    for (name, of, t) in &cases {
        for tolerance in [1e-6, 1e-9, 1e-12] {
            let found = at(&descent(&d).tolerance(tolerance), of, 3, *t)?;
            assert!(found.passed(), "{name}, {tolerance:e}: {found}");
        }
        let found = at(&NewtonCg::new(&quadratic(&d)).tolerance(1e-8), of, 3, *t)?;
        assert!(found.passed(), "{name}, Newton: {found}");
        let found = at(&Lbfgs::new(&quadratic(&d)).tolerance(1e-8), of, 3, *t)?;
        assert!(found.passed(), "{name}, L-BFGS: {found}");
    }
    Ok(())
}

#[test]
fn a_small_derivative_that_is_wrong_is_seen() -> Result<()> {
    // Near the minimum of (z − 1)², half of the derivative is missing; the differences have its digits.
    let half = outer(1, |z, _| (z - 1.0).sum() * stop_gradient(&(z - 1.0).sum()));
    for off in [1e-1, 1e-3] {
        let found = at(&descent(&[1.0]).tolerance(1e-12), &half, 1, 1.0 + off)?;
        assert!(matches!(found.verdict, Verdict::WrongEquation { .. }), "{off:e}: {found}");
    }
    // A steep derivative is no small one: loose is loose.
    let steep = outer(1, |z, _| (200.0 * z).exp().sum());
    let found = at(&descent(&[1.0]).step_size(0.5).tolerance(1e-3), &steep, 1, 1.0)?;
    assert!(matches!(found.verdict, Verdict::InnerTooLoose { .. }), "{found}");
    Ok(())
}

#[test]
fn values_without_digits_are_unresolved() -> Result<()> {
    for size in [1e13, 1e15, 1e18, -1e16] {
        // Right, wrong, and 0 instead of 2: of none can differences tell.
        let right = outer(2, |z, _| size + z.sum());
        let wrong = outer(2, |z, _| size + z.sum() + stop_gradient(&z).sum());
        let nothing = outer(2, |z, _| size + stop_gradient(&z).sum());
        for of in [right, wrong, nothing] {
            let found = at(&descent(&[1.0, 2.0]).tolerance(1e-10), &of, 2, 1.3)?;
            assert!(matches!(found.verdict, Verdict::Unresolved { .. }), "{size:e}: {found}");
        }
    }
    Ok(())
}

#[test]
fn a_tolerance_that_is_met_at_the_start_is_too_loose() -> Result<()> {
    let of = outer(2, |z, _| z.square().sum());
    for tolerance in [1e2, 1e9, 1e30] {
        let method = descent(&[1.0, 2.0]).tolerance(tolerance);
        let found = check_hypergradient(&method, &of).at(arr1(&[3.0, -1.0]), 1.3)?;
        assert!(matches!(found.verdict, Verdict::InnerTooLoose { .. }), "{tolerance:e}: {found}");
        let enough: f64 = named(&found.remedy, "tolerance of");
        let found = check_hypergradient(&method.tolerance(enough), &of).at(arr1(&[3.0, -1.0]), 1.3)?;
        assert!(found.passed(), "{enough:e}: {found}");
    }
    Ok(())
}

#[test]
fn an_outer_objective_that_oscillates() -> Result<()> {
    // Steps that are short enough see its slope, where the inner solve has the digits for it; else it is too loose or unresolved.
    for (frequency, tolerance) in [(1e3, 1e-12), (1e6, 1e-8), (1e6, 1e-13), (1e9, 1e-10), (1e12, 1e-13)] {
        let of = outer(2, |z, _| (frequency * z).sin().sum());
        let found = at(&descent(&[1.0, 2.0]).tolerance(tolerance), &of, 2, 1.3)?;
        assert!(
            matches!(found.verdict, Verdict::Unresolved { .. } | Verdict::InnerTooLoose { .. } | Verdict::Agree { .. }),
            "{frequency:e}, {tolerance:e}: {found}"
        );
        assert!(frequency < 1e12 || !found.passed(), "{frequency:e}, {tolerance:e}: {found}");
    }
    Ok(())
}

#[test]
fn an_outer_objective_that_jumps() -> Result<()> {
    let step = |place: f64| outer(2, move |z, _| z.sum() + z.rows(0).greater_than(place).select(1.0, 0.0));
    let method = descent(&[1.0, 2.0]).tolerance(1e-12);
    // z₀ = t: the jump is at the point.
    let found = at(&method, &step(1.3), 2, 1.3)?;
    let Verdict::Jump { by, .. } = found.verdict else { panic!("{found}") };
    assert!((by.abs() - 1.0).abs() < 1e-3, "{found}");
    assert!(found.remedy.contains("no derivative"), "{found}");
    // Beside it there is a derivative.
    for place in [1.3 * 1.001, 1.3 * 0.99, 1.3 * (1.0 - 1e-4)] {
        let found = at(&method, &step(place), 2, 1.3)?;
        assert!(found.passed(), "{place}: {found}");
    }
    Ok(())
}

/// The number after these words.
fn named(remedy: &str, words: &str) -> f64 {
    let rest = &remedy[remedy.find(words).unwrap_or_else(|| panic!("{remedy}")) + words.len()..];
    rest.split_whitespace().next().and_then(|w| w.trim_end_matches([',', ';']).parse().ok()).unwrap_or_else(|| panic!("{remedy}"))
}

/// Takes what a remedy says of the inner solve.
fn taken(mut method: GradientDescent<Objective<Leaf, Leaf>>, most: usize, remedy: &str) -> GradientDescent<Objective<Leaf, Leaf>> {
    if remedy.contains("inner solve a tolerance of") {
        method = method.tolerance(named(remedy, "inner solve a tolerance of"));
    }
    if remedy.contains("allow about") {
        method = method.max_iterations(most + named(remedy, "allow about") as usize);
    }
    method
}

#[test]
fn the_first_remedy_of_an_inner_solve_does() -> Result<()> {
    let d = [0.3, 1.0, 2.0, 30.0];
    let c = arr1(&[1.0, -2.0, 3.0, 50.0]).into_shared();
    let of = outer(4, |z, _| (constant(&c) * (1.0 + z).powi(4)).sum());
    // Too loose in one number, in the other, and in both.
    for (tolerance, most) in [(1.0, 100_000), (0.1, 100_000), (0.1, 150), (1e-9, 30)] {
        let loose = descent(&d).tolerance(tolerance).max_iterations(most);
        let found = at(&loose, &of, 4, 1.5)?;
        assert!(matches!(found.verdict, Verdict::InnerTooLoose { .. }), "{found}");
        let found = at(&taken(loose, most, &found.remedy), &of, 4, 1.5)?;
        assert!(found.passed(), "{tolerance:e}, {most}: {found}");
    }
    // So slow that the check does not see it come to rest: as many iterations as the factor of the map says.
    let slow = descent(&[0.05, 30.0]).tolerance(1e-6).max_iterations(30);
    let of = outer(2, |z, _| z.square().sum());
    let check = |method: &GradientDescent<Objective<Leaf, Leaf>>| {
        check_hypergradient(method, &of).unroll(0).iterations(500).at(Array1::zeros(2), 1.5)
    };
    let found = check(&slow)?;
    assert!(matches!(found.verdict, Verdict::InnerTooLoose { settled: false, .. }), "{found}");
    let found = check_hypergradient(&taken(slow, 30, &found.remedy), &of).unroll(0).at(Array1::zeros(2), 1.5)?;
    assert!(found.passed(), "{found}");
    Ok(())
}

#[test]
fn the_first_remedy_of_an_adjoint_solve_does() -> Result<()> {
    let d = [1.0, 2.0, 5.0, 30.0];
    let c = arr1(&[1.0, -2.0, 3.0, 50.0]).into_shared();
    let of = outer(4, |z, _| 0.5 * (constant(&c) * z.square()).sum());
    let adjoint = |method: &GradientDescent<Objective<Leaf, Leaf>>, t: f64| {
        method.implicit(Cg::tolerance(t)).check_hypergradient(&of).at(Array1::zeros(4), 1.5)
    };
    let tight = descent(&d).tolerance(1e-10);
    for t in [0.9, 0.5] {
        let found = adjoint(&tight, t)?;
        assert!(matches!(found.verdict, Verdict::AdjointTooLoose { .. }), "{t}: {found}");
        let found = adjoint(&tight, named(&found.remedy, "tolerance of"))?;
        assert!(found.passed(), "{t}: {found}");
    }
    // Both are too loose: both are named.
    let loose = descent(&d).tolerance(0.5);
    let found = adjoint(&loose, 0.9)?;
    let (inner, other) = (named(&found.remedy, "inner solve a tolerance of"), named(&found.remedy, "give CG a tolerance of"));
    let found = adjoint(&loose.tolerance(inner), other)?;
    assert!(found.passed(), "{found}");
    // Terms.
    let found = tight.implicit(Neumann::terms(5)).check_hypergradient(&of).at(Array1::zeros(4), 1.5)?;
    let more = named(&found.remedy, "about") as usize;
    let found = tight.implicit(Neumann::terms(5 + more)).check_hypergradient(&of).at(Array1::zeros(4), 1.5)?;
    assert!(found.passed(), "{found}");
    Ok(())
}
