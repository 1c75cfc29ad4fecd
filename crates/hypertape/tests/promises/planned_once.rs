//! What is planned once stays planned: by calls in one line, new workspaces, other points; and one factorisation serves all systems of a point.
use super::{MEMORY, alone};
use hypertape::linear::{Ended, Goal, Hints, LinearSolver, Lu, Operator, State, Stop, System};
use hypertape::plan::Plan;
use hypertape::prelude::*;
use ndarray::{Array1, Array2, arr1};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Plans that this thread makes meanwhile.
fn plans<R>(work: impl FnOnce() -> R) -> (R, u64) {
    let before = Plan::made();
    let made = work();
    (made, Plan::made() - before)
}

const N: usize = 6;

/// A ridge problem whose solution is differentiated implicitly: θ ↦ Σ z⁴ at z = argmin ½‖X z − y‖² + ½eᵗ‖z‖² + ¼ Σ z⁴.
fn outer(adjoint: impl LinearSolver + Clone, warm: bool) -> Function<Leaf, Leaf> {
    let x = Array2::from_shape_fn((9, N), |(i, j)| (0.7 * i as f64 + 1.3 * j as f64).sin()).into_shared();
    let y = Array1::from_shape_fn(9, |i| (0.9 * i as f64).cos()).into_shared();
    let inner = Function::record((shape![N], shape![]), |(z, t)| {
        let misfit = constant(&x).dot(z) - constant(&y);
        0.5 * misfit.square().sum() + 0.5 * t.exp() * z.square().sum() + 0.25 * z.square().square().sum()
    })
    .unwrap();
    let solver = GradientDescent::new(&inner).step_size(0.1).max_iterations(5000).tolerance(1e-12).implicit(adjoint);
    let solver = if warm { solver.warm_start() } else { solver };
    Function::record(shape![], |t| solver.solve(zeros(shape![N]), t).powi(4).sum()).unwrap()
}

/// LU that counts its factorisations.
#[derive(Debug, Clone)]
struct Counting(Arc<AtomicU64>);

#[derive(Debug)]
struct Counted(Arc<AtomicU64>, Box<dyn State>);

impl LinearSolver for Counting {
    fn name(&self) -> String {
        "counted LU".into()
    }
    fn stop(&self) -> Stop {
        Lu.stop()
    }
    fn state_bytes(&self, n: usize) -> u64 {
        Lu.state_bytes(n)
    }
    fn state(&self, n: usize) -> Box<dyn State> {
        Box::new(Counted(self.0.clone(), Lu.state(n)))
    }
}

impl State for Counted {
    fn prepare(&mut self, a: &mut dyn Operator, hints: &Hints) -> std::result::Result<(), Failed> {
        self.0.fetch_add(1, Ordering::Relaxed);
        self.1.prepare(a, hints)
    }
    fn solve(&mut self, a: &mut System<'_>, b: &[f64], x: &mut [f64], goal: &Goal) -> std::result::Result<Ended, Failed> {
        self.1.solve(a, b, x, goal)
    }
}

#[test]
fn calls_in_one_line_plan_once() {
    let f = outer(Cg::default(), false);
    let (first, made) = plans(|| f.value_and_gradient(-1.0).unwrap());
    assert!(made > 0);
    let (second, made) = plans(|| f.value_and_gradient(-1.0).unwrap());
    assert_eq!(made, 0);
    assert_eq!(first, second);
    f.hvp(-1.0, 1.0).unwrap();
    let ((), made) = plans(|| {
        f.hvp(-0.5, 1.0).unwrap();
        f.gradient(0.5).unwrap();
        assert!(f.memory().total() > 0);
        f.clone().value_and_gradient(0.25).unwrap();
    });
    assert_eq!(made, 0);
}

#[test]
fn workspaces_and_points_plan_once() {
    let f = outer(Lu, false).wrt(|t| t).value_and_gradient();
    let first = f.workspace().run(-1.0).unwrap().0.number().unwrap();
    let (second, made) = plans(|| f.workspace().run(-1.0).unwrap().0.number().unwrap());
    assert_eq!((first, made), (second, 0));
    let ((), made) = plans(|| {
        f.allow(Allow::Infinite).eval(-1.0).unwrap();
        f.try_each(&[-1.0, 0.5]).into_iter().for_each(|r| drop(r.unwrap()));
    });
    assert_eq!(made, 0);
    let g = outer(Lu, false);
    let mut j = g.linearize(-1.0).unwrap();
    let slope = j.apply(1.0).unwrap();
    let (again, made) = plans(|| {
        j.move_to(0.5).unwrap();
        let other = g.linearize(-1.0).unwrap().apply(1.0).unwrap();
        j.move_to(-1.0).unwrap();
        (other, j.apply(1.0).unwrap())
    });
    assert_eq!((again, made), ((slope.clone(), slope), 0));
}

