//! Sums in single precision keep their precision.
//!
//! Looked at, in the engine, each for many terms:
//! - cumulative sums: the running sum was in single precision. Now in double precision, whatever the element type.
//! - `scatter_add`, and so the derivatives of `rows` and `take`: rows with many terms are added up in double precision.
//! - products of vectors and matrices (rows dotted, rows added up, X' f(X v) in one pass): blocks of at most 128 terms a lane, and those in double
//!   precision. Contractions by loops: double precision.
//! - folds: the blocks were added up in single precision, which down columns of a million rows is 15 000 terms. Now in double precision. Folds at
//!   the end of fused groups were so before.
//! - sparse products, both ways, also of rows that are named again and again; filters of convolutions: the same.
//! - `mean`, `logsumexp`, norms, transposes of broadcasts: made of those.
//! - products of two matrices with a long inner axis: blocks in the library that makes them.
//! - cotangents that a loop adds up step by step: single precision; docs/derivatives.md says so.
use hypertape::prelude::*;
use ndarray::{Array1, Array2, arr1};

/// All numbers of a result.
fn list<A: Arrays + Feed<A::Structure>>(arrays: &A) -> Vec<f64> {
    let mut all = vec![];
    arrays.feed(&mut |v| all.extend(v.to_owned().to_f64()));
    all
}

/// A number between 0.5 and 1.5, another for each index.
fn number(i: usize) -> f32 {
    0.5 + ((i as f64 * 0.618_033_988_749_894_8).fract()) as f32
}

fn exact(terms: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut rest) = (0.0f64, 0.0);
    for t in terms {
        let next = sum + t;
        rest += if sum.abs() >= t.abs() { (sum - next) + t } else { (t - next) + sum };
        sum = next;
    }
    sum + rest
}

#[track_caller]
fn close(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (f, e) in found.iter().zip(expected) {
        assert!((f - e).abs() < 1e-6 * e.abs(), "{f}, expected {e}: off by {:e}", (f - e) / e);
    }
}

const MANY: usize = 1 << 20;

#[test]
fn running_sums_of_ones() -> Result<()> {
    let n = 1 << 25;
    let f = Function::record(Leaf::<f32>::new([n]), |x| {
        let y = x.cumulative_sum(0);
        (y.slice_axis(0, n - 1, n), y.slice_axis(0, 1 << 24, (1 << 24) + 1))
    })?;
    let (last, middle) = f.eval(Array1::<f32>::ones(n))?;
    assert_eq!((list(&last)[0], list(&middle)[0]), (33_554_432.0, 16_777_216.0));
    Ok(())
}

#[test]
fn running_sums_and_their_derivatives() -> Result<()> {
    let x = Array1::from_shape_fn(MANY, number);
    let all = exact(x.iter().map(|v| f64::from(*v)));
    let f = Function::record(Leaf::<f32>::new([MANY]), |x| x.cumulative_sum(0))?;
    close(&list(&f.eval(&x)?)[MANY - 1..], &[all]);
    let (_, back) = f.vjp(&x, &x)?;
    close(&list(&back)[..1], &[all]);
    let two = x.clone().into_shape_with_order((MANY / 2, 2)).expect("it fits");
    let rows = Function::record(Leaf::<f32>::new([MANY / 2, 2]), |x| x.cumulative_sum(0))?;
    let expected: Vec<f64> = (0..2).map(|j| exact(two.column(j).iter().map(|v| f64::from(*v)))).collect();
    close(&list(&rows.eval(&two)?)[MANY - 2..], &expected);
    Ok(())
}

