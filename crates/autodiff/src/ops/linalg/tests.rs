//! Solves, factors and determinants: derivatives of first and second order, kernels, errors.
use super::{Factors, Triangle};
use crate::array::{AnyArray, Kind, LeafType};
use crate::execute::reference;
use crate::ops::testing::{check, numbers, record, run_kernels};
use hypertape_testkit::differences::{assert_close, rounding};
use ndarray::{ArrayD, IxDyn};

/// Well-conditioned matrices: the identity and a little more.
fn matrices(seed: u64, shape: &[usize]) -> AnyArray {
    let n = shape[shape.len() - 1];
    let AnyArray::F64(mut a) = numbers(seed, shape) else { unreachable!("numbers are doubles") };
    for (i, v) in a.iter_mut().enumerate() {
        *v = *v / n as f64 + if i / n % n == i % n { 1.0 } else { 0.0 };
    }
    AnyArray::F64(a)
}

const SHAPES: [(&[usize], &[usize]); 7] = [
    (&[3, 3], &[3, 2]),
    (&[4, 4], &[4]),
    (&[1, 1], &[1, 1]),
    (&[0, 0], &[0, 2]),
    (&[3, 3], &[3, 0]),
    (&[2, 3, 3], &[2, 3, 2]),
    (&[2, 2, 2], &[2, 2]),
];

#[test]
fn triangular_solves() {
    for (a, b) in SHAPES {
        for bits in 0..8 {
            let how = Triangle { upper: bits & 1 > 0, transpose: bits & 2 > 0, unit: bits & 4 > 0 };
            let inputs = [matrices(1, a), numbers(2, b)];
            check(&format!("{how:?} {a:?} {b:?}"), 4.0, &inputs, |m, x| vec![m.solve_triangular(x[0], x[1], how)]);
        }
    }
}

#[test]
fn triangles() {
    for shape in [&[3, 3][..], &[2, 2, 2], &[0, 0], &[1, 1]] {
        for (upper, diagonal) in [(false, 1.0), (true, 0.5), (true, 0.0)] {
            check("triangle", 1.0, &[numbers(3, shape)], |m, x| vec![m.triangle(x[0], upper, diagonal)]);
        }
    }
}

#[test]
fn solves() {
    for (a, b) in SHAPES {
        let inputs = [matrices(4, a), numbers(5, b)];
        check(&format!("solve {a:?} {b:?}"), 16.0, &inputs, |m, x| vec![m.solve(x[0], x[1])]);
        check(&format!("solve positive {a:?} {b:?}"), 16.0, &inputs, |m, x| vec![m.solve_positive(x[0], x[1])]);
    }
    check("inverse", 16.0, &[matrices(6, &[3, 3])], |m, x| vec![m.inverse(x[0])]);
    assert_ne!(Factors::Lu, Factors::Cholesky);
}

#[test]
fn cholesky_factors_and_determinants() {
    for shape in [&[3, 3][..], &[2, 3, 3], &[1, 1], &[0, 0]] {
        let a = matrices(7, shape);
        check(&format!("cholesky {shape:?}"), 16.0, std::slice::from_ref(&a), |m, x| vec![m.cholesky(x[0])]);
        check(&format!("log det {shape:?}"), 16.0, std::slice::from_ref(&a), |m, x| {
            let (log, sign) = m.log_det(x[0]);
            vec![log, sign]
        });
        check(&format!("log det positive {shape:?}"), 16.0, std::slice::from_ref(&a), |m, x| vec![m.log_det_positive(x[0])]);
        check("trace", 1.0, &[a], |m, x| vec![m.trace(x[0])]);
    }
}

#[test]
fn determinants_are_what_they_are() {
    let t = LeafType::new(&[2, 3, 3], Kind::F64);
    let f = record(std::slice::from_ref(&t), |m, x| {
        let (log, sign) = m.log_det(x[0]);
        vec![log, sign]
    });
    let a = vec![0.0, 2.0, 0.0, 0.0, 0.0, 3.0, 4.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 5.0];
    let a = [AnyArray::F64(ArrayD::from_shape_vec(IxDyn(&[2, 3, 3]), a).expect("eighteen elements"))];
    let f = f.expect("square matrices");
    for y in [reference::run(&f, &a), run_kernels(&f, &a)] {
        let y = y.expect("neither is singular");
        assert_close("log", &y[0].to_f64(), &[24f64.ln(), 5f64.ln()], rounding(3, 4.0));
        assert_eq!(y[1].to_f64(), [1.0, -1.0]);
    }
}

#[test]
fn mistakes_are_named() {
    let square = LeafType::new(&[2, 2], Kind::F64);
    let solve = record(&[square.clone(), LeafType::new(&[2], Kind::F64)], |m, x| vec![m.solve(x[0], x[1])]).expect("the shapes fit");
    let singular = [AnyArray::full(&square, 1.0), numbers(8, &[2])];
    let cholesky = record(std::slice::from_ref(&square), |m, x| vec![m.cholesky(x[0])]).expect("a square matrix");
    let indefinite = [AnyArray::F64(ndarray::array![[1.0, 2.0], [2.0, 1.0]].into_dyn())];
    for run in [reference::run, run_kernels] {
        let e = run(&solve, &singular).expect_err("the matrix is singular").to_string();
        assert!(e.contains("singular") && e.contains("column 1"), "{e}");
        let e = run(&cholesky, &indefinite).expect_err("the matrix is indefinite").to_string();
        assert!(e.contains("not positive definite") && e.contains("pivot 1 is -3"), "{e}");
    }
    let e = record(&[LeafType::new(&[2, 3], Kind::F64)], |m, x| vec![m.cholesky(x[0])]).expect_err("not square").to_string();
    assert!(e.contains("not a square matrix"), "{e}");
    let e = record(&[square, LeafType::new(&[3], Kind::F64)], |m, x| vec![m.solve(x[0], x[1])]).expect_err("three rows").to_string();
    assert!(e.contains("does not have the leading axes and the 2 rows"), "{e}");
}
