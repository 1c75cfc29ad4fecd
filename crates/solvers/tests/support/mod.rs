//! Problems of the zoo as recorded functions, and comparisons.
#![allow(dead_code)]
use hypertape_autodiff::record::constant;
use hypertape_autodiff::tree::Leaf;
use hypertape_autodiff::{Function, shape};
use hypertape_testkit::problems::ridge;
use ndarray::ArrayD;

pub(crate) type Number = Leaf<f64>;

/// G(w, λ) of the ridge problem.
pub(crate) fn ridge_objective() -> Function<(Number, Number), Number> {
    let (x, y) = (ridge::x().into_shared(), ridge::y().into_shared());
    Function::record((shape![3], shape![]), |(w, lambda)| {
        let r = constant(&x).dot(w) - constant(&y);
        r.dot(r) / 20.0 + 0.5 * lambda * w.dot(w)
    })
    .unwrap()
}

/// ‖X β − y‖²/2n of a lasso.
pub(crate) fn lasso_fit(x: ndarray::Array2<f64>, y: ndarray::Array1<f64>) -> Function<(Number, Number), Number> {
    let (n, d) = x.dim();
    let (x, y) = (x.into_shared(), y.into_shared());
    Function::record((shape![d], shape![]), |(b, _)| {
        let r = constant(&x).dot(b) - constant(&y);
        r.dot(r) / (2.0 * n as f64)
    })
    .unwrap()
}

/// a w²/2 − θ w with parameters (a, θ).
pub(crate) fn quadratic() -> Function<(Number, (Number, Number)), Number> {
    Function::record((shape![], (shape![], shape![])), |(w, (a, theta))| 0.5 * a * w * w - theta * w).unwrap()
}

pub(crate) fn flat(a: &ArrayD<f64>) -> Vec<f64> {
    a.iter().copied().collect()
}

pub(crate) fn close(what: &str, found: &ArrayD<f64>, expected: impl IntoIterator<Item = f64>, tolerance: f64) {
    let expected: Vec<f64> = expected.into_iter().collect();
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (a, b)) in found.iter().zip(&expected).enumerate() {
        assert!((a - b).abs() <= tolerance, "{what}, entry {i}: {a} and {b} differ by {:e}, more than {tolerance:e}", (a - b).abs());
    }
}
