//! Loops and branches that do not fit together, and mistakes inside their bodies.
use crate::{here, wrong};
use hypertape::prelude::*;

wrong! {
    a_carry_that_grows: operands("scan", ["carry 0 starts as f64[2] and is handed on as f64[4]", "the type that it starts with"]) => {
        Function::record(shape![2], |x| here!(scan(x, 3, |c, _| (concat(0, &[c, c]), ()))).0)
    };
    a_carry_that_is_summed: operands("scan", ["carry 1 starts as f64[2] and is handed on as f64[]"]) => {
        Function::record(shape![2], |x| here!(scan((x, x), 3, |(a, b), _| ((a, b.sum()), ()))).0)
    };
    a_carry_of_more_variables: argument("scan", ["starts as 1 variables and is handed on as 2"]) => {
        Function::record(shape![2], |x| here!(scan(vec![x], 3, |c, _| (vec![c[0], c[0]], ()))).0)
    };
    a_carry_of_fewer_variables: argument("scan", ["starts as 2 variables and is handed on as 1"]) => {
        Function::record(shape![2], |x| here!(scan(vec![x, x], 3, |c, _| (vec![c[0]], c[1]))).0)
    };
    a_carry_of_no_variables: argument("scan", ["starts as 2 variables and is handed on as 0"]) => {
        Function::record(shape![2], |x| here!(scan(vec![x, x], 3, |_, _| (vec![], ()))).0)
    };
    items_of_different_numbers: argument("scan", ["leading axes of length 2 and 3"]) => {
        Function::record((shape![2], shape![3]), |(x, y)| here!(scan(x.sum(), (x, y), |c, (a, b)| (c + a * b, ()))).0)
    };
    an_item_without_a_leading_axis: argument("scan", ["f64[] has none", "number of steps"]) => {
        Function::record(shape![2], |x| here!(scan(x, x.sum(), |c, s| (c * s, ()))).0)
    };
    a_map_over_nothing: argument("map", ["nothing to run over", "number of steps"]) => {
        Function::record(shape![2], |x| here!(map((), |()| x)))
    };
    a_map_over_different_numbers: argument("map", ["length 2 and 3"]) => {
        Function::record((shape![2], shape![3]), |(x, y)| here!(map((x, y), |(a, b)| a * b)))
    };
    a_test_that_is_not_one_number: operands("scan_until", ["the test of the loop is f64[2]", "a norm or a sum"]) => {
        Function::record(shape![2], |x| here!(scan_until(x, 9, |c| c.less_than(1e-3), |c, _| 0.5 * c)))
    };
    a_stopping_loop_whose_carry_changes: operands("scan_until", ["carry 0 starts as f64[2] and is handed on as f64[]"]) => {
        Function::record(shape![2], |x| here!(scan_until(x, 9, |c| c.sum(), |c, _| c.sum())))
    };
    a_stopping_loop_whose_carry_gains_a_variable: argument("scan_until", ["1 variables", "2"]) => {
        Function::record(shape![2], |x| here!(scan_until(vec![x], 9, |c| c[0].sum(), |c, _| vec![c[0], c[0]])).remove(0))
    };
    branches_of_different_shapes: operands("cond", ["(f64[2]) and (f64[])", "make them alike"]) => {
        Function::record(shape![2], |x| here!(cond(x.sum(), || x, || x.sum())))
    };
    branches_of_different_numbers_of_variables: argument("cond", ["lengths [1] and [2]", "make them alike"]) => {
        Function::record(shape![2], |x| here!(cond(x.sum(), || vec![x], || vec![x, x])).remove(0))
    };
    a_branch_on_a_vector: operands("cond", ["the test is f64[2]", "`select`"]) => {
        Function::record(shape![2], |x| here!(cond(x, || x, || 2.0 * x)))
    };

    more_steps_than_can_be_counted: argument("scan", ["5000000000 steps", "nest two loops"]) => {
        Function::record(shape![2], |x| here!(scan(x, 5_000_000_000, |c, _| (c, ()))).0)
    };
    a_test_that_is_not_a_number: numeric("cond", ["the test is NaN", "comparison"]) => {
        Function::record(shape![], |x| here!(cond(x.ln(), || x, || 2.0 * x)))?.eval(-1.0)
    };
    a_test_of_a_loop_that_is_not_a_number: numeric("scan_until", ["the test is NaN"]) => {
        Function::record(shape![], |x| here!(scan_until(x, 5, |c| c.ln(), |c, _| 0.5 * c)))?.eval(-1.0)
    };

    inside_a_scan: operands("add", ["f64[2], f64[3]"]) => {
        Function::record((shape![2], shape![3]), |(x, y)| {
            scan(x, 3, |c, _| {
                let d = c.exp();
                (here!(d + y), ())
            })
            .0
        })
    };
    inside_a_stopping_loop: operands("dot", ["f64[2], f64[3]"]) => {
        Function::record((shape![2], shape![3]), |(x, y)| {
            scan_until(x, 3, |c| c.sum(), |c, _| c * here!(c.dot(y)))
        })
    };
    inside_the_test_of_a_stopping_loop: operands("trace", ["f64[2]"]) => {
        Function::record(shape![2], |x| scan_until(x, 3, |c| here!(c.trace()), |c, _| 0.5 * c))
    };
    inside_a_branch: operands("reshape", ["f64[2]"]) => {
        Function::record(shape![2], |x| cond(x.sum(), || x, || here!(x.reshape(&[3]))))
    };
    inside_a_map: operands("mul", ["f64[3], f64[2]"]) => {
        Function::record((shape![2, 3], shape![2]), |(x, y)| map(x, |row| here!(row * y)))
    };
    inside_a_loop_inside_a_map_inside_a_branch: operands("sub", ["f64[3], f64[2]"]) => {
        Function::record((shape![2, 3], shape![2]), |(x, y)| {
            cond(y.sum(), || map(x, |row| scan(row, 4, |c, _| (here!(c - y), ())).0), || x)
        })
    };
    a_call_inside_a_loop: operands("call", ["(f64[2])", "f64[3]"]) => {
        let f = Function::record(shape![2], |x| x.exp())?;
        Function::record(shape![3], |x| scan(x, 4, |c, _| (here!(f.call(c)), ())).0)
    };
    a_constant_inside_a_loop: non_finite("a constant", ["NaN"]) => {
        Function::record(shape![1], |x| scan(x, 4, |c, _| (c + here!(constant(ndarray::arr1(&[f64::NAN]))), ())).0)
    };
}

