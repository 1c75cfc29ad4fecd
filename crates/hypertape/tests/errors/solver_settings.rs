//! Solvers with settings, starts, parameters and batches that cannot work.
use crate::{here, wrong};
use hypertape::Site;
use hypertape::prelude::*;
use ndarray::{Array1, Array2, arr1};

/// ½‖z‖² − a·z.
fn objective() -> Result<Function<(Leaf, Leaf), Leaf>> {
    Function::record((shape![2], shape![2]), |(z, a)| 0.5 * z.dot(z) - a.dot(z))
}

/// The same with a batch.
fn batched() -> Result<Function<(Leaf, Leaf, Leaf), Leaf>> {
    Function::record((shape![2], shape![2], shape![3, 2]), |(z, a, x)| 0.5 * x.dot(z).square().mean() - a.dot(z))
}

fn z() -> Array1<f64> {
    arr1(&[1.0, 2.0])
}

fn descent() -> Result<GradientDescent<Objective<Leaf, Leaf>>> {
    Ok(GradientDescent::new(&objective()?).step_size(0.5))
}

/// Unrolls in a recording of its own.
#[track_caller]
fn unrolled<M: Method<Problem: Problem<Unknown = Leaf, Params = Leaf, Solution = Leaf>, Each = ()>>(
    solver: Unrolled<M>,
) -> Result<Function<Leaf, Leaf>> {
    let at = Site::caller();
    Function::record(shape![2], |a| solver.solve(zeros(shape![2]), a)).map_err(|e| moved(e, at))
}

/// The error with its line, which is in the helper above, moved to the helper's caller.
fn moved(e: Error, line: Site) -> Error {
    if !e.is_numeric() && e.site().is_some_and(|a| a.file() == file!()) { e.at(line) } else { e }
}

