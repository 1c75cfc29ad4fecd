//! A solver at rest is not taken for a constant.
//!
//! Looked at: the methods of `solvers/src/methods`, as they are unrolled.
//! * Backtracking gradient descent, L-BFGS and Newton-CG made no step shorter than the rounding of z, and so no derivative: a step at rest now
//!   keeps the value and moves the derivative (`methods/rest.rs`).
//! * Newton-CG's inner iteration makes no turn at residual 0; L-BFGS under `Keep::Last` began from a gradient held fixed.
//! * Gradient descent with fixed steps, SGD, Adam, ISTA, FISTA, Condat-Vu and fixed points always make the step: nothing to mend. An unrolled solver
//!   has no tolerance: it makes as many steps as it was told to.
use hypertape::prelude::*;
use ndarray::{Array1, arr1};

const KEEPS: [Keep; 5] = [Keep::All, Keep::Sqrt, Keep::Values, Keep::Bytes(1 << 16), Keep::Last(8)];

/// ½ Σ aᵢ (zᵢ − θᵢ)², whose solution is θ.
fn quadratic(a: &[f64]) -> Function<(Leaf, Leaf), Leaf> {
    let (n, a) = (a.len(), Array1::from(a.to_vec()).into_shared());
    Function::record((shape![n], shape![n]), |(z, theta)| 0.5 * (constant(&a) * (z - theta).square()).sum()).unwrap()
}

/// The Jacobian of θ ↦ the solution after `steps` from z = θ, forward and reverse, is the identity.
fn identity<M: Method<Problem: Equation<Unknown = Leaf, Params = Leaf, Solution = Leaf>, Each = ()>>(
    solver: &M,
    theta: &[f64],
    steps: usize,
    tolerance: f64,
) {
    let n = theta.len();
    let at = Array1::from(theta.to_vec());
    for keep in KEEPS.into_iter().filter(|k| steps >= 8 || !matches!(k, Keep::Last(_))) {
        let unrolled = solver.unroll(steps).keep(keep);
        let f = Function::record(shape![n], |theta| unrolled.solve(constant(at.clone()), theta)).unwrap();
        let value = f.eval(&at).unwrap();
        assert_eq!(value, at.clone().into_dyn(), "{} leaves the solution", solver.name());
        for j in 0..n {
            let e = Array1::from_shape_fn(n, |i| f64::from(u8::from(i == j)));
            let columns = [f.jvp(&at, &e).unwrap().1, f.vjp(&at, &e).unwrap().1];
            for (i, d) in columns.iter().flat_map(|c| c.iter().enumerate()) {
                let gap = (d - e[i]).abs();
                assert!(gap <= tolerance, "{}, {steps} steps, {keep:?}: d{i}/d{j} = {d}, off by {gap:e}", solver.name());
            }
        }
    }
}

#[test]
fn the_case() {
    let f = Function::record((shape![], shape![]), |(z, theta)| 0.5 * (z - theta).square()).unwrap();
    for steps in [1, 3, 20] {
        let of = |z: &dyn Fn(Var) -> Var| Function::record(shape![], z).unwrap().gradient(3.0).unwrap()[[]];
        let search = GradientDescent::new(&f).backtracking().unroll(steps);
        assert_eq!(of(&|t| search.solve(scalar(3.0), t)), 1.0, "backtracking, {steps} steps");
        let lbfgs = Lbfgs::new(&f).unroll(steps);
        assert_eq!(of(&|t| lbfgs.solve(scalar(3.0), t)), 1.0, "L-BFGS, {steps} steps");
        let newton = NewtonCg::new(&f).unroll(steps);
        assert_eq!(of(&|t| newton.solve(scalar(3.0), t)), 1.0, "Newton-CG, {steps} steps");
    }
}

