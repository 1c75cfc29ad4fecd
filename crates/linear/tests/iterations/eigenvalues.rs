//! The extreme eigenvalues, against matrices whose eigenvalues are known.
use crate::support::*;
use hypertape_linear::*;
use ndarray::{Array1, Array2, arr2};

/// Q diag(values) Qᵀ.
fn with_eigenvalues(values: &[f64]) -> Array2<f64> {
    let q = indefinite(values.len());
    // A reflection, from the first column of something.
    let v: Array1<f64> = q.column(0).to_owned();
    let v = &v / norm(v.as_slice().unwrap_or(&v.to_vec()));
    let q = Array2::eye(values.len()) - 2.0 * Array2::from_shape_fn(q.dim(), |(i, j)| v[i] * v[j]);
    q.dot(&Array2::from_diag(&Array1::from(values.to_vec()))).dot(&q.t())
}

#[test]
fn of_either_sign_and_any_size() {
    for scale in [1.0, -1.0, 1e-150, 1e150] {
        let all: [Vec<f64>; 6] = [
            vec![2.0],
            vec![-1.0, 5.0],
            vec![-3.0, 0.0, 1e-6, 2.0],
            (1..=30).map(f64::from).collect(),
            vec![4.0; 9],
            (0..50).map(|i| 10f64.powf(-f64::from(i) / 10.0)).collect(),
        ];
        for values in all {
            let n = values.len();
            let (least, most) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, m), v| (l.min(*v), m.max(*v)));
            let (least, most) = if scale < 0.0 { (-most, -least) } else { (least, most) };
            let found = eigenvalues(&mut (with_eigenvalues(&values) * scale), 1e-13, 4 * n).unwrap();
            let size = least.abs().max(most.abs());
            assert!(found.converged && found.steps <= n, "{values:?} {found:?}");
            assert!((found.smallest / scale.abs() - least).abs() <= 1e-13 * size, "{values:?} {found:?}");
            assert!((found.largest / scale.abs() - most).abs() <= 1e-13 * size, "{values:?} {found:?}");
            let looked = if n > 1 { 2 } else { 0 };
            assert_eq!((found.products.plain, found.products.transposed), (found.steps as u64 + looked, 0));
        }
    }
}

/// Few steps: from inside, each within its residual of an eigenvalue, and said where that is not enough.
#[test]
fn few_steps_are_honest() {
    let mut values: Vec<f64> = (0..200).map(|i| 2.0 * (f64::from(i) * 0.618).fract() - 1.0).collect();
    (values[7], values[60]) = (1.5, -1.3);
    let mut a = with_eigenvalues(&values);
    let (least, most) = values.iter().fold((1.0_f64, -1.0_f64), |(l, m), v| (l.min(*v), m.max(*v)));
    for steps in [1, 3, 8, 20] {
        let found = eigenvalues(&mut a, 1e-9, steps).unwrap();
        assert!(found.steps <= steps && found.smallest >= least - 1e-13 && found.largest <= most + 1e-13, "{found:?}");
        for (v, r) in [(found.smallest, found.residuals[0]), (found.largest, found.residuals[1])] {
            assert!(values.iter().any(|w| (v - w).abs() <= r + 1e-13), "{found:?}");
        }
        assert_eq!(found.converged, found.residuals.iter().all(|r| *r <= 1e-9 * found.largest.max(-found.smallest)));
    }
    let found = eigenvalues(&mut a, 1e-9, 200).unwrap();
    assert!(found.converged && found.steps < 60 && (found.largest - most).abs() < 1e-12, "{found:?}");
}

#[test]
fn nothing_and_what_cannot_be() {
    let found = eigenvalues(&mut Array2::<f64>::zeros((0, 0)), 1e-9, 20).unwrap();
    assert_eq!((found.smallest, found.largest, found.steps), (f64::INFINITY, f64::NEG_INFINITY, 0));
    let found = eigenvalues(&mut Array2::<f64>::zeros((5, 5)), 1e-9, 20).unwrap();
    assert_eq!((found.smallest, found.largest, found.converged), (0.0, 0.0, true));
    assert!(matches!(eigenvalues(&mut arr2(&[[f64::NAN]]), 1e-9, 20), Err(Failed::NotFinite { .. })));
    for mut wrong in [general(9), arr2(&[[0.0, 1.0], [-1.0, 0.0]]), arr2(&[[1.0, 5.0], [0.0, 1.0]])] {
        assert!(matches!(eigenvalues(&mut wrong, 1e-9, 20), Err(Failed::NotSymmetric { .. })), "{wrong}");
    }
    assert!(matches!(eigenvalues(&mut definite(3), f64::NAN, 20), Err(Failed::Setting { .. })));
    let found = eigenvalues(&mut arr2(&[[3.0]]), 0.0, 0).unwrap();
    assert_eq!((found.smallest, found.largest, found.steps), (3.0, 3.0, 1));
    let found = eigenvalues(&mut Single::new(definite(30).mapv(|v| v as f32)), 1e-5, 30).unwrap();
    let exact = eigenvalues(&mut definite(30), 1e-13, 30).unwrap();
    assert!(found.converged && (found.largest / exact.largest - 1.0).abs() < 1e-5, "{found:?} {exact:?}");
}