#[test]
fn scattered_sums() -> Result<()> {
    let x = Array1::from_shape_fn(MANY, number);
    let index = Array1::from_shape_fn(MANY, |i| u32::from(i % 3 == 0) * 2);
    let sum = |k: u32| exact(x.iter().zip(&index).filter(|p| *p.1 == k).map(|p| f64::from(*p.0)));
    let f = Function::record((Leaf::<f32>::new([MANY]), index![MANY]), |(x, i)| x.scatter_add(i, 0, 3))?;
    let found = list(&f.eval((&x, &index))?);
    close(&[found[0], found[2]], &[sum(0), sum(2)]);
    assert_eq!(found[1], 0.0);
    // The derivative of `rows`: a table of three rows, read many times.
    let weights = x.clone().into_shape_with_order((MANY / 2, 2)).expect("it fits");
    let index = Array1::from_shape_fn(MANY / 2, |i| (i % 3) as u32);
    let g =
        Function::record((Leaf::<f32>::new([3, 2]), index![MANY / 2], Leaf::<f32>::new([MANY / 2, 2])), |(t, i, w)| (t.rows(i) * w).sum())?;
    let gradient = g.wrt(|(t, _, _)| t).gradient().eval((Array2::<f32>::ones((3, 2)), &index, &weights))?;
    let row = |k: usize, j: usize| exact(weights.column(j).iter().skip(k).step_by(3).map(|v| f64::from(*v)));
    let expected: Vec<f64> = (0..6).map(|at| row(at / 2, at % 2)).collect();
    close(&list(&gradient), &expected);
    Ok(())
}

#[test]
fn products_over_many_rows() -> Result<()> {
    for columns in [1, 3, 20, 70] {
        let rows = MANY / if columns == 70 { 16 } else { columns };
        let x = Array2::from_shape_fn((rows, columns), |(i, j)| number(i * columns + j));
        let r = Array1::from_shape_fn(rows, |i| number(7 * i + 1));
        let column = |j: usize| exact(x.column(j).iter().zip(&r).map(|(x, r)| f64::from(*x) * f64::from(*r)));
        let expected: Vec<f64> = (0..columns).map(column).collect();
        let lone = Function::record((Leaf::<f32>::new([rows, columns]), Leaf::<f32>::new([rows])), |(x, r)| r.dot(x))?;
        close(&list(&lone.eval((&x, &r))?), &expected);
        let turned = Function::record((Leaf::<f32>::new([columns, rows]), Leaf::<f32>::new([rows])), |(x, r)| x.dot(r))?;
        close(&list(&turned.eval((&x.t().as_standard_layout(), &r))?), &expected);
        // In one pass: Xᵀ(X w − y).
        let w = Array1::from_elem(columns, 0.01f32);
        let fit =
            Function::record((Leaf::<f32>::new([columns]), Leaf::<f32>::new([rows, columns]), Leaf::<f32>::new([rows])), |(w, x, y)| {
                0.5 * (x.dot(w) + y).square().sum()
            })?;
        let residual: Vec<f64> = x.rows().into_iter().zip(&r).map(|(x, r)| f64::from(x.dot(&w) + r)).collect();
        let expected: Vec<f64> = (0..columns).map(|j| exact(x.column(j).iter().zip(&residual).map(|(x, r)| f64::from(*x) * r))).collect();
        close(&list(&fit.wrt(|(w, _, _)| w).gradient().eval((&w, &x, &r))?), &expected);
        // Down the columns.
        let down = Function::record(Leaf::<f32>::new([rows, columns]), |x| x.sum_axis(0))?;
        let expected: Vec<f64> = (0..columns).map(|j| exact(x.column(j).iter().map(|v| f64::from(*v)))).collect();
        close(&list(&down.eval(&x)?), &expected);
    }
    Ok(())
}

