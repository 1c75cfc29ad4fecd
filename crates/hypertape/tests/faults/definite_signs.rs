//! Negative definite systems are solved by the methods for positive definite ones.
//!
//! Looked at:
//! - CG: refused the first negative curvature; now only curvature of both signs. The outcome's remark names the sign.
//! - Cholesky (linear systems of the implicit layer): factors −A where the first entry is negative.
//! - `cholesky` and `solve_positive` as operations: L Lᵀ = A has no solution for a negative A; they stay errors.
//! - Newton-CG: an ascent direction is not a step of a minimiser; it stays refused.
use crate::linear_solves::{solve, solved};
use hypertape::linear::{Diagonal, Single};
use hypertape::prelude::*;
use ndarray::{arr1, arr2};
use std::convert::Infallible;

/// The gradient of z₁ − 2 z₂ by p, where s A z = p, A = [[2, 1], [1, 3]]: A⁻¹(1, −2)/s = (1, −1)/s.
fn gradient(s: f64, solver: impl linear::LinearSolver) -> Result<Vec<f64>> {
    let a = (s * arr2(&[[2.0, 1.0], [1.0, 3.0]])).into_shared();
    let residual = Function::record((shape![2], shape![2]), |(z, p)| constant(&a).dot(z) - p)?;
    let root = implicit::root(&residual, move |p: ndarray::ArrayViewD<'_, f64>, _: ndarray::ArrayViewD<'_, f64>| {
        Ok::<_, Infallible>(arr1(&[0.6 * p[[0]] - 0.2 * p[[1]], 0.4 * p[[1]] - 0.2 * p[[0]]]) / s)
    });
    let root = root.adjoint(solver);
    let weights = arr1(&[1.0, -2.0]).into_shared();
    let f = Function::record(shape![2], |p| constant(&weights).dot(root.solve(zeros(shape![2]), p)))?;
    Ok(f.gradient(arr1(&[1.0, 2.0]))?.iter().copied().collect())
}

#[test]
fn equations_with_the_other_sign() {
    for s in [1.0, -1.0, -1e-150, -1e100] {
        for g in [gradient(s, Cg::default()).unwrap(), gradient(s, Cholesky).unwrap()] {
            assert!((g[0] * s - 1.0).abs() < 1e-11 && (g[1] * s + 1.0).abs() < 1e-11, "{s:e}: {g:?}");
        }
    }
}

#[test]
fn maximisers_are_differentiated_by_cg() {
    // The maximiser of −½a z² + θ z is θ/a.
    let f = Function::record((shape![], shape![]), |(z, t)| t * z - 1.5 * z * z).unwrap();
    let ascent = f.wrt(|(z, _)| z).gradient();
    let residual = Function::record((shape![], shape![]), |(z, t)| ascent.call((z, t))).unwrap();
    let root = implicit::root(&residual, |t: ndarray::ArrayViewD<'_, f64>, _: ndarray::ArrayViewD<'_, f64>| {
        Ok::<_, Infallible>(ndarray::arr0(t.sum() / 3.0))
    });
    for d in [
        Function::record(shape![], |t| root.clone().adjoint(Cg::default()).solve(scalar(0.0), t))
            .unwrap()
            .gradient(2.0)
            .unwrap()
            .number()
            .unwrap(),
        Function::record(shape![], |t| root.clone().adjoint(Cholesky).solve(scalar(0.0), t))
            .unwrap()
            .gradient(2.0)
            .unwrap()
            .number()
            .unwrap(),
    ] {
        assert!((d - 1.0 / 3.0).abs() < 1e-12, "{d}");
    }
}

#[test]
fn signs_at_other_sizes_and_precisions() {
    for n in [1_usize, 2, 7, 100] {
        let mut a = Diagonal((0..n).map(|i| -((i + 1) as f64)).collect());
        let mut x = vec![0.0; n];
        let o = solve(&Cg::default(), &mut a, &vec![1.0; n], &mut x, 1e-13);
        assert!(solved(&o) && o.as_ref().unwrap().remark.is_some_and(|r| r.contains("negative")), "{o:?}");
        assert!(x.iter().enumerate().all(|(i, x)| (x * (i + 1) as f64 + 1.0).abs() < 1e-11), "{x:?}");
    }
    let mut a = Single::new(ndarray::arr2(&[[-2.0_f32, -1.0], [-1.0, -3.0]]));
    let mut x = [0.0; 2];
    let o = solve(&Cg::default(), &mut a, &[-3.0, -4.0], &mut x, 1e-6);
    assert!(solved(&o) && (x[0] - 1.0).abs() < 1e-5 && (x[1] - 1.0).abs() < 1e-5, "{o:?} {x:?}");
}

#[test]
fn indefinite_systems_stay_refused() {
    for d in [[1.0, -1.0, 2.0], [-1.0, 2.0, -3.0]] {
        let o = solve(&Cg::default(), &mut Diagonal(d.to_vec()), &[1.0, 2.0, 3.0], &mut [0.0; 3], 1e-12);
        assert!(matches!(o, Err(Failed::NotDefinite { curvature: Some(_) })), "{o:?}");
    }
    // A first direction without curvature.
    let mut swap = ndarray::arr2(&[[0.0, 1.0], [1.0, 0.0]]);
    let o = solve(&Cg::default(), &mut swap, &[1.0, 0.0], &mut [0.0; 2], 1e-12);
    assert!(matches!(o, Err(Failed::NotDefinite { .. })), "{o:?}");
}
