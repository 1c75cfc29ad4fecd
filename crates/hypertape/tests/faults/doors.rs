//! Doors do not drop what does not fit.
//!
//! Looked at, and found:
//! - `Ranked::number`: gave the first of many elements, and 0 of none. It returns a `Result` now.
//! - `Ranked::d1`, `d2`: gave empty arrays for elements that do not lie in row-major order. They copy those now.
//! - vectors (`Vec`) in nestings: inputs, directions, results of `run_into`, arguments of `call`, carries of loops and results of branches with the
//!   same leaves in vectors of other lengths were taken as they came. Errors with both lengths now.
//! - `Vars::zip`, `minus`, `plus`, `add_scaled`, `inner`: the longer of two vectors was cut. An error now.
//! - `eval`, `run`, `run_into`, `apply`: numbers and types of leaves were checked already. `of_array`, `of_view` and their kin say `None`.
//! - views that a user's primitive gets have the types that it declared, or the run is refused.
//! - errors that `main` returns: `Debug` prints the message.
use hypertape::prelude::*;
use ndarray::{Array2, Array3, arr0, arr1, arr2};

#[track_caller]
fn says<T>(r: Result<T>, parts: &[&str]) {
    let Err(e) = r else { panic!("accepted") };
    let e = e.to_string();
    for part in parts {
        assert!(e.contains(part), "no `{part}` in: {e}");
    }
    assert!(e.contains("doors.rs:"), "no line in: {e}");
}

#[test]
fn the_number_of_a_vector() -> Result<()> {
    says(arr1(&[1.0, 2.0]).number(), &["`number`", "[2]", "2 elements"]);
    says(arr1::<f64>(&[]).number(), &["`number`", "0 elements"]);
    says(Array2::<f32>::zeros((2, 2)).number(), &["[2, 2]"]);
    assert_eq!((arr0(3.0).number()?, arr1(&[4_u32]).number()?, arr2(&[[5.0_f32]]).number()?), (3.0, 4, 5.0));
    let f = Function::record(shape![2], |x| 2.0 * x)?;
    says(f.eval(arr1(&[1.0, 2.0]))?.number(), &["`number`"]);
    Ok(())
}

