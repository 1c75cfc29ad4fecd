//! Sparse products against dense loops, and matrices that are refused.
use super::{Random, on_threads};
use crate::kernels::cast::scratch_as;
use crate::kernels::isa::on_each;
use crate::kernels::sampled;
use crate::kernels::sparse::Sparse;
use hypertape_ir::array::{Element, Real};
use hypertape_ir::operation::named::Csr;

fn random(r: &mut Random, rows: usize, columns: usize, per_row: usize) -> Csr<f64> {
    let (mut starts, mut indices, mut values) = (vec![0], vec![], vec![]);
    for _ in 0..rows {
        for _ in 0..if columns == 0 { 0 } else { r.below(2 * per_row + 1) } {
            indices.push(r.below(columns) as u32);
            values.push(r.real());
        }
        starts.push(values.len());
    }
    Csr::new([rows, columns], starts, indices, values).expect("the parts fit")
}

#[test]
fn products_with_vectors_and_matrices() {
    let mut r = Random::new(20);
    for (rows, columns, per_row) in [(0, 3, 1), (3, 0, 1), (1, 1, 1), (17, 9, 3), (40, 60, 7), (3000, 200, 100)] {
        let a = random(&mut r, rows, columns, per_row);
        for k in [0, 1, 2, 3] {
            for transpose in [false, true] {
                let (from, to) = if transpose { (rows, columns) } else { (columns, rows) };
                let x = r.reals(from * k);
                let (mut expected, mut size) = (vec![0.0; to * k], vec![0.0; to * k]);
                for (i, j, v) in a.entries() {
                    let (i, j) = if transpose { (j, i) } else { (i, j) };
                    for c in 0..k {
                        expected[i * k + c] += v * x[j * k + c];
                        size[i * k + c] += (v * x[j * k + c]).abs();
                    }
                }
                let y = on_threads(|| {
                    let mut y = vec![f64::NAN; to * k];
                    if transpose {
                        Sparse::of(&a).dot_transposed(&x, &mut y, k, &mut vec![f64::NAN; Sparse::of(&a).scratch(k)])
                    } else {
                        Sparse::of(&a).dot(&x, &mut y, k)
                    }
                    y
                });
                let bound = f64::EPSILON * (4 + a.nonzeros()) as f64;
                assert!(y.iter().zip(expected.iter().zip(&size)).all(|(y, (e, s))| (y - e).abs() <= bound * s));
            }
        }
    }
}

#[test]
fn parts_that_do_not_fit_are_refused() {
    let say = |starts: &[usize], indices: &[u32], values: &[f64]| {
        Csr::new([2, 3], starts.to_vec(), indices.to_vec(), values.to_vec()).expect_err("the parts do not fit").to_string()
    };
    assert!(say(&[0, 1], &[0], &[1.0]).contains("must be 3 numbers"));
    assert!(say(&[0, 2, 1], &[0], &[1.0]).contains("do not decrease"));
    assert!(say(&[0, 1, 2], &[0, 1], &[1.0]).contains("2 columns of entries and 1 values"));
    assert!(say(&[0, 1, 2], &[0, 3], &[1.0, 1.0]).contains("column 3, of 3"));
    assert!(say(&[0, 1, 2], &[0, 1], &[1.0, f64::NAN]).contains("entry 1 is NaN"));
}

/// Rows of every small length, for one and several columns.
fn small_rows<T: Real>() {
    let mut r = Random::new(21);
    let (columns, rows) = (50, 70);
    let (mut starts, mut indices, mut values) = (vec![0], vec![], vec![]);
    for i in 0..rows {
        for _ in 0..i {
            indices.push(r.below(columns) as u32);
            values.push(<T as Element>::from_f64(r.real()));
        }
        starts.push(values.len());
    }
    let a = Csr::new([rows, columns], starts, indices, values).expect("the parts fit");
    for k in 1..=20 {
        for transpose in [false, true] {
            let (from, to) = if transpose { (rows, columns) } else { (columns, rows) };
            let x: Vec<T> = r.reals(from * k).into_iter().map(<T as Element>::from_f64).collect();
            let (mut y, mut expected, mut size) = (vec![T::nan(); to * k], vec![0.0; to * k], vec![0.0; to * k]);
            if transpose {
                Sparse::of(&a).dot_transposed(&x, &mut y, k, &mut [])
            } else {
                Sparse::of(&a).dot(&x, &mut y, k)
            }
            for (i, j, v) in a.entries() {
                let (i, j) = if transpose { (j, i) } else { (i, j) };
                for c in 0..k {
                    let term = Element::to_f64(v) * Element::to_f64(x[j * k + c]);
                    expected[i * k + c] += term;
                    size[i * k + c] += term.abs();
                }
            }
            let bound = Element::to_f64(T::epsilon()) * (2 + rows) as f64;
            let fits = |(y, (e, s)): (&T, (&f64, &f64))| (Element::to_f64(*y) - e).abs() <= bound * s;
            assert!(y.iter().zip(expected.iter().zip(&size)).all(fits), "{k} columns, transposed: {transpose}");
        }
    }
}

