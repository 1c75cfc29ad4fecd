//! Runs: what they find, how they end, and that they resume to the same bits.
use crate::aid::Quadratic;
use hypertape_autodiff::record::constant;
use hypertape_autodiff::tree::Leaf;
use hypertape_autodiff::{Function, shape};
use hypertape_bilevel::{
    Adam, Aid, Bilevel, ClippedDescent, Descent, Domain, Ended, Error, Hoag, Maid, OuterLbfgs, OuterLoop, Run, Schedule, Tolerances, csv,
};
use hypertape_linear::{Cg, Shine};
use hypertape_solvers::{Lbfgs, Method, Objective};
use hypertape_testkit::random;
use ndarray::{Array1, arr1};
use std::ops::ControlFlow;

fn folder(name: &str) -> std::path::PathBuf {
    let dir = std::env::temp_dir().join(format!("hypertape-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

#[test]
fn descent_and_hoag_find_the_minimum() -> Result<(), Error> {
    let q = Quadratic::new(10, 3, 5.0);
    let problem = q.problem();
    let aid = Aid::new(&Lbfgs::new(&problem).tolerance(1e-12)).adjoint(Cg::tolerance(1e-12)).warm_start().warm_adjoint();
    let found = Run::new(&problem, &aid, Descent::new(0.02))?.steps(5000).tolerance(1e-9).start(Array1::zeros(3))?.go()?;
    assert_eq!(found.ended, Ended::Tolerance);
    let x: Array1<f64> = found.solution().iter().copied().collect();
    assert!(q.gradient(&x).iter().all(|g| g.abs() < 1e-8));
    let found = Run::new(&problem, &aid, Hoag::new(Tolerances::Quadratic))?.steps(300).start(Array1::zeros(3))?.go()?;
    let close: Array1<f64> = found.solution().iter().copied().collect();
    assert!((&close - &x).iter().all(|d| d.abs() < 1e-3), "{close} {x}");
    let table = csv(&found.records);
    let columns = table.lines().next().unwrap().split(',').count();
    assert!(table.lines().count() == 301 && table.lines().all(|l| l.split(',').count() == columns), "{table}");
    Ok(())
}

#[test]
fn lbfgs_adam_and_maid_find_it_within_bounds_too() -> Result<(), Error> {
    let q = Quadratic::new(10, 3, 20.0);
    let free = |problem: &hypertape_bilevel::Bilevel<_>| {
        Aid::new(&Lbfgs::new(problem).tolerance(1e-12)).adjoint(Cg::tolerance(1e-12)).warm_start().warm_adjoint()
    };
    let problem = q.problem();
    let found = Run::new(&problem, &free(&problem), OuterLbfgs::new())?.steps(60).tolerance(1e-8).start(Array1::zeros(3))?.go()?;
    let best: Array1<f64> = found.solution().iter().copied().collect();
    assert!(found.ended == Ended::Tolerance && q.gradient(&best).iter().all(|g| g.abs() < 1e-7), "{best}");
    let found = Run::new(&problem, &free(&problem), Adam::new(Schedule::power(0.3, 0.5)))?.steps(3000).start(Array1::zeros(3))?.go()?;
    let close: Array1<f64> = found.solution().iter().copied().collect();
    assert!((&close - &best).iter().all(|d| d.abs() < 1e-2), "{close} {best}");
    let found = Run::new(&problem, &free(&problem), Maid::new())?.steps(200).tolerance(1e-5).start(Array1::zeros(3))?.go()?;
    let close: Array1<f64> = found.solution().iter().copied().collect();
    assert!((&close - &best).iter().all(|d| d.abs() < 1e-4), "{close} {best}");
    assert!(found.records.windows(2).all(|w| w[1].value <= w[0].value + 1e-12));
    // Within a box that cuts the solution off: its projected gradient vanishes.
    let span = best.iter().fold(0.0_f64, |m, b| m.max(b.abs()));
    let (low, high) = (-0.5 * span, 0.5 * span);
    let problem = q.problem().within(Domain::boxed(low, high));
    let loops = [
        (Box::new(OuterLbfgs::new()) as Box<dyn OuterLoop>, 40),
        (Box::new(Descent::new(0.005)), 2000),
        (Box::new(Maid::new().least(1e-13)), 60),
    ];
    for (l, steps) in loops {
        let name = l.name();
        let found = Run::new(&problem, &free(&problem), l)?.steps(steps).start(Array1::zeros(3))?.go()?;
        let x: Array1<f64> = found.solution().iter().copied().collect();
        let g = q.gradient(&x);
        for (x, g) in x.iter().zip(&g) {
            let left = (x - g).clamp(low, high) - x;
            assert!(left.abs() < 2e-4, "{name}: {x} {g} in {low}..{high}");
        }
    }
    Ok(())
}

#[test]
fn a_run_resumes_to_the_same_bits() -> Result<(), Error> {
    let q = Quadratic::new(10, 3, 50.0);
    let dir = folder("resume");
    let file = dir.join("state.json");
    let run = |steps: u64| {
        let problem = q.problem();
        let aid = Aid::new(&Lbfgs::new(&problem).tolerance(1e-3)).adjoint(Cg::tolerance(1e-3)).warm_start().warm_adjoint();
        Ok::<_, Error>(Run::new(&problem, &aid, Hoag::new(Tolerances::Exponential(0.9)))?.steps(steps))
    };
    let whole = run(20)?.start(Array1::zeros(3))?.go()?;
    run(7)?.save(&file, 3).start(Array1::zeros(3))?.go()?;
    // What a killed run leaves beside the file is not read.
    std::fs::write(dir.join("state.json.1.new"), b"{\"format\":\"hyper").unwrap();
    let resumed = run(20)?.resume(&file)?.go()?;
    assert_eq!(resumed.records.len(), 13);
    assert_eq!(resumed.state, whole.state);
    // Files that hold no state of the run are named.
    std::fs::write(&file, &std::fs::read(&file).unwrap()[..40]).unwrap();
    assert!(matches!(run(20)?.resume(&file), Err(Error::NoState { .. })));
    assert!(matches!(run(20)?.resume(dir.join("none")), Err(Error::File { .. })));
    let problem = q.problem();
    let aid = Aid::new(&Lbfgs::new(&problem));
    run(3)?.save(&file, 0).start(Array1::zeros(3))?.go()?;
    assert!(matches!(Run::new(&problem, &aid, Descent::new(0.1))?.resume(&file), Err(Error::NoState { .. })));
    std::fs::remove_dir_all(dir).unwrap();
    Ok(())
}

#[test]
fn domains_hold_callbacks_end_and_failures_keep_the_last_state() -> Result<(), Error> {
    let q = Quadratic::new(10, 3, 5.0);
    let problem = q.problem().within(Domain::simplex());
    let aid = Aid::new(&Lbfgs::new(&problem).tolerance(1e-12));
    let found = Run::new(&problem, &aid, Descent::new(0.02))?.steps(2000).start(arr1(&[5.0, 0.0, 0.0]))?.go()?;
    let x: Array1<f64> = found.solution().iter().copied().collect();
    assert!((x.sum() - 1.0).abs() < 1e-12 && x.iter().all(|x| *x >= 0.0));
    let g = q.gradient(&x);
    // At the minimum no direction within the simplex descends.
    let least = g.iter().copied().fold(f64::INFINITY, f64::min);
    assert!(x.iter().zip(&g).all(|(x, g)| *x < 1e-9 || *g - least < 1e-4), "{x} {g}");

    let problem = q.problem().within(Domain::positive());
    let aid = Aid::new(&Lbfgs::new(&problem).tolerance(1e-12));
    let found = Run::new(&problem, &aid, Descent::new(0.05))?
        .steps(50)
        .each(|r, x, _| {
            assert!(x.iter().all(|x| *x > 0.0));
            if r.step == 9 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .start(arr1(&[1.0, 1.0, 1.0]))?
        .go()?;
    assert!(found.ended == Ended::Callback && found.records.len() == 10);
    assert!(Run::new(&problem, &aid, Descent::new(0.05))?.start(arr1(&[1.0, 0.0, 1.0])).is_err());

    // Steps that are far too long: the run fails at a step, and the state before it goes on with shorter ones.
    let problem = q.problem();
    let aid = Aid::new(&Lbfgs::new(&problem).tolerance(1e-12));
    let error = Run::new(&problem, &aid, Descent::new(1e80))?.start(arr1(&[1.0, 1.0, 1.0]))?.go().unwrap_err();
    let Error::Step { step, state, .. } = error else { panic!("{error}") };
    assert!(step > 0 && state.steps == step && state.free.iter().all(|v| v.is_finite()));
    Run::new(&problem, &aid, Descent::new(1e-3))?.steps(step + 5).go_on(*state)?.go().ok();
    assert!(matches!(Run::new(&problem, &aid, Descent::new(0.1))?.go(), Err(Error::NoStart)));
    assert!(Run::new(&problem, &aid, Descent::new(f64::NAN)).is_err());
    Ok(())
}

#[test]
fn a_run_stops_early_at_the_least_value_that_is_held_out() -> Result<(), Error> {
    let q = Quadratic::new(10, 3, 5.0);
    let problem = q.problem();
    let aid = Aid::new(&Lbfgs::new(&problem).tolerance(1e-12));
    // It falls until the first variable reaches a half of where it goes.
    let goal = Run::new(&problem, &aid, Descent::new(0.02))?.steps(3000).start(Array1::zeros(3))?.go()?.solution()[[0]];
    let run = |steps| -> Result<_, Error> {
        let run = Run::new(&problem, &aid, Descent::new(0.02))?.steps(steps);
        Ok(run.held_out(5, move |x, _| Ok((x[[0]] - 0.5 * goal).abs())))
    };
    let found = run(3000)?.start(Array1::zeros(3))?.go()?;
    assert_eq!(found.ended, Ended::HeldOut);
    // A run that is resumed while the value rises goes back to the same state.
    let file = folder("held_out").join("state.json");
    let most = found.records.len() as u64;
    run(most - 2)?.save(&file, 0).start(Array1::zeros(3))?.go()?;
    let resumed = run(3000)?.resume(&file)?.go()?;
    assert!(resumed.ended == Ended::HeldOut && resumed.records.len() == 2);
    assert_eq!(resumed.state, found.state);
    assert_eq!(resumed.phases(), found.phases());
    let values: Vec<f64> = found.records.iter().filter_map(|r| r.held_out).collect();
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!((found.solution()[[0]] - 0.5 * goal).abs(), least);
    Ok(())
}

#[test]
fn mistakes_name_the_line_of_the_run() {
    let problem = Quadratic::new(4, 2, 2.0).problem();
    let other = Quadratic::new(3, 2, 2.0).problem();
    let method = Lbfgs::new(&problem);
    let says = |made: Result<Run<Leaf>, Error>, word: &str| {
        let e = made.unwrap_err().to_string();
        assert!(e.contains("tests/all/runs.rs:") && e.contains(word), "{e}");
    };
    says(Run::new(&problem, &Aid::new(&method).adjoint(Cg::tolerance(2.0)), Descent::new(0.1)), "tolerance is 2");
    says(Run::new(&problem, &Aid::new(&method).adjoint(Shine::default()), Descent::new(0.1)), "Recorded");
    says(Run::new(&problem, &Aid::new(&method).start(Array1::zeros(3)), Descent::new(0.1)), "the start must be");
    says(Run::new(&problem, &Aid::new(&method), Hoag::new(Tolerances::Exponential(1.5))), "between 0 and 1");
    says(Run::new(&problem.clone().within(Domain::boxed(2.0, 1.0)), &Aid::new(&method), Descent::new(0.1)), "empty");
    says(Run::new(&other, &Aid::new(&Lbfgs::new(&other)), Descent::new(-1.0)), "step size");
    let failed = Run::new(&problem, &Aid::new(&method), Descent::new(1e200)).unwrap().start(Array1::ones(2)).unwrap().go().unwrap_err();
    assert!(!failed.to_string().contains("crates/bilevel/src") && failed.to_string().contains("tests/all/"), "{failed}");
}

/// A quadratic problem on a simplex: min ½ Σ sᵢ (xᵢ − cᵢ)².
fn on(domain: Domain, s: &[f64], c: &[f64]) -> hypertape_autodiff::Result<Bilevel<Objective<Leaf, Leaf>>> {
    let n = s.len();
    let [s, c] = [s, c].map(|v| Array1::from(v.to_vec()).into_shared());
    let inner = Function::record((shape![n], shape![n]), |(z, x)| 0.5 * (z - x).square().sum())?;
    let outer = Function::record((shape![n], shape![n]), |(z, _)| 0.5 * (constant(&s) * (z - constant(&c)).square()).sum())?;
    Ok(Bilevel::new(&inner, &outer).within(domain))
}

#[test]
fn simplexes_and_balls_are_minimised_on_and_their_minima_end_runs() -> Result<(), Error> {
    for seed in 0..8 {
        let s: Vec<f64> = random::normal(seed, 6).map(|v: &f64| v * v + 0.5).to_vec();
        let c: Vec<f64> = random::normal(seed + 100, 6).to_vec();
        for domain in
            [Domain::simplex(), Domain::ball(0.3), Domain::boxed(-0.2, 0.3), Domain::each([(3, Domain::simplex()), (3, Domain::all())])]
        {
            let problem = on(domain, &s, &c)?;
            let aid = Aid::new(&Lbfgs::new(&problem).tolerance(1e-13)).adjoint(Cg::tolerance(1e-13));
            let start = || Array1::from_elem(6, 0.1);
            let slow = Run::new(&problem, &aid, Descent::new(1.0 / s.iter().fold(0.0_f64, |m, v| m.max(*v))))?;
            let slow = slow.steps(5000).tolerance(1e-9).start(start())?.go()?;
            assert_eq!(slow.ended, Ended::Tolerance, "{s:?} {c:?}");
            let least = slow.records[slow.records.len() - 1].value;
            for fast in [Box::new(OuterLbfgs::new()) as Box<dyn OuterLoop>, Box::new(Maid::new().least(1e-12))] {
                let found = Run::new(&problem, &aid, fast)?.steps(500).tolerance(1e-5).start(start())?.go()?;
                let x = found.solution();
                let value: f64 = x.iter().zip(s.iter().zip(&c)).map(|(x, (s, c))| 0.5 * s * (x - c).powi(2)).sum();
                assert!(
                    (value - least).abs() < 1e-6 * (1.0 + least),
                    "{value} {least} {:?} {seed} {x} {} {:?}",
                    found.ended,
                    found.state.of,
                    found.records.iter().rev().take(3).collect::<Vec<_>>()
                );
            }
        }
    }
    // Loops that scale variables one by one have other fixed points there.
    let problem = on(Domain::simplex(), &[1.0, 2.0], &[0.1, 3.0])?;
    let aid = Aid::new(&Lbfgs::new(&problem));
    for scaling in [Box::new(Adam::new(0.1)) as Box<dyn OuterLoop>, Box::new(ClippedDescent::new(0.1))] {
        let e = Run::new(&problem, &aid, scaling).unwrap_err().to_string();
        assert!(e.contains("simplex") && e.contains("runs.rs"), "{e}");
    }
    // A method of another problem.
    let other = on(Domain::all(), &[1.0, 2.0], &[0.1, 3.0])?;
    let e = Run::new(&problem, &Aid::new(&Lbfgs::new(&other)), Descent::new(0.1)).unwrap_err().to_string();
    assert!(e.contains("another problem"), "{e}");
    Ok(())
}