#[test]
fn other_curvatures_and_first_steps() {
    let theta = [3.0, -1.5, 0.0, 1e-3];
    for scale in [1.0, 1e-6, 1e6] {
        let a = [scale, 3.0 * scale, 7.0 * scale, 30.0 * scale];
        let f = quadratic(&a);
        for first in [1.0, 4.0] {
            // Each step at rest takes at least 1/(4κ) of the error, from a first step that is not too short.
            let solver = GradientDescent::new(&f).step_size(first / scale).backtracking();
            identity(&solver, &theta, 8, 1.0);
            let f = Function::record(shape![4], |t| solver.unroll(4000).solve(constant(arr1(&theta)), t).sum()).unwrap();
            let g = f.gradient(arr1(&theta)).unwrap();
            assert!(g.iter().all(|g| (g - 1.0).abs() < 1e-12), "{g}");
        }
        identity(&Lbfgs::new(&f), &theta, 10, 1e-12);
        identity(&NewtonCg::new(&f), &theta, 10, 1e-12);
        identity(&Lbfgs::new(&f), &theta, 1, 1e-12);
        identity(&NewtonCg::new(&f), &theta, 1, 1e-12);
    }
}

#[test]
fn a_warm_start_from_a_solve() {
    // Σ e^z − θ z has the solution ln θ, with the derivative 1/θ and the second derivative −1/θ².
    let f = Function::record((shape![3], shape![3]), |(z, theta)| z.exp().sum() - theta.dot(z)).unwrap();
    let theta = arr1(&[0.5, 2.0, 9.0]);
    let start = NewtonCg::new(&f).tolerance(1e-13).solve(arr1(&[0.0; 3]), &theta).unwrap().solution;
    let start = start.into_dimensionality::<ndarray::Ix1>().unwrap().into_shared();
    let solutions: [(&str, Function<Leaf, Leaf>); 2] = [
        ("L-BFGS", Function::record(shape![3], |t| Lbfgs::new(&f).unroll(25).solve(constant(&start), t).sum()).unwrap()),
        ("Newton-CG", Function::record(shape![3], |t| NewtonCg::new(&f).unroll(8).solve(constant(&start), t).sum()).unwrap()),
    ];
    for (name, sum) in &solutions {
        let g = sum.gradient(&theta).unwrap();
        let h = sum.hvp(&theta, arr1(&[1.0; 3])).unwrap();
        for i in 0..3 {
            let t = theta[i];
            assert!((g[[i]] - 1.0 / t).abs() < 1e-10 / t, "{name}: {g}");
            assert!((h[[i]] + 1.0 / (t * t)).abs() < 1e-8 / (t * t), "{name}, twice: {h}");
        }
    }
}

#[test]
fn single_precision_at_rest() {
    let f = Function::record((shape![f32; 2], shape![f32; 2]), |(z, theta)| {
        let d = z - theta;
        0.5 * (constant(arr1(&[1.0f32, 5.0])) * d * d).sum()
    })
    .unwrap();
    let theta = arr1(&[3.0f32, 0.1]);
    let sum = |z: &dyn Fn(Var<f32>) -> Var<f32>| Function::record(shape![f32; 2], |t| z(t).sum()).unwrap().gradient(&theta).unwrap();
    let (search, lbfgs, newton) = (GradientDescent::new(&f).backtracking(), Lbfgs::new(&f), NewtonCg::new(&f));
    let all = [
        sum(&|t| search.unroll(200).solve(constant(theta.clone()), t)),
        sum(&|t| lbfgs.unroll(3).solve(constant(theta.clone()), t)),
        sum(&|t| newton.unroll(3).solve(constant(theta.clone()), t)),
    ];
    assert!(all.iter().flatten().all(|g| (g - 1.0).abs() < 1e-5), "{all:?}");
}

/// A maximum and a saddle are points of rest too: F = ∇f = 0 has a derivative there.
#[test]
fn curvature_of_either_sign() {
    identity(&NewtonCg::new(&quadratic(&[-2.0, -1.0])), &[1.0, 2.0], 3, 1e-12);
    identity(&Lbfgs::new(&quadratic(&[-2.0, 3.0])), &[1.0, 2.0], 3, 1e-12);
}

