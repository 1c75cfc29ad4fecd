//! Clipped descent: one step by hand, and the minimum under falling steps.
use crate::aid::Quadratic;
use hypertape_bilevel::{Aid, ClippedDescent, Domain, Error, Run, Schedule};
use hypertape_linear::Cg;
use hypertape_solvers::{Lbfgs, Method};
use ndarray::{Array1, arr1};

#[test]
fn a_step_is_that_of_the_formula_and_stays_in_the_domain() -> Result<(), Error> {
    let q = Quadratic::new(8, 4, 5.0);
    let x = arr1(&[0.3, -0.2, 0.1, 0.4]);
    let g = q.gradient(&x);
    let mean = (g.dot(&g) / 4.0).sqrt();
    for (domain, low) in [(Domain::all(), f64::NEG_INFINITY), (Domain::boxed(0.05, 1.0), 0.05)] {
        let problem = q.problem().within(domain);
        let aid = Aid::new(&Lbfgs::new(&problem).tolerance(1e-13)).adjoint(Cg::tolerance(1e-13));
        let found = Run::new(&problem, &aid, ClippedDescent::new(0.01))?.steps(1).start(x.clone())?.go()?;
        // The start is projected first, and its gradient is another one then.
        let from = x.mapv(|v| v.max(low));
        let (g, mean) =
            if low > 0.0 { (q.gradient(&from), (q.gradient(&from).mapv(|v| v * v).sum() / 4.0).sqrt()) } else { (g.clone(), mean) };
        for (i, v) in found.solution().iter().enumerate() {
            let expected = (from[i] - 0.01 * (g[i] / mean).clamp(-1.0, 1.0)).max(low);
            assert!((v - expected).abs() < 1e-10, "{v} {expected}");
        }
    }
    Ok(())
}

#[test]
fn falling_steps_find_the_minimum() -> Result<(), Error> {
    let q = Quadratic::new(10, 3, 5.0);
    let problem = q.problem();
    let aid = Aid::new(&Lbfgs::new(&problem).tolerance(1e-12)).adjoint(Cg::tolerance(1e-12)).warm_start().warm_adjoint();
    let algorithm = ClippedDescent::new(Schedule::of(|k| 0.5 * 0.97_f64.powi(k as i32)));
    let found = Run::new(&problem, &aid, algorithm)?.steps(800).start(Array1::zeros(3))?.go()?;
    let x: Array1<f64> = found.solution().iter().copied().collect();
    assert!(q.gradient(&x).iter().all(|g| g.abs() < 1e-6), "{}", q.gradient(&x));
    Ok(())
}

#[test]
fn a_gradient_of_zero_moves_nothing_and_a_step_that_is_no_number_is_refused() -> Result<(), Error> {
    let q = Quadratic { c: Array1::zeros(4), ..Quadratic::new(4, 2, 2.0) };
    let problem = q.problem();
    let aid = Aid::new(&Lbfgs::new(&problem));
    let found = Run::new(&problem, &aid, ClippedDescent::new(0.5))?.steps(3).start(Array1::zeros(2))?.go()?;
    assert!(found.solution().iter().all(|v| *v == 0.0) && found.records.len() == 3);
    for bad in [f64::NAN, -1.0, f64::INFINITY] {
        let refused = Run::new(&problem, &aid, ClippedDescent::new(bad)).unwrap_err();
        assert!(refused.to_string().contains("step size"), "{refused}");
    }
    Ok(())
}
