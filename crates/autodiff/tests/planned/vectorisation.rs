//! Loops over small items in blocks, and those that stay as they are.
use super::{check_at, inputs};
use hypertape_autodiff::array::AnyView;
use hypertape_autodiff::error::Within;
use hypertape_autodiff::execute::Executor;
use hypertape_autodiff::operation::Program;
use hypertape_autodiff::plan::Plan;
use hypertape_autodiff::record::{Var, constant, map, scan, scan_until, zeros};
use hypertape_autodiff::tree::Leaf;
use hypertape_autodiff::{Function, shape};
use hypertape_testkit::random;
use ndarray::{Array1, Array2, Array3};
use std::sync::Arc;

/// Steps of loops in one run, by the plan; both executors agree.
fn steps(program: &Program) -> u64 {
    let e = check_at(program, &inputs(program, 5));
    e.counts().steps / 2
}

fn on(threads: usize, program: &Program) -> Vec<u64> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let at = inputs(program, 5);
    let views: Vec<AnyView<'_>> = at.iter().map(|x| x.view()).collect();
    let mut e = Executor::new(Arc::new(Plan::new(program).unwrap()));
    pool.install(|| e.run(&views)).unwrap();
    (0..program.outputs.len()).flat_map(|k| e.output(k).to_owned().to_f64()).map(f64::to_bits).collect()
}

/// Ridge regressions by gradient steps with shared step sizes and penalties: the losses.
fn descents(n: usize, m: usize, d: usize, turns: usize) -> Function<(Leaf, Leaf, Leaf, Leaf), Leaf> {
    Function::record((shape![n, m, d], shape![n, m], shape![turns], shape![d]), |(a, b, s, theta)| {
        map((a, b), |(a, b)| {
            let turn = |x: Var, s: Var| (x - 0.1 * s * ((a.dot(x) - b).dot(a) + theta.exp() * x), ());
            scan(zeros(shape![d]), s, turn).0.square().sum()
        })
    })
    .unwrap()
}

#[test]
fn small_items_run_in_blocks() {
    for n in [4, 5, 16, 1009] {
        let f = descents(n, 6, 3, 5);
        // One block, or a few, of 5 turns each.
        let (value, at_most) = (steps(&f.program().unwrap()), 5 * (1 + n as u64 / 50));
        assert!((5..=at_most).contains(&value), "{n} items: {value} steps");
        let total = f.rebind((shape![n, 6, 3], shape![n, 6], shape![5], shape![3]), |x| x).unwrap();
        let total = Function::record((shape![n, 6, 3], shape![n, 6], shape![5], shape![3]), |x| total.call(x).mean()).unwrap();
        let gradient = total.wrt(|x| x).gradient();
        let value = steps(&gradient.program().unwrap());
        assert!((10..=4 * at_most).contains(&value), "{n} items: {value} steps");
        let shared = steps(&total.wrt(|(_, _, s, theta)| (s, theta)).gradient().program().unwrap());
        assert!(shared <= value, "{n} items: {shared} steps");
    }
}

#[test]
fn threads_change_no_bit() {
    let f = descents(3000, 6, 3, 20);
    let total = Function::record((shape![3000, 6, 3], shape![3000, 6], shape![20], shape![3]), |x| f.call(x).mean()).unwrap();
    let gradient = total.wrt(|(_, _, s, theta)| (s, theta)).gradient();
    for p in [f.program().unwrap(), gradient.program().unwrap()] {
        assert_eq!(on(1, &p), on(2, &p));
    }
}

#[test]
fn one_large_and_dependent_items_stay() {
    assert_eq!(steps(&descents(1, 6, 3, 5).program().unwrap()), 6);
    assert_eq!(steps(&descents(8, 300, 200, 2).program().unwrap()), 8 * 3);
    let chain = Function::record(shape![40, 3], |x| scan(zeros(shape![3]), x, |s: Var, x: Var| ((s + x).tanh(), s))).unwrap();
    assert_eq!(steps(&chain.program().unwrap()), 40);
}

#[test]
fn items_that_may_fail_are_tried_in_blocks() {
    let solves = Function::record((shape![8, 2, 2], shape![8, 2]), |(a, b)| map((a, b), |(a, b)| (a.dot(a) + 0.25).solve(b))).unwrap();
    assert_eq!(steps(&solves.program().unwrap()), 0);
    // Where that fails, the items run one after another up to the one that is wrong, and the next run has blocks again.
    let mut w = solves.workspace();
    let at = |k: usize| {
        (Array3::from_shape_fn((8, 2, 2), |(i, j, l)| if i == k { 0.0 } else { (i + j * l) as f64 + 1.0 }), Array2::ones((8, 2)))
    };
    let good = w.run(at(8)).unwrap().to_owned();
    for k in [3, 7] {
        let e = w.run(at(k)).map(|y| y.to_owned()).expect_err("singular");
        assert!(matches!(e.within(), [Within { what: "item", index }] if *index == k as u64), "{e}");
        assert_eq!(w.run(at(8)).unwrap(), good);
    }
    let stops =
        |n: usize| Function::record(shape![n], |x| map(x, |x| scan_until(x, 9, |x| x.square().less_than(0.1), |x, _| 0.5 * x))).unwrap();
    // The last item stops after as many steps as the slowest takes.
    assert!(steps(&stops(80).program().unwrap()) <= 9);
    let gradient = stops(8).vjp(Array1::from_shape_fn(8, |i| i as f64), Array1::ones(8)).unwrap().1;
    let exact = |x: f64| (0..).map(|k| 0.5_f64.powi(k)).find(|h| (h * x).powi(2) < 0.1).unwrap();
    assert!(gradient.iter().enumerate().all(|(i, g)| *g == exact(i as f64)), "{gradient}");
}

#[test]
fn loops_in_items_and_counters() {
    let table = random::normal(3, (5, 4)).into_shared();
    // A loop over rows of a constant, whose results are stacked and whose states are read, and an inner map.
    let f = Function::record((shape![9, 4], shape![4]), |(x, w)| {
        map(x, |x| {
            let (last, all) = scan(0.0 * x.sum(), constant(&table), |s: Var, row: Var| {
                let next = s + (row * w * x).sum().tanh();
                (next, next.square())
            });
            let inner = map(constant(&table), |row| (row.dot(x) * last).sin());
            (last + all.sum() + inner.sum(), inner)
        })
    })
    .unwrap();
    assert!(steps(&f.program().unwrap()) < 9 * 10);
    let total = Function::record((shape![9, 4], shape![4]), |x| f.call(x).0.sum()).unwrap();
    steps(&total.wrt(|x| x).gradient().program().unwrap());
    steps(&total.wrt(|x| x).hvp().program().unwrap());
    steps(&total.wrt(|x| x).jvp().program().unwrap());
}

/// Inverses under so many maps.
fn nest(x: Var, levels: usize) -> Var {
    if levels == 0 { (x + 0.25).inverse().sum() } else { map(x, |x| nest(x, levels - 1)) }
}

#[test]
fn nests_of_maps_that_may_fail_do_not_double_the_plan() {
    let lines = |levels: usize| {
        let shape = [vec![2; levels], vec![2, 2]].concat();
        let f = Function::record(Leaf::<f64>::new(&shape), |x| nest(x, levels)).unwrap();
        f.plan().unwrap().to_string().lines().count()
    };
    let [three, six] = [3, 6].map(lines);
    assert!(six <= 5 * three, "{three} lines for 3 levels, {six} for 6");
}
