//! Residuals neither vanish nor overflow by squaring.
//!
//! Places looked at:
//! - `implicit/adjoint/mod.rs`, `true_residual`: squared without scaling; it uses the scaled norm.
//! - `implicit/linear_system.rs`, `implicit/judge.rs`, refinement: right-hand sides are brought near 1 by powers of two (`implicit/scaled.rs`).
//! - `linear/workspace.rs`, `neumann.rs`: norms by `linear::norm`, which scales; clean.
//! - `implicit/flat.rs`: doubles beyond the range of f32 became ∞ in the results; an error now.
use hypertape::prelude::*;
use ndarray::{Array1, Array2, arr1, arr2};
use std::convert::Infallible;

/// A z = p for a symmetric positive definite A, found by LU.
fn linear<T: Real>(adjoint: impl LinearSolver, s: f64) -> Function<Leaf<T>, Leaf<T>> {
    let m = matrix(s).mapv(T::from_f64).into_shared();
    let n = m.nrows();
    let (z, p) = (Leaf::<T>::new([n]), Leaf::<T>::new([n]));
    let residual = Function::record((z.clone(), p.clone()), |(z, p)| constant(&m).dot(z) - p).unwrap();
    let solve = Function::record(p.clone(), |p| constant(&m).solve(p)).unwrap();
    let root = implicit::root(&residual, move |p, _| solve.eval(p)).adjoint(adjoint);
    Function::record(p, |p| root.solve(zeros(z), p)).unwrap()
}

fn matrix(s: f64) -> Array2<f64> {
    s * arr2(&[[1.0, 0.25], [0.25, 0.75]])
}

/// A⁻¹ (c, 2c) with A as above, A⁻¹ = 16/11 [[¾, −¼], [−¼, 1]].
fn exact(c: f64, s: f64) -> [f64; 2] {
    [c / s * (16.0 / 11.0 * 0.25), c / s * (16.0 / 11.0 * 1.75)]
}

/// Forward and reverse derivatives along (c, 2c).
fn both<T: Real>(what: &str, f: &Function<Leaf<T>, Leaf<T>>, c: f64, s: f64, allowed: f64) {
    let v: Array1<T> = arr1(&[T::from_f64(c), T::from_f64(2.0 * c)]);
    let at: Array1<T> = arr1(&[T::from_f64(1.0), T::from_f64(2.0)]);
    let forward = f.jvp(&at, &v).unwrap_or_else(|e| panic!("{what}, {c}, {s}, forward: {e}")).1;
    let back = f.vjp(&at, &v).unwrap_or_else(|e| panic!("{what}, {c}, {s}, reverse: {e}")).1;
    for g in [forward, back] {
        for (g, e) in g.iter().zip(exact(c, s)) {
            assert!((hypertape::array::Element::to_f64(*g) - e).abs() <= allowed * e.abs(), "{what}, {c}, {s}: {g:?} instead of {e}");
        }
    }
}

macro_rules! every {
    ($check:ident, $($with:expr),*) => {
        $check("CG", Cg::default(), $($with),*);
        $check("BiCGStab", Bicgstab::default(), $($with),*);
        $check("GMRES", Gmres::default(), $($with),*);
        $check("normal CG", NormalCg::default(), $($with),*);
        $check("LU", Lu, $($with),*);
        $check("Cholesky", Cholesky, $($with),*);
        $check("Neumann", Neumann::tolerance(1e-12).step(0.9), $($with),*);
        $check("Neumann terms", Neumann::terms(400).step(0.9), $($with),*);
    };
}

#[test]
fn cotangents_of_any_size_by_every_method() {
    fn check(what: &str, solver: impl LinearSolver) {
        let f = linear::<f64>(solver, 1.0);
        for c in [1.0, 1e-170, 1e170, 1e-300, 1e300, -1e-170] {
            both(what, &f, c, 1.0, 1e-10);
        }
    }
    every!(check,);
}

#[test]
fn cotangents_of_any_size_in_single_precision() {
    fn check(what: &str, solver: impl LinearSolver) {
        let f = linear::<f32>(solver, 1.0);
        for c in [1.0, 1e-18, 1e18, 1e-30, 1e36] {
            both(what, &f, c, 1.0, 2e-5);
        }
    }
    every!(check,);
}

