//! Searches: which points, what they cost, the best one kept, resumed, and what is refused.
use crate::aid::Quadratic;
use hypertape_autodiff::{ErrorKind, Result};
use hypertape_bilevel::{Aid, Bounds, Domain, Error, FiniteDifference, Folds, GridSearch, RandomSearch, Run, Search, Trials, csv};
use hypertape_solvers::{GradientDescent, Lbfgs, Method};
use ndarray::{Array1, arr1};
use std::ops::ControlFlow;

#[test]
fn a_grid_has_its_points_and_keeps_the_best() -> std::result::Result<(), Error> {
    let q = Quadratic::new(6, 2, 4.0);
    let problem = q.problem().within(Domain::each([(1, Domain::boxed(-1.0, 2.0)), (1, Domain::boxed(0.0, 3.0))]));
    let descent = GradientDescent::new(&problem).step_size(0.5).tolerance(0.0).max_iterations(25);
    let run = |steps| Run::search(&problem, &Aid::new(&descent), GridSearch::each([3, 2])).map(|r| r.steps(steps));
    let found = Run::search(&problem, &Aid::new(&descent), GridSearch::each([3, 2]))?.go()?;
    let points = [[-1.0, 0.0], [-1.0, 3.0], [0.5, 0.0], [0.5, 3.0], [2.0, 0.0], [2.0, 3.0]];
    assert_eq!(found.state.vectors, points.map(|p| p.to_vec()));
    let values: Vec<f64> = found.records.iter().map(|r| r.value).collect();
    assert_eq!(found.state.numbers, values);
    let best = (0..6).min_by(|a, b| values[*a].total_cmp(&values[*b])).unwrap();
    assert_eq!(found.state.free, points[best]);
    // Each trial is one solve of 25 steps, and the measure at its end; no hypergradient is known, and none is in the table.
    for (k, r) in found.records.iter().enumerate() {
        assert_eq!((r.phases.inner.gradients, r.phases.adjoint.total(), r.phases.outer), (26 * (k as u64 + 1), 0, k as u64 + 1));
        assert!(r.gradient.is_nan() && r.adjoint.is_none());
    }
    assert!(csv(&found.records).lines().nth(1).unwrap().split(',').nth(2) == Some(""));
    // A run that goes on makes the same trials; the grid ends.
    let half = run(4)?.go()?;
    assert_eq!(run(6)?.go_on(half.state)?.go()?.state, found.state);
    let Err(Error::Step { step: 6, source, .. }) = run(7)?.go() else { panic!("the grid has six points") };
    assert!(source.to_string().contains("all 6 points"), "{source}");
    // A tolerance of the hypergradient ends no search.
    assert_eq!(run(6)?.tolerance(1e9).go()?.records.len(), 6);
    // One value is the middle.
    assert_eq!(Run::search(&problem, &Aid::new(&descent), GridSearch::new(1))?.go()?.state.vectors, [[0.5, 1.5]]);
    Ok(())
}

#[test]
fn random_points_lie_in_the_box_and_are_those_of_the_key() -> std::result::Result<(), Error> {
    let q = Quadratic::new(6, 3, 4.0);
    let problem = q.problem().within(Domain::boxed(-2.0, 1.0));
    let aid = Aid::new(&Lbfgs::new(&problem).tolerance(1e-10));
    let run = |points, key| Run::search(&problem, &aid, RandomSearch::new(points, key))?.go();
    let (long, short, other) = (run(200, 3)?, run(20, 3)?, run(20, 4)?);
    assert_eq!(long.state.vectors[..20], short.state.vectors[..]);
    assert_ne!(other.state.vectors, short.state.vectors);
    assert!(long.state.vectors.iter().flatten().all(|x| (-2.0..=1.0).contains(x)));
    // The mean of 200 points, 3 wide: five times its standard deviation 3/√(12 · 200).
    for j in 0..3 {
        let mean = long.state.vectors.iter().map(|p| p[j]).sum::<f64>() / 200.0;
        assert!((mean + 0.5).abs() < 5.0 * 3.0 / (12.0_f64 * 200.0).sqrt(), "{mean}");
    }
    let least = long.records.iter().map(|r| r.value).fold(f64::INFINITY, f64::min);
    assert!(long.state.numbers.contains(&least) && least <= short.state.numbers.iter().copied().fold(f64::INFINITY, f64::min));
    Ok(())
}

#[test]
fn folds_are_means_of_values_and_other_estimators_count_what_they_do() -> std::result::Result<(), Error> {
    let (a, b) = (Quadratic::new(5, 2, 2.0), Quadratic::new(5, 2, 9.0));
    let [first, second] = [&a, &b].map(|q| q.problem().within(Domain::boxed(-1.0, 1.0)));
    let [one, two] = [&first, &second].map(|p| Aid::new(&Lbfgs::new(p).tolerance(1e-12)));
    let values = |found: hypertape_bilevel::Outcome<_>| found.state.numbers;
    let [u, v] = [(&first, &one), (&second, &two)].map(|(p, e)| Run::search(p, e, GridSearch::new(2)).unwrap().go().map(values).unwrap());
    let folds = Folds::new([(first.clone(), one), (second.clone(), two)]);
    let found = Run::search(&first, &folds, GridSearch::new(2))?.go()?;
    assert_eq!(found.phases().adjoint.total(), 0);
    for ((u, v), mean) in u.iter().zip(&v).zip(&found.state.numbers) {
        assert!((0.5 * (u + v) - mean).abs() < 1e-12 * mean.abs());
    }
    let ahead = FiniteDifference::new(&GradientDescent::new(&first).step_size(0.5).tolerance(1e-12), 0.0);
    let found = Run::search(&first, &ahead, GridSearch::new(2))?.go()?;
    // h to a tolerance of 10⁻¹² of gradients.
    assert!(found.state.numbers.iter().zip(&u).all(|(a, b)| (a - b).abs() < 1e-9 * b.abs()));
    Ok(())
}