#[test]
fn rows_of_every_small_length() {
    on_each(|| {
        small_rows::<f64>();
        small_rows::<f32>();
    });
}

/// Rows that are named, many enough for two threads, both ways; and products of dense factors in the places of the matrix.
fn named_rows<T: Real>() {
    let mut r = Random::new(22);
    let single = |v: f64| <T as Element>::from_f64(v);
    for (rows, columns, per_row, count) in [(1, 1, 1, 3), (9, 5, 2, 0), (40, 60, 7, 100), (300, 200, 100, 2000)] {
        let a = random(&mut r, rows, columns, per_row);
        let values: Vec<T> = a.values().iter().map(|v| single(*v)).collect();
        let named: Vec<u32> = (0..count).map(|_| r.below(rows) as u32).collect();
        for k in [0, 1, 2, 3] {
            let mut reals = |n: usize| -> Vec<T> { r.reals(n).into_iter().map(single).collect() };
            let (x, u) = (reals(columns * k), reals(count * k));
            let double = |x: &[T]| x.iter().map(|v| Element::to_f64(*v)).collect::<Vec<_>>();
            let (xs, us, vs) = (double(&x), double(&u), double(&values));
            let mut expected = [vec![0.0; count * k], vec![0.0; columns * k], vec![0.0; values.len()], vec![0.0; values.len()]];
            let add = |to: &mut f64, term: f64| *to += term;
            for (b, i) in named.iter().enumerate() {
                for (e, j) in a.pattern().row(*i as usize) {
                    for c in 0..k {
                        add(&mut expected[0][b * k + c], vs[e] * xs[j * k + c]);
                        add(&mut expected[1][j * k + c], vs[e] * us[b * k + c]);
                        add(&mut expected[2][e], us[b * k + c] * xs[j * k + c]);
                    }
                }
            }
            let first: Vec<T> = (0..rows * k).map(|i| if count > 0 { u[i % count] } else { T::one() }).collect();
            for i in 0..rows {
                for (e, j) in a.pattern().row(i) {
                    (0..k).for_each(|c| add(&mut expected[3][e], Element::to_f64(first[i * k + c]) * xs[j * k + c]));
                }
            }
            let found = on_threads(|| {
                let mut y =
                    [vec![T::nan(); count * k], vec![T::nan(); columns * k], vec![T::nan(); values.len()], vec![T::nan(); values.len()]];
                let some = Sparse::with(a.pattern(), &values).named(&named);
                some.dot(&x, &mut y[0], k);
                let mut scratch = vec![f64::NAN; Sparse::<T>::scratch_with(a.pattern(), true, k)];
                some.dot_transposed(&u, &mut y[1], k, scratch_as(&mut scratch));
                let mut scratch = vec![f64::NAN; sampled::scratch::<T>(a.pattern(), count)];
                sampled::of_named(a.pattern(), &named, &u, &x, &mut y[2], k, &mut scratch);
                sampled::of_all(a.pattern(), &first, &x, &mut y[3], k, 0..rows);
                y.concat()
            });
            // All terms are less than 1, and sums are of at most so many.
            let bound = Element::to_f64(T::epsilon()) * (4 + a.nonzeros() + count * k) as f64;
            let fits = |(y, e): (&T, &f64)| (Element::to_f64(*y) - e).abs() <= bound;
            assert!(found.iter().zip(&expected.concat()).all(fits), "{rows} rows, {count} of them, {k} columns");
        }
    }
}

#[test]
fn rows_that_are_named() {
    on_each(|| {
        named_rows::<f64>();
        named_rows::<f32>();
    });
}