#[test]
fn operators_of_any_size() {
    for s in [1e-150, 1e-20, 1e20, 1e150] {
        both("CG", &linear::<f64>(Cg::default(), s), 1.0, s, 1e-9);
        both("BiCGStab", &linear::<f64>(Bicgstab::default(), s), 1.0, s, 1e-9);
        both("GMRES", &linear::<f64>(Gmres::default(), s), 1.0, s, 1e-9);
        both("normal CG", &linear::<f64>(NormalCg::default(), s), 1.0, s, 1e-9);
        both("LU", &linear::<f64>(Lu, s), 1.0, s, 1e-9);
        both("Cholesky", &linear::<f64>(Cholesky, s), 1.0, s, 1e-9);
    }
    for s in [1e-15, 1e15] {
        both("CG", &linear::<f32>(Cg::default(), s), 1.0, s, 1e-5);
        both("GMRES", &linear::<f32>(Gmres::default(), s), 1.0, s, 1e-5);
        both("LU", &linear::<f32>(Lu, s), 1.0, s, 1e-5);
    }
}

#[test]
fn the_residual_of_one_step_does_not_vanish() {
    // One step of ¼ for A = 1.04: x = ¼ b, and ‖b − A x‖ / ‖b‖ = 0.74.
    let f = Function::record((shape![], shape![]), |(z, p)| 1.04 * z - p).unwrap();
    let root = implicit::root(&f, |p, _| Ok::<_, Infallible>(p.number().unwrap() / 1.04)).adjoint(OneStep::step(0.25));
    let g = Function::record(shape![], |p| root.solve(0.0, p)).unwrap().wrt(|p| p).vjp();
    let mut w = g.workspace();
    for c in [1.0, 1e-170, 1e170, 1e300, -1e-300] {
        let (_, found) = w.run((1.0, c)).unwrap_or_else(|e| panic!("{c}: {e}"));
        assert!((found.number().unwrap() / (0.25 * c) - 1.0).abs() < 1e-14, "{c}: {found}");
        let r = w.reports().iter().find(|r| r.name == "adjoint solve").expect("it reports");
        assert!(!r.converged && (r.residual - 0.74).abs() < 1e-14 && r.status == Status::Truncated { terms: 1 }, "{c}: {r:?}");
    }
}

#[test]
fn zero_cotangents_and_no_unknowns() {
    fn check(what: &str, solver: impl LinearSolver) {
        let f = linear::<f64>(solver, 1.0);
        let (at, zero) = (arr1(&[1.0, 2.0]), arr1(&[0.0, 0.0]));
        let found =
            [f.jvp(&at, &zero).unwrap_or_else(|e| panic!("{what}: {e}")).1, f.vjp(&at, &zero).unwrap_or_else(|e| panic!("{what}: {e}")).1];
        assert!(found.iter().flatten().all(|v| *v == 0.0), "{what}: {found:?}");
    }
    every!(check,);
    fn none<T: Real>(what: &str, solver: impl LinearSolver) {
        let (z, p) = (Leaf::<T>::new([0]), Leaf::<T>::new([0]));
        let residual = Function::record((z.clone(), p.clone()), |(z, p)| z - p).unwrap();
        let root = implicit::root(&residual, |_, _| Ok::<Array1<T>, Infallible>(Array1::from(vec![]))).adjoint(solver);
        let f = Function::record(p, |p| root.solve(zeros(z), p)).unwrap();
        let empty = Array1::<T>::from(vec![]);
        assert_eq!(f.jvp(&empty, &empty).unwrap_or_else(|e| panic!("{what}: {e}")).1.len(), 0);
        assert_eq!(f.vjp(&empty, &empty).unwrap_or_else(|e| panic!("{what}: {e}")).1.len(), 0);
    }
    fn doubles(what: &str, solver: impl LinearSolver) {
        none::<f64>(what, solver);
    }
    fn singles(what: &str, solver: impl LinearSolver) {
        none::<f32>(what, solver);
    }
    every!(doubles,);
    every!(singles,);
}

#[test]
fn one_unknown_by_every_method() {
    // 1.5 z = p: derivatives c / 1.5.
    fn check(what: &str, solver: impl LinearSolver) {
        let f = Function::record((shape![1], shape![1]), |(z, p)| 1.5 * z - p).unwrap();
        let root = implicit::root(&f, |p, _| Ok::<_, Infallible>(p.to_owned() / 1.5)).adjoint(solver);
        let f = Function::record(shape![1], |p| root.solve(zeros(shape![1]), p)).unwrap();
        for c in [1.0, 1e-170, 1e170] {
            let (at, v) = (arr1(&[1.0]), arr1(&[c]));
            let found = [
                f.jvp(&at, &v).unwrap_or_else(|e| panic!("{what}, {c}: {e}")).1,
                f.vjp(&at, &v).unwrap_or_else(|e| panic!("{what}, {c}: {e}")).1,
            ];
            assert!(found.iter().flatten().all(|v| (v / (c / 1.5) - 1.0).abs() < 1e-11), "{what}, {c}: {found:?}");
        }
    }
    every!(check,);
}
