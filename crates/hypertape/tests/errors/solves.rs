//! Solves that diverge: the iteration, the operation and its line are named, in a solve, unrolled, and implicit; and how a solve that stopped early says so.
use crate::{here, wrong};
use hypertape::prelude::*;
use ndarray::{Array1, arr1};
use std::cell::Cell;

thread_local! {
    /// The line of the objective's operation that overflows.
    static INSIDE: Cell<u32> = const { Cell::new(0) };
}

/// Marks the operation of the objective in which values overflow.
macro_rules! inside {
    ($e:expr) => {{
        INSIDE.set(line!());
        $e
    }};
}

/// ½ a ‖z‖², whose gradient descent with step 1 multiplies z by 1 − a; the derivative of the square carries its line.
fn steep() -> Result<GradientDescent<Objective<Leaf, Leaf>>> {
    let f = Function::record((shape![2], shape![]), |(z, a)| {
        let square = inside!(a * z * z);
        0.5 * square.sum()
    })?;
    Ok(GradientDescent::new(&f).step_size(1.0))
}

/// From z = (1, 1) the iterates are (1 − a)ᵏ = (1 + 10³⁰)ᵏ: the tenth is 10³⁰⁰, and its gradient overflows in the eleventh step.
const A: f64 = -1e30;

/// a z − √z from z = 1 with a step of 1: for a = 5 the first step leads to 1 − 4.5, where √z is no number.
fn beyond() -> Result<GradientDescent<Objective<Leaf, Leaf>>> {
    let f = Function::record((shape![1], shape![]), |(z, a)| {
        let root = inside!(z.sqrt());
        (a * z - root).sum()
    })?;
    Ok(GradientDescent::new(&f).step_size(1.0))
}

fn start() -> Array1<f64> {
    arr1(&[1.0, 1.0])
}

/// What the message says about an operation on the objective's line.
fn origin() -> String {
    format!("at {}:{}", file!(), INSIDE.get())
}

/// An error whose message names the objective's line, or else says so.
fn named<T>(r: Result<T>) -> Result<T> {
    r.map_err(|e| {
        assert!(e.to_string().contains(&origin()), "not {} in: {e}", origin());
        e
    })
}

/// The derivative of Σ z with respect to a, by an unrolled solver.
fn gradient(
    solver: Unrolled<GradientDescent<Objective<Leaf, Leaf>>>,
    record: impl FnOnce(&Unrolled<GradientDescent<Objective<Leaf, Leaf>>>, Var) -> Var,
) -> Result<f64> {
    let f = Function::record(shape![], |a| record(&solver, a))?;
    named(f.value_and_gradient(A)).map(|(v, _)| v)
}

