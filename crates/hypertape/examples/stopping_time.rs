//! Gradient flow of an image energy with a stopping time that is learned (Effland et al. 2020), and a flow that runs until it stands still.
mod support;

use hypertape::ndarray::{ArcArray2, Array2};
use hypertape::prelude::*;
use support::{Accuracy, check, random};

const SIDE: usize = 6;

fn images() -> (ArcArray2<f64>, ArcArray2<f64>) {
    let clean = Array2::from_shape_fn((SIDE, SIDE), |(i, _)| if i < SIDE / 2 { 0.0 } else { 1.0 });
    let noisy = &clean + &(0.6 * random::sym(1, (SIDE, SIDE)));
    (noisy.into_shared(), clean.into_shared())
}

/// (image, weight) → ½‖u − y‖² + weight · smoothed total variation.
fn energy(noisy: &ArcArray2<f64>) -> Result<Function<(Leaf, Leaf), Leaf>> {
    Function::record((shape![SIDE, SIDE], shape![]), |(u, weight)| {
        let (down, right) = (u.difference(0, Edge::Zero), u.difference(1, Edge::Zero));
        let variation = (down.square() + right.square() + 0.01).sqrt().sum();
        0.5 * (u - constant(noisy)).square().sum() + weight * variation
    })
}

#[cfg_attr(test, test)]
fn a_stopping_time_is_learned() -> Result<()> {
    let (noisy, clean) = images();
    let gradient = energy(&noisy)?.wrt(|(u, _)| u).gradient();
    // K explicit steps of length T/K; both T and the weight are learned.
    let steps = 40;
    let error = Function::record((shape![], shape![]), |(time, weight)| {
        let (u, ()) = scan(constant(&noisy), steps, |u, _| (u - (time / steps as f64) * gradient.call((u, weight)), ()));
        (u - constant(&clean)).square().mean()
    })?;
    let (mut time, mut weight) = (0.1, 0.2);
    check(&error, (time, weight), Accuracy::smooth(steps * SIDE))?;
    let mut losses = vec![];
    for _ in 0..50 {
        let (loss, (by_time, by_weight)) = error.value_and_gradient((time, weight))?;
        losses.push(loss);
        time -= 2.0 * by_time.number()?;
        weight -= 2.0 * by_weight.number()?;
    }
    println!("losses: {:.4} at first, {:.4} at last", losses[0], losses[49]);
    assert!(losses[49] < 0.6 * losses[0] && time > 0.1, "{time} {weight} {losses:?}");
    check(&error, (time, weight), Accuracy::smooth(steps * SIDE))?;
    Ok(())
}

#[cfg_attr(test, test)]
fn a_flow_that_stops_when_it_stands_still() -> Result<()> {
    let (noisy, clean) = images();
    let gradient = energy(&noisy)?.wrt(|(u, _)| u).gradient();
    let stopped = |tolerance: f64| {
        let (noisy, clean, gradient) = (&noisy, &clean, &gradient);
        Function::record(shape![], move |weight| {
            let u = scan_until(
                constant(noisy),
                2000,
                |u| gradient.call((*u, weight)).norm_l2().less_than(tolerance),
                |u, _step| u - 0.2 * gradient.call((u, weight)),
            );
            (u - constant(clean)).square().mean()
        })
    };
    // The number of steps is that of the run; it does not change with small changes of the weight, so differences see the same steps.
    check(&stopped(1e-3)?, 0.1, Accuracy { step: 1.0 / 1048576.0, ..Accuracy::smooth(1000) })?;
    // Run to the end, it is the minimiser, whose derivative the implicit function theorem gives. A step contracts by 1 − 0.2 at the least.
    let minimiser = GradientDescent::new(&energy(&noisy)?).step_size(0.2).tolerance(1e-12).max_iterations(2000);
    let solved = Function::record(shape![], |weight| {
        let u = minimiser.implicit(Cg::default()).solve(&noisy, weight);
        (u - constant(&clean)).square().mean()
    })?;
    // Stopped at 1e-12, what is left of the derivative is some hundred times as much: the energy bends by up to 1/√0.01 more than this.
    let (end, exact) = (stopped(1e-12)?.gradient(0.1)?.number()?, solved.gradient(0.1)?.number()?);
    assert!((end - exact).abs() <= 1e-10, "{end} {exact}");
    Ok(())
}

fn main() -> Result<()> {
    a_stopping_time_is_learned()?;
    a_flow_that_stops_when_it_stands_still()
}
