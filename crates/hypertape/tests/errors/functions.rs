//! Functions called, differentiated and run with what does not fit them.
use crate::{here, wrong};
use hypertape::prelude::*;
use ndarray::{Array1, Array2, arr0, arr1, arr2};

/// x ↦ a·eˣ, a vector.
fn vector() -> Result<Function<(Leaf, Leaf), Leaf>> {
    Function::record((shape![2], shape![]), |(x, a)| a * x.exp())
}

/// A number.
fn number() -> Result<Function<(Leaf, Leaf), Leaf>> {
    Function::record((shape![2], shape![]), |(x, a)| (a * x.exp()).sum())
}

fn x() -> Array1<f64> {
    arr1(&[1.0, 2.0])
}

wrong! {
    a_call_with_other_shapes: operands("call", ["(f64[2], f64[])", "operands f64[3], f64[]"]) => {
        let f = number()?;
        Function::record(shape![3], |x| here!(f.call((x, 1.0))))
    };
    a_call_with_fewer_variables: argument("call", ["lengths [2]", "given [1]"]) => {
        let f = Function::record(vec![shape![2], shape![2]], |x| x[0] + x[1])?;
        Function::record(shape![2], |x| here!(f.call(vec![x])))
    };
    a_call_of_a_function_that_failed: argument("gradient", ["f64[2]"]) => {
        let g = here!(vector()?.wrt(|(x, _)| x).gradient());
        Function::record(shape![2], |x| g.call((x, 1.0)))
    };
    a_rebinding_to_other_shapes: operands("call", ["(f64[2], f64[])"]) => {
        let f = number()?;
        here!(f.rebind(shape![3], |x| (x, x.sum())))
    };
    wrt_something_computed: argument("wrt", ["is computed", "own inputs"]) => {
        here!(number()?.wrt(|(x, _)| 2.0 * x)).gradient().eval((&x(), 1.0))
    };
    wrt_the_same_twice: argument("wrt", ["chosen twice", "once"]) => {
        here!(number()?.wrt(|(x, _)| (x, x))).gradient().eval((&x(), 1.0))
    };
    wrt_shapes_that_do_not_fit: operands("add", ["f64[2], f64[3]"]) => {
        number()?.wrt(|(x, _)| here!(x + zeros(shape![3]))).gradient().eval((&x(), 1.0))
    };
    an_output_that_is_computed: argument("output", ["own inputs or outputs"]) => {
        here!(number()?.output(|y| y.exp())).eval((&x(), 1.0))
    };
    the_gradient_of_a_vector: argument("gradient", ["one real number", "f64[2]", "sum it, or use `vjp`"]) => {
        here!(vector()?.gradient((&x(), 1.0)))
    };
    the_value_and_gradient_of_a_vector: argument("gradient", ["f64[2]"]) => here!(vector()?.value_and_gradient((&x(), 1.0)));
    the_gradient_function_of_a_vector: argument("gradient", ["f64[2]"]) => {
        let g = here!(vector()?.wrt(|(x, _)| x).gradient());
        g.eval((&x(), 1.0))
    };
    the_value_and_gradient_of_an_output_that_is_a_vector: argument("gradient", ["one real number", "f64[2]"]) => {
        let g = Function::record((shape![2], shape![]), |(x, a)| ((a * x).sum(), x))?;
        let g = here!(g.wrt(|(x, _)| x).value_and_gradient_of(|(_, x)| x));
        g.eval((&x(), 1.0))
    };
    the_value_and_gradient_of_what_is_computed: argument("value_and_gradient_of", ["is computed", "own inputs or outputs"]) => {
        let g = Function::record((shape![2], shape![]), |(x, a)| ((a * x).sum(), x))?;
        let g = here!(g.wrt(|(x, _)| x).value_and_gradient_of(|(loss, x)| loss + x.sum()));
        g.eval((&x(), 1.0))
    };
    the_hessian_of_a_vector: argument("gradient", ["f64[2]"]) => {
        let h = here!(vector()?.wrt(|(x, _)| x).hessian());
        h.workspace().run((&x(), 1.0)).map(|_| ())
    };
    the_hvp_of_a_vector: argument("gradient", ["f64[2]"]) => here!(vector()?.hvp((&x(), 1.0), (&x(), 1.0)));
    the_hvp_function_of_a_vector: argument("gradient", ["f64[2]"]) => {
        let h = here!(vector()?.wrt(|(x, _)| x).hvp());
        h.plan()
    };
    a_check_of_the_gradient_of_a_vector: argument("gradient", ["f64[2]"]) => here!(vector()?.check_gradient((&x(), 1.0)));

    a_longer_vector: input((0, 2), ["input 0 of 2", "expected f64[2]", "given f64[3]"]) => here!(number()?.eval((&arr1(&[1.0, 2.0, 3.0]), 1.0)));
    a_matrix_for_a_vector: input((0, 2), ["expected f64[2]", "given f64[1,2]"]) => here!(number()?.eval((&arr2(&[[1.0, 2.0]]), 1.0)));
    a_vector_for_a_number: input((1, 2), ["expected f64[]", "given f64[1]"]) => here!(number()?.eval((&x(), &arr1(&[1.0]))));
    too_few_arrays: argument("run", ["takes 2 arrays, given 1"]) => {
        here!(Function::record(vec![shape![2], shape![2]], |v| v[0] + v[1])?.eval(vec![x()]))
    };
    too_many_arrays: argument("run", ["takes 2 arrays, given 3"]) => {
        here!(Function::record(vec![shape![2], shape![2]], |v| v[0] + v[1])?.eval(vec![x(), x(), x()]))
    };
    an_input_that_is_not_a_number: non_finite("input 0 of 2", ["[1]", "NaN", "clean the data"]) => here!(number()?.eval((&arr1(&[1.0, f64::NAN]), 1.0)));
    an_infinite_input: non_finite("input 1 of 2", ["inf"]) => here!(number()?.eval((&x(), f64::INFINITY)));
    a_gradient_at_what_is_not_a_number: non_finite("input 0 of 2", ["[0]"]) => here!(number()?.gradient((&arr1(&[f64::NAN, 1.0]), 1.0)));
    a_tangent_of_another_shape: input((0, 2), ["direction 0 of 2", "expected f64[2]", "given f64[3]"]) => here!(number()?.jvp((&x(), 1.0), (&arr1(&[1.0, 2.0, 3.0]), 1.0)));
    a_cotangent_of_another_shape: input((0, 1), ["cotangent 0 of 1", "expected f64[2]", "given f64[]"]) => here!(vector()?.vjp((&x(), 1.0), 1.0));
    a_direction_that_is_not_a_number: non_finite("direction 1 of 2", []) => here!(number()?.hvp((&x(), 1.0), (&x(), f64::NAN)));
    linearized_at_another_shape: input((0, 2), ["given f64[1]"]) => here!(number()?.linearize((&arr1(&[1.0]), 1.0)));
    a_linear_map_of_another_shape: input((0, 2), ["expected f64[2]", "given f64[1]"]) => {
        let mut l = number()?.linearize((&x(), 1.0))?;
        here!(l.apply((&arr1(&[1.0]), 1.0)))
    };
    a_transposed_map_of_another_shape: input((0, 1), ["expected f64[]", "given f64[2]"]) => {
        let mut l = number()?.linearize((&x(), 1.0))?;
        here!(l.apply_transpose(x()))
    };
    a_linear_map_of_what_is_not_a_number: non_finite("direction 1 of 2", ["NaN"]) => {
        let mut l = number()?.linearize((&x(), 1.0))?;
        here!(l.apply((&x(), f64::NAN)))
    };
    a_workspace_given_another_shape: input((0, 2), ["given f64[1]"]) => {
        let f = number()?;
        let mut w = f.workspace();
        here!(w.run((&arr1(&[1.0]), 1.0))).map(|_| ())
    };
    results_written_into_another_shape: argument("run_into", ["output 0 is f64[2]", "is f64[3]", "make it of that shape"]) => {
        let f = vector()?;
        let mut out = Array1::zeros(3).into_dyn();
        here!(f.workspace().run_into((&x(), 1.0), &mut out))
    };
    results_written_into_fewer_arrays: argument("run_into", ["lengths [2]", "have [1]"]) => {
        let f = Function::record(shape![2], |x| vec![x, x.exp()])?;
        let mut out = vec![Array1::zeros(2).into_dyn()];
        here!(f.workspace().run_into(x(), &mut out))
    };
    doors_that_do_not_fit: argument("with_doors", ["inputs are (f64[2], f64[])", "(f64[3])"]) => {
        let p = number()?.program()?;
        here!(Function::with_doors((*p).clone(), shape![3], shape![]))
    };
}

#[test]
fn a_workspace_runs_on_after_a_wrong_input() {
    let f = number().expect("nothing is wrong with it");
    let mut w = f.workspace();
    let fine = |w: &mut Workspace<(Leaf, Leaf), Leaf>| w.run((&arr1(&[0.0, 0.0]), 1.5)).expect("it runs")[[]];
    assert_eq!(fine(&mut w), 3.0);
    assert!(w.run((&arr1(&[0.0]), 1.5)).is_err());
    assert!(w.run((&arr1(&[0.0, f64::NAN]), 1.5)).is_err());
    assert_eq!(fine(&mut w), 3.0);
}

#[test]
fn views_of_any_strides_fit() {
    let m = Array2::from_shape_fn((3, 2), |(i, j)| (3 * j + i) as f64);
    let f = Function::record(shape![2, 3], |x| x).expect("nothing is wrong with it");
    assert_eq!(f.eval(m.t()).expect("it fits"), m.t().into_dyn());
    let g = Function::record(shape![], |x| x).expect("nothing is wrong with it");
    assert_eq!(g.eval(arr0(1.0)).expect("it fits")[[]], 1.0);
}
