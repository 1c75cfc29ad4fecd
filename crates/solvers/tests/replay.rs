//! Prepared solves allocate nothing once warm, and read the data once a step.
mod support;
use hypertape_autodiff::shape;
use hypertape_autodiff::tree::Leaf;
use hypertape_solvers::{Composite, Fista, GradientDescent, Method, Problem, Solve, prox};
use hypertape_testkit::allocations::Counting;
use ndarray::arr1;
use support::ridge_objective;

#[global_allocator]
static MEMORY: Counting = Counting::new();

/// Products with the data, or passes that stand for them, in one run of exactly `steps` iterations.
fn products<M: Method<Problem: Problem<Unknown = Leaf, Params = Leaf, Solution = Leaf>, Each = ()>>(m: &M, steps: usize) -> u64 {
    let mut prepared = m.clone().tolerance(0.0).max_iterations(steps).prepare(&shape![3], &shape![]).unwrap();
    prepared.run(arr1(&[0.0; 3]), 0.1, (), &[]).unwrap();
    let c = prepared.counts();
    c.all_products() + c.groups + c.kernels + c.folds
}

#[test]
fn replays_are_lean() {
    let f = ridge_objective();
    let gradient = GradientDescent::new(&f).step_size(0.5);
    let fista = Fista::new(&Composite::new(&f, prox::l1::<Leaf, _>(|l| *l))).step_size(0.5);
    let mut prepared = gradient.clone().tolerance(1e-9).max_iterations(500).prepare(&shape![3], &shape![]).unwrap();
    let start = arr1(&[0.0; 3]);
    for _ in 0..3 {
        prepared.run(&start, 0.1, (), &[]).unwrap();
    }
    let (ended, used) = MEMORY.measure(|| prepared.run(&start, 0.2, (), &[]).unwrap().1);
    assert!(ended.converged);
    assert_eq!(used.on_this_thread, 0);

    // The stopping measure shares the gradient of the step: what a step costs is not twice a gradient.
    let one = {
        let outer =
            hypertape_autodiff::Function::record(shape![], |l| gradient.unroll(40).solve(hypertape_autodiff::record::zeros(shape![3]), l))
                .unwrap();
        let mut w = outer.workspace();
        w.run(0.1).unwrap();
        w.counts().all_products()
    };
    let looped = {
        let mut p = gradient.clone().tolerance(0.0).max_iterations(40).prepare(&shape![3], &shape![]).unwrap();
        p.run(&start, 0.1, (), &[]).unwrap();
        p.counts().all_products()
    };
    assert!(one >= 40 && looped <= one + one / 20 + 2, "{looped} products with the loop's tests, {one} without");
    let (short, long) = (products(&fista, 20), products(&fista, 40));
    assert!(long < 2 * short, "{short} {long}");
}
