//! Operations given operands that do not fit: shapes, ranks, axes, element types, numbers that cannot be.
use crate::{here, wrong};
use hypertape::prelude::*;
use hypertape::record;
use ndarray::{Array2, arr1};

/// A function of two vectors of different lengths.
fn vectors(body: impl FnOnce(Var, Var) -> Var) -> Result<Function<(Leaf, Leaf), Leaf>> {
    Function::record((shape![2], shape![3]), |(x, y)| body(x, y))
}

/// A function of a matrix of two rows and three columns.
fn matrix(body: impl FnOnce(Var) -> Var) -> Result<Function<Leaf, Leaf>> {
    Function::record(shape![2, 3], body)
}

wrong! {
    add: operands("add", ["f64[2], f64[3]", "[[2], [3]] do not broadcast", "length 1 repeats"]) => vectors(|x, y| here!(x + y));
    sub: operands("sub", ["f64[2], f64[3]"]) => vectors(|x, y| here!(x - y));
    mul: operands("mul", ["f64[2], f64[3]"]) => vectors(|x, y| here!(x * y));
    div: operands("div", ["f64[2], f64[3]"]) => vectors(|x, y| here!(x / y));
    rem: operands("rem", ["f64[2], f64[3]"]) => vectors(|x, y| here!(x % y));
    maximum: operands("max", ["f64[2], f64[3]"]) => vectors(|x, y| here!(x.max(y)));
    minimum: operands("min", ["f64[2], f64[3]"]) => vectors(|x, y| here!(x.min(y)));
    pow: operands("pow", ["f64[2], f64[3]"]) => vectors(|x, y| here!(x.pow(y)));
    atan2: operands("atan2", ["f64[2], f64[3]"]) => vectors(|x, y| here!(x.atan2(y)));
    less_than: operands("less_than", ["f64[2], f64[3]"]) => vectors(|x, y| here!(x.less_than(y)));
    equals: operands("equals", ["f64[2], f64[3]"]) => vectors(|x, y| here!(x.equals(y)));
    select: operands("select", ["f64[2], f64[3], f64[]", "do not broadcast"]) => vectors(|x, y| here!(x.select(y, 0.0)));
    clamp: operands("clamp", ["f64[2], f64[3], f64[]"]) => vectors(|x, y| here!(x.clamp(y, 1.0)));
    soft_threshold: operands("soft_threshold", ["f64[2], f64[3]"]) => vectors(|x, y| here!(x.soft_threshold(y)));
    rows_and_columns_that_do_not_broadcast: operands("add", ["f64[2,3], f64[2]", "trailing axes"]) => {
        Function::record((shape![2, 3], shape![2]), |(x, y)| here!(x + y))
    };
    the_second_line_of_a_chain_is_the_one_that_is_wrong: operands("mul", ["f64[2], f64[3]"]) => {
        vectors(|x, y| {
            let z = x.exp() + 1.0;
            let w = here!(z * y);
            w.sin() + x
        })
    };

    dot_of_vectors: operands("dot", ["f64[2], f64[3]", "axis 0 of the left has length 2, axis 0 of the right has 3", "transpose"]) => {
        vectors(|x, y| here!(x.dot(y)))
    };
    dot_of_matrices: operands("dot", ["f64[3,4], f64[5,2]", "axis 1 of the left has length 4", "axis 0 of the right has 5", "transpose one side"]) => {
        Function::record((shape![3, 4], shape![5, 2]), |(x, y)| here!(x.dot(y)))
    };
    dot_with_a_number: operands("dot", ["f64[2], f64[]", "multiply with `*`"]) => vectors(|x, y| here!(x.dot(y.sum())));
    dot_of_a_constant: operands("dot", ["f64[2,3], f64[2]"]) => {
        Function::record(shape![2], |x| here!(constant(Array2::<f64>::zeros((2, 3))).dot(x)))
    };
    contract_over_an_axis_that_is_not_there: operands("contract", ["f64[2], f64[3]", "(1, 0)"]) => {
        vectors(|x, y| here!(x.contract(y, &[(1, 0)], &[])))
    };
    trace_of_an_oblong: operands("trace", ["f64[2,3]", "no square matrix"]) => matrix(|x| here!(x.trace()));
    trace_of_a_vector: operands("trace", ["f64[2]"]) => vectors(|x, _| here!(x.trace()));
    diagonal_of_a_vector: operands("diagonal", ["f64[2]"]) => vectors(|x, _| here!(x.diagonal()));
    diagonal_matrix_of_a_number: operands("diagonal_matrix", ["f64[]"]) => vectors(|x, _| here!(x.sum().diagonal_matrix()));
    cholesky_of_a_vector: operands("cholesky", ["f64[2]", "no square matrix"]) => vectors(|x, _| here!(x.cholesky()));
    cholesky_of_an_oblong: operands("cholesky", ["f64[2,3]"]) => matrix(|x| here!(x.cholesky()));
    solve_of_an_oblong: operands("solve", ["f64[2,3], f64[2,3]", "no square matrix"]) => matrix(|x| here!(x.solve(x)));
    solve_with_a_short_right_hand_side: operands("solve", ["f64[3,3], f64[2]", "3 rows"]) => {
        Function::record((shape![3, 3], shape![2]), |(a, b)| here!(a.solve(b)))
    };
    solve_positive_with_a_short_right_hand_side: operands("solve_positive", ["f64[3,3], f64[2]"]) => {
        Function::record((shape![3, 3], shape![2]), |(a, b)| here!(a.solve_positive(b)))
    };
    log_det_of_an_oblong: operands("log_det", ["f64[2,3]"]) => matrix(|x| here!(x.log_det()).0);

    slice_beyond_the_end: operands("slice", ["f64[2,3]", "1..4", "axis 1 of length 3", "within 0..3"]) => matrix(|x| here!(x.slice_axis(1, 1, 4)));
    slice_backwards: operands("slice", ["2..1"]) => matrix(|x| here!(x.slice_axis(1, 2, 1)));
    slice_of_nothing_beyond_the_end: operands("slice", ["7..7"]) => matrix(|x| here!(x.slice_axis(1, 7, 7)));
    slice_of_an_axis_that_is_not_there: operands("slice", ["axis 2", "rank 2"]) => matrix(|x| here!(x.slice_axis(2, 0, 1)));
    slice_by_steps_of_0: operands("slice", ["steps of 0"]) => matrix(|x| here!(x.slice_step(1, 0, 3, 0)));
    slice_to_the_largest_number: operands("slice", ["length 3"]) => matrix(|x| here!(x.slice_axis(1, 0, usize::MAX)));
    slice_last_of_a_number: operands("slice", ["rank 0"]) => vectors(|x, _| here!(x.sum().slice_last(0, 1)));
    reshape_to_another_count: operands("reshape", ["f64[2,3]", "6 elements", "[4]"]) => matrix(|x| here!(x.reshape(&[4])));
    reshape_to_more_than_there_is: operands("reshape", ["6 elements"]) => matrix(|x| here!(x.reshape(&[usize::MAX, 2])));
    permute_twice_the_same: operands("permute", ["[0, 0]", "2 axes", "once"]) => matrix(|x| here!(x.permute(&[0, 0])));
    permute_too_few: operands("permute", ["[0]"]) => matrix(|x| here!(x.permute(&[0])));
    broadcast_to_fewer: operands("broadcast_to", ["f64[2,3]", "[3]"]) => matrix(|x| here!(x.broadcast_to(&[3])));
    broadcast_to_another_length: operands("broadcast_to", ["[2, 4]"]) => matrix(|x| here!(x.broadcast_to(&[2, 4])));
    broadcast_beyond_memory: operands("broadcast_to", ["more bytes than memory has addresses"]) => {
        vectors(|x, _| here!(x.broadcast_to(&[usize::MAX / 2, 2])))
    };
    flip_of_an_axis_that_is_not_there: operands("flip", ["axis 2", "rank 2"]) => matrix(|x| here!(x.flip(&[0, 2])));
    pad_too_few: operands("pad", ["1 axes before and 2 after", "rank 2"]) => matrix(|x| here!(x.pad(&[1], &[1, 1])));
    pad_beyond_memory: operands("pad", ["f64[2]"]) => vectors(|x, _| here!(x.pad(&[usize::MAX], &[1])));
    concat_of_nothing: operands("concat", ["nothing"]) => vectors(|_, _| here!(concat(0, &[])));
    concat_of_another_width: operands("concat", ["f64[2,3], f64[2]", "part 1"]) => matrix(|x| here!(concat(0, &[x, x.sum_axis(1)])));
    concat_of_narrower_rows: operands("concat", ["f64[2,3], f64[2,2]", "other axes than axis 0"]) => matrix(|x| here!(concat(0, &[x, x.slice_last(0, 2)])));
    concat_along_an_axis_that_is_not_there: operands("concat", ["axis 1", "rank 1", "stack"]) => vectors(|x, _| here!(concat(1, &[x, x])));
    stack_of_different_lengths: operands("stack", ["f64[2], f64[3]", "part 1"]) => vectors(|x, y| here!(stack(&[x, y])));
    stack_of_nothing: operands("stack", ["nothing"]) => vectors(|_, _| here!(stack::<f64>(&[])));

    sum_over_an_axis_that_is_not_there: operands("sum_axis", ["f64[2,3]", "[2]", "rank 2"]) => matrix(|x| here!(x.sum_axis(2)));
    mean_over_an_axis_that_is_not_there: operands("mean_axis", ["[5]", "rank 2"]) => matrix(|x| here!(x.mean_axis(5)));
    prod_over_an_axis_that_is_not_there: operands("prod_axis", ["[2]"]) => matrix(|x| here!(x.prod_axis(2)));
    max_over_an_axis_that_is_not_there: operands("max_axis", ["[2]"]) => matrix(|x| here!(x.max_axis(2)));
    min_over_an_axis_that_is_not_there: operands("min_keep", ["[2]"]) => matrix(|x| here!(x.min_keep(&[2])));
    logsumexp_over_an_axis_that_is_not_there: operands("logsumexp_axis", ["[2]"]) => matrix(|x| here!(x.logsumexp_axis(2)));
    norm_over_an_axis_that_is_not_there: operands("norm_l2_axis", ["[2]"]) => matrix(|x| here!(x.norm_l2_axis(2)));
    softmax_over_an_axis_that_is_not_there: operands("softmax", ["[2]"]) => matrix(|x| here!(x.softmax(2)));
    log_softmax_over_an_axis_that_is_not_there: operands("log_softmax", ["[2]"]) => matrix(|x| here!(x.log_softmax(2)));
    cumulative_sum_along_an_axis_that_is_not_there: operands("cumulative_sum", ["axis 2", "rank 2"]) => matrix(|x| here!(x.cumulative_sum(2)));
    sum_over_axes_in_disorder: operands("sum_axes", ["[1, 0]", "ascending"]) => matrix(|x| here!(x.sum_axes(&[1, 0])));
    sum_over_one_axis_twice: operands("sum_keep", ["[1, 1]", "once"]) => matrix(|x| here!(x.sum_keep(&[1, 1])));

    indices_where_numbers_are_expected: operands("add", ["f64[2], u32[2]", "element types differ", "`cast`"]) => {
        Function::record((shape![2], index![2]), |(x, i)| here!(x + Var::from_dyn(i.to_dyn())))
    };
    indices_in_a_dot: operands("dot", ["f64[2], u32[2]"]) => {
        Function::record((shape![2], index![2]), |(x, i)| here!(x.dot(Var::from_dyn(i.to_dyn()))))
    };
    the_exponential_of_indices: operands("exp", ["u32[2]", "`real`"]) => {
        Function::record(index![2], |i| here!(Var::<f64>::from_dyn(i.to_dyn()).exp()))
    };

    rows_of_a_number: operands("rows", ["f64[], u32[2]", "axis 0"]) => Function::record((shape![], index![2]), |(x, i)| here!(x.rows(i)));
    take_along_an_axis_that_is_not_there: operands("take", ["f64[2], u32[2]", "axis 1"]) => {
        Function::record((shape![2], index![2]), |(x, i)| here!(x.take(i, 1)))
    };
    scatter_with_other_axes: operands("scatter_add", ["f64[2], u32[3]", "axes 0..1"]) => {
        Function::record((shape![2], index![3]), |(x, i)| here!(x.scatter_add(i, 0, 4)))
    };
    a_window_longer_than_the_array: operands("slice_at", ["f64[2], u32[]", "3 rows"]) => {
        Function::record((shape![2], index![]), |(x, i)| here!(x.slice_at(i, 3)))
    };
    a_window_from_a_vector_of_starts: operands("slice_at", ["f64[2], u32[3]", "one u32"]) => {
        Function::record((shape![2], index![3]), |(x, i)| here!(x.slice_at(i, 1)))
    };
    a_place_shorter_than_the_array: operands("place_at", ["f64[2], u32[]", "more rows"]) => {
        Function::record((shape![2], index![]), |(x, i)| here!(x.place_at(i, 1)))
    };
    matmul_of_other_lengths: operands("matmul", ["f64[2,3], f64[2,3]", "axis 1 of the left has length 3"]) => matrix(|x| here!(x.matmul(x)));
    matmul_of_other_batches: operands("matmul", ["f64[2,3,3], f64[4,3,3]", "axis 0 of the left has length 2"]) => {
        Function::record((shape![2, 3, 3], shape![4, 3, 3]), |(a, b)| here!(a.matmul(b)))
    };
    matmul_of_another_rank: operands("matmul", ["f64[2,3,3], f64[3]"]) => {
        Function::record((shape![2, 3, 3], shape![3]), |(a, b)| here!(a.matmul(b)))
    };
    matmul_of_numbers: operands("matmul", ["f64[], f64[]"]) => vectors(|x, y| here!(x.sum().matmul(y.sum())));
    inverse_of_an_oblong: operands("inverse", ["f64[2,3]"]) => matrix(|x| here!(x.inverse()));
    inverse_of_a_number: operands("inverse", ["f64[]"]) => matrix(|x| here!(x.sum().inverse()));
    log_det_positive_of_a_vector: operands("log_det_positive", ["f64[2]"]) => vectors(|x, _| here!(x.log_det_positive()));
    lower_triangle_of_a_vector: operands("lower_triangle", ["f64[2]"]) => vectors(|x, _| here!(x.lower_triangle()));
    solve_triangular_with_a_long_right_hand_side: operands("solve_triangular", ["f64[3,3], f64[4]", "3 rows"]) => {
        Function::record((shape![3, 3], shape![4]), |(a, b)| here!(a.solve_triangular(b, Triangle::LOWER)))
    };
    convolution_of_other_channels: operands("convolve", ["channels", "f64[1,2,5,5], f64[4,3,3,3]"]) => {
        Function::record((shape![1, 2, 5, 5], shape![4, 3, 3, 3]), |(x, w)| here!(x.convolve(w, Boundary::Zero, [1, 1])))
    };
    convolution_with_a_vector: operands("convolve", ["f64[2,3], f64[3]", "[batch, channels, rows, columns]"]) => {
        Function::record((shape![2, 3], shape![3]), |(x, w)| here!(x.convolve(w, Boundary::Zero, [1, 1])))
    };
    convolution_by_strides_of_0: operands("convolve", ["stride is 0"]) => matrix(|x| here!(x.convolve(x, Boundary::Zero, [0, 1])));
    convolution_with_a_filter_larger_than_the_image: operands("convolve", ["a filter of 3", "choose a boundary"]) => {
        Function::record((shape![2, 3], shape![3, 3]), |(x, w)| here!(x.convolve(w, Boundary::Valid, [1, 1])))
    };
    differences_along_an_axis_that_is_not_there: operands("difference", ["f64[2,3] has no axis 2"]) => matrix(|x| here!(x.difference(2, Edge::Zero)));
    random_numbers_with_a_vector_of_counters: operands("normal", ["u32[2]", "one number"]) => {
        Function::record(index![2], |i| here!(normal(1, i, shape![3])))
    };
    random_indices_below_0: operands("random_index", ["no index below 0"]) => vectors(|x, _| x.rows(here!(random_index(1, 0, index![2], 0))));
    more_indices_than_can_be_counted: operands("iota", ["5000000000", "u32"]) => vectors(|x, _| x.rows(here!(iota(5_000_000_000))));
    a_sparse_matrix_with_a_column_beyond_its_width: argument("Csr::new", ["column"]) => {
        here!(record::Csr::new([1, 3], vec![0, 1], vec![3], vec![1.0]))
    };
    a_sparse_matrix_of_another_width: operands("sparse_dot", ["f64[2]"]) => {
        let a = record::Csr::new([1, 3], vec![0, 1], vec![2], vec![1.0])?;
        Function::record(shape![2], |x| here!(record::csr(&a).dot(x)))
    };
    a_sparse_matrix_whose_rows_are_named_by_a_number: operands("sparse_product", ["u32[]", "vector of indices"]) => {
        let a = record::Csr::new([1, 3], vec![0, 1], vec![2], vec![1.0])?;
        Function::record((shape![3], index![]), |(x, i)| here!(record::csr(&a).rows(i).dot(x)))
    };
    a_sparse_matrix_with_too_few_values: operands("sparse_product", ["1 entries", "f64[3]", "one value for each entry"]) => {
        let a = record::Pattern::new([1, 3], vec![0, 1], vec![2])?;
        Function::record(shape![3], |x| here!(record::csr_with(&a, x).dot(x)))
    };

    a_literal_that_is_not_a_number: non_finite("a literal", ["NaN"]) => vectors(|x, _| here!(x + f64::NAN));
    a_scalar_that_is_not_a_number: non_finite("a literal", ["NaN"]) => vectors(|x, _| x + here!(scalar(f64::NAN)));
    a_constant_with_an_infinity: non_finite("a constant", ["[1]", "inf", "clean the data"]) => {
        vectors(|x, _| x + here!(constant(arr1(&[1.0, f64::INFINITY]))))
    };
    a_single_precision_constant_that_is_not_a_number: non_finite("a constant", ["[0]", "NaN"]) => {
        Function::record(shape![f32; 1], |x| x + here!(constant(arr1(&[f32::NAN]))))
    };
    an_exponent_that_is_not_a_number: operands("powf", ["NaN", "finite"]) => vectors(|x, _| here!(x.powf(f64::NAN)));
    a_clamp_upside_down: operands("clamp", ["[2, 1] is empty"]) => vectors(|x, _| here!(x.clamp(2.0, 1.0)));
    a_negative_threshold: operands("soft_threshold", ["-0.5", "not negative"]) => vectors(|x, _| here!(x.soft_threshold(-0.5)));
    an_input_beyond_memory: argument("record", ["more bytes than memory has addresses"]) => {
        here!(Function::record(shape![usize::MAX, 3], |x| x))
    };
}
