//! What a program that calls this library decides by: the kind of an error and its numbers, never its words.
use hypertape::error::{Choice, Compressed, Fed, IndexRange, Many, Matrix, Misfit, Nothing, Order, Scalar as One, Stretch, Typed, Vectors};
use hypertape::prelude::*;
use hypertape::{Lacking, Site, Within};
use ndarray::{Array2, Array3, arr1, arr2};
use std::error::Error as _;

/// The error of a wrong program.
fn failed<T>(wrong: impl FnOnce() -> Result<T>) -> Error {
    match wrong() {
        Ok(_) => panic!("accepted"),
        Err(e) => e,
    }
}

/// A test for each wrong program: its name, the kind of its error, and the program.
macro_rules! kinds {
    ($($name:ident: $kind:pat $(if $numbers:expr)? => $wrong:expr;)*) => { $(
        #[test]
        fn $name() {
            let e = failed(|| $wrong);
            assert!(matches!(e.kind(), $kind $(if $numbers)?), "{:?}", e.kind());
        }
    )* };
}

/// x ↦ Σ x², of two numbers.
fn squares() -> Result<Function<Leaf, Leaf>> {
    Function::record(shape![2], |x| x.square().sum())
}

/// ½‖z‖² − a·z.
fn quadratic() -> Result<Function<(Leaf, Leaf), Leaf>> {
    Function::record((shape![2], shape![2]), |(z, a)| 0.5 * z.dot(z) - a.dot(z))
}

/// A function of a vector, a matrix and a vector of another length.
fn recorded(body: impl FnOnce(Var, Var, Var) -> Var) -> Result<Function<(Leaf, Leaf, Leaf), Leaf>> {
    Function::record((shape![2], shape![2, 3], shape![3]), |(x, m, y)| body(x, m, y))
}

/// A variable of a recording that is over.
fn leaked() -> Var {
    let mut out = None;
    let made = Function::record(shape![2], |x| {
        out = Some(x);
        x
    });
    assert!(made.is_ok());
    out.expect("the body ran")
}

