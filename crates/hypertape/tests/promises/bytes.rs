//! Bytes, planned and measured: unrolled with every iterate, with √K of them, and implicit.
use super::problem::{Problem, WEIGHTS, penalties};
use super::{MEMORY, alone};
use hypertape::execute::make_packing_buffers;
use hypertape::prelude::*;
use hypertape_testkit::random::sym;

/// What a hypergradient needs: planned, and the measured peak of making a workspace and running it, after one warm-up call.
fn bytes(problem: &Problem, solver: &dyn Inner<Leaf, Leaf>) -> (u64, u64) {
    let gradient = problem.outer(solver).wrt(|p| p).value_and_gradient();
    let planned = gradient.memory().total();
    let at = penalties();
    make_packing_buffers();
    gradient.workspace().run(&at).unwrap();
    let (_, used) = MEMORY.measure(|| {
        let mut workspace = gradient.workspace();
        workspace.run(&at).unwrap();
        workspace
    });
    (planned, used.peak as u64)
}

/// Within 5 % or 256 KB, whichever is larger.
fn agree(what: &str, (planned, measured): (u64, u64)) {
    let allowed = (planned / 20).max(256 << 10);
    assert!(planned.abs_diff(measured) <= allowed, "{what}: planned {planned}, measured {measured}");
}

#[test]
fn every_iterate_is_k_states_and_under_2_mb() {
    let (_alone, problem) = (alone(), Problem::new());
    for k in [100, 1000, 3000] {
        let (planned, measured) = bytes(&problem, &problem.descent.unroll(k));
        let states = (8 * k * WEIGHTS) as u64;
        assert!(planned >= states && planned.max(measured) < states + 2_000_000, "K = {k}: planned {planned}, measured {measured}");
        agree(&format!("every iterate, K = {k}"), (planned, measured));
    }
}

#[test]
fn sqrt_storage_grows_as_the_square_root() {
    let (_alone, problem) = (alone(), Problem::new());
    let at = |k| {
        let used = bytes(&problem, &problem.descent.unroll(k).keep(Keep::Sqrt));
        agree(&format!("√K, K = {k}"), used);
        used
    };
    let (small, middle, large) = (at(100), at(900), at(2500));
    // 2√K states: what it grows by from K = 100 to K = 900 is 2 (30 − 10) states, to K = 2500 it is 2 (50 − 10).
    for (used, roots) in [(middle, 20), (large, 40)] {
        let states = 2 * roots * 8 * WEIGHTS as u64;
        for (grown, kind) in [(used.0 - small.0, "planned"), (used.1 - small.1, "measured")] {
            let close = grown.abs_diff(states) <= states / 20;
            assert!(close, "{kind} grows by {grown} bytes, {} states are {states}", 2 * roots);
        }
    }
}

#[test]
fn a_budget_holds_whatever_the_steps() {
    let (_alone, problem) = (alone(), Problem::new());
    let budget = 1 << 20;
    for k in [1000, 3000] {
        let unrolled = problem.descent.unroll(k).keep(Keep::Bytes(budget));
        agree(&format!("budget, K = {k}"), bytes(&problem, &unrolled));
        let m = problem.outer(&unrolled).wrt(|p| p).value_and_gradient().memory();
        let state = 8 * WEIGHTS as u64;
        assert_eq!((m.trajectory, m.checkpoints), (0, (budget / state + 2) * state), "{m}");
    }
}

#[test]
fn implicit_does_not_grow_with_the_steps() {
    let (_alone, problem) = (alone(), Problem::new());
    let at = |k| {
        let used = bytes(&problem, &problem.implicit(k, Cg::default()));
        agree(&format!("implicit, K = {k}"), used);
        used
    };
    let (short, long) = (at(10), at(1000));
    assert_eq!(short.0, long.0, "planned");
    // The measured peak sees what other threads allocate meanwhile.
    assert!(short.1.abs_diff(long.1) <= 64 << 10, "measured: {} bytes for 10 steps, {} for 1000", short.1, long.1);
}

