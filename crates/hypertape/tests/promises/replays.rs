//! A replay allocates nothing once warm, on one thread and on two.
use super::problem::{Problem, penalties};
use super::{MEMORY, alone};
use hypertape::prelude::*;
use ndarray::{Array1, Array2};
use rayon::ThreadPoolBuilder;
use std::sync::Mutex;

/// Runs `replay` once on each thread of pools of one and two, and counts what all threads of the pool allocate in three more runs.
fn allocates_nothing(what: &str, make: impl Fn() -> Box<dyn FnMut() + Send>) {
    let _alone = alone();
    for threads in [1, 2] {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let replay = Mutex::new(make());
        let run = || replay.lock().unwrap()();
        // Matrix products pack into a buffer that each thread makes once.
        pool.broadcast(|_| run());
        let counted = || -> usize { pool.broadcast(|_| MEMORY.allocations_on_this_thread()).into_iter().sum() };
        // The queue that hands work to the pool from outside is rayon's own: it counts without any replay too.
        let before = counted();
        pool.install(|| ());
        let empty = counted() - before;
        let before = counted();
        pool.install(|| (0..3).for_each(|_| run()));
        let used = counted() - before;
        assert!(used <= empty, "{what}, {threads} threads: {used} allocations in three replays, {empty} without any");
    }
}

fn replays<I: Structure, O: Structure>(f: Function<I, O>, at: impl Feed<I> + Clone + Send + 'static) -> impl Fn() -> Box<dyn FnMut() + Send>
where
    Workspace<I, O>: Send,
{
    move || {
        let (mut workspace, at) = (f.workspace(), at.clone());
        Box::new(move || {
            workspace.run(&at).unwrap();
        })
    }
}

#[test]
fn of_a_gradient() {
    let problem = Problem::new();
    let gradient = problem.inner.wrt(|(w, _)| w).value_and_gradient();
    allocates_nothing("gradient", replays(gradient, (Array2::from_elem((64, 10), 0.1), penalties())));
}

#[test]
fn of_a_hessian_vector_product() {
    let problem = Problem::new();
    let hvp = problem.inner.wrt(|(w, _)| w).hvp();
    let (w, v) = (Array2::from_elem((64, 10), 0.1), Array2::from_shape_fn((64, 10), |(i, j)| (i as f64 - 3.0 * j as f64).sin()));
    allocates_nothing("hvp", replays(hvp, ((w, penalties()), v)));
}

#[test]
fn of_an_unrolled_hypergradient() {
    let problem = Problem::new();
    for keep in [Keep::All, Keep::Sqrt, Keep::Values, Keep::Bytes(60_000), Keep::Last(10)] {
        let gradient = problem.outer(&problem.descent.unroll(100).keep(keep)).wrt(|p| p).value_and_gradient();
        allocates_nothing(&format!("unrolled, {keep:?}"), replays(gradient, penalties()));
    }
}

#[test]
fn of_work_that_is_split() {
    // 20000 x 200: large enough for two threads.
    let x = Array2::from_shape_fn((20_000, 200), |(i, j)| ((7 * i + 13 * j) as f64).sin()).into_shared();
    let f = Function::record(shape![200], |w| constant(&x).dot(w).softplus().mean()).unwrap();
    let at = Array1::from_elem(200, 0.01);
    allocates_nothing("large gradient", replays(f.wrt(|w| w).value_and_gradient(), at.clone()));
    allocates_nothing("large hvp", replays(f.wrt(|w| w).hvp(), (at.clone(), at)));
}

#[test]
fn of_an_implicit_hypergradient() {
    let (_alone, problem) = (alone(), Problem::new());
    let used = |k| {
        let outer = problem.outer(&problem.implicit(k, Cg::default()));
        let mut workspace = outer.wrt(|p| p).value_and_gradient().workspace();
        let at = penalties();
        workspace.run(&at).unwrap();
        MEMORY.measure(|| workspace.run(&at).unwrap().0.number().unwrap()).1.on_this_thread
    };
    let (short, long) = (used(10), used(60));
    // However many the iterations: two, at a point that is looked at more closely; none at one that has converged (see `planned_once`).
    assert!(long <= short && short <= 2, "{short} allocations for 10 steps, {long} for 60");
}