#[test]
fn the_vector_of_a_transposed_matrix() {
    let a = arr2(&[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    assert_eq!(a.d1(), arr1(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
    assert_eq!(a.t().d1(), arr1(&[1.0, 4.0, 2.0, 5.0, 3.0, 6.0]));
    assert_eq!(a.column(1).d1(), arr1(&[2.0, 5.0]));
    assert_eq!(arr0(7.0).d1(), arr1(&[7.0]));
    assert_eq!(Array2::<f64>::zeros((0, 3)).t().d1().len(), 0);
}

#[test]
fn the_matrix_of_a_transposed_array() {
    // Element (i, j, k) is 100i + 10j + k.
    let a = Array3::from_shape_fn((2, 3, 4), |(i, j, k)| (100 * i + 10 * j + k) as f32);
    let t = a.view().permuted_axes([2, 0, 1]);
    let m = t.d2();
    assert_eq!(m.shape(), [8, 3]);
    assert!((0..8).all(|r| (0..3).all(|c| m[[r, c]] == (100 * (r % 2) + 10 * c + r / 2) as f32)));
    assert_eq!(a.d2().shape(), [6, 4]);
    assert_eq!((arr0(7.0).d2(), arr1(&[1.0, 2.0]).d2()), (arr2(&[[7.0]]).into(), arr2(&[[1.0, 2.0]]).into()));
    assert_eq!(Array3::<f64>::zeros((2, 3, 0)).d2().shape(), [6, 0]);
    assert_eq!(Array3::<f64>::zeros((0, 3, 4)).d2().shape(), [0, 4]);
}

type Two = (Vec<Leaf>, Vec<Leaf>);

fn two(m: usize, n: usize) -> Two {
    (vec![shape![]; m], vec![shape![]; n])
}

/// Sum of the first vector less that of the second.
fn difference() -> Result<Function<Two, Leaf>> {
    let sum = |v: Vec<Var>| v.into_iter().fold(scalar(0.0), |a, b| a + b);
    Function::record(two(2, 2), |(a, b)| sum(a) - sum(b))
}

#[test]
fn vectors_of_other_lengths_with_as_many_leaves() -> Result<()> {
    let f = difference()?;
    assert_eq!(f.eval((vec![1.0, 2.0], vec![4.0, 8.0]))?.number()?, -9.0);
    let wrong = (vec![1.0], vec![2.0, 4.0, 8.0]);
    says(f.eval(&wrong), &["[2, 2]", "[1, 3]"]);
    says(f.gradient(&wrong), &["[2, 2]", "[1, 3]"]);
    says(f.jvp((vec![1.0, 2.0], vec![4.0, 8.0]), &wrong), &["[2, 2, 1, 3]"]);
    says(f.linearize((vec![1.0, 2.0], vec![4.0, 8.0]))?.apply(&wrong), &["[1, 3]"]);
    // Slices and vectors of vectors.
    says(f.eval((&[1.0][..], &[2.0, 4.0, 8.0][..])), &["[1, 3]"]);
    let nested = Function::record(vec![vec![shape![]; 2]; 2], |v| v[0][0] - v[1][1])?;
    assert_eq!(nested.eval(vec![vec![1.0, 2.0], vec![4.0, 8.0]])?.number()?, -7.0);
    says(nested.eval(vec![vec![1.0, 2.0, 4.0], vec![8.0]]), &["[2, 2, 2]", "[2, 3, 1]"]);
    // What results are written into.
    let out = Function::record(two(2, 2), |x| x)?;
    let mut w = out.workspace();
    let given = (vec![1.0, 2.0], vec![4.0, 8.0]);
    let mut into = two(1, 3).zeros();
    says(w.run_into(&given, &mut into), &["`run_into`", "[2, 2]", "[1, 3]"]);
    w.run_into(&given, &mut into).expect_err("still");
    let mut into = two(2, 2).zeros();
    w.run_into(&given, &mut into)?;
    assert_eq!(into.1[1], arr0(8.0).into_dyn());
    Ok(())
}

#[test]
fn handles_in_vectors_of_other_lengths() -> Result<()> {
    let f = difference()?;
    let e = Function::record(shape![], |x| f.call((vec![x], vec![x, x, x])));
    says(e, &["`call`", "[2, 2]", "[1, 3]"]);
    let e = Function::record((vec![shape![]; 2], vec![shape![]; 3]), |(a, b)| a.minus(&b));
    says(e, &["`minus`", "[2]", "[3]"]);
    let e = Function::record((vec![shape![]; 2], vec![shape![]; 3]), |(a, b)| b.plus(&a));
    says(e, &["`plus`", "[3]", "[2]"]);
    let e = Function::record((vec![shape![]; 3], vec![shape![]; 2]), |(a, b)| a.inner::<f64>(&b));
    says(e, &["`inner`", "[3]", "[2]"]);
    let e = Function::record((vec![shape![]; 3], vec![shape![]; 2]), |(a, b)| b.add_scaled(2.0, &a));
    says(e, &["`add_scaled`"]);
    let e = Function::record(two(1, 2), |x| {
        scan(x, 3, |(a, mut b), _| {
            b.rotate_left(1);
            let last = b.pop().unwrap_or(a[0]);
            ((vec![a[0], last], b), ())
        })
        .0
    });
    says(e, &["`scan`", "[1, 2]", "[2, 1]"]);
    let e = Function::record(two(1, 2), |(a, b)| cond(a[0], || (a.clone(), b.clone()), || (b.clone(), a.clone())));
    says(e, &["`cond`", "[1, 2]", "[2, 1]"]);
    Ok(())
}

#[derive(Tree, Debug, Clone)]
struct Groups<L> {
    first: Vec<L>,
    rest: Vec<L>,
}

#[test]
fn vectors_in_derived_structs() -> Result<()> {
    let shapes = Groups { first: vec![shape![]; 2], rest: vec![shape![]; 1] };
    let f = Function::record(shapes, |g| g.first[1] - g.rest[0])?;
    assert_eq!(f.eval(Groups { first: vec![1.0, 2.0], rest: vec![4.0] })?.number()?, -2.0);
    says(f.eval(Groups { first: vec![1.0], rest: vec![2.0, 4.0] }), &["[2, 1]", "[1, 2]"]);
    Ok(())
}

#[test]
fn what_main_prints() -> Result<()> {
    let f = Function::record(shape![2], |x| x.ln().sum())?;
    let errors = [
        f.eval(arr1(&[1.0, 2.0, 3.0])).expect_err("another shape"),
        f.eval(arr1(&[1.0, f64::NAN])).expect_err("NaN"),
        f.eval(arr1(&[1.0, -1.0])).expect_err("outside the domain"),
        f.eval_each(&[arr1(&[1.0, -1.0])]).expect_err("outside the domain"),
        Function::record(shape![2, 3], |x| x.dot(x)).expect_err("shapes"),
    ];
    for e in errors {
        assert_eq!(format!("{e:?}"), e.to_string());
        assert_eq!(format!("{e:#?}"), e.to_string());
        assert!(!e.to_string().contains('\n') && e.to_string().contains("doors.rs:"), "{e}");
        let boxed: Box<dyn std::error::Error> = Box::new(e.clone());
        assert_eq!(format!("{boxed:?}"), e.to_string());
    }
    Ok(())
}
