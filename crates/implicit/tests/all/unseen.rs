//! What a certificate must not overlook: directions that the first step, the right-hand sides or the adjoint do not have, and constants that are wrong.
use hypertape_autodiff::record::{Var, constant, stack};
use hypertape_autodiff::tree::Leaf;
use hypertape_autodiff::{Function, Result, shape};
use hypertape_implicit::{Certificate, Standing, certify};
use hypertape_linear::{Auto, Cg, Gmres, LinearSolver, Lu};
use hypertape_solvers::{Composite, Objective, Root, Scale, prox};
use ndarray::{Array1, arr1};
use std::sync::Arc;

fn solvers() -> [Arc<dyn LinearSolver>; 3] {
    [Arc::new(Auto::default()), Arc::new(Lu), Arc::new(Gmres::default())]
}

/// Where there are bounds, they lie above the errors of a derivative by one parameter, to the rounding of the truth.
#[track_caller]
fn holds(found: &Certificate<Leaf>, truth: &[f64]) {
    let distance = |g: &ndarray::ArrayD<f64>| g.iter().zip(truth).map(|(g, t)| (g - t) * (g - t)).sum::<f64>().sqrt();
    let rounding = 1e-14 * truth.iter().map(|t| t * t).sum::<f64>().sqrt();
    if let (Some(bound), Some(rest)) = (found.bound, found.corrected_bound) {
        let (error, left) = (distance(&found.gradient), distance(&found.corrected));
        assert!(error <= bound + rounding && left <= rest + rounding, "errors {error:e} and {left:e}\n{found}\n{:?}", found.measured);
    }
}

#[test]
fn a_rest_of_the_step_that_lies_along_another_direction() -> Result<()> {
    // z₀ = θ₀ and z₁ = ε z₀²: the step of z₀ is what the derivative of θ₁ z₁ by z₁ does not show.
    for e in [1e-3, 1e-2, 0.1, 0.2] {
        let part = |z: Var, i: usize| z.slice_axis(0, i, i + 1).sum();
        let root =
            Function::record((shape![2], shape![2]), |(z, t)| stack(&[part(z, 0) - part(t, 0), part(z, 1) - e * part(z, 0).square()]))?;
        let outer = Function::record((shape![2], shape![2]), |(z, t)| part(t, 1) * part(z, 1))?;
        for start in [0.0, 0.3, 0.5, 0.8, 0.899] {
            for solver in solvers() {
                let mut c = certify(&Root::new(&root), &outer).adjoint(solver).prepare()?;
                let theta = arr1(&[0.9, 1.0]);
                let found = c.at(arr1(&[start, e * start * start]), &theta)?;
                let truth = [2.0 * e * 0.9, e * 0.81];
                holds(&found, &truth);
                if let Ok(right) = c.require(1e-3, arr1(&[start, 0.0]), &theta) {
                    let off = right.corrected.iter().zip(truth).map(|(g, t)| (g - t) * (g - t)).sum::<f64>().sqrt();
                    assert!(off <= 1e-3 * truth[0].hypot(truth[1]), "{off:e}\n{right}");
                }
            }
        }
    }
    Ok(())
}

#[test]
fn a_soft_direction_that_no_right_hand_side_shows() -> Result<()> {
    for n in [5, 50, 200, 1000] {
        for (soft, off) in [(1e-4, 1.0), (1e-6, 1e-3), (1e-2, 0.1)] {
            let c: Array1<f64> = (0..n).map(|i| if i == n / 2 { soft } else { 1.0 + 0.5 * (i as f64).sin().abs() }).collect();
            let shared = c.to_shared();
            let inner = Function::record((shape![n], shape![n]), |(z, t)| 0.5 * (constant(&shared) * (z - t).square()).sum())?;
            let outer = Function::record((shape![n], shape![n]), |(z, _)| 0.5 * z.square().sum())?;
            let theta: Array1<f64> = (0..n).map(|i| (1.3 * i as f64).cos()).collect();
            let at: Array1<f64> = (0..n).map(|i| theta[i] + if i == n / 2 { off } else { 0.02 * (2.1 * i as f64).sin() }).collect();
            for solver in [Arc::new(Auto::default()) as Arc<dyn LinearSolver>, Arc::new(Cg::default()), Arc::new(Gmres::default())] {
                let found = certify(&Objective::new(&inner), &outer).adjoint(solver).prepare()?.at(&at, &theta)?;
                holds(&found, theta.as_slice().unwrap_or(&[]));
            }
        }
    }
    Ok(())
}

#[test]
fn a_singular_value_that_collapses_within_the_step() -> Result<()> {
    let part = |z: Var, i: usize| z.slice_axis(0, i, i + 1).sum();
    for s in [1e-3, 1e-2, 0.1] {
        let root = Function::record((shape![2], shape![2]), |(z, t)| {
            let (a, b) = (part(z, 0), part(z, 1));
            stack(&[a + 0.01 * a.square() - part(t, 0), (s + a.square()) * b - part(t, 1)])
        })?;
        let outer = Function::record((shape![2], shape![2]), |(z, _)| 100.0 * part(z, 0) + 0.5 * part(z, 1).square())?;
        // At θ = (0, s): z = (0, 1), and the derivatives are 100 and 1/s.
        for solver in solvers() {
            for start in [1.0, 0.3, 0.05] {
                let found =
                    certify(&Root::new(&root), &outer).adjoint(solver.clone()).prepare()?.at(arr1(&[start, 0.0]), arr1(&[0.0, s]))?;
                holds(&found, &[100.0, 1.0 / s]);
            }
        }
    }
    Ok(())
}

#[test]
fn constants_that_the_rounds_refute_are_no_theorem() -> Result<()> {
    // z + 2z³ = θ, and z³ as the outer objective: the derivative 3z²/(1 + 6z²) changes by up to 1.5 for each unit.
    let root = Function::record((shape![], shape![]), |(z, t): (Var, Var)| 0.1 * z + 2.0 * z.powi(3) - t)?;
    let outer = Function::record((shape![], shape![]), |(z, _)| 100.0 * z.powi(2))?;
    let z = 0.3_f64;
    let theta = 0.1 * z + 2.0 * z.powi(3);
    for (smallest, lipschitz) in [(1e300, 1e4), (0.5, 0.0), (0.5, 1e-3), (10.0, 1e4)] {
        let asked = certify(&Root::new(&root), &outer).adjoint(Lu).smallest_singular_value(smallest).lipschitz(lipschitz);
        let found = asked.prepare()?.at(z + 0.1, theta)?;
        assert_ne!(found.standing, Standing::Proven, "{smallest:e} {lipschitz:e}\n{found}");
    }
    Ok(())
}

#[test]
fn a_kink_at_a_solution_of_zeros() -> Result<()> {
    // min ½(z − 3)² + θ|z| at θ = 3: the solution 0 lies on a kink.
    let fit = Function::record((shape![1], shape![]), |(z, _)| 0.5 * (z - 3.0).square().sum())?;
    let problem = Composite::new(&fit, prox::l1(|t| *t));
    let outer = Function::record((shape![1], shape![]), |(z, _)| 2.0 * z.sum())?;
    for step in [0.3, 0.5, 0.7, 1.0] {
        let scale = Scale { primal: step.into(), dual: 1.0.into() };
        let found = certify(&problem, &outer).adjoint(Lu).scale(scale).prepare()?.at(arr1(&[0.0]), 3.0)?;
        assert!(!found.certified(), "{found}");
    }
    Ok(())
}
