//! Products of few rows with a long matrix, in either place, against plain sums.
#![allow(unsafe_code)]
use super::Random;
use crate::kernels::gemm::{Gemm, Pointers};
use hypertape_ir::array::{Element, Real};

/// a is few × k, b is n × k, both in rows: out = a bᵀ in rows, or b aᵀ in columns.
fn agree<T: Real>([few, n, k]: [usize; 3], exchanged: bool, add: Option<f64>) {
    let mut r = Random::new(11);
    let mut draw = |n: usize| -> Vec<T> { r.reals(n).into_iter().map(T::from_f64).collect() };
    // Columns that the product must leave alone follow each row of the result.
    let (a, b, width) = (draw(few * k), draw(n * k), n + 3);
    let before = draw(few * width);
    let mut out = before.clone();
    let row = |w: usize| [w as isize, 1];
    let column = |w: usize| [1, w as isize];
    let g = if exchanged {
        Gemm { m: n, n: few, k, a: row(k), b: column(k), out: column(width) }
    } else {
        Gemm { m: few, n, k, a: row(k), b: column(k), out: row(width) }
    };
    let p = Pointers(if exchanged { b.as_ptr() } else { a.as_ptr() }, if exchanged { a.as_ptr() } else { b.as_ptr() }, out.as_mut_ptr());
    // SAFETY: the storages have the rows and columns that the strides reach, and are apart.
    unsafe { g.apply(p, add.map(T::from_f64)) };
    let bound = 4.0 * Element::to_f64(T::epsilon()) * (k as f64 + 2.0);
    for i in 0..few {
        for j in 0..width {
            let old = Element::to_f64(before[i * width + j]);
            let sum = |j: usize| (0..k).map(|p| Element::to_f64(a[i * k + p]) * Element::to_f64(b[j * k + p])).sum::<f64>();
            let expected = if j >= n { old } else { add.map_or(0.0, |_| old) + add.unwrap_or(1.0) * sum(j) };
            let got = Element::to_f64(out[i * width + j]);
            assert!(
                (got - expected).abs() <= bound,
                "{few} x {n} x {k}, {exchanged}, {add:?}: element ({i}, {j}) is {got}, not {expected}"
            );
        }
    }
}

#[test]
fn few_rows_times_a_long_matrix() {
    for few in [2, 7, 31, 32, 33] {
        for [n, k] in [[127, 128], [128, 128], [129, 200], [400, 131]] {
            for exchanged in [false, true] {
                for add in [None, Some(1.0), Some(-0.5)] {
                    agree::<f64>([few, n, k], exchanged, add);
                    agree::<f32>([few, n, k], exchanged, add);
                }
            }
        }
    }
}