#[test]
fn every_adjoint_solver_needs_what_is_planned() {
    let (_alone, problem) = (alone(), Problem::new());
    agree("CG", bytes(&problem, &problem.implicit(10, Cg::default())));
    agree("GMRES", bytes(&problem, &problem.implicit(10, Gmres::default())));
    agree("BiCGStab", bytes(&problem, &problem.implicit(10, Bicgstab::default())));
    agree("normal CG", bytes(&problem, &problem.implicit(10, NormalCg::default())));
    agree("Neumann", bytes(&problem, &problem.implicit(10, Neumann::terms(10))));
    agree("one step", bytes(&problem, &problem.implicit(10, OneStep::default())));
    agree("Cholesky", bytes(&problem, &problem.implicit(10, Cholesky)));
    agree("LU", bytes(&problem, &problem.implicit(10, Lu)));
    agree("the last 10 steps", bytes(&problem, &problem.descent.unroll(100).keep(Keep::Last(10))));
}

/// An equilibrium layer reads its matrix where it lies: nothing of its size but its gradient.
#[test]
fn an_implicit_layer_copies_no_parameters() {
    let _alone = alone();
    let (rows, d) = (8, 400);
    let cell = Function::record((shape![rows, d], (shape![d, d], shape![d])), |(z, (w, b))| (z.dot(w.t()) + b).tanh()).unwrap();
    let layer = FixedPoint::new(&cell).tolerance(1e-10).max_iterations(1000).implicit(Neumann::tolerance(1e-10));
    let loss = Function::record((shape![d, d], shape![d]), |(w, b)| layer.solve(zeros(shape![rows, d]), (w, b)).square().sum()).unwrap();
    let gradient = loss.wrt(|all| all).gradient();
    let (w, b) = (sym(5, (d, d)) * (0.5 / (d as f64).sqrt()), sym(6, d));
    make_packing_buffers();
    gradient.workspace().run((&w, &b)).unwrap();
    let (_, used) = MEMORY.measure(|| {
        let mut workspace = gradient.workspace();
        workspace.run((&w, &b)).unwrap();
        workspace
    });
    let (matrix, vector) = (8 * d * d, 8 * rows * d);
    let planned = gradient.memory().total();
    assert!(planned < (matrix + 50 * vector) as u64, "{planned} bytes for a matrix of {matrix} and vectors of {vector}");
    agree("an equilibrium layer", (planned, used.peak as u64));
}

/// A budget holds for the gradient, for a Hessian-vector product, and for a linearization at a point: what they need does not grow with the steps.
#[test]
fn a_budget_holds_for_every_first_derivative_and_for_products_with_the_hessian() {
    let inner = Function::record((shape![8], shape![]), |(z, t)| (0.5 * t.exp() * z.square() - z.sin()).sum()).unwrap();
    let outer = |k: usize, keep: Keep| {
        let method = GradientDescent::new(&inner).step_size(0.1).unroll(k).keep(keep);
        Function::record(shape![], |t| method.solve(zeros(shape![8]), t).square().sum()).unwrap()
    };
    type Needs = fn(&Function<Leaf, Leaf>) -> u64;
    let needs: [(&str, Needs); 3] = [
        ("gradient", |f| f.wrt(|t| t).gradient().plan().unwrap().memory().total()),
        ("hvp", |f| f.wrt(|t| t).hvp().plan().unwrap().memory().total()),
        ("linearization", |f| f.linearize(0.1).unwrap().memory().total()),
    ];
    for (name, needs) in needs {
        let [few, many] = [400, 6400].map(|k| needs(&outer(k, Keep::Bytes(20 * 64))));
        assert_eq!(few, many, "{name} within bytes, 400 and 6400 steps");
        let [few, many] = [400, 6400].map(|k| needs(&outer(k, Keep::Sqrt)));
        // 2⌈√K⌉ states: 40, then 160.
        assert_eq!(many - few, 120 * 64, "{name} with √K states, 400 and 6400 steps");
        let [few, many] = [400, 6400].map(|k| needs(&outer(k, Keep::All)));
        assert!(many - few >= 6000 * 64, "{name} with every iterate: {few} and {many}");
    }
    let exact = outer(400, Keep::All);
    let expected = exact.linearize(0.1).unwrap().apply(1.0).unwrap();
    for keep in [Keep::Sqrt, Keep::Bytes(20 * 64), Keep::Bytes(64)] {
        let mut j = outer(400, keep).linearize(0.1).unwrap();
        let (forward, reverse) = (j.apply(1.0).unwrap(), j.apply_transpose(1.0).unwrap());
        for made in [forward, reverse] {
            let (made, expected): (f64, f64) = (made.number().unwrap(), expected.number().unwrap());
            assert!((made - expected).abs() <= 1e-12 * expected.abs(), "{keep:?}: {made} {expected}");
        }
    }
}
