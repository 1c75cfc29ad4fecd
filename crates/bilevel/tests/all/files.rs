//! Saved runs: what a file knows of its run, and what damage it shows.
use crate::aid::Quadratic;
use hypertape_autodiff::tree::Leaf;
use hypertape_autodiff::{Function, index, shape};
use hypertape_bilevel::stochastic::{Batches, Soba, Stochastic};
use hypertape_bilevel::{Adam, Aid, Bilevel, Descent, Domain, Ended, Error, GridSearch, Hoag, OuterLbfgs, Run, State, Tolerances};
use hypertape_linear::Cg;
use hypertape_solvers::{Lbfgs, Method, Objective};
use ndarray::{Array1, arr0};
use std::path::PathBuf;

fn path(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("hypertape-{name}-{}.json", std::process::id()))
}

type P = Bilevel<Objective<Leaf, Leaf>>;

fn aid(problem: &P) -> Aid<Lbfgs<hypertape_bilevel::Counted<Objective<Leaf, Leaf>>>> {
    Aid::new(&Lbfgs::new(problem).tolerance(1e-10)).adjoint(Cg::tolerance(1e-10)).warm_start()
}

#[test]
fn other_settings_and_sizes_are_named() -> Result<(), Error> {
    let file = path("settings");
    let problem = Quadratic::new(6, 3, 4.0).problem();
    let run = |problem: &P, rate| Run::new(problem, &aid(problem), Descent::new(rate));
    run(&problem, 0.05)?.steps(2).save(&file, 0).start(Array1::zeros(3))?.go()?;
    let says = |made: Result<Run<Leaf>, Error>, words: &[&str]| {
        let Err(Error::NoState { problem, .. }) = made.and_then(|r| r.resume(&file)) else { panic!("{words:?} are other ones") };
        assert!(words.iter().all(|w| problem.contains(w)), "{problem}");
    };
    says(run(&problem, 0.06), &["loop", "Descent { step: 0.05", "Descent { step: 0.06"]);
    says(Run::new(&problem, &aid(&problem), Adam::new(0.05)), &["loop", "Adam"]);
    says(run(&problem.clone().within(Domain::ball(2.0)), 0.05), &["loop", "Ball(2.0)"]);
    let loose = Aid::new(&Lbfgs::new(&problem).tolerance(1e-9)).adjoint(Cg::tolerance(1e-10)).warm_start();
    says(Run::new(&problem, &loose, Descent::new(0.05)), &["estimator", "tolerance 0.0000000001", "tolerance 0.000000001,"]);
    says(Run::new(&problem, &aid(&problem).adjoint(Cg::tolerance(1e-9)), Descent::new(0.05)), &["estimator"]);
    says(Run::new(&problem, &aid(&problem).warm_adjoint(), Descent::new(0.05)), &["estimator"]);
    says(Run::new(&problem, &aid(&problem).start(Array1::ones(6)), Descent::new(0.05)), &["estimator"]);
    says(run(&Quadratic::new(6, 4, 4.0).problem(), 0.05), &["outer variables", "`3`", "`4`"]);
    says(run(&Quadratic::new(7, 3, 4.0).problem(), 0.05), &["inner variables", "`6`", "`7`"]);
    // Its own run goes on, and others do by the state.
    assert_eq!(run(&problem, 0.05)?.steps(5).resume(&file)?.go()?.records.len(), 3);
    assert_eq!(run(&problem, 0.06)?.steps(5).go_on(State::load(&file)?)?.go()?.records.len(), 3);
    let other = Quadratic::new(7, 3, 4.0).problem();
    let e = run(&other, 0.05)?.go_on(State::load(&file)?).unwrap_err().to_string();
    assert!(e.contains("6 inner variables") && e.contains("files.rs"), "{e}");
    std::fs::remove_file(file).ok();
    Ok(())
}

#[test]
fn searches_and_stochastic_loops_have_settings_too() -> Result<(), Error> {
    let file = path("search");
    let problem = Quadratic::new(6, 2, 4.0).problem().within(Domain::boxed(0.0, 1.0));
    Run::search(&problem, &aid(&problem), GridSearch::new(3))?.steps(2).save(&file, 0).go()?;
    assert_eq!(Run::search(&problem, &aid(&problem), GridSearch::new(3))?.resume(&file)?.go()?.records.len(), 7);
    let e = Run::search(&problem, &aid(&problem), GridSearch::new(4))?.resume(&file).unwrap_err().to_string();
    assert!(e.contains("GridSearch { values: [3] }") && e.contains("State::load"), "{e}");
    let made = |key, rate| -> Result<_, Error> {
        let f = Function::record((shape![], shape![], index![2]), |(z, x, _)| 0.5 * (z - x).square())?;
        Run::stochastic(&Stochastic::new(&f, Batches::epochs(8, 2, key), &f, Batches::epochs(8, 2, 1)), Soba::new(rate, 0.1))
    };
    made(1, 0.1)?.steps(3).save(&file, 0).start(arr0(1.0))?.go()?;
    assert!(made(1, 0.1)?.resume(&file).is_ok());
    assert!(made(2, 0.1)?.resume(&file).unwrap_err().to_string().contains("key: 2"));
    assert!(made(1, 0.2)?.resume(&file).unwrap_err().to_string().contains("outer: 0.2"));
    std::fs::remove_file(file).ok();
    Ok(())
}

