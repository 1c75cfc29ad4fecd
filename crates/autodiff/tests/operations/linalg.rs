//! Linear algebra as users write it: vectors, batches, what is composed of several operations, and errors that name the matrix.

use crate::support::derivatives::{Check, check};
use crate::support::{build, flat, uniform};
use hypertape_autodiff::Error;
use hypertape_autodiff::array::{AnyArray, AnyView, Kind, LeafType};
use hypertape_autodiff::execute::{Executor, reference};
use hypertape_autodiff::operation::{Builder, Program, Value};
use hypertape_autodiff::ops::linalg::Triangle;
use hypertape_autodiff::plan::Plan;
use hypertape_testkit::differences::{assert_close, rounding};
use std::sync::Arc;

/// Well-conditioned matrices: the identity and a little more.
fn matrices(shape: &[usize], seed: u64) -> AnyArray {
    let t = LeafType::new(shape, Kind::F64);
    let n = shape[shape.len() - 1];
    let mut v = uniform(&t, seed).to_f64();
    v.iter_mut().enumerate().for_each(|(i, v)| *v = *v / (2 * n) as f64 + if i / n % n == i % n { 1.0 } else { 0.0 });
    AnyArray::from_f64(&t, &v).unwrap()
}

fn vectors(shape: &[usize], seed: u64) -> AnyArray {
    uniform(&LeafType::new(shape, Kind::F64), seed)
}

fn planned(program: &Program, inputs: &[AnyArray]) -> Result<Vec<AnyArray>, Error> {
    let mut executor = Executor::new(Arc::new(Plan::new(program)?));
    executor.run(&inputs.iter().map(AnyArray::view).collect::<Vec<AnyView<'_>>>())?;
    Ok((0..program.outputs.len()).map(|i| executor.output(i).to_owned()).collect())
}

fn both(inputs: &[AnyArray], write: impl FnOnce(&mut Builder, &[Value]) -> Vec<Value>) {
    let program = build(&inputs.iter().map(AnyArray::leaf_type).collect::<Vec<_>>(), write);
    check(&program, inputs, Check { growth: 64.0, roughness: 1e4, ..Check::default() });
    let (fast, naive) = (flat(&planned(&program, inputs).unwrap()), flat(&reference::run(&program, inputs).unwrap()));
    assert_close("planned", &fast, &naive, rounding(64, 4.0));
}

#[test]
fn right_hand_sides_are_vectors_or_matrices() {
    for (a, b) in [(&[4, 4][..], &[4][..]), (&[2, 3, 3], &[2, 3]), (&[2, 3, 3], &[2, 3, 2]), (&[1, 1], &[1]), (&[0, 0], &[0])] {
        let inputs = [matrices(a, 1), vectors(b, 2)];
        both(&inputs, |b, x| vec![b.solve(x[0], x[1])]);
        both(&inputs, |b, x| vec![b.solve_positive(x[0], x[1])]);
        let how = Triangle { upper: true, transpose: true, unit: false };
        both(&inputs, |b, x| vec![b.solve_triangular(x[0], x[1], how)]);
    }
}

#[test]
fn inverses_traces_and_determinants() {
    for shape in [&[3, 3][..], &[2, 2, 2], &[1, 1], &[0, 0]] {
        let a = [matrices(shape, 3)];
        both(&a, |b, x| vec![b.inverse(x[0])]);
        both(&a, |b, x| vec![b.trace(x[0])]);
        both(&a, |b, x| vec![b.log_det_positive(x[0])]);
        both(&a, |b, x| {
            let (log, sign) = b.log_det(x[0]);
            vec![log, sign]
        });
    }
}

#[test]
fn one_factorization_serves_a_solve_and_its_derivatives() {
    let program = build(&[LeafType::new(&[5, 5], Kind::F64), LeafType::new(&[5], Kind::F64)], |b, x| vec![b.solve(x[0], x[1])]);
    let gradient = hypertape_autodiff::transform::vjp(&program, &[true, true], &[true]).unwrap();
    let second = hypertape_autodiff::transform::jvp(&gradient, &[true, true, false], &[true; 3]).unwrap();
    assert_eq!(second.equations.iter().filter(|e| e.op.name() == "lu").count(), 1, "{second}");
}

#[test]
fn determinants_are_what_they_are() {
    let a = [0.0, 2.0, 0.0, 0.0, 0.0, 3.0, 4.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 5.0];
    let t = LeafType::new(&[2, 3, 3], Kind::F64);
    let program = build(std::slice::from_ref(&t), |b, x| {
        let (log, sign) = b.log_det(x[0]);
        vec![log, sign]
    });
    let a = [AnyArray::from_f64(&t, &a).unwrap()];
    for y in [reference::run(&program, &a), planned(&program, &a)] {
        let y = y.unwrap();
        assert_close("log", &y[0].to_f64(), &[24f64.ln(), 5f64.ln()], rounding(3, 4.0));
        assert_eq!(y[1].to_f64(), [1.0, -1.0]);
    }
}

#[test]
fn matrices_that_cannot_be_factored_are_named() {
    let square = LeafType::new(&[2, 2], Kind::F64);
    let solve = build(&[square.clone(), LeafType::new(&[2], Kind::F64)], |b, x| vec![b.solve(x[0], x[1])]);
    let singular = [AnyArray::full(&square, 1.0), vectors(&[2], 4)];
    let cholesky = build(&[LeafType::new(&[2, 2, 2], Kind::F64)], |b, x| vec![b.cholesky(x[0])]);
    let indefinite = AnyArray::from_f64(&LeafType::new(&[2, 2, 2], Kind::F64), &[1.0, 0.0, 0.0, 1.0, 1.0, 2.0, 2.0, 1.0]).unwrap();
    for run in [reference::run, planned] {
        let e = run(&solve, &singular).unwrap_err().to_string();
        assert!(e.contains("`lu`") && e.contains("singular") && e.contains("column 1"), "{e}");
        let e = run(&cholesky, std::slice::from_ref(&indefinite)).unwrap_err().to_string();
        assert!(e.contains("item 1 of the batch of 2") && e.contains("not positive definite") && e.contains("pivot 1 is -3"), "{e}");
    }
}

#[test]
fn shapes_that_do_not_fit_are_named() {
    let say = |a: &[usize], rhs: &[usize]| {
        let mut b = Builder::new();
        let (a, rhs) = (b.input(LeafType::new(a, Kind::F64)), b.input(LeafType::new(rhs, Kind::F64)));
        let x = b.solve(a, rhs);
        b.finish(&[x]).unwrap_err().to_string()
    };
    assert!(say(&[2, 3], &[2]).contains("no square matrix"));
    assert!(say(&[2, 2], &[3]).contains("the same leading axes and 2 rows"));
    assert!(say(&[2, 2, 2], &[3, 2, 1]).contains("the same leading axes"));
}