kinds! {
    a_foreign_variable: ErrorKind::ForeignVariable => {
        let old = leaked();
        Function::record(shape![2], |x| x + old)
    };
    a_variable_that_left_a_body: ErrorKind::LeftBody => Function::record(shape![2], |x| {
        let mut inner = x;
        let _ = scan(x, 3, |c, _| { inner = c.exp(); (inner, ()) });
        x + inner
    });
    a_variable_made_outside: ErrorKind::OutsideRecording => {
        let made = zeros(shape![2]);
        Function::record(shape![2], |x| x + made)
    };
    an_input_of_another_shape: ErrorKind::Input { role: "input", leaf: 0, leaves: 1, expected, given } if expected.shape[..] == [2] && given.shape[..] == [3] => {
        squares()?.eval(arr1(&[1.0, 2.0, 3.0]))
    };
    a_number_that_is_no_index: ErrorKind::NotAnIndex { value, place, range: IndexRange::U32, .. } if *value == -1.0 && place[..] == [1] => {
        Function::record((shape![3], shape![2]), |(t, x)| t.rows(x.index()))?.eval((&arr1(&[1.0, 2.0, 3.0]), &arr1(&[0.0, -1.0])))
    };
    too_few_arrays: ErrorKind::Count { expected: 2, given: 1, .. } => {
        Function::record(vec![shape![2], shape![2]], |v| v[0] + v[1])?.eval(vec![arr1(&[1.0, 2.0])])
    };
    a_call_with_a_shorter_vector: ErrorKind::Lengths { of: Vectors::Called, expected, given } if expected[..] == [2] && given[..] == [1] => {
        let f = Function::record(vec![shape![2], shape![2]], |v| v[0] + v[1])?;
        Function::record(shape![2], |x| f.call(vec![x]))
    };
    a_carry_that_is_summed: ErrorKind::Types { of: Typed::Carry(0), expected, given } if expected[0].shape[..] == [2] && given[0].shape.is_empty() => {
        Function::record(shape![2], |x| scan(x, 3, |c, _| (c.sum(), ())).0)
    };
    an_input_that_is_not_a_number: ErrorKind::NotFinite { index, value, .. } if index[..] == [1] && value.is_nan() => {
        squares()?.eval(arr1(&[1.0, f64::NAN]))
    };
    a_constant_that_is_not_a_number: ErrorKind::NotFinite { index, value, .. } if index[..] == [0] && value.is_nan() => {
        Function::record(shape![2], |x| x + constant(arr1(&[f64::NAN, 1.0])))
    };
    a_literal_that_is_not_a_number: ErrorKind::NotFinite { index, value, .. } if index.is_empty() && value.is_nan() => {
        Function::record(shape![2], |x| x * f64::NAN)
    };
    shapes_that_do_not_broadcast: ErrorKind::Broadcast { shapes, to: None } if shapes[0][..] == [2] && shapes[1][..] == [3] => {
        recorded(|x, _, y| x + y)
    };
    a_shape_that_does_not_broadcast_to_another: ErrorKind::Broadcast { shapes, to: Some(to) } if shapes[0][..] == [2, 3] && to[..] == [2, 4] => {
        recorded(|_, m, _| m.broadcast_to(&[2, 4]))
    };
    a_product_of_other_lengths: ErrorKind::Contracted { left_axis: 1, left: 3, right_axis: 0, right: 2 } => recorded(|x, m, _| m.dot(x));
    matrices_of_other_lengths: ErrorKind::Contracted { left_axis: 1, left: 3, right_axis: 0, right: 2 } => recorded(|_, m, _| m.matmul(m));
    an_axis_out_of_range: ErrorKind::AxisOutOfRange { axis: 2, rank: 2, .. } => recorded(|_, m, _| m.cumulative_sum(2));
    a_repeated_axis: ErrorKind::Axes { axes, rank: 2, order: Order::Ascending } if axes[..] == [1, 1] => recorded(|_, m, _| m.sum_axes(&[1, 1]));
    an_order_with_a_repeated_axis: ErrorKind::Axes { axes, rank: 2, order: Order::Permutation } if axes[..] == [0, 0] => {
        recorded(|_, m, _| m.permute(&[0, 0]))
    };
    a_slice_beyond_the_end: ErrorKind::Range { of: Stretch::Slice, from: 1, to: 4, axis: 1, length: 3 } => recorded(|_, m, _| m.slice_axis(1, 1, 4));
    a_window_beyond_the_end: ErrorKind::Range { of: Stretch::Window, from: 2, to: 4, axis: 0, length: 3 } => {
        Function::record((shape![3], index![]), |(x, i)| x.slice_at(i, 2))?.eval((&arr1(&[1.0, 2.0, 3.0]), 2_u32))
    };
    an_index_out_of_range: ErrorKind::IndexOutOfRange { index: 3, place, axis: Some(0), length: 3 } if place[..] == [1] => {
        Function::record((shape![3], index![2]), |(x, i)| x.rows(i))?.eval((&arr1(&[1.0, 2.0, 3.0]), &arr1(&[0_u32, 3])))
    };
    a_shape_that_is_not_filled: ErrorKind::Shape(Misfit::Reshape { elements: 6, shape }) if shape[..] == [4] => recorded(|_, m, _| m.reshape(&[4]));
    an_oblong_matrix: ErrorKind::Shape(Misfit::NotSquare { given }) if given.shape[..] == [2, 3] => recorded(|_, m, _| m.cholesky());
    the_mean_of_nothing: ErrorKind::Empty(Nothing::Mean) => Function::record(shape![0], |x| x.mean());
    nothing_to_concatenate: ErrorKind::Empty(Nothing::Concatenated) => recorded(|_, _, _| concat(0, &[]));
    more_steps_than_can_be_counted: ErrorKind::TooMany { of: Many::Steps, given: 5_000_000_000, .. } => {
        Function::record(shape![2], |x| scan(x, 5_000_000_000, |c, _| (c, ())).0)
    };
    a_leaf_chosen_twice: ErrorKind::Choice(Choice::Twice) => quadratic()?.wrt(|(x, _)| (x, x)).gradient().eval((&arr1(&[1.0, 2.0]), &arr1(&[1.0, 2.0])));
    the_gradient_of_a_vector: ErrorKind::NotOneNumber { of: One::Output, given } if given.shape[..] == [2] => {
        Function::record(shape![2], |x| x.exp())?.gradient(&arr1(&[1.0, 2.0]))
    };
    a_test_that_is_not_a_number: ErrorKind::TestIsNan => {
        Function::record(shape![], |x| cond(x.ln(), || x, || 2.0 * x))?.eval(-1.0)
    };
    a_sparse_matrix_of_too_few_columns: ErrorKind::Sparse(Compressed::Column { entry: 1, column: 7, columns: 5 }) => {
        Csr::new([2, 5], vec![0, 1, 2], vec![0, 7], vec![1.0, 2.0])
    };
    more_bytes_than_addresses: ErrorKind::Unaddressable { given, .. } if given.shape[..] == [usize::MAX / 2, 2] => {
        Function::record(shape![], |x| x.broadcast_to(&[usize::MAX / 2, 2]))
    };
    more_memory_than_there_is: ErrorKind::Memory { bytes, lacking: Lacking::Addresses | Lacking::Memory } if *bytes >= 1 << 62 => {
        let f = Function::record(shape![], |x: Var| (x.broadcast_to(&[1 << 59]), x.broadcast_to(&[1 << 59]).sin()))?;
        f.eval(1.0).map(|_| ())
    };
    a_step_size_that_is_a_negative_number: ErrorKind::Setting { what, value, element: None, .. } if what == "step size" && *value == -0.5 => {
        let solver = GradientDescent::new(&quadratic()?).step_size(Step::rule(|_| scalar(-0.5)));
        Function::record(shape![2], |a| solver.unroll(3).solve(zeros(shape![2]), a))
    };
    a_step_size_that_is_negative_when_it_runs: ErrorKind::Setting { what, value, element: None, .. } if what == "step size" && *value == -0.5 => {
        let f = quadratic()?;
        let f = Function::record((shape![2], shape![]), |(a, s)| GradientDescent::new(&f).step_size(s).unroll(3).solve(zeros(shape![2]), a))?;
        f.eval((&arr1(&[1.0, 2.0]), -0.5))
    };
    a_weight_that_is_negative: ErrorKind::Setting { value, .. } if *value == -1.0 => {
        Ista::new(&Composite::new(&quadratic()?, prox::l1::<Leaf, _>(prox::number(-1.0)))).step_size(0.5).solve(arr1(&[1.0, 2.0]), arr1(&[1.0, 2.0]))
    };
    bounds_upside_down: ErrorKind::Bounds { low, high, .. } if (*low, *high) == (1.0, 0.0) => {
        let solver = Ista::new(&Composite::new(&quadratic()?, prox::between::<Leaf, _>(|_| (scalar(1.0), scalar(0.0))))).step_size(0.5);
        Function::record(shape![2], |a| solver.unroll(3).solve(zeros(shape![2]), a))
    };
    a_singular_matrix: ErrorKind::Matrix(Matrix::Singular { pivot: 1, value, item: 0, items: 1 }) if *value == 0.0 => {
        Function::record(shape![2, 2], |a| a.solve(a.diagonal()))?.eval(arr2(&[[1.0, 2.0], [2.0, 4.0]]))
    };
    a_matrix_that_is_not_positive_definite: ErrorKind::Matrix(Matrix::NotPositiveDefinite { pivot: 1, value, rounding: false, .. }) if *value == -3.0 => {
        Function::record(shape![2, 2], |a| a.cholesky())?.eval(arr2(&[[1.0, 2.0], [2.0, 1.0]]))
    };
    rows_that_depend_on_each_other: ErrorKind::Matrix(Matrix::DependentRows { element: Some(1), .. }) => {
        let project = prox::affine::<(Leaf, Leaf), _>(|(a, b)| (*a, *b));
        let f = Function::record((shape![2], (shape![2, 2], shape![2])), |(v, p)| project.prox(v, scalar(1.0), &p))?;
        f.eval((&arr1(&[1.0, 2.0]), (&arr2(&[[1.0, 1.0], [1.0, 1.0]]), &arr1(&[1.0, 1.0]))))
    };
    more_rows_than_can_be_independent: ErrorKind::TooMany { of: Many::Rows, given: 3, most: 2 } => {
        let project = prox::affine::<(Leaf, Leaf), _>(|(a, b)| (*a, *b));
        Function::record((shape![2], (shape![3, 2], shape![3])), |(v, p)| project.prox(v, scalar(1.0), &p))
    };
    a_result_that_is_not_a_number: ErrorKind::Result { value, made, made_from: Some(Fed::Finite), .. } if value.is_nan() && made.is_nan() => {
        Function::record(shape![], |x| x.ln())?.eval(-1.0)
    };
    a_gradient_that_does_not_agree_with_differences: ErrorKind::GradientMismatch { gradient, difference, error, allowed }
        if error > allowed && (gradient / difference - 2.0).abs() < 1e-3 => {
        let f = Function::record(shape![2], |x| { let v = x.square().sum(); 2.0 * v - stop_gradient(&v) })?;
        f.check_gradient(arr1(&[1.0, 2.0]))?.verified()
    };
}

