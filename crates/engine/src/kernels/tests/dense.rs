//! Factorisations and solves against the products they undo.
use super::Random;
use crate::kernels::dense::{cholesky, log_det, lu, lu_solve, solve_triangular, triangle};
use hypertape_ir::array::{Element, Real};
use hypertape_ir::operation::named::Triangle;

const SIZES: [usize; 9] = [0, 1, 2, 5, 16, 17, 33, 70, 130];

fn product(a: &[f64], b: &[f64], [m, n, k]: [usize; 3]) -> Vec<f64> {
    let mut c = vec![0.0; m * n];
    for i in 0..m {
        for p in 0..k {
            for j in 0..n {
                c[i * n + j] += a[i * k + p] * b[p * n + j];
            }
        }
    }
    c
}

fn transpose(a: &[f64], n: usize) -> Vec<f64> {
    (0..n * n).map(|i| a[i % n * n + i / n]).collect()
}

fn close<T: Real>(what: &str, got: &[f64], expected: &[f64], n: usize) {
    let size = expected.iter().fold(1.0, |m: f64, v| m.max(v.abs()));
    let bound = 8.0 * Element::to_f64(T::epsilon()) * (n + 1) as f64 * size;
    for (g, e) in got.iter().zip(expected) {
        assert!((g - e).abs() <= bound, "{what} of size {n}: {g} against {e}");
    }
}

fn narrow<T: Real>(x: &[f64]) -> Vec<T> {
    x.iter().map(|v| T::from_f64(*v)).collect()
}

fn wide<T: Real>(x: &[T]) -> Vec<f64> {
    x.iter().map(|v| Element::to_f64(*v)).collect()
}

fn dominant(r: &mut Random, n: usize) -> Vec<f64> {
    let mut a = r.reals(n * n);
    a.iter_mut().for_each(|v| *v /= n as f64);
    (0..n).for_each(|i| a[i * n + i] += 1.0);
    a
}

fn triangles<T: Real>() {
    let mut r = Random::new(10);
    for n in SIZES {
        for k in [0, 1, 2, 9, 40] {
            for bits in 0..8 {
                let how = Triangle { upper: bits & 1 > 0, transpose: bits & 2 > 0, unit: bits & 4 > 0 };
                let a = wide(&narrow::<T>(&dominant(&mut r, n)));
                let mut read = vec![0.0; n * n];
                triangle(how.upper, 1.0, &a, &mut read, n);
                if how.unit {
                    (0..n).for_each(|i| read[i * n + i] = 1.0);
                }
                let op = if how.transpose { transpose(&read, n) } else { read };
                let b = r.reals(n * k);
                let mut x = narrow::<T>(&b);
                solve_triangular(how, &narrow::<T>(&a), &mut x, n, k);
                close::<T>(&format!("{how:?}"), &product(&op, &wide(&x), [n, k, n]), &wide(&narrow::<T>(&b)), n);
            }
        }
    }
}

#[test]
fn triangular_solves() {
    triangles::<f64>();
    triangles::<f32>();
}

fn factors<T: Real>() {
    let mut r = Random::new(11);
    for n in SIZES {
        let c = r.reals(n * n);
        let mut a = product(&c, &transpose(&c, n), [n, n, n]);
        (0..n).for_each(|i| a[i * n + i] += 1.0);
        // Only the symmetric part counts.
        if n > 1 {
            a[1] += 0.25;
            a[n] -= 0.25;
        }
        let mut l = vec![T::nan(); n * n];
        assert_eq!(cholesky(&narrow::<T>(&a), &mut l, n), Ok(()));
        let l = wide(&l);
        let sym: Vec<f64> = a.iter().zip(&transpose(&a, n)).map(|(p, q)| 0.5 * (p + q)).collect();
        close::<T>("cholesky", &product(&l, &transpose(&l, n), [n, n, n]), &sym, n);
        assert!((0..n * n).all(|i| i % n <= i / n || l[i] == 0.0));

        let a = r.reals(n * n);
        let (mut f, mut rows) = (narrow::<T>(&a), vec![0; n]);
        assert_eq!(lu(&mut f, &mut rows, n), Ok(()));
        let w = wide(&f);
        let (mut l, mut u) = (vec![0.0; n * n], vec![0.0; n * n]);
        triangle(false, 0.0, &w, &mut l, n);
        triangle(true, 1.0, &w, &mut u, n);
        (0..n).for_each(|i| l[i * n + i] = 1.0);
        assert!(l.iter().all(|v| v.abs() <= 1.0));
        let permuted: Vec<f64> = rows.iter().flat_map(|i| wide(&narrow::<T>(&a))[*i as usize * n..][..n].to_vec()).collect();
        close::<T>("lu", &product(&l, &u, [n, n, n]), &permuted, n);

        let a = dominant(&mut r, n);
        let (mut f, mut rows) = (narrow::<T>(&a), vec![0; n]);
        assert_eq!(lu(&mut f, &mut rows, n), Ok(()));
        for (k, transposed) in [(1, false), (1, true), (7, false), (7, true), (0, true)] {
            let b = narrow::<T>(&r.reals(n * k));
            let (mut x, mut scratch) = (vec![T::nan(); n * k], vec![T::nan(); n * k]);
            lu_solve(&f, &rows, &b, &mut x, &mut scratch, transposed, n, k);
            let op = if transposed { transpose(&a, n) } else { a.clone() };
            close::<T>("solve", &product(&op, &wide(&x), [n, k, n]), &wide(&b), n);
        }
    }
}

#[test]
fn cholesky_and_lu() {
    factors::<f64>();
    factors::<f32>();
}

#[test]
fn determinants() {
    let det = |a: &[f64], n: usize| {
        let (mut f, mut rows) = (a.to_vec(), vec![0; n]);
        lu(&mut f, &mut rows, n).map(|()| {
            let (log, sign) = log_det(&f, &rows, n);
            sign * log.exp()
        })
    };
    let close = |got: Result<f64, _>, expected: f64| got.is_ok_and(|v: f64| (v - expected).abs() <= 8.0 * f64::EPSILON * expected.abs());
    assert!(close(det(&[], 0), 1.0));
    assert!(close(det(&[-3.0], 1), -3.0));
    assert!(close(det(&[1.0, 2.0, 3.0, 4.0], 2), -2.0));
    assert!(close(det(&[0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0], 3), 1.0));
    assert!(close(det(&[0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0], 3), -1.0));
}

#[test]
fn what_cannot_be_factored_is_named() {
    let mut l = [0.0; 4];
    assert_eq!(cholesky(&[1.0, 2.0, 2.0, 1.0], &mut l, 2), Err((1, -3.0)));
    assert!(cholesky(&[1.0, f64::NAN, 0.0, 1.0], &mut l, 2).is_err_and(|e| e.0 == 1));
    assert_eq!(lu(&mut [1.0, 2.0, 2.0, 4.0], &mut [0; 2], 2), Err((1, 0.0)));
    assert!(lu(&mut [f64::NAN, 2.0, 2.0, 4.0], &mut [0; 2], 2).is_err_and(|e| e.0 == 0));
}
