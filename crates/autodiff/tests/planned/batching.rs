//! Products of one sparse matrix that share a reading, and those that cannot.
use super::{check, check_at, inputs, program};
use hypertape_autodiff::array::Kind::*;
use hypertape_autodiff::array::Real;
use hypertape_autodiff::execute::Executor;
use hypertape_autodiff::operation::{Builder, Op, ScanSpec, Storage, Trip, Value};
use hypertape_autodiff::ops::control::Scan;
use hypertape_autodiff::record::Csr;
use hypertape_testkit::random;
use std::sync::Arc;

const ROWS: usize = 40;
const COLUMNS: usize = 30;

/// A matrix with five entries a row.
fn matrix<T: Real>(rows: usize, columns: usize) -> Csr<T> {
    let starts = (0..=rows).map(|i| 5 * i).collect();
    let (indices, values) =
        (0..5 * rows as u64).map(|k| (random::bits(3, k) as u32 % columns as u32, T::from_f64(2.0 * random::unit(4, k) - 1.0))).unzip();
    Csr::new([rows, columns], starts, indices, values).unwrap()
}

/// Kernels of one run; `check` runs twice.
fn kernels(e: &Executor, n: u64) {
    assert_eq!(e.counts().kernels, 2 * n, "{}", e.plan());
}

#[test]
fn two_vectors_share_a_reading() {
    for transpose in [false, true] {
        let n = if transpose { ROWS } else { COLUMNS };
        kernels(
            &check(&[(&[n], F64), (&[n], F64)], |b, x| {
                let a = matrix::<f64>(ROWS, COLUMNS);
                [x[0], x[1]].map(|x| b.sparse_dot(&a, x, transpose)).to_vec()
            }),
            1,
        );
        kernels(
            &check(&[(&[n], F32), (&[n], F32)], |b, x| {
                let a = matrix::<f32>(ROWS, COLUMNS);
                [x[0], x[1]].map(|x| b.sparse_dot(&a, x, transpose)).to_vec()
            }),
            1,
        );
    }
}

#[test]
fn what_is_read_between_does_not_keep_them_apart() {
    // The first product is used, and its slot free again, before the second stands in the program.
    let e = check(&[(&[COLUMNS], F64), (&[COLUMNS], F64)], |b, x| {
        let a = matrix::<f64>(ROWS, COLUMNS);
        let p = b.sparse_dot(&a, x[0], false);
        let p = b.sin(p);
        let p = b.sparse_dot(&a, p, true);
        let q = b.sparse_dot(&a, x[1], false);
        let q = b.exp(q);
        vec![p, b.sum_all(q)]
    });
    kernels(&e, 2);
}

#[test]
fn a_third_vector_and_another_matrix_stay_alone() {
    let vector = (&[COLUMNS][..], F64);
    let e = check(&[vector; 4], |b, x| {
        let (a, other) = (matrix::<f64>(ROWS, COLUMNS), matrix::<f64>(ROWS, COLUMNS));
        let mut y: Vec<Value> = x[..3].iter().map(|x| b.sparse_dot(&a, *x, false)).collect();
        y.push(b.sparse_dot(&other, x[3], false));
        y
    });
    kernels(&e, 3);
}

#[test]
fn a_product_that_needs_the_other_comes_after_it() {
    let e = check(&[(&[ROWS], F64)], |b, x| {
        let a = matrix::<f64>(ROWS, ROWS);
        let y = b.sparse_dot(&a, x[0], false);
        let y = b.sin(y);
        vec![b.sparse_dot(&a, y, false), y]
    });
    kernels(&e, 2);
    // Both directions of one matrix are different work.
    let e = check(&[(&[ROWS], F64)], |b, x| {
        let a = matrix::<f64>(ROWS, ROWS);
        vec![b.sparse_dot(&a, x[0], false), b.sparse_dot(&a, x[0], true)]
    });
    kernels(&e, 2);
}

#[test]
fn few_entries_are_not_worth_it() {
    let e = check(&[(&[COLUMNS], F64), (&[COLUMNS], F64)], |b, x| {
        let a = matrix::<f64>(3, COLUMNS);
        [x[0], x[1]].map(|x| b.sparse_dot(&a, x, false)).to_vec()
    });
    kernels(&e, 2);
}

#[test]
fn in_a_loop() {
    // Carries p and q, both replaced by Aᵀ A of themselves.
    let body = |b: &mut Builder, x: &[Value]| {
        let a = matrix::<f64>(ROWS, COLUMNS);
        let y = [x[1], x[2]].map(|x| b.sparse_dot(&a, x, false)).map(|y| b.sin(y));
        y.map(|y| b.sparse_dot(&a, y, true)).to_vec()
    };
    let vector = (&[COLUMNS][..], F64);
    let spec = ScanSpec {
        body: Arc::new(program(&[(&[], U32), vector, vector], body)),
        carries: 2,
        items: 0,
        constants: 0,
        stacked: 0,
        trip: Trip::Static(3),
        reverse: false,
        storage: Storage::Iterates,
    };
    let op = Op::new(Scan(spec));
    kernels(&check(&[vector, vector], |b, x| b.emit(op.clone(), x)[..2].to_vec()), 6);
}

#[test]
fn columns_are_the_products_with_each() {
    // Products are compared with those of programs that have one alone: the same up to the order of sums.
    let vector = (&[COLUMNS][..], F64);
    let a = matrix::<f64>(ROWS, COLUMNS);
    let two = program(&[vector; 2], |b, x| [x[0], x[1]].map(|x| b.sparse_dot(&a, x, false)).to_vec());
    let one = program(&[vector], |b, x| vec![b.sparse_dot(&a, x[0], false)]);
    let x = inputs(&two, 7);
    let both = check_at(&two, &x);
    for (k, x) in x.iter().enumerate() {
        let alone = check_at(&one, std::slice::from_ref(x));
        let close = |(p, q): (&f64, &f64)| (p - q).abs() <= 20.0 * f64::EPSILON;
        assert!(both.output(k).to_owned().to_f64().iter().zip(&alone.output(0).to_owned().to_f64()).all(close));
    }
}