#[test]
fn methods_that_always_step() {
    let f = Function::record((shape![], shape![]), |(z, theta)| 0.5 * (z - theta).square()).unwrap();
    let none = |v: Var, _: Var, _: &Var| v;
    let by = |z: &dyn Fn(Var) -> Var| Function::record(shape![], z).unwrap().gradient(3.0).unwrap()[[]];
    let map = Function::record((shape![], shape![]), |(z, t)| 0.5 * (z + t)).unwrap();
    let batch = Function::record((shape![], shape![], shape![]), |(z, t, _)| 0.5 * (z - t).square()).unwrap();
    let all = [
        by(&|t| GradientDescent::new(&f).step_size(0.5).unroll(50).solve(scalar(3.0), t)),
        by(&|t| Ista::new(&Composite::with(&f, none)).step_size(0.5).unroll(50).solve(scalar(3.0), t)),
        by(&|t| Fista::new(&Composite::with(&f, none)).step_size(1.0).unroll(50).solve(scalar(3.0), t)),
        by(&|t| FixedPoint::new(&map).unroll(50).solve(scalar(3.0), t)),
        by(&|t| Sgd::new(&batch).step_size(0.5).unroll(50).solve_over(scalar(3.0), t, zeros(shape![50]))),
    ];
    assert!(all.iter().all(|d| (d - 1.0).abs() < 1e-14), "{all:?}");
}

/// Sizes 0 and 1, and more steps than it takes to rest.
#[test]
fn sizes_none_and_one() {
    for n in [0, 1] {
        let theta = vec![2.0; n];
        identity(&Lbfgs::new(&quadratic(&vec![4.0; n])), &theta, 50, 1e-14);
        identity(&NewtonCg::new(&quadratic(&vec![4.0; n])), &theta, 50, 1e-14);
        identity(&GradientDescent::new(&quadratic(&vec![4.0; n])).backtracking(), &theta, 50, 1e-14);
    }
}

#[test]
fn trial_steps_that_leave_the_domain() {
    // z − t ln z has its minimum at t; −ln(1 − z²) − tz where 2z = t(1 − z²).
    let log = Function::record((shape![], shape![]), |(z, t)| z - t * z.ln()).unwrap();
    for start in [0.3, 2.0, 10.0, 50.0] {
        let f = Function::record(shape![], |t| Lbfgs::new(&log).unroll(20).solve(scalar(start), t)).unwrap();
        assert!((f.gradient(1.3).unwrap().number().unwrap() - 1.0).abs() < 1e-6, "{start}");
    }
    let barrier = Function::record((shape![], shape![]), |(z, t)| -(1.0 - z * z).ln() - t * z).unwrap();
    let f = Function::record(shape![], |t| Lbfgs::new(&barrier).unroll(20).solve(scalar(0.0), t)).unwrap();
    let z = (-1.0 + (1.0f64 + 1.3 * 1.3).sqrt()) / 1.3;
    // dz/dt of tz² + 2z − t = 0.
    assert!((f.gradient(1.3).unwrap().number().unwrap() - (1.0 - z * z) / (2.0 * 1.3 * z + 2.0)).abs() < 1e-8);
}

#[test]
fn a_solution_that_is_not_finite_is_an_error() {
    let concave = Function::record((shape![], shape![]), |(z, t)| -z.square() * t).unwrap();
    assert!(Lbfgs::new(&concave).max_iterations(5).solve(0.3, 1.0).is_err());
    let cubic = Function::record((shape![], shape![]), |(z, t)| t * z.powi(3)).unwrap();
    assert!(Lbfgs::new(&cubic).max_iterations(50).solve(-0.3, 1.0).is_err());
}

#[test]
fn second_derivatives_from_the_solution_exactly() {
    let weights = || constant(&ndarray::arr1(&[1.0, 4.0]).into_shared());
    let f = Function::record((shape![2], shape![2]), |(z, t)| 0.5 * (weights() * (z - t).square()).sum()).unwrap();
    for k in [2, 3, 10] {
        let sum = Function::record(shape![2], |t| Lbfgs::new(&f).unroll(k).solve(zeros(shape![2]), t).square().sum()).unwrap();
        let h = sum.hvp(ndarray::arr1(&[0.0, 0.0]), ndarray::arr1(&[1.0, 1.0])).unwrap();
        assert!(h.iter().all(|v| (v - 2.0).abs() < 1e-9), "{k}: {h}");
    }
}
