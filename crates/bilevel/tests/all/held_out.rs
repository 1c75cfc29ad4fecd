//! What an objective that is held out sees: outer variables and the inner solution at these.
use crate::aid::Quadratic;
use hypertape_autodiff::tree::Leaf;
use hypertape_autodiff::{Function, index, shape};
use hypertape_bilevel::stochastic::{Batches, StocBio, Stochastic};
use hypertape_bilevel::{
    Adam, Aid, Bilevel, Descent, Domain, Error, Extragradient, Game, GridSearch, Hoag, Maid, OuterLbfgs, OuterLoop, Run, Tolerances,
};
use hypertape_linear::Cg;
use hypertape_solvers::{Lbfgs, Method};
use ndarray::{Array1, arr0, arr1};
use std::cell::RefCell;
use std::rc::Rc;

/// x and z of every look.
type Looks = Rc<RefCell<Vec<(Array1<f64>, Array1<f64>)>>>;

fn watch(run: Run<Leaf>) -> (Run<Leaf>, Looks) {
    let looks = Looks::default();
    let seen = looks.clone();
    let run = run.held_out(u64::MAX, move |x, state| {
        let x = Array1::from_iter(x.iter().copied());
        seen.borrow_mut().push((x, arr1(&state.memory.solution)));
        Ok(seen.borrow().len() as f64)
    });
    (run, looks)
}

#[test]
fn every_loop_shows_x_with_its_own_z() -> Result<(), Error> {
    let q = Quadratic::new(8, 3, 5.0);
    let loops: [fn() -> Box<dyn OuterLoop>; 6] = [
        || Box::new(Descent::new(0.02)),
        || Box::new(Adam::new(0.1)),
        || Box::new(Hoag::new(Tolerances::Constant).first(1e-12)),
        || Box::new(Maid::new().first(1e-9).least(1e-13)),
        || Box::new(OuterLbfgs::new()),
        || Box::new(Extragradient::new(0.02)),
    ];
    let check = |looks: &Looks, name: &str| {
        for (x, z) in looks.borrow().iter() {
            let exact = q.a.dot(x) / &q.d;
            assert!((z - &exact).iter().all(|d| d.abs() < 1e-6), "{name}: {z} {exact}");
        }
    };
    let problem = q.problem();
    let aid = Aid::new(&Lbfgs::new(&problem).tolerance(1e-12)).adjoint(Cg::tolerance(1e-12)).warm_start();
    for made in loops {
        let name = made().name();
        let start = arr1(&[0.4, -0.2, 0.1]);
        let (run, looks) = watch(Run::new(&problem, &aid, made())?.steps(6));
        let found = run.start(start.clone())?.go()?;
        check(&looks, &name);
        // The first look is at the start, and it was the least.
        assert_eq!(looks.borrow()[0].0, start, "{name}");
        assert_eq!(found.best().unwrap().1, start.into_dyn(), "{name}");
        let values: Vec<f64> = found.records.iter().filter_map(|r| r.held_out).collect();
        assert_eq!(values, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], "{name}");
        // Nothing of the run changes by looking.
        let unseen = Run::new(&problem, &aid, made())?.steps(6).start(arr1(&[0.4, -0.2, 0.1]))?.go()?;
        assert!(unseen.state.free == found.state.free && unseen.phases() == found.phases(), "{name}");
    }
    // Trials.
    let boxed = q.problem().within(Domain::boxed(-1.0, 1.0));
    let aid = Aid::new(&Lbfgs::new(&boxed).tolerance(1e-12)).warm_start();
    let (run, looks) = watch(Run::search(&boxed, &aid, GridSearch::new(2))?);
    run.go()?;
    check(&looks, "a grid");
    assert_eq!((looks.borrow().len(), looks.borrow()[7].0.clone()), (8, arr1(&[1.0; 3])));
    Ok(())
}

#[test]
fn trials_that_failed_are_not_looked_at() -> Result<(), Error> {
    let inner = Function::record((shape![1], shape![1]), |(z, x)| 0.5 * (z - x).square().sum())?;
    let outer = Function::record((shape![1], shape![1]), |(z, _)| z.ln().sum())?;
    let problem = Bilevel::new(&inner, &outer).within(Domain::boxed(-1.0, 1.0));
    let (run, looks) = watch(Run::search(&problem, &Aid::new(&Lbfgs::new(&problem)), GridSearch::new(2))?);
    let found = run.go()?;
    assert_eq!((found.failed.len(), looks.borrow().len(), looks.borrow()[0].0[0]), (1, 1, 1.0));
    assert_eq!(found.records.iter().map(|r| r.held_out).collect::<Vec<_>>(), [None, Some(1.0)]);
    Ok(())
}

/// A game has no z, and a stochastic loop shows z as far as the step has moved it at this x.
#[test]
fn games_and_stochastic_loops_begin_at_the_start_too() -> Result<(), Error> {
    let f = Function::record((shape![], shape![]), |(x, y)| x * y)?;
    let run = Run::play(&Game::zero_sum(&f), Descent::new(0.1))?.steps(5);
    let found = run.held_out(9, |(x, y), _| Ok(x[[]].hypot(y[[]]))).start((arr0(3.0), arr0(4.0)))?.go()?;
    // Simultaneous descent moves away.
    assert_eq!(found.best().unwrap().0, 5.0);
    let f = Function::record((shape![], shape![], index![2]), |(z, x, _)| 0.5 * (z - x).square())?;
    let problem = Stochastic::new(&f, Batches::epochs(8, 2, 1), &f, Batches::epochs(8, 2, 2));
    let (run, looks) = watch(Run::stochastic(&problem, StocBio::new(0.1, 0.5).inner_steps(1))?.steps(2));
    run.start(arr0(1.0))?.go()?;
    assert_eq!(looks.borrow()[0], (arr1(&[1.0]), arr1(&[0.5])));
    Ok(())
}