#[test]
fn sparse_products() -> Result<()> {
    let n = MANY / 4;
    let entries = |starts: Vec<usize>, shape, columns| Csr::new(shape, starts, columns, (0..2 * n).map(number).collect::<Vec<f32>>());
    let tall = entries((0..=n).map(|i| 2 * i).collect(), [n, 2], (0..2 * n).map(|k| (k % 2) as u32).collect())?;
    let long = entries(vec![0, n, 2 * n], [2, n], (0..2 * n).map(|k| (k % n) as u32).collect())?;
    for k in [1, 2, 5] {
        let r = Array2::from_shape_fn((n, k), |(i, j)| number(3 * i + j));
        let f = Function::record(Leaf::<f32>::new([n, k]), |r| (csr(&tall).t().dot(r), csr(&long).dot(r)))?;
        let (down, along) = f.eval(&r)?;
        let sum = |at: &dyn Fn(usize) -> usize, j: usize| exact((0..n).map(|i| f64::from(number(at(i))) * f64::from(r[[i, j]])));
        let expected: Vec<f64> = (0..2 * k).map(|c| sum(&|i| 2 * i + c / k, c % k)).collect();
        close(&list(&down), &expected);
        let expected: Vec<f64> = (0..2 * k).map(|c| sum(&|i| i + n * (c / k), c % k)).collect();
        close(&list(&along), &expected);
        // Two rows of short columns, named again and again; and the derivative by their values.
        let wide = Csr::new([2, 2], vec![0, 1, 2], vec![0, 1], vec![0.7_f32, 1.3])?;
        let named = Array1::from_shape_fn(n, |i| (i % 2) as u32);
        let f = Function::record((Leaf::<f32>::new([n, k]), index![n]), |(r, i)| csr(&wide).rows(i).t().dot(r))?;
        let column = |row: usize, j: usize| exact((0..n / 2).map(|i| f64::from(r[[2 * i + row, j]])));
        let expected: Vec<f64> = (0..2 * k).map(|c| f64::from([0.7_f32, 1.3][c / k]) * column(c / k, c % k)).collect();
        close(&list(&f.eval((&r, &named))?), &expected);
        let f = Function::record((Leaf::<f32>::new([2]), Leaf::<f32>::new([n, k]), index![n]), |(values, r, i)| {
            (csr_with(wide.pattern(), values).rows(i).dot(ones(Leaf::<f32>::new([2, k]))) * r).sum()
        })?;
        let gradient = f.wrt(|(values, ..)| values).gradient().eval((arr1(&[0.7_f32, 1.3]), &r, &named))?;
        close(&list(&gradient), &[0, 1].map(|row| (0..k).map(|j| column(row, j)).sum()));
    }
    Ok(())
}

#[test]
fn means_and_filters() -> Result<()> {
    let x = Array1::from_elem(MANY, 0.1f32);
    let f = Function::record(Leaf::<f32>::new([MANY]), |x| (x.mean(), x.logsumexp(), x.norm_l2()))?;
    let (mean, log, norm) = f.eval(&x)?;
    let v = f64::from(0.1f32);
    close(&[list(&mean)[0], list(&log)[0], list(&norm)[0]], &[v, v + (MANY as f64).ln(), v * (MANY as f64).sqrt()]);
    // The transpose of a broadcast.
    let b = Function::record((Leaf::<f32>::new([3]), Leaf::<f32>::new([MANY / 4, 3])), |(b, x)| (b + x).sum())?;
    let gradient = b.wrt(|(b, _)| b).gradient().eval((Array1::ones(3), Array2::ones((MANY / 4, 3))))?;
    close(&list(&gradient), &[(MANY / 4) as f64; 3]);
    // The gradient of a filter of one tap.
    let image = Leaf::<f32>::new([1, 1, 1024, 1024]);
    let c = Function::record((Leaf::<f32>::new([1, 1, 1, 1]), image), |(w, x)| x.convolve(w, Boundary::Zero, [1, 1]).sum())?;
    let pixels = ndarray::Array4::from_shape_fn((1, 1, 1024, 1024), |(_, _, i, j)| number(i * 1024 + j));
    let expected = exact(pixels.iter().map(|v| f64::from(*v)));
    let gradient = c.wrt(|(w, _)| w).gradient().eval((ndarray::Array4::<f32>::ones((1, 1, 1, 1)), &pixels))?;
    close(&list(&gradient), &[expected]);
    Ok(())
}
