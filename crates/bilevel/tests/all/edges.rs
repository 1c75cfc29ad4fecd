//! Runs at the edges: files that fail, states of other loops, sizes that leave the range.
use crate::aid::Quadratic;
use hypertape_autodiff::tree::Leaf;
use hypertape_autodiff::{Function, index, shape};
use hypertape_bilevel::stochastic::{Batches, Bome, Soba, Stochastic};
use hypertape_bilevel::{Adam, Aid, Bilevel, Descent, Domain, Error, Hoag, Maid, OuterLbfgs, OuterLoop, Recorded, Run, State, Tolerances};
use hypertape_implicit::ImplicitExt;
use hypertape_linear::Cg;
use hypertape_solvers::{GradientDescent, Lbfgs, Method, Objective};
use ndarray::{Array1, arr0, arr1};

#[test]
fn a_file_that_cannot_be_written_is_found_before_the_first_step() -> Result<(), Error> {
    let problem = Quadratic::new(6, 3, 4.0).problem();
    let aid = Aid::new(&Lbfgs::new(&problem));
    let run = Run::new(&problem, &aid, Descent::new(0.05))?.steps(1).save("/nonexistent/folder/state.json", 1000);
    let Err(Error::File { state: Some(state), .. }) = run.start(Array1::zeros(3))?.go() else { panic!("there is no such folder") };
    assert_eq!((state.steps, state.free.len()), (0, 3));
    Ok(())
}

#[test]
fn runs_on_one_file_do_not_disturb_each_other() {
    let file = std::env::temp_dir().join(format!("hypertape-shared-{}.json", std::process::id()));
    std::thread::scope(|s| {
        for _ in 0..4 {
            s.spawn(|| {
                let problem = Quadratic::new(4, 2, 4.0).problem();
                let aid = Aid::new(&Lbfgs::new(&problem));
                let run = Run::new(&problem, &aid, Descent::new(0.05)).unwrap().steps(20).save(&file, 1);
                run.start(Array1::zeros(2)).unwrap().go().unwrap();
            });
        }
    });
    std::fs::remove_file(file).unwrap();
}

/// What one loop keeps is nothing to another: it goes on from the variables.
#[test]
fn loops_go_on_from_states_of_others() -> Result<(), Error> {
    let q = Quadratic::new(6, 3, 4.0);
    let loops: [fn() -> Box<dyn OuterLoop>; 5] = [
        || Box::new(Adam::new(0.05)),
        || Box::new(OuterLbfgs::new()),
        || Box::new(Maid::new()),
        || Box::new(Hoag::new(Tolerances::Quadratic)),
        || Box::new(Descent::new(0.05)),
    ];
    let go = |made: Box<dyn OuterLoop>, state: State| -> Result<_, Error> {
        let problem = q.problem();
        let aid = Aid::new(&Lbfgs::new(&problem).tolerance(1e-12)).adjoint(Cg::tolerance(1e-12));
        Run::new(&problem, &aid, made)?.steps(state.steps + 3).go_on(state)?.go()
    };
    for first in loops {
        let left = go(first(), State { free: vec![0.3; 3], ..State::default() })?.state;
        for second in loops {
            let fresh = State { steps: left.steps, free: left.free.clone(), ..State::default() };
            if first().name() != second().name() {
                let (there, anew) = (go(second(), left.clone())?, go(second(), fresh)?);
                assert_eq!(there.state.free, anew.state.free, "{} to {}", first().name(), second().name());
            }
        }
        // A state whose counter was set back.
        let problem = q.problem();
        let aid = Aid::new(&Lbfgs::new(&problem));
        let run = Run::new(&problem, &aid, Descent::new(0.01))?.steps(5).held_out(2, |x, _| Ok(x[[0]]));
        let again = State { steps: 0, ..run.start(Array1::ones(3))?.go()?.state };
        Run::new(&problem, &aid, Descent::new(0.01))?.steps(5).held_out(2, |x, _| Ok(x[[0]])).go_on(again)?.go()?;
    }
    Ok(())
}

fn simple(slope: f64, at: f64) -> hypertape_autodiff::Result<Bilevel<Objective<Leaf, Leaf>>> {
    let inner = Function::record((shape![1], shape![1]), |(z, x)| 0.5 * (z - slope * x).square().sum())?;
    let outer = Function::record((shape![1], shape![1]), |(z, _)| (z - at).square().sum())?;
    Ok(Bilevel::new(&inner, &outer))
}

#[test]
fn variables_far_larger_than_their_gradients_move() -> Result<(), Error> {
    let problem = simple(1e-9, 1.0)?;
    let aid = Aid::new(&GradientDescent::new(&problem).step_size(1.0).tolerance(1e-14));
    let found = Run::new(&problem, &aid, OuterLbfgs::new())?.steps(60).start(arr1(&[5e9]))?.go()?;
    assert!((found.solution()[[0]] / 1e9 - 1.0).abs() < 1e-3, "{}", found.solution());
    Ok(())
}