wrong! {
    a_solve: numeric("gradient descent", ["iteration 11", "gave -inf", "from finite operands", "smaller step size"]) => {
        here!(steep()?.solve(start(), A))
    };
    a_prepared_solve: numeric("gradient descent", ["iteration 11", "from finite operands"]) => {
        let mut p = here!(steep()?.prepare(&shape![2], &shape![]))?;
        p.solve(start(), A)
    };
    a_solve_that_leaves_the_domain: numeric("gradient descent", ["iteration 2", "sqrt`", "gave NaN from finite operands"]) => {
        let s = beyond()?;
        named(here!(s.solve(arr1(&[1.0]), 5.0)))
    };
    a_solve_with_search_that_starts_outside_the_domain: numeric("gradient descent", ["iteration 1", "sqrt`", "gave NaN"]) => {
        let s = beyond()?.backtracking();
        named(here!(s.solve(arr1(&[-1.0]), 5.0)))
    };
    an_unrolled_solve_that_leaves_the_domain: numeric("gradient descent", ["iteration 2", "sqrt`", "gave NaN from finite operands"]) => {
        let s = beyond()?;
        let f = Function::record(shape![], |a| here!(s.unroll(5).solve(ones(shape![1]), a)).sum())?;
        named(f.value_and_gradient(5.0))
    };
    an_implicit_solve_that_leaves_the_domain: numeric("gradient descent", ["iteration 2", "sqrt`", "gave NaN from finite operands"]) => {
        let s = beyond()?.implicit(Cg::default());
        let f = Function::record(shape![], |a| here!(s.solve(ones(shape![1]), a)).sum())?;
        named(f.value_and_gradient(5.0))
    };
    unrolled: numeric("gradient descent", ["iteration 11", "from finite operands", "smaller step size"]) => {
        gradient(steep()?.unroll(30), |s, a| here!(s.solve(ones(shape![2]), a)).sum())
    };
    unrolled_in_segments: numeric("gradient descent", ["iteration 11"]) => {
        gradient(steep()?.unroll(30).keep(Keep::Sqrt), |s, a| here!(s.solve(ones(shape![2]), a)).sum())
    };
    unrolled_and_truncated: numeric("gradient descent", ["iteration 11"]) => {
        gradient(steep()?.unroll(15).keep(Keep::Last(10)), |s, a| here!(s.solve(ones(shape![2]), a)).sum())
    };
    unrolled_and_only_run: numeric("gradient descent", ["iteration 11"]) => {
        let s = steep()?.unroll(30);
        named(Function::record(shape![], |a| here!(s.solve(ones(shape![2]), a)))?.eval(A))
    };
    unrolled_forward: numeric("gradient descent", ["iteration 11"]) => {
        let s = steep()?.unroll(30);
        named(Function::record(shape![], |a| here!(s.solve(ones(shape![2]), a)))?.jvp(A, 1.0))
    };
    unrolled_second_derivative: numeric("gradient descent", ["iteration 11"]) => {
        let s = steep()?.unroll(30);
        named(Function::record(shape![], |a| here!(s.solve(ones(shape![2]), a)).sum())?.hvp(A, 1.0))
    };
    unrolled_under_a_loss_that_hides_it: numeric("gradient descent", ["iteration 11"]) => {
        let s = steep()?.unroll(30);
        named(Function::record(shape![], |a| here!(s.solve(ones(shape![2]), a)).sum().min(1.0).max(0.0))?.eval(A))
    };
    unrolled_for_each_of_several_tasks: numeric("gradient descent", ["iteration 11"]) => {
        let s = steep()?.unroll(30);
        let f = Function::record(shape![3], |a| map(a, |a| here!(s.solve(ones(shape![2]), a)).sum()).sum())?;
        named(f.gradient(&arr1(&[0.5, A, 0.1])))
    };
    unrolled_in_a_branch: numeric("gradient descent", ["iteration 11"]) => {
        let s = steep()?.unroll(30);
        named(Function::record(shape![], |a| cond(a, || here!(s.solve(ones(shape![2]), a)).sum(), || a))?.eval(A))
    };
    unrolled_in_a_called_function: numeric("gradient descent", ["iteration 11"]) => {
        let s = steep()?.unroll(30);
        let f = Function::record(shape![], |a| here!(s.solve(ones(shape![2]), a)).sum())?;
        named(Function::record(shape![], |a| f.call(2.0 * a))?.value_and_gradient(0.5 * A))
    };
    implicit: numeric("gradient descent", ["iteration 11"]) => {
        let s = steep()?.implicit(Cg::default());
        Function::record(shape![], |a| here!(s.solve(ones(shape![2]), a)).sum())?.value_and_gradient(A)
    };
    implicit_that_may_be_unsolved: numeric("gradient descent", ["iteration 11"]) => {
        let s = steep()?.implicit(Cg::default()).on_residual(OnResidual::Warn);
        Function::record(shape![], |a| here!(s.solve(ones(shape![2]), a)).sum())?.value_and_gradient(A)
    };
    a_mini_batch_solve: numeric("stochastic gradient descent", ["iteration", "from finite operands"]) => {
        let f = Function::record((shape![2], shape![], shape![]), |(z, a, x)| (a * x * z * z).sum())?;
        let s = Sgd::new(&f).step_size(1.0);
        here!(s.solve_over(start(), A, Array1::ones(30)))
    };
    unrolled_mini_batches: numeric("stochastic gradient descent", ["iteration 11"]) => {
        let f = Function::record((shape![2], shape![], shape![]), |(z, a, x)| inside!(0.5 * a * x * z * z).sum())?;
        let s = Sgd::new(&f).step_size(1.0);
        let g = Function::record((shape![], shape![30]), |(a, x)| here!(s.unroll(30).solve_over(ones(shape![2]), a, x)).sum())?;
        named(g.gradient((A, &Array1::ones(30))))
    };
    a_comparison_with_a_reference_of_another_shape: operands("compare", ["f64[3]", "same inputs"]) => {
        let s = steep()?;
        let compare = Compare::default().reference::<Leaf>(&Array1::<f64>::zeros(3));
        let loss = |inner: &dyn Inner<Leaf, Leaf>, a: Var| inner.solve(ones(shape![2]), a).sum();
        let c = here!(compare.run(&[&s.unroll(3)], shape![], 0.5, loss))?;
        let (_, e) = c.failures().next().expect("it fails");
        Err::<(), _>(e.clone())
    };
    a_row_of_a_comparison: numeric("gradient descent", ["iteration 11"]) => {
        let s = steep()?;
        let c = here!(compare(&[&s.unroll(30)], shape![], A, |inner, a| inner.solve(ones(shape![2]), a).sum()))?;
        let (_, e) = c.failures().next().expect("it fails");
        Err::<(), _>(e.clone())
    };
}

#[test]
fn a_solve_that_stopped_early_says_so() {
    let f = Function::record((shape![2], shape![2]), |(z, a)| 0.5 * z.dot(z) - a.dot(z)).expect("nothing is wrong with it");
    let solved = GradientDescent::new(&f).step_size(0.1).max_iterations(3).solve(start(), arr1(&[5.0, 5.0])).expect("it runs");
    assert!(!solved.report.converged);
    assert_eq!((solved.report.iterations, solved.report.status), (Some(3), Status::IterationLimit));
    assert!(solved.report.residual > solved.report.tolerance);
}
