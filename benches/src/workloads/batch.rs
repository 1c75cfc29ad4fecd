//! Many small problems of one form, each of a few dozen numbers: bound by what every operation costs besides its arithmetic.
use super::{Ready, Size, call, ready};
use hypertape::prelude::*;
use hypertape_testkit::random::{sym, uniform};
use ndarray::{Array1, Array2, Array3};

const STEPS: usize = 30;

/// Problems, and their true solutions: 100, 1000 or 10000 of ten unknowns.
fn problems(size: Size) -> (usize, Array2<f64>) {
    let n = size.of(100, 1000, 10_000);
    (n, sym(901, (n, 10)))
}

/// Ridge regressions, each with a matrix of its own, by 30 gradient steps; the gradient of the mean distance to the truth by the shared step sizes and
/// log-penalties.
pub(super) fn ridge(size: Size) -> Ready {
    let (n, truth) = problems(size);
    let (a, noise): (Array3<f64>, Array2<f64>) = (sym(900, (n, 20, 10)), sym(902, (n, 20)));
    let b = Array2::from_shape_fn((n, 20), |(k, i)| (0..10).map(|j| a[[k, i, j]] * truth[[k, j]]).sum::<f64>() + 0.1 * noise[[k, i]]);
    let steps: Array1<f64> = sym(903, STEPS) * 0.1 + 0.2;
    let penalties: Array1<f64> = sym(904, 10) - 2.0;
    let (a, b, truth) = (a.into_shared(), b.into_shared(), truth.into_shared());
    ready(move || {
        let loss = Function::record((shape![STEPS], shape![10]), |(steps, penalties)| {
            let losses = map((constant(&a), constant(&b), constant(&truth)), |(a, b, truth)| {
                let step = |x: Var, s: Var| (x - s * ((a.dot(x) - b).dot(a) + penalties.exp() * x), ());
                0.5 * (scan(zeros(shape![10]), steps, step).0 - truth).square().sum()
            });
            losses.mean()
        })?;
        call(loss.wrt(|all| all).gradient(), (steps, penalties))
    })
}

/// Sparse codes by 30 layers of learned ISTA; the gradient of the mean distance to the truth by the shared matrices and thresholds.
pub(super) fn lista(size: Size) -> Ready {
    let (n, truth) = problems(size);
    let b: Array2<f64> = sym(905, (n, 20));
    let (w, s): (Array2<f64>, Array2<f64>) = (sym(906, (10, 20)) * 0.5, sym(907, (10, 10)) * 0.8);
    let thresholds: Array1<f64> = uniform(908, 10) * 0.02 + 0.02;
    let (b, truth) = (b.into_shared(), truth.into_shared());
    ready(move || {
        let loss = Function::record((shape![10, 20], shape![10, 10], shape![10]), |(w, s, thresholds)| {
            let losses = map((constant(&b), constant(&truth)), |(b, truth)| {
                let layer = |z: Var, _: Var<u32>| ((w.dot(b) + s.dot(z)).soft_threshold(thresholds), ());
                0.5 * (scan(zeros(shape![10]), STEPS, layer).0 - truth).square().sum()
            });
            losses.mean()
        })?;
        call(loss.wrt(|all| all).gradient(), (w, s, thresholds))
    })
}