#[test]
fn a_loop_of_no_steps_gives_back_its_start() {
    let f = Function::record(shape![2], |x| scan(x, 0, |c, _| (2.0 * c, ())).0).expect("it may be empty");
    assert_eq!(f.eval(ndarray::arr1(&[1.0, 2.0])).expect("it runs").as_slice(), Some(&[1.0, 2.0][..]));
}

/// Branches in branches, so deep.
fn nested(depth: usize, x: hypertape::record::Var) -> hypertape::record::Var {
    if depth == 0 {
        return x.sin();
    }
    hypertape::record::cond(x.less_than(hypertape::record::scalar(2.0)), || nested(depth - 1, x), || x)
}

#[test]
fn what_is_nested_too_deep_is_an_error_and_does_not_end_the_process() {
    use hypertape::{ErrorKind, Function, shape};
    // The stack of a main thread: code that is not optimised needs more for 64 levels than the 2 MiB of other threads.
    let deep = std::thread::Builder::new().stack_size(8 << 20).spawn(|| {
        let f = Function::record(shape![], |x| nested(64, x)).unwrap();
        assert!((f.eval(0.5).unwrap().first().copied().unwrap() - 0.5f64.sin()).abs() < 1e-16);
        let e = Function::record(shape![], |x| nested(1000, x)).unwrap_err();
        assert!(matches!(e.kind(), ErrorKind::TooMany { given: 65, most: 64, .. }), "{e}");
    });
    deep.unwrap().join().unwrap();
}