#[test]
fn an_unrolled_solver_that_diverges() {
    let e = failed(|| {
        let f = Function::record((shape![], shape![]), |(z, a)| 0.25 * (z - a).square().square())?;
        let solver = GradientDescent::new(&f).step_size(1.0);
        Function::record(shape![], |a| solver.unroll(50).solve(scalar(5.0), a))?.eval(0.0)
    });
    let ErrorKind::Diverged { iteration: Some(k), value, origin: Some(origin) } = e.kind() else { panic!("{:?}", e.kind()) };
    assert!((2..50).contains(k) && !value.is_finite() && !origin.backwards && origin.site.is_some(), "{:?}", e.kind());
    assert!(e.is_numeric() && e.operation() == "gradient descent");
}

#[test]
fn a_solve_that_diverges() {
    let e = failed(|| {
        let f = Function::record((shape![], shape![]), |(z, a)| 0.25 * (z - a).square().square())?;
        GradientDescent::new(&f).step_size(1.0).solve(5.0, 0.0)
    });
    assert!(matches!(e.kind(), ErrorKind::Diverged { iteration: Some(1..50), .. }), "{:?}", e.kind());
}

#[test]
fn an_item_of_a_map() {
    let e = failed(|| {
        let mut batch = Array3::zeros((3, 2, 2));
        batch.index_axis_mut(ndarray::Axis(0), 0).assign(&Array2::<f64>::eye(2));
        Function::record(shape![3, 2, 2], |a| map(a, |a| a.cholesky()))?.eval(&batch)
    });
    assert_eq!(e.within(), [Within { what: "item", index: 1 }]);
    assert!(matches!(e.kind(), ErrorKind::Matrix(Matrix::NotPositiveDefinite { pivot: 0, value, .. }) if *value == 0.0), "{:?}", e.kind());
}