/// Every byte of a file is held by its checksum or its form.
#[test]
fn damage_is_found() -> Result<(), Error> {
    let file = path("damage");
    let problem = Quadratic::new(3, 2, 4.0).problem();
    let run = || Run::new(&problem, &aid(&problem), Adam::new(0.05));
    run()?.steps(2).save(&file, 0).held_out(9, |x, _| Ok(x[[0]])).start(Array1::zeros(2))?.go()?;
    let good = std::fs::read(&file).unwrap();
    let saved = State::load(&file)?;
    for at in 0..good.len() {
        let mut bad = good.clone();
        // Another digit, another letter, another sign.
        bad[at] = if bad[at] == b'1' { b'2' } else { b'1' };
        std::fs::write(&file, &bad).unwrap();
        match State::load(&file) {
            Err(Error::NoState { .. }) => {}
            other => panic!("byte {at} of {}: {other:?}", String::from_utf8_lossy(&bad)),
        }
    }
    for end in 0..good.len() {
        std::fs::write(&file, &good[..end]).unwrap();
        assert!(matches!(run()?.resume(&file), Err(Error::NoState { .. })), "{end}");
    }
    std::fs::write(&file, &good).unwrap();
    assert_eq!(State::load(&file)?, saved);
    std::fs::remove_file(file).ok();
    Ok(())
}

#[test]
fn a_run_that_ended_by_its_tolerance_ends_at_once() -> Result<(), Error> {
    let q = Quadratic::new(8, 3, 5.0);
    let file = path("tolerance");
    let problem = q.problem();
    let run = |t: f64| Ok::<_, Error>(Run::new(&problem, &aid(&problem), Hoag::new(Tolerances::Quadratic))?.steps(5000).tolerance(t));
    let found = run(1e-3)?.save(&file, 0).start(Array1::zeros(3))?.go()?;
    assert!(found.ended == Ended::Tolerance && !found.records.is_empty());
    for _ in 0..2 {
        let again = run(1e-3)?.save(&file, 0).resume(&file)?.go()?;
        assert_eq!((again.ended, again.records.len()), (Ended::Tolerance, 0));
        assert_eq!((&again.state, again.phases()), (&found.state, found.phases()));
    }
    // A smaller one goes on.
    let further = run(1e-5)?.resume(&file)?.go()?;
    assert!(further.ended == Ended::Tolerance && !further.records.is_empty());
    // What one loop knows of the hypergradient says nothing to another.
    let other = Run::new(&problem, &aid(&problem), Descent::new(0.01))?.steps(u64::MAX).tolerance(1e-3);
    assert_eq!(other.go_on(found.state)?.go()?.records.len(), 1);
    std::fs::remove_file(file).ok();
    Ok(())
}

/// The value at the point that is returned: in closed form, or not at all.
#[test]
fn the_value_is_that_of_the_point() -> Result<(), Error> {
    let q = Quadratic::new(8, 2, 5.0);
    let h = |x: &Array1<f64>| {
        let z = q.a.dot(x) / &q.d;
        0.5 * (&z - &q.c).mapv(|v| v * v).sum() + 0.5 * q.rho * x.dot(x)
    };
    let problem = q.problem().within(Domain::boxed(-1.0, 1.0));
    let check = |found: hypertape_bilevel::Outcome<Leaf>, what: &str| {
        let (x, value) = (found.solution().into_dimensionality().unwrap(), found.value().unwrap());
        assert!((h(&x) - value).abs() < 1e-7 * h(&x), "{what}: {} {value}", h(&x));
    };
    for steps in [1, 3, 40] {
        check(Run::new(&problem, &aid(&problem), OuterLbfgs::new())?.steps(steps).start(Array1::zeros(2))?.go()?, "L-BFGS");
        let maid = hypertape_bilevel::Maid::new().first(1e-6).least(1e-12);
        check(Run::new(&problem, &aid(&problem), maid)?.steps(steps).start(Array1::zeros(2))?.go()?, "MAID");
    }
    check(Run::search(&problem, &aid(&problem), GridSearch::new(4))?.go()?, "a grid");
    let slow = || Run::new(&problem, &aid(&problem), Descent::new(0.01));
    let held = slow()?.held_out(2, |x, _| Ok((x[[0]] - 0.01).abs())).start(Array1::zeros(2))?.go()?;
    assert_eq!(held.ended, Ended::HeldOut);
    check(held, "held out");
    assert_eq!(slow()?.steps(3).start(Array1::zeros(2))?.go()?.value(), None);
    Ok(())
}