#[test]
fn a_point_that_cannot_be_reached_is_no_point() {
    let f = Function::record(shape![1], |x| x.ln()).unwrap();
    let mut j = f.linearize(arr1(&[2.0])).unwrap();
    assert!(j.move_to(arr1(&[-1.0])).is_err());
    assert!(j.apply(arr1(&[1.0])).unwrap_err().to_string().contains("ln"));
    j.move_to(arr1(&[4.0])).unwrap();
    assert_eq!(j.apply(arr1(&[1.0])).unwrap(), arr1(&[0.25]).into_dyn());
}

#[test]
fn a_move_allocates_nothing() {
    let _alone = alone();
    let f = Function::record(shape![3], |x| (x.exp() * x).sum()).unwrap();
    let (a, b) = (arr1(&[1.0, 2.0, 3.0]), arr1(&[0.5, -1.0, 2.0]));
    let mut j = f.linearize(&a).unwrap();
    j.move_to(&b).unwrap();
    let before = MEMORY.allocations_on_this_thread();
    j.move_to(&a).unwrap();
    assert_eq!(MEMORY.allocations_on_this_thread() - before, 0);
}

/// The value, the gradient's system, and those of a Hessian-vector product: one factorisation for each point.
#[test]
fn systems_of_a_point_share_a_factorisation() {
    let made = Arc::new(AtomicU64::new(0));
    let f = outer(Counting(made.clone()), false);
    let hvp = f.wrt(|t| t).hvp();
    let mut w = hvp.workspace();
    for (k, t) in [-1.0, 0.5, -1.0].into_iter().enumerate() {
        let h = w.run((t, 1.0)).unwrap().number().unwrap();
        assert_eq!(made.load(Ordering::Relaxed), 1 + k as u64);
        let (a, b) = (f.gradient(t + 1e-4).unwrap(), f.gradient(t - 1e-4).unwrap());
        let difference = (a.number().unwrap() - b.number().unwrap()) / 2e-4;
        made.store(1 + k as u64, Ordering::Relaxed);
        assert!((h - difference).abs() <= 1e-5 * h.abs(), "{h} {difference}");
    }
}

/// In a loop, and in its derivative, each step has its point.
#[test]
fn a_loop_of_solves_has_a_point_a_step() {
    let made = Arc::new(AtomicU64::new(0));
    let inner = outer(Counting(made.clone()), false);
    let f = Function::record(shape![], |t| scan(t, 3, |t, _| (0.1 * inner.call(t) - 0.5, ())).0).unwrap();
    let g = f.wrt(|t| t).value_and_gradient();
    let (value, slope) = g.eval(-1.0).unwrap();
    assert!(made.load(Ordering::Relaxed) <= 6, "{made:?}");
    let at = |t: f64| f.eval(t).unwrap().number().unwrap();
    let difference = (at(-1.0 + 1e-5) - at(-1.0 - 1e-5)) / 2e-5;
    assert!((slope.number().unwrap() - difference).abs() <= 1e-6 * difference.abs().max(1e-3));
    assert_eq!(value.number().unwrap(), at(-1.0));
}

#[test]
fn calls_in_one_line_allocate_their_results_only() {
    let _alone = alone();
    let f = outer(Cg::default(), false);
    let counted = |f: &Function<Leaf, Leaf>| {
        let before = MEMORY.allocations_on_this_thread();
        f.value_and_gradient(-1.0).unwrap();
        MEMORY.allocations_on_this_thread() - before
    };
    let first = counted(&f);
    let second = counted(&f);
    // The elements of the value and of the gradient.
    assert_eq!(second, 2, "after {first}");
    f.release();
    assert!(counted(&f) > second);
}

#[test]
fn calls_in_one_line_report_and_start_warm_where_asked() {
    let f = outer(Cg::default(), true);
    assert_eq!(f.reports(), []);
    f.value_and_gradient(-1.0).unwrap();
    let iterations = |f: &Function<Leaf, Leaf>| f.reports().iter().map(|r| r.iterations.unwrap()).collect::<Vec<_>>();
    let cold = iterations(&f);
    f.value_and_gradient(-1.0).unwrap();
    let warm = iterations(&f);
    assert_eq!((cold.len(), warm.len()), (2, 2));
    assert!(cold[0] > 20 && warm[0] <= 1 && warm[1] <= 1, "{cold:?} {warm:?}");
    f.release();
    f.value_and_gradient(-1.0).unwrap();
    assert_eq!(iterations(&f), cold);
    assert!(f.value_and_gradient(f64::NAN).is_err());
    assert_eq!(f.reports(), []);
    // Independent points start cold.
    let g = f.wrt(|t| t).gradient();
    let all = g.eval_each(&[-1.0, -1.0]).unwrap();
    assert_eq!(all[0], all[1]);
}
