//! The default tolerance of an adjoint solve is one that rounding allows.
//!
//! Places looked at:
//! - `linear/workspace.rs`: the floor was 8ε√n of ‖b‖; what a solver leaves above it is compared with 8ε√n(1 + ‖A‖‖x‖/‖b‖), at most √ε.
//! - `implicit/adjoint/dense.rs`: √ε of ‖b‖; clean.
//! - `implicit/adjoint/series.rs`: the residual is the next term; clean.
//! - messages: `implicit/linear_system.rs` and `implicit/root.rs` name the limit only where it was reached, and a refinement is not advised after one.
use hypertape::prelude::*;
use ndarray::{Array1, arr1};
use std::convert::Infallible;

const N: usize = 5;

/// Σ p₁ (z_{i+1} − z_i²)² + (p₀ − z_i)²: the minimum is at (p₀, p₀², …) only for p₀ = 1; there dz/dp₁ = 0.
fn rosenbrock() -> Function<(Leaf, Leaf), Leaf> {
    Function::record((shape![N], shape![2]), |(z, p)| {
        let (head, tail) = (z.slice_axis(0, 0, N - 1), z.slice_axis(0, 1, N));
        let (a, b) = (p.slice_axis(0, 0, 1).sum(), p.slice_axis(0, 1, 2).sum());
        b * (tail - head.square()).square().sum() + (a - head).square().sum()
    })
    .unwrap()
}

/// H⁻¹c at the minimum, by Gaussian elimination of the Hessian written by hand: 1202 − 400 + …, tridiagonal.
fn exact(c: &[f64; N]) -> Vec<f64> {
    let mut h = [[0.0_f64; N]; N];
    for i in 0..N - 1 {
        // 100 (y − x²)² + (1 − x)² at x = y = 1: xx 802, xy −400, yy 200.
        h[i][i] += 802.0;
        h[i][i + 1] -= 400.0;
        h[i + 1][i] -= 400.0;
        h[i + 1][i + 1] += 200.0;
    }
    let mut x = c.to_vec();
    for i in 0..N - 1 {
        let l = h[i + 1][i] / h[i][i];
        h[i + 1][i + 1] -= l * h[i][i + 1];
        x[i + 1] -= l * x[i];
    }
    for i in (0..N).rev() {
        let above = if i + 1 < N { h[i][i + 1] * x[i + 1] } else { 0.0 };
        x[i] = (x[i] - above) / h[i][i];
    }
    x
}

fn check(what: &str, adjoint: impl LinearSolver) {
    let f = rosenbrock();
    let root = implicit::argmin(&f, |_, _| Ok::<_, Infallible>(Array1::<f64>::ones(N))).adjoint(adjoint);
    let g = Function::record(shape![2], |p| root.solve(zeros(shape![N]), p)).unwrap();
    for k in 0..12 {
        let drawn: Array1<f64> = hypertape_testkit::random::sym(k, N);
        let c: [f64; N] = std::array::from_fn(|i| drawn[i]);
        let (_, back) = g.vjp(arr1(&[1.0, 100.0]), arr1(&c)).unwrap_or_else(|e| panic!("{what}, {k}: {e}"));
        // ∂²f/∂z_i∂p₀ = −2 for i < N − 1; ∂²f/∂z∂p₁ = 0.
        let expected = 2.0 * exact(&c)[..N - 1].iter().sum::<f64>();
        let size = exact(&c).iter().map(|v| v.abs()).sum::<f64>();
        assert!((back[0] - expected).abs() < 1e-11 * size && back[1].abs() < 1e-11 * size, "{what}, {k}: {back} {expected}");
    }
}

#[test]
fn rosenbrock_at_its_minimum_by_every_method() {
    check("CG", Cg::default());
    check("GMRES", Gmres::default());
    check("normal CG", NormalCg::default());
    check("LU", Lu);
    check("Cholesky", Cholesky);
}

#[test]
fn a_tighter_tolerance_than_rounding_allows_is_met_as_far_as_it_allows() {
    check("CG", Cg::tolerance(0.0));
    check("GMRES", Gmres::tolerance(0.0));
    check("normal CG", NormalCg::tolerance(0.0));
}

