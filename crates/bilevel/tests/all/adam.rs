//! Adam against the optimiser of arrays, in parts, and resumed.
use crate::aid::Quadratic;
use hypertape_autodiff::shape;
use hypertape_bilevel::{Adam, Aid, Error, Run};
use hypertape_linear::Cg;
use hypertape_solvers::{Lbfgs, Method};
use ndarray::{Array1, arr1};

#[test]
fn it_goes_as_the_optimiser_of_arrays_does() -> Result<(), Error> {
    let q = Quadratic::new(6, 3, 4.0);
    let start = arr1(&[0.5, -1.0, 2.0]);
    let run = |adam: Adam, steps: u64| {
        let problem = q.problem();
        let aid = Aid::new(&Lbfgs::new(&problem).tolerance(1e-13)).adjoint(Cg::tolerance(1e-13));
        Run::new(&problem, &aid, adam).map(|r| r.steps(steps))
    };
    let found = run(Adam::new(0.05), 30)?.start(start.clone())?.go()?;
    let (mut other, mut x) = (hypertape_solvers::Optimiser::adam(&shape![3], |m| m.step_size(0.05)), start.clone().into_dyn());
    for _ in 0..30 {
        let g = q.gradient(&x.iter().copied().collect());
        other.update(&mut x, &g.into_dyn())?;
    }
    // Inner and adjoint solves are exact to 10⁻¹³, and each step hands on what it was given.
    assert!(found.state.free.iter().zip(&x).all(|(a, b)| (a - b).abs() < 1e-10), "{:?} {x}", found.state.free);
    // A part with the factor 0 stays, and a run that goes on makes the same steps.
    let parts = || Adam::new(0.05).parts([(1, 0.0), (2, 1.0)]);
    let whole = run(parts(), 30)?.start(start.clone())?.go()?;
    assert_eq!(whole.state.free[0], 0.5);
    let half = run(parts(), 11)?.start(start)?.go()?;
    assert_eq!(run(parts(), 30)?.go_on(half.state)?.go()?.state, whole.state);
    Ok(())
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let problem = Quadratic::new(4, 2, 2.0).problem();
    let aid = Aid::new(&Lbfgs::new(&problem));
    for (adam, word) in [
        (Adam::new(-1.0), "step size"),
        (Adam::new(0.1).decay(1.0, 0.9), "decay rate"),
        (Adam::new(0.1).decay(0.9, f64::NAN), "decay rate"),
        (Adam::new(0.1).epsilon(0.0), "epsilon"),
        (Adam::new(0.1).parts([(2, -1.0)]), "factor"),
        (Adam::new(0.1).parts([(3, 1.0)]), "3 entries"),
    ] {
        let refused = Run::new(&problem, &aid, adam).unwrap_err().to_string();
        assert!(refused.contains(word), "{refused}");
    }
    let zero = Run::new(&problem, &aid, Adam::new(0.1)).unwrap().steps(0).start(Array1::zeros(2)).unwrap().go().unwrap();
    assert_eq!(zero.state.free, [0.0, 0.0]);
}