#[test]
fn line_searches_step_back_where_nothing_can_be_computed() -> Result<(), Error> {
    let inner = Function::record((shape![1], shape![1]), |(z, x)| 0.5 * (z - x).square().sum())?;
    let outer = Function::record((shape![1], shape![1]), |(z, _)| (z - 0.3 * z.ln()).sum())?;
    for way in [Box::new(OuterLbfgs::new()) as Box<dyn OuterLoop>, Box::new(Maid::new())] {
        let problem = Bilevel::new(&inner, &outer);
        let aid = Aid::new(&Lbfgs::new(&problem).tolerance(1e-13)).start(arr1(&[1.0])).adjoint(Cg::tolerance(1e-12));
        let found = Run::new(&problem, &aid, way)?.steps(40).start(arr1(&[0.9]))?.go()?;
        assert!((found.solution()[[0]] - 0.3).abs() < 1e-2, "{}", found.solution());
    }
    Ok(())
}

#[test]
fn positive_variables_stay_in_the_range_of_numbers() -> Result<(), Error> {
    let problem = simple(1.0, 1.0)?.within(Domain::positive());
    let aid = Aid::new(&Lbfgs::new(&problem));
    let ran = Run::new(&problem, &aid, Descent::new(40.0))?.tolerance(1e-6).start(arr1(&[5.0]))?.go();
    let Err(Error::Step { source, .. }) = ran else { panic!("the logarithm is −1600") };
    assert!(source.to_string().contains("shorter steps"), "{source}");
    for t in [f64::NAN, -1.0] {
        let e = Run::new(&problem, &aid, Descent::new(0.1))?.tolerance(t).start(arr1(&[5.0]))?.go().unwrap_err().to_string();
        assert!(e.contains("tolerance"), "{e}");
    }
    Ok(())
}

#[test]
fn adjoint_solves_of_implicit_recordings_are_in_the_record() -> Result<(), Error> {
    let q = Quadratic::new(6, 3, 4.0);
    let problem = q.problem();
    let recorded = Recorded::new(Lbfgs::new(&problem).tolerance(1e-12).implicit(Cg::tolerance(1e-12)));
    let found = Run::new(&problem, &recorded, Descent::new(0.01))?.steps(1).start(Array1::zeros(3))?.go()?;
    assert!(found.records[0].adjoint.is_some_and(|a| a.iterations > 0 && a.converged), "{:?}", found.records[0]);
    Ok(())
}

fn noiseless(scale: f64) -> hypertape_autodiff::Result<Stochastic<Leaf, Leaf>> {
    let inner = Function::record((shape![], shape![], index![2]), |(z, x, _)| scale * 0.5 * (z - x).square())?;
    let outer = Function::record((shape![], shape![], index![2]), |(z, _, _)| scale * 0.5 * (z - 1.0).square())?;
    Ok(Stochastic::new(&inner, Batches::with_replacement(4, 2, 1), &outer, Batches::with_replacement(4, 2, 2)))
}

#[test]
fn stochastic_loops_at_any_scale_and_without_a_tolerance() -> Result<(), Error> {
    let mut all = vec![];
    for scale in [1.0, 1e-170, 1e160] {
        let found = Run::stochastic(&noiseless(scale)?, Bome::new(0.1 / scale, 0.5 / scale))?.steps(200).start(arr0(0.0))?.go()?;
        all.push(found.solution()[[]]);
    }
    assert!(all.iter().all(|x| (x - all[0]).abs() < 1e-9), "{all:?}");
    let e = Run::stochastic(&noiseless(1.0)?, Soba::new(0.1, 0.1))?.tolerance(1e-6).start(arr0(0.0))?.go().unwrap_err().to_string();
    assert!(e.contains("mini-batches") && e.contains("edges.rs"), "{e}");
    Ok(())
}

/// `main() -> Result<..>` prints errors by `Debug`: it is the line that a person reads, and names where the run was started.
#[test]
fn errors_are_one_line() -> Result<(), Error> {
    let problem = Quadratic::new(4, 2, 2.0).problem();
    let aid = Aid::new(&Lbfgs::new(&problem));
    let run = || Run::new(&problem, &aid, Descent::new(0.1));
    let wrong = run()?.start(arr1(&[1.0, f64::NAN])).unwrap_err();
    let other = run()?.go_on(State { free: vec![0.0; 3], ..State::default() }).unwrap_err();
    for e in [wrong, other] {
        assert_eq!(format!("{e:?}"), e.to_string());
        assert!(e.to_string().contains("edges.rs"), "{e}");
    }
    Ok(())
}
