//! What operations meet when they run: matrices that are singular or not positive definite, indices out of range; in loops and derivatives too.
use crate::{fault, here, wrong};
use hypertape::prelude::*;
use ndarray::{Array2, arr1, arr2};

fn indefinite() -> Array2<f64> {
    arr2(&[[1.0, 2.0], [2.0, 1.0]])
}

fn singular() -> Array2<f64> {
    arr2(&[[1.0, 2.0], [2.0, 4.0]])
}

wrong! {
    cholesky_of_an_indefinite_matrix: numeric("cholesky", ["not positive definite", "pivot 1 is -3", "multiple of the identity"]) => {
        Function::record(shape![2, 2], |a| here!(a.cholesky()))?.eval(indefinite())
    };
    the_derivative_of_cholesky_of_an_indefinite_matrix: numeric("cholesky", ["pivot 1"]) => {
        Function::record(shape![2, 2], |a| here!(a.cholesky()).sum())?.gradient(&indefinite())
    };
    cholesky_of_one_matrix_of_a_batch: numeric("cholesky", ["item 1 of the batch of 2"]) => {
        let mut batch = ndarray::Array3::zeros((2, 2, 2));
        batch.index_axis_mut(ndarray::Axis(0), 0).assign(&Array2::eye(2));
        batch.index_axis_mut(ndarray::Axis(0), 1).assign(&indefinite());
        Function::record(shape![2, 2, 2], |a| here!(a.cholesky()))?.eval(&batch)
    };
    solve_positive_with_an_indefinite_matrix: numeric("cholesky", ["not positive definite"]) => {
        Function::record(shape![2, 2], |a| here!(a.solve_positive(a.diagonal())))?.eval(indefinite())
    };
    solve_with_a_singular_matrix: numeric("lu", ["singular", "column 1", "check the model"]) => {
        Function::record(shape![2, 2], |a| here!(a.solve(a.diagonal())))?.eval(singular())
    };
    the_derivative_of_a_solve_with_a_singular_matrix: numeric("lu", ["singular"]) => {
        Function::record(shape![2, 2], |a| here!(a.solve(a.diagonal())).sum())?.gradient(&singular())
    };
    solve_with_a_matrix_that_is_singular_to_rounding: numeric("lu", ["singular", "which is rounding"]) => {
        let a = arr2(&[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]);
        Function::record(shape![3, 3], |a| here!(a.solve(a.diagonal())))?.eval(&a)
    };
    inverse_of_a_singular_matrix: numeric("lu", ["singular"]) => Function::record(shape![2, 2], |a| here!(a.inverse()))?.eval(singular());
    a_triangle_with_a_zero_on_its_diagonal: numeric("solve_triangular", ["singular", "(1, 1) is 0"]) => {
        Function::record(shape![2, 2], |a| here!(a.solve_triangular(a.diagonal(), Triangle::LOWER)))?.eval(arr2(&[[1.0, 0.0], [2.0, 0.0]]))
    };
    log_det_of_a_singular_matrix: numeric("lu", ["singular"]) => {
        Function::record(shape![2, 2], |a| here!(a.log_det()).0)?.eval(singular())
    };
    an_index_beyond_the_rows: numeric("take", ["index 3 at [1]", "axis 0 has length 3", "below it"]) => {
        Function::record((shape![3, 2], index![2]), |(x, i)| here!(x.rows(i)))?.eval((&Array2::zeros((3, 2)), &arr1(&[0u32, 3])))
    };
    an_index_beyond_the_rows_in_a_derivative: numeric("take", ["index 7 at [0]"]) => {
        let f = Function::record((shape![3, 2], index![1]), |(x, i)| here!(x.rows(i)).square().sum())?;
        f.gradient((&Array2::zeros((3, 2)), &arr1(&[7u32])))
    };
    an_index_beyond_the_rows_in_a_loop: numeric("take", ["index 3 at []", "length 3"]) => {
        Function::record(shape![3, 2], |x| scan(zeros(shape![2]), 5, |c, k| (c + here!(x.rows(k)), ())).0)?.eval(Array2::zeros((3, 2)))
    };

    an_index_beyond_an_axis: numeric("take", ["index 9 at []", "axis 1 has length 2"]) => {
        Function::record((shape![3, 2], index![]), |(x, i)| here!(x.take(i, 1)))?.eval((&Array2::zeros((3, 2)), 9u32))
    };
    a_window_that_leaves_the_array: numeric("slice_at", ["rows 2 to 4 are out of range", "length 3"]) => {
        Function::record((shape![3, 2], index![]), |(x, i)| here!(x.slice_at(i, 2)))?.eval((&Array2::zeros((3, 2)), 2u32))
    };
    a_window_placed_beyond_the_array: numeric("place_at", ["rows 3 to 6 are out of range", "length 5"]) => {
        Function::record((shape![3, 2], index![]), |(x, i)| here!(x.place_at(i, 5)))?.eval((&Array2::zeros((3, 2)), 3u32))
    };
    sums_beyond_the_last_group: numeric("scatter_add", ["index 3 at [0]", "length 3"]) => {
        Function::record((shape![2], index![2]), |(x, i)| here!(x.scatter_add(i, 0, 3)))?.eval((&arr1(&[1.0, 2.0]), &arr1(&[3u32, 0])))
    };

    cholesky_in_a_loop: numeric("cholesky", ["pivot 1"]) => {
        Function::record(shape![2, 2], |a| scan(a, 5, |c, _| (here!(c.cholesky()) - 0.5, ())).0)?.eval(Array2::eye(2))
    };
    cholesky_in_the_derivative_of_a_loop: numeric("cholesky", ["pivot"]) => {
        Function::record(shape![2, 2], |a| scan(a, 5, |c, _| (here!(c.cholesky()) - 0.5, ())).0.sum())?.gradient(&Array2::eye(2))
    };
    cholesky_in_a_stopping_loop: numeric("cholesky", ["pivot 0"]) => {
        Function::record(shape![2, 2], |a| scan_until(a, 5, |c| 0.0 * c.sum(), |c, _| here!(c.cholesky()) - 1.0))?.eval(Array2::eye(2))
    };
    cholesky_in_the_test_of_a_loop: numeric("cholesky", ["pivot 1"]) => {
        Function::record(shape![2, 2], |a| scan_until(a, 5, |c| here!(c.cholesky()).sum(), |c, _| c))?.eval(indefinite())
    };
    cholesky_in_a_branch: numeric("cholesky", ["pivot 1"]) => {
        Function::record(shape![2, 2], |a| cond(a.sum(), || here!(a.cholesky()), || a))?.eval(indefinite())
    };
    cholesky_in_a_map: numeric("cholesky", ["pivot 0 is 0"]) => {
        Function::record(shape![3, 2, 2], |a| map(a, |a| here!(a.cholesky())))?.eval(ndarray::Array3::zeros((3, 2, 2)))
    };
    cholesky_in_a_called_function: numeric("cholesky", ["pivot 1"]) => {
        let f = Function::record(shape![2, 2], |a| here!(a.cholesky()))?;
        Function::record(shape![2, 2], |a| f.call(2.0 * a))?.eval(indefinite())
    };
    cholesky_in_an_objective_that_is_unrolled: numeric("cholesky", ["pivot 0"]) => {
        // At the start z = 0 the matrix is the identity; a step later it is not positive.
        let f = Function::record((shape![2], shape![]), |(z, a)| here!((z * a + 1.0).diagonal_matrix().cholesky()).sum() + 9.0 * z.sum())?;
        let solver = GradientDescent::new(&f).step_size(1.0);
        Function::record(shape![], |a| solver.unroll(5).solve(zeros(shape![2]), a).sum())?.value_and_gradient(1.0)
    };
    cholesky_in_a_residual: numeric("cholesky", ["pivot 0 is -1"]) => {
        let residual = Function::record((shape![1], shape![]), |(z, a)| here!(z.diagonal_matrix().cholesky()).diagonal() - a)?;
        let root = implicit::root(&residual, |_, _| Ok::<_, std::convert::Infallible>(arr1(&[-1.0])));
        Function::record(shape![], |a| root.solve(zeros(shape![1]), a).sum())?.eval(1.0)
    };
    an_affine_projection_with_rows_that_depend_on_each_other: numeric("affine", ["independent part of element 1", "remove the rows"]) => {
        let project = prox::affine::<(Leaf, Leaf), _>(|(a, b)| (*a, *b));
        let f = Function::record((shape![2], (shape![2, 2], shape![2])), |(v, p)| here!(project.prox(v, scalar(1.0), &p)))?;
        f.eval((&arr1(&[1.0, 2.0]), (&arr2(&[[1.0, 1.0], [1.0, 1.0]]), &arr1(&[1.0, 1.0]))))
    };
}

#[test]
fn a_workspace_runs_on_after_a_failure() {
    let f = Function::record(shape![2, 2], |a| here!(a.cholesky())).expect("nothing is wrong with it");
    let mut w = f.workspace();
    let fine = |w: &mut Workspace<Leaf, Leaf>| w.run(&(4.0 * Array2::<f64>::eye(2))).expect("it runs")[[0, 0]];
    assert_eq!(fine(&mut w), 2.0);
    fault(file!(), || {
        let failed = w.run(indefinite()).map(|_| ());
        crate::LINE.set(f.program()?.equations[0].site.map_or(0, |s| s.line()));
        failed
    })
    .numeric("cholesky", &["pivot 1"]);
    assert_eq!(fine(&mut w), 2.0);
}
