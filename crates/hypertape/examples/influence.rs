//! Influence functions (Koh and Liang 2017): what every training point does to a test loss, by one linear solve; the data are sparse.
mod support;

use hypertape::ndarray::Array1;
use hypertape::prelude::*;
use support::{Accuracy, agrees, random};

#[cfg_attr(test, test)]
fn points_that_a_prediction_rests_on() -> Result<()> {
    // A third of the features of each point are present.
    let (n, d) = (40, 6);
    let dense = random::normal(1, (n, d)) * &random::uniform(2, (n, d)).mapv(|u| f64::from(u8::from(u < 0.4)));
    let x = Csr::from_dense(&dense.view())?;
    let truth = random::normal(3, d);
    let y = Array1::from_shape_fn(n, |i| if dense.row(i).dot(&truth) + 0.3 > 0.0 { 1.0 } else { -1.0 }).into_shared();
    let test = random::normal(4, d).into_shared();

    // Weights of the points are the parameters.
    let weighted = Function::record((shape![d], shape![n]), |(theta, weights)| {
        (weights * (-(constant(&y) * csr(&x).dot(theta))).softplus()).sum() + 0.5 * theta.square().sum()
    })?;
    let ones = Array1::ones(n);
    let trained = Lbfgs::new(&weighted).tolerance(1e-6).solve(Array1::zeros(d), &ones)?;
    assert!(trained.report.converged, "{:?}", trained.report);

    // Already trained, to a tolerance of no great use: no iterations, and Newton steps until the point is a solution.
    let solver = Lbfgs::new(&weighted).max_iterations(0).implicit(Cg::default()).on_residual(OnResidual::Refine).residual_tolerance(1e-12);
    let loss = Function::record((shape![n], shape![d]), |(weights, start)| {
        let theta = solver.solve(start, weights);
        (-constant(&test).dot(theta)).softplus()
    })?;
    let influence = loss.wrt(|(weights, _)| weights).gradient().eval((&ones, &trained.solution))?;

    // By differences: the model is trained again with slightly other weights. The start has no influence.
    let at_trained = loss.rebind(shape![n], |weights| (weights, constant(trained.solution.to_shared())))?;
    agrees(&at_trained, &ones, &influence, Accuracy::smooth(n).solved_to(1e-12))?;

    // Leaving out the most influential point moves the loss about as predicted, and more than leaving out the least.
    let by_size = |a: &usize, b: &usize| influence[[*a]].abs().total_cmp(&influence[[*b]].abs());
    let (most, least) = ((0..n).max_by(by_size).unwrap_or(0), (0..n).min_by(by_size).unwrap_or(0));
    let without = |i: usize| -> Result<f64> {
        let weights = Array1::from_shape_fn(n, |j| f64::from(u8::from(i != j)));
        Ok(loss.eval((&weights, &trained.solution))?.number()? - loss.eval((&ones, &trained.solution))?.number()?)
    };
    let moved = without(most)?;
    println!("without point {most} the loss moves by {moved:.4}, predicted {:.4}", -influence[[most]]);
    assert!((moved + influence[[most]]).abs() < 0.5 * moved.abs() && without(least)?.abs() < moved.abs(), "{moved} {influence}");
    Ok(())
}

fn main() -> Result<()> {
    points_that_a_prediction_rests_on()
}
