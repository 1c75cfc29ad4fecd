//! Total-variation denoising by Condat-Vũ, differentiated by one weight or by a map of weights.
use super::{Ready, Size, call, keep, ready};
use hypertape::prelude::*;
use hypertape_testkit::random::sym;
use ndarray::{Array2, arr0};

/// 200 steps on an image of 64², 256² or 512² pixels; the mean squared distance to the clean one.
pub(super) fn unrolled(size: Size, map: bool, variant: &'static str) -> Ready {
    let n = size.of(64, 256, 512);
    let clean = Array2::from_shape_fn((n, n), |(i, j)| ((i * 8 / n + 3 * (j * 8 / n)) % 5) as f64 / 4.0);
    let noisy = (&clean + &(sym(700, (n, n)) * 0.5)).into_shared();
    let clean = clean.into_shared();
    let at = sym(701, (n, n)) * 0.05 + 0.1;
    ready(move || {
        let weights = if map { shape![n, n] } else { shape![] };
        let fit = Function::record((shape![n, n], weights.clone()), |(x, _)| 0.5 * (x - constant(&noisy)).square().sum())?;
        // The projection of the dual onto balls of radius λ, pixel by pixel.
        let solver = CondatVu::new(&Saddle::with(&fit, Gradient2d, |u: Var, _step, weight: &Var| {
            u * (*weight / (weight.square().max(u.norm2_axis(0))).sqrt())
        }));
        let solver = solver.tau(0.25).sigma(0.4).unroll(200).keep(keep(variant, 200 * 8 * 3 * n * n));
        let f = Function::record(weights, |weight| {
            let (x, _) = solver.solve((constant(&noisy), zeros(shape![2, n, n])), weight);
            (x - constant(&clean)).square().mean()
        })?;
        match (map, variant) {
            (true, _) => call(f.wrt(|w| w).gradient(), at),
            (false, "fwd") => call(f.wrt(|w| w).jvp().output(|(_, t)| t), (arr0(0.1), arr0(1.0))),
            (false, _) => call(f.wrt(|w| w).gradient(), arr0(0.1)),
        }
    })
}