wrong! {
    no_iterations: argument("gradient descent", ["no iterations", "`max_iterations` at least 1"]) => here!(descent()?.max_iterations(0).solve(z(), z()));
    no_steps_to_unroll: argument("gradient descent", ["the number of steps is 0", "at least 1"]) => {
        let s = descent()?;
        Function::record(shape![2], |a| here!(s.unroll(0).solve(zeros(shape![2]), a)))
    };
    the_last_0_steps: argument("gradient descent", ["Keep::Last(0)", "keep at least 1"]) => here!(unrolled(descent()?.unroll(3).keep(Keep::Last(0))));
    more_last_steps_than_steps: argument("gradient descent", ["Keep::Last(4)", "3 steps", "at most 3"]) => here!(unrolled(descent()?.unroll(3).keep(Keep::Last(4))));
    a_step_of_0: argument("gradient descent", ["the step size is 0", "positive"]) => here!(descent()?.step_size(0.0).solve(z(), z()));
    a_negative_step: argument("gradient descent", ["the step size is -0.1"]) => here!(descent()?.step_size(-0.1).solve(z(), z()));
    a_negative_step_unrolled: argument("gradient descent", ["the step size is -0.1"]) => here!(unrolled(descent()?.step_size(-0.1).unroll(3)));
    a_negative_step_implicit: argument("gradient descent", ["the step size is -0.1"]) => {
        let s = descent()?.step_size(-0.1).implicit(Cg::default());
        Function::record(shape![2], |a| here!(s.solve(zeros(shape![2]), a)))
    };
    a_step_that_is_not_a_number: argument("gradient descent", ["the step size is NaN"]) => here!(descent()?.step_size(f64::NAN).solve(z(), z()));
    an_infinite_step: argument("gradient descent", ["the step size is inf"]) => here!(descent()?.step_size(f64::INFINITY).solve(z(), z()));
    a_vector_as_the_step: argument("gradient descent", ["the step size is f64[2]", "`Step::each`"]) => {
        let s = descent()?;
        Function::record(shape![2], |a| here!(s.clone().step_size(a).unroll(3).solve(zeros(shape![2]), a)))
    };
    too_few_steps: argument("gradient descent", ["2 entries for 3 iterations", "one entry an iteration"]) => {
        let s = descent()?;
        Function::record(shape![2], |a| here!(s.clone().step_size(Step::each(a)).unroll(3).solve(zeros(shape![2]), a)))
    };
    steps_in_a_matrix: argument("gradient descent", ["f64[1,2]", "a vector"]) => {
        let s = descent()?;
        Function::record(shape![2], |a| here!(s.clone().step_size(Step::each(a.reshape(&[1, 2]))).unroll(2).solve(zeros(shape![2]), a)))
    };
    a_negative_tolerance: argument("gradient descent", ["the tolerance is -0.001", "not negative"]) => here!(descent()?.tolerance(-1e-3).solve(z(), z()));
    a_tolerance_that_is_not_a_number: argument("gradient descent", ["the tolerance is NaN"]) => here!(descent()?.tolerance(f64::NAN).solve(z(), z()));
    a_vector_as_the_tolerance: argument("gradient descent", ["the tolerance is f64[2]", "one number"]) => {
        let s = descent()?;
        Function::record(shape![2], |a| here!(s.clone().tolerance(a).implicit(Cg::default()).solve(zeros(shape![2]), a)))
    };
    a_negative_ista_step: argument("ISTA", ["-1"]) => here!(Ista::new(&Composite::new(&objective()?, prox::non_negative())).step_size(-1.0).solve(z(), z()));
    a_negative_fista_step: argument("FISTA", ["-1"]) => here!(Fista::new(&Composite::new(&objective()?, prox::non_negative())).step_size(-1.0).solve(z(), z()));
    a_negative_tau: argument("Condat-Vu", ["step tau is -1"]) => {
        let s = CondatVu::new(&Saddle::new(&objective()?, Difference1d, prox::of::<Leaf, Leaf, _>(|u, _, _| u))).tau(-1.0);
        here!(s.solve((&z(), Array1::zeros(1)), &z()))
    };
    momentum_of_1: argument("stochastic gradient descent", ["the momentum is 1", "below 1"]) => {
        here!(Sgd::new(&batched()?).momentum(1.0).solve_over(z(), z(), ndarray::Array3::zeros((4, 3, 2))))
    };
    negative_momentum: argument("stochastic gradient descent", ["the momentum is -0.1"]) => {
        here!(Sgd::new(&batched()?).momentum(-0.1).solve_over(z(), z(), ndarray::Array3::zeros((4, 3, 2))))
    };
    a_decay_of_1: argument("Adam", ["decay rate is 1", "from 0 to below 1"]) => here!(AdamDescent::new(&objective()?).decay(0.9, 1.0).solve(z(), z()));
    no_memory: argument("L-BFGS", ["no pairs", "at least 1"]) => here!(Lbfgs::new(&objective()?).memory(0).solve(z(), z()));
    negative_damping: argument("Newton-CG", ["the damping is -1"]) => here!(NewtonCg::new(&objective()?).damping(-1.0).solve(z(), z()));
    no_inner_iterations: argument("Newton-CG", ["no inner iterations"]) => here!(NewtonCg::new(&objective()?).inner_iterations(0).solve(z(), z()));
    a_negative_weight_of_l1: operands("l1", ["-1", "not negative"]) => {
        let s = Ista::new(&Composite::new(&objective()?, prox::l1::<Leaf, _>(prox::number(-1.0)))).step_size(0.5);
        here!(s.solve(z(), z()))
    };
    a_negative_weight_of_non_negative_l1: operands("non_negative_l1", ["-1", "not negative"]) => {
        let s = Ista::new(&Composite::new(&objective()?, prox::non_negative_l1::<Leaf, _>(prox::number(-1.0)))).step_size(0.5);
        here!(s.solve(z(), z()))
    };
    a_negative_weight_of_group: operands("group", ["-1", "not negative"]) => {
        let s = Ista::new(&Composite::new(&objective()?, prox::group::<Leaf, _>(prox::number(-1.0)))).step_size(0.5);
        here!(s.solve(z(), z()))
    };
    a_negative_weight_of_l2: operands("l2", ["-1", "not negative"]) => {
        let s = Ista::new(&Composite::new(&objective()?, prox::l2::<Leaf, _>(prox::number(-1.0)))).step_size(0.5);
        here!(s.solve(z(), z()))
    };
    a_negative_weight_of_squared_l2: operands("squared_l2", ["-1", "not negative"]) => {
        let s = Ista::new(&Composite::new(&objective()?, prox::squared_l2::<Leaf, _>(prox::number(-1.0)))).step_size(0.5);
        here!(s.solve(z(), z()))
    };
    a_negative_weight_of_linf: operands("linf", ["-1", "not negative"]) => {
        let s = Ista::new(&Composite::new(&objective()?, prox::linf::<Leaf, _>(prox::number(-1.0)))).step_size(0.5);
        here!(s.solve(z(), z()))
    };
    a_negative_radius_of_simplex: operands("simplex", ["-1", "not negative"]) => {
        let s = Ista::new(&Composite::new(&objective()?, prox::simplex::<Leaf, _>(prox::number(-1.0)))).step_size(0.5);
        here!(s.solve(z(), z()))
    };
    a_negative_radius_of_l1_ball: operands("l1_ball", ["-1", "not negative"]) => {
        let s = Ista::new(&Composite::new(&objective()?, prox::l1_ball::<Leaf, _>(prox::number(-1.0)))).step_size(0.5);
        here!(s.solve(z(), z()))
    };
    a_negative_radius_of_l2_ball: operands("l2_ball", ["-1", "not negative"]) => {
        let s = Ista::new(&Composite::new(&objective()?, prox::l2_ball::<Leaf, _>(prox::number(-1.0)))).step_size(0.5);
        here!(s.solve(z(), z()))
    };
    a_negative_weight_of_the_elastic_net: operands("elastic_net", ["-1", "not negative"]) => {
        let s = Ista::new(&Composite::new(&objective()?, prox::elastic_net::<Leaf, _>(|_| (scalar(1.0), scalar(-1.0))))).step_size(0.5);
        here!(s.solve(z(), z()))
    };
    a_box_upside_down: operands("between", ["[1, 0] is empty", "lower bound first"]) => {
        let s = Ista::new(&Composite::new(&objective()?, prox::between::<Leaf, _>(|_| (scalar(1.0), scalar(0.0))))).step_size(0.5);
        Function::record(shape![2], |a| here!(s.unroll(3).solve(zeros(shape![2]), a)))
    };
    a_prox_that_changes_the_shape: operands("proximal operator", ["it gives (f64[1]) where (f64[2]) is asked for", "give the same shapes"]) => {
        let s = Ista::new(&Composite::with(&objective()?, |v: Var, _, _: &Var| v.slice_last(0, 1)));
        here!(s.solve(z(), z()))
    };
    an_unrolled_prox_that_changes_the_shape: operands("proximal operator", ["it gives (f64[1]) where (f64[2]) is asked for"]) => {
        let s = Ista::new(&Composite::with(&objective()?, |v: Var, _, _: &Var| v.slice_last(0, 1)));
        Function::record(shape![2], |a| here!(s.unroll(3).solve(zeros(shape![2]), a)))
    };
    a_mistake_in_a_prox: operands("add", ["f64[2], f64[3]"]) => {
        Ista::new(&Composite::with(&objective()?, |v: Var, _, _: &Var| here!(v + ones(shape![3])))).solve(z(), z())
    };

    a_start_of_another_shape: input((0, 2), ["expected f64[2]", "given f64[3]"]) => here!(descent()?.solve(arr1(&[1.0, 2.0, 3.0]), z()));
    parameters_of_another_shape: input((1, 2), ["expected f64[2]", "given f64[1]"]) => here!(descent()?.solve(z(), arr1(&[1.0])));
    a_start_that_is_not_a_number: non_finite("input 0 of 2", ["NaN"]) => here!(descent()?.solve(arr1(&[f64::NAN, 0.0]), z()));
    an_unrolled_start_of_another_shape: operands("gradient descent", ["the start must be (f64[2])", "operands f64[3]"]) => {
        let s = descent()?;
        Function::record(shape![2], |a| here!(s.unroll(3).solve(zeros(shape![3]), a)))
    };
    unrolled_parameters_of_another_shape: operands("gradient descent", ["the parameters must be (f64[2])", "operands f64[]"]) => {
        let s = descent()?;
        Function::record(shape![2], |a| here!(s.unroll(3).solve(a, a.sum())))
    };
    an_implicit_start_of_another_shape: operands("gradient descent", ["the start must be (f64[2])", "operands f64[3]"]) => {
        let s = descent()?.implicit(Cg::default());
        Function::record(shape![2], |a| here!(s.solve(zeros(shape![3]), a)))
    };
    prepared_for_another_shape: operands("gradient descent", ["the start must be (f64[2])"]) => here!(descent()?.prepare(&shape![3], &shape![2]));
    a_prepared_solve_of_another_shape: input((0, 2), ["given f64[3]"]) => {
        let mut p = descent()?.prepare(&shape![2], &shape![2])?;
        here!(p.solve(arr1(&[1.0, 2.0, 3.0]), z()))
    };
    no_batches: argument("stochastic gradient descent", ["no steps to make", "at least one"]) => {
        here!(Sgd::new(&batched()?).step_size(0.1).solve_over(z(), z(), ndarray::Array3::zeros((0, 3, 2))))
    };
    batches_without_a_leading_axis: operands("stochastic gradient descent", ["a step takes (f64[3,2])", "operands f64[3,2]"]) => {
        here!(Sgd::new(&batched()?).step_size(0.1).solve_over(z(), z(), Array2::zeros((3, 2))))
    };
    batches_of_another_width: operands("stochastic gradient descent", ["a step takes (f64[3,2])", "operands f64[4,3,5]"]) => {
        let s = Sgd::new(&batched()?).step_size(0.1);
        Function::record(shape![4, 3, 5], |x| here!(s.unroll(4).solve_over(zeros(shape![2]), ones(shape![2]), x)))
    };
    another_number_of_batches_than_steps: argument("stochastic gradient descent", ["4 entries for 5 iterations"]) => {
        let s = Sgd::new(&batched()?).step_size(0.1);
        Function::record(shape![4, 3, 2], |x| here!(s.unroll(5).solve_over(zeros(shape![2]), ones(shape![2]), x)))
    };
    an_objective_that_is_a_vector: argument("gradient", ["f64[2]", "sum it"]) => {
        let f = Function::record((shape![2], shape![2]), |(z, a)| z * a)?;
        let s = here!(GradientDescent::new(&f));
        s.solve(z(), z())
    };
    an_unrolled_objective_that_is_a_vector: argument("gradient", ["f64[2]"]) => {
        let f = Function::record((shape![2], shape![2]), |(z, a)| z * a)?;
        let s = here!(Lbfgs::new(&f));
        Function::record(shape![2], |a| s.unroll(2).solve(a, a))
    };
    a_fixed_point_of_another_shape: operands("map", ["it gives (f64[]) where (f64[2]) is asked for"]) => {
        let t = Function::record((shape![2], shape![]), |(z, a)| a * z.sum())?;
        here!(FixedPoint::new(&t).solve(z(), 1.0))
    };
    a_difference_of_a_matrix: operands("difference", ["takes a vector", "f64[2,2]"]) => {
        let f = Function::record((shape![2, 2], shape![]), |(x, _)| x.square().sum())?;
        let s = CondatVu::new(&Saddle::new(&f, Difference1d, prox::of::<Leaf, Leaf, _>(|u, _, _| u)));
        here!(s.solve((Array2::zeros((2, 2)), Array1::zeros(1)), 1.0))
    };
}

#[test]
fn vectors_of_different_lengths_are_refused_by_linear_solvers() {
    use hypertape::linear::{Diagonal, Hints, Side, Tolerance, Workspace};
    let solvers: [&dyn LinearSolver; 6] =
        [&Cg::default(), &Minres::default(), &Bicgstab::default(), &Neumann::terms(3), &NormalCg::default(), &Lu];
    for s in solvers {
        let mut a = Diagonal(vec![1.0; 3]);
        let mut w = Workspace::new(s, 3);
        w.prepare(&mut a, &Hints { step: Some(1.0) }).expect("it fits");
        let short = w.solve(&mut a, Side::Plain, &[1.0, 2.0, 3.0], &mut [0.0, 0.0], Tolerance::default());
        assert!(matches!(short, Err(Failed::WrongLength { given: 2, expected: 3, .. })), "{}: {short:?}", s.name());
        let other = w.prepare(&mut Diagonal(vec![1.0; 4]), &Hints::default());
        assert!(matches!(other, Err(Failed::WrongLength { given: 4, expected: 3, .. })), "{}: {other:?}", s.name());
    }
}