#[test]
fn an_absolute_tolerance_is_enough() {
    // diag(1, 2, …) z = p: loosely solved for a small cotangent.
    let scale = Array1::from_iter((1..=20).map(f64::from)).into_shared();
    let f = Function::record((shape![20], shape![20]), |(z, p)| constant(&scale) * z - p).unwrap();
    let run = |absolute: f64, c: f64| {
        let own = scale.clone();
        let root =
            implicit::root(&f, move |p, _| Ok::<_, Infallible>(&p.to_owned() / &own)).adjoint(Cg::default().absolute_tolerance(absolute));
        let g = Function::record(shape![20], |p| root.solve(zeros(shape![20]), p))?.wrt(|p| p).vjp();
        let mut w = g.workspace();
        w.run((Array1::<f64>::ones(20), Array1::<f64>::from_elem(20, c))).map(drop)?;
        Ok::<_, Error>(w.reports().iter().find(|r| r.name == "adjoint solve").expect("it reports").clone())
    };
    let (tight, loose) = (run(0.0, 1e-6).unwrap(), run(1e-7, 1e-6).unwrap());
    assert!(tight.converged && loose.converged && loose.iterations < tight.iterations, "{tight:?} {loose:?}");
    assert!(run(1e-7, 1e3).unwrap().iterations >= loose.iterations);
    let e = run(-1.0, 1.0).expect_err("it is negative").to_string();
    assert!(e.contains("the absolute tolerance is -1"), "{e}");
}

#[test]
fn messages_name_the_limit_only_where_it_was_reached() {
    // A singular system with a right-hand side that it does not reach stalls before any limit.
    let m = ndarray::arr2(&[[1.0, 2.0], [2.0, 4.0]]).into_shared();
    let f = Function::record((shape![2], shape![2]), |(z, p)| constant(&m).dot(z) - p).unwrap();
    for (what, root) in [
        ("CG", implicit::root(&f, |_, _| Ok::<_, Infallible>(arr1(&[1.0, 0.0]))).adjoint(Cg::default())),
        ("GMRES", implicit::root(&f, |_, _| Ok::<_, Infallible>(arr1(&[1.0, 0.0]))).adjoint(Gmres::default())),
        ("BiCGStab", implicit::root(&f, |_, _| Ok::<_, Infallible>(arr1(&[1.0, 0.0]))).adjoint(Bicgstab::default())),
    ] {
        let g = Function::record(shape![2], |p| root.solve(zeros(shape![2]), p).slice_axis(0, 0, 1).sum()).unwrap();
        let e = g.gradient(arr1(&[1.0, 2.0])).expect_err("it is singular").to_string();
        assert!(!e.contains("allow more iterations") && !e.contains("iteration limit"), "{what}: {e}");
    }
    // One that is: the advice is more iterations.
    let f = Function::record((shape![2], shape![2]), |(z, p)| constant(&ndarray::arr2(&[[2.0, 1.0], [1.0, 3.0]]).into_shared()).dot(z) - p)
        .unwrap();
    let root = implicit::root(&f, |_, _| Ok::<_, Infallible>(arr1(&[0.2, 0.6]))).adjoint(Cg::default().max_iterations(1));
    let g = Function::record(shape![2], |p| root.solve(zeros(shape![2]), p).slice_axis(0, 0, 1).sum()).unwrap();
    let e = g.gradient(arr1(&[1.0, 2.0])).expect_err("one iteration is not enough").to_string();
    assert!(e.contains("iteration limit (relative residual 5e-1 after 1 iterations") && e.contains("allow more iterations"), "{e}");
}

#[test]
fn a_failed_refinement_is_not_advised_again_and_unknown_counts_are_unknown() {
    let f = Function::record((shape![], shape![]), |(z, p)| z * z + p).unwrap();
    let root = implicit::root(&f, |_, _| Ok::<_, Infallible>(1.5)).adjoint(Lu);
    let e = |root: &implicit::Outside<Root<Leaf, Leaf>>| {
        Function::record(shape![], |p| root.solve(0.0, p)).unwrap().eval(1.0).expect_err("no root").to_string()
    };
    let plain = e(&root);
    assert!(plain.contains("iterations not known") && plain.contains("Refine") && !plain.contains(" 0 iterations"), "{plain}");
    let refined = e(&root.clone().on_residual(OnResidual::Refine));
    assert!(refined.contains("20 iterations") && !refined.contains("OnResidual::Refine"), "{refined}");
    // A report of code says so too.
    let f = Function::record((shape![], shape![]), |(z, p)| z - p).unwrap();
    let root = implicit::root(&f, |p, _| Ok::<_, Infallible>(p.number().unwrap()));
    let g = Function::record(shape![], |p| root.solve(0.0, p)).unwrap();
    let mut w = g.workspace();
    w.run(1.0).unwrap();
    assert!(w.reports()[0].converged && w.reports()[0].iterations.is_none(), "{:?}", w.reports());
}