#[test]
fn a_user_s_own_error_keeps_its_source() {
    #[derive(Debug, PartialEq)]
    struct Cut(u32);
    impl std::fmt::Display for Cut {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "cable {} is cut", self.0)
        }
    }
    impl std::error::Error for Cut {}
    let e = failed(|| {
        let residual = Function::record((shape![1], shape![]), |(z, a)| z - a)?;
        let root = implicit::root(&residual, |_, _| Err::<ndarray::Array1<f64>, _>(Cut(7)));
        Function::record(shape![], |a| root.solve(zeros(shape![1]), a).sum())?.eval(1.0)
    });
    assert!(matches!(e.kind(), ErrorKind::User { .. }), "{:?}", e.kind());
    assert_eq!(e.source().and_then(|s| s.downcast_ref::<Cut>()), Some(&Cut(7)));
    assert!(e.site().is_some_and(|s| s.file() == file!()));
}

#[test]
fn an_error_of_this_library_from_a_user_s_code_is_found_again() {
    let e = failed(|| {
        let residual = Function::record((shape![1], shape![]), |(z, a)| z - a)?;
        let other = Function::record(shape![1], |x| x + 1.0)?;
        let root = implicit::root(&residual, move |_, _| other.eval(arr1(&[1.0, 2.0])));
        Function::record(shape![], |a| root.solve(zeros(shape![1]), a).sum())?.eval(1.0)
    });
    let inner = e.source().and_then(|s| s.downcast_ref::<Error>()).map(Error::kind);
    assert!(matches!(inner, Some(ErrorKind::Input { leaf: 0, leaves: 1, .. })), "{:?}", e.kind());
}

#[test]
fn operation_operands_and_line_come_with_the_kind() {
    let mut line = 0;
    let e = failed(|| {
        recorded(|x, m, _| {
            line = line!() + 1;
            m.dot(x)
        })
    });
    assert_eq!(e.operation(), "dot");
    assert_eq!(e.operands().iter().map(|t| t.shape.to_vec()).collect::<Vec<_>>(), [vec![2, 3], vec![2]]);
    assert_eq!(e.site().map(|s| (s.file(), s.line())), Some((file!(), line)));
    assert!(!e.is_numeric() && e.within().is_empty() && e.source().is_none());
    // A binding says where in another language it was.
    let e = e.at(Site::new("model.py", 12, 0));
    assert!(e.to_string().starts_with("`dot` at model.py:12: "), "{e}");
}

/// What `main` prints of the README's first program when the data do not fit.
#[test]
fn the_front_door_with_a_wrong_shape_is_one_line() {
    let (x, y) = (Array2::<f64>::ones((40, 3)).into_shared(), ndarray::Array1::<f64>::ones(39).into_shared());
    let e = failed(|| {
        Function::record((shape![3], shape![]), |(theta, log_alpha)| {
            let (x, y) = (constant(&x), constant(&y));
            (-(y * x.dot(theta))).softplus().mean() + 0.5 * log_alpha.exp() * theta.square().sum()
        })
    });
    let said = format!("{e:?}");
    assert!(!said.contains('\n') && said.len() < 300, "{said}");
    for part in ["`mul` at ", "kinds.rs:", "f64[39], f64[40]", "broadcast"] {
        assert!(said.contains(part), "no `{part}` in: {said}");
    }
}

#[test]
fn the_front_door_with_a_wrong_start_is_one_line() {
    let e = failed(|| {
        let solver = GradientDescent::new(&quadratic()?).step_size(0.5);
        Function::record(shape![2], |a| solver.unroll(3).solve(zeros(shape![4]), a))
    });
    let said = format!("{e:?}");
    assert!(!said.contains('\n') && said.contains("`gradient descent` at ") && said.contains("kinds.rs:"), "{said}");
    assert!(said.contains("(f64[2])") && said.contains("operands f64[4]"), "{said}");
}
