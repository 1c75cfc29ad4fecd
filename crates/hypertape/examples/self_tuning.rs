//! A self-tuning network (MacKay et al. 2019): no solver; weights answer to the hyperparameter, which is perturbed by noise.
mod support;

use hypertape::ndarray::{self, Array1, ArrayD};
use hypertape::prelude::*;
use support::{Accuracy, agrees, random};

#[derive(Tree, Clone, Copy, Debug)]
struct Response<L> {
    base: L,
    direction: L,
    gate: L,
}

const POINTS: usize = 16;
const D: usize = 4;

/// Weights near the best response to a log-penalty.
fn weights(r: Response<Var>, lambda: Var) -> Var {
    r.base + (r.gate * lambda).sigmoid() * r.direction
}

#[cfg_attr(test, test)]
fn a_penalty_tunes_itself() -> Result<()> {
    let response = Response { base: shape![D], direction: shape![D], gate: shape![] };
    let (points, hyper) = ((shape![POINTS, D], shape![POINTS]), (shape![], shape![]));
    let train = Function::record((response.clone(), hyper.clone(), points.clone(), index![]), |(r, (lambda, scale), (x, y), step)| {
        let lambda = lambda + scale.softplus() * normal(7, step, shape![]);
        let w = weights(r, lambda);
        (x.dot(w) - y).square().mean() + lambda.exp() * w.square().sum()
    })?;
    let validation = Function::record((hyper, response.clone(), points), |((lambda, _scale), r, (x, y))| {
        (x.dot(weights(r, lambda)) - y).square().mean()
    })?;
    let inner = train.wrt(|(r, ..)| r).value_and_gradient();
    let outer = validation.wrt(|((lambda, _), ..)| lambda).value_and_gradient();

    let (x, truth) = (random::normal(1, (2 * POINTS, D)), ndarray::arr1(&[1.0, -1.0, 0.5, 0.0]));
    let y = x.dot(&truth) + 0.5 * random::normal(2, 2 * POINTS);
    let ((x, x_val), (y, y_val)) = (x.view().split_at(ndarray::Axis(0), POINTS), y.view().split_at(ndarray::Axis(0), POINTS));

    let mut r = Response { base: ArrayD::zeros(vec![D]), direction: random::sym(3, D).into_dyn(), gate: ndarray::arr0(1.0).into_dyn() };
    let mut lambda = 1.0;
    let (mut descend, mut tune, mut out) = (inner.workspace(), outer.workspace(), inner.outputs().zeros());
    let (mut adam, mut losses) = (Optimiser::adam(&response, |m| m.step_size(0.02)), vec![]);
    for step in 0..300_u32 {
        descend.run_into((&r, (lambda, -1.0), (&x, &y), step), &mut out)?;
        adam.update(&mut r, &out.1)?;
        let (loss, slope) = tune.run(((lambda, -1.0), &r, (&x_val, &y_val)))?;
        losses.push(loss.number()?);
        lambda -= 0.1 * slope.number()?;
    }
    println!("losses: {:.4} at first, {:.4} at last", losses[0], losses[299]);
    assert!(losses[299] < 0.5 * losses[0] && lambda < 1.0, "{lambda} {losses:?}");

    println!("log-penalty {lambda:.3}");

    // The noise of a step is the same in every run, so the gradient is that of a plain function of all its inputs.
    let (x, y): (ndarray::Array2<f64>, Array1<f64>) = (x.to_owned(), y.to_owned());
    let at = (r, (lambda, -1.0), (x, y), 5_u32);
    agrees(&train, &at, &train.gradient(&at)?, Accuracy::smooth(10 * POINTS))?;
    let (_, (_, by_scale), ..) = train.gradient(&at)?;
    assert!(by_scale.number()? != 0.0);
    Ok(())
}

fn main() -> Result<()> {
    a_penalty_tunes_itself()
}