/// Points that are wrong.
#[derive(Debug)]
struct Outside;
impl Search for Outside {
    fn name(&self) -> String {
        "outside".into()
    }
    fn check(&self, _: &[Bounds]) -> std::result::Result<(), ErrorKind> {
        Ok(())
    }
    fn count(&self, _: &[Bounds]) -> u64 {
        3
    }
    fn next(&self, bounds: &[Bounds], trials: Trials<'_>) -> Result<Vec<f64>> {
        Ok(vec![bounds[0].at(0.5) + trials.values.len() as f64; bounds.len()])
    }
}

#[test]
fn settings_that_cannot_work_are_refused() -> std::result::Result<(), Error> {
    let q = Quadratic::new(4, 2, 2.0);
    let problem = q.problem().within(Domain::boxed(0.0, 1.0));
    let aid = Aid::new(&Lbfgs::new(&problem));
    let refused = |search: Box<dyn Search>| Run::search(&problem, &aid, search).unwrap_err().to_string();
    for (search, word) in [
        (Box::new(GridSearch::new(0)) as Box<dyn Search>, "at least 1"),
        (Box::new(GridSearch::each([3, 0])), "at least 1"),
        (Box::new(GridSearch::each([3, 2, 2])), "3 variables"),
        (Box::new(GridSearch::new(usize::MAX)), "2⁶⁴"),
        (Box::new(RandomSearch::new(0, 1)), "at least 1"),
    ] {
        let said = refused(search);
        assert!(said.contains(word) && said.contains("search.rs"), "{said}");
    }
    for domain in [
        Domain::all(),
        Domain::positive(),
        Domain::simplex(),
        Domain::boxed(0.0, f64::INFINITY),
        Domain::each([(1, Domain::boxed(0.0, 1.0)), (1, Domain::all())]),
    ] {
        let open = q.problem().within(domain);
        let said = Run::search(&open, &Aid::new(&Lbfgs::new(&open)), GridSearch::new(3)).unwrap_err().to_string();
        assert!(said.contains("finite bounds") && said.contains("search.rs"), "{said}");
    }
    let Err(Error::Step { step: 1, source, .. }) = Run::search(&problem, &aid, Outside)?.go() else { panic!("1.5 is outside") };
    assert!(source.to_string().contains("not in the box"), "{source}");
    // Of the state of another loop a search takes the point alone; trials that do not fit are refused.
    let state = hypertape_bilevel::State { free: vec![0.5, 0.5], numbers: vec![1.0], ..Default::default() };
    assert_eq!(Run::search(&problem, &aid, GridSearch::new(3))?.go_on(state.clone())?.go()?.records.len(), 9);
    let state = hypertape_bilevel::State { of: "grid search".into(), ..state };
    assert!(Run::search(&problem, &aid, GridSearch::new(3))?.go_on(state)?.go().unwrap_err().to_string().contains("no trials"));
    Ok(())
}

#[test]
fn the_whole_state_is_seen_after_each_step() -> std::result::Result<(), Error> {
    let problem = Quadratic::new(6, 2, 4.0).problem();
    let aid = Aid::new(&Lbfgs::new(&problem).tolerance(1e-12)).warm_start();
    let seen = std::rc::Rc::new(std::cell::RefCell::new(vec![]));
    let states = seen.clone();
    let found = Run::new(&problem, &aid, hypertape_bilevel::Descent::new(0.01))?
        .each(move |r, _, state| {
            states.borrow_mut().push((r.step, state.clone()));
            if r.step == 1 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .start(Array1::zeros(2))?
        .go()?;
    let seen = seen.take();
    assert_eq!(seen.iter().map(|s| s.0).collect::<Vec<_>>(), [0, 1]);
    assert!(seen[1].1 == found.state && seen[0].1.memory.solution.len() == 6 && arr1(&seen[0].1.free) != arr1(&found.state.free));
    Ok(())
}

/// A trial that fails is one of the trials: the others are made, and it is named.
#[test]
fn a_trial_that_fails_ends_no_search() -> std::result::Result<(), Error> {
    use hypertape_autodiff::{Function, shape};
    // ln x is no number at x = −1 and x = 0.
    let inner = Function::record((shape![1], shape![1]), |(z, x)| 0.5 * (z - x.ln()).square().sum()).unwrap();
    let outer = Function::record((shape![1], shape![1]), |(z, _)| (z - 0.5).square().sum()).unwrap();
    let problem = hypertape_bilevel::Bilevel::new(&inner, &outer).within(Domain::boxed(-1.0, 2.0));
    let aid = Aid::new(&Lbfgs::new(&problem).tolerance(1e-12));
    let found = Run::search(&problem, &aid, GridSearch::new(4))?.go()?;
    assert!(found.records.len() == 4 && found.solution()[[0]] == 2.0 && found.state.numbers[0] == f64::INFINITY);
    assert_eq!(found.failed.iter().map(|f| f.0).collect::<Vec<_>>(), [0, 1]);
    // All of them fail.
    let problem = hypertape_bilevel::Bilevel::new(&inner, &outer).within(Domain::boxed(-2.0, -1.0));
    let aid = Aid::new(&Lbfgs::new(&problem));
    assert!(matches!(Run::search(&problem, &aid, GridSearch::new(3))?.go(), Err(Error::Step { step: 0, .. })));
    Ok(())
}
