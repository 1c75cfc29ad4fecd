//! Second derivatives of an unrolled quasi-Newton method.
//!
//! Looked at: L-BFGS, the one method whose steps depend on differences of gradients.
//! * First derivatives come near those of the solution as the iterates do; second derivatives of the steps do not (7e-4 on a quadratic of condition 10,
//!   600 on a discretised Poisson equation): they are an error, unless the steps come to rest, where further ones settle them, or are allowed.
//! * Newton-CG and the other methods have no memory of earlier gradients; zoo tests hold their second derivatives to closed forms.
use hypertape::prelude::*;
use ndarray::{Array1, Array2};

/// ½ zᵀA z − θᵀz, whose solution A⁻¹θ is linear in θ.
fn quadratic(a: &Array2<f64>) -> Function<(Leaf, Leaf), Leaf> {
    let n = a.nrows();
    let a = a.to_shared();
    Function::record((shape![n], shape![n]), |(z, theta)| 0.5 * z.dot(constant(&a).dot(z)) - theta.dot(z)).unwrap()
}

/// Eigenvalues from 1 to 10 along a Householder basis.
fn conditioned(n: usize) -> Array2<f64> {
    let u = Array1::from_shape_fn(n, |i| (i as f64 + 1.0).sin());
    let h = Array2::from_shape_fn((n, n), |(i, j)| f64::from(u8::from(i == j)) - 2.0 * u[i] * u[j] / u.dot(&u));
    let d = Array2::from_diag(&Array1::from_shape_fn(n, |i| 1.0 + 9.0 * i as f64 / (n as f64 - 1.0)));
    h.dot(&d).dot(&h)
}

/// The second difference on n points, over h².
fn poisson(n: usize) -> Array2<f64> {
    let h = 1.0 / (n as f64 + 1.0);
    Array2::from_shape_fn((n, n), |(i, j)| match i.abs_diff(j) {
        0 => 2.0 / (h * h),
        1 => -1.0 / (h * h),
        _ => 0.0,
    })
}

fn loss(a: &Array2<f64>, solver: &Lbfgs<Objective<Leaf, Leaf>>, steps: usize) -> Function<Leaf, Leaf> {
    let n = a.nrows();
    Function::record(shape![n], |theta| solver.unroll(steps).solve(zeros(shape![n]), theta).sum()).unwrap()
}

fn theta(n: usize) -> Array1<f64> {
    Array1::from_shape_fn(n, |i| (2.0 * i as f64).cos() + 1.5)
}

/// A⁻¹ 1 by elimination without pivots: A is positive definite.
fn row_sums_of_inverse(a: &Array2<f64>) -> Vec<f64> {
    let n = a.nrows();
    let (mut a, mut x) = (a.clone(), vec![1.0; n]);
    for k in 0..n {
        for i in k + 1..n {
            let f = a[[i, k]] / a[[k, k]];
            for j in k..n {
                a[[i, j]] -= f * a[[k, j]];
            }
            x[i] -= f * x[k];
        }
    }
    for i in (0..n).rev() {
        for j in i + 1..n {
            x[i] -= a[[i, j]] * x[j];
        }
        x[i] /= a[[i, i]];
    }
    x
}

fn settled(what: &str, a: &Array2<f64>, steps: usize) {
    let (n, f) = (a.nrows(), quadratic(a));
    let sum = loss(a, &Lbfgs::new(&f), steps);
    let known = row_sums_of_inverse(a);
    let size = known.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    let first = sum.gradient(&theta(n)).unwrap();
    for (d, k) in first.iter().zip(&known) {
        assert!((d - k).abs() < 1e-9 * size, "{what}: {d} and {k}");
    }
    let ones = Array1::ones(n);
    let h = sum.hvp(&theta(n), &ones).unwrap_or_else(|e| panic!("{what}: {e}"));
    assert!(h.iter().all(|v| v.abs() < 1e-9 * size), "{what}, forward over reverse: {h}");
    let twice = sum.wrt(|t| t).gradient().wrt(|t| t).vjp().output(|(_, c)| c);
    let h = twice.eval((&theta(n), &ones)).unwrap();
    assert!(h.iter().all(|v| v.abs() < 1e-9 * size), "{what}, reverse over reverse: {h}");
}

#[test]
fn the_case() {
    settled("condition 10", &conditioned(12), 80);
}

#[test]
fn a_discretised_poisson_equation() {
    settled("Poisson", &poisson(15), 150);
}

#[test]
fn a_nonlinear_solution_has_its_own_second_derivative() {
    // Σ e^z − θ z: z = ln θ, with second derivative −1/θ².
    let f = Function::record((shape![3], shape![3]), |(z, t)| z.exp().sum() - t.dot(z)).unwrap();
    let sum = Function::record(shape![3], |t| Lbfgs::new(&f).unroll(60).solve(zeros(shape![3]), t).sum()).unwrap();
    let at = ndarray::arr1(&[0.5, 2.0, 4.0]);
    let h = sum.hvp(&at, Array1::ones(3)).unwrap();
    for (h, t) in h.iter().zip(&at) {
        assert!((h + 1.0 / (t * t)).abs() < 1e-9 / (t * t), "{h} at {t}");
    }
}

#[test]
fn before_rest_it_is_an_error_that_names_the_ways_out() {
    let a = conditioned(12);
    let f = quadratic(&a);
    let (at, ones) = (theta(12), Array1::ones(12));
    for steps in [3, 10] {
        let sum = loss(&a, &Lbfgs::new(&f), steps);
        sum.gradient(&at).expect("a first derivative is that of the steps");
        sum.jvp(&at, &ones).expect("and so is a tangent");
        let twice = sum.wrt(|t| t).gradient().wrt(|t| t).vjp();
        let linear = sum.wrt(|t| t).gradient().wrt(|t| t).jvp();
        let errors = [sum.hvp(&at, &ones).unwrap_err(), twice.eval((&at, &ones)).unwrap_err(), linear.eval((&at, &ones)).unwrap_err()];
        for e in errors.map(|e| e.to_string()) {
            assert!(e.contains("L-BFGS") && e.contains("second derivative") && e.contains("differentiate implicitly"), "{e}");
            assert!(e.contains("quasi_newton.rs:"), "{e}");
        }
        // Of a loss that is not linear in the solution, too.
        let curved = Function::record(shape![12], |t| Lbfgs::new(&f).unroll(steps).solve(zeros(shape![12]), t).square().sum()).unwrap();
        assert!(curved.hvp(&at, &ones).is_err());
        // Allowed, it is that of the iterate: its own difference quotient.
        let sum = loss(&a, &Lbfgs::new(&f).second_derivatives_of_steps(), steps);
        let h = sum.hvp(&at, &ones).unwrap();
        let e = 1e-5;
        let (up, down) = (sum.gradient(&at + &(e * &ones)).unwrap(), sum.gradient(&at - &(e * &ones)).unwrap());
        for ((h, u), d) in h.iter().zip(&up).zip(&down) {
            assert!((h - (u - d) / (2.0 * e)).abs() < 1e-5 * (1.0 + h.abs()), "{steps} steps: {h} and {}", (u - d) / (2.0 * e));
        }
    }
}
