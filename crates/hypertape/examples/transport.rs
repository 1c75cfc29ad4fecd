//! Entropic optimal transport (Cuturi 2013) in the log domain: two potentials are the state; cost, marginals and ε are parameters.
mod support;

use hypertape::ndarray::{self, Array1, Array2};
use hypertape::prelude::*;
use support::{Accuracy, assert_close, check, random};

type Parameters = (Leaf, (Leaf, Leaf), Leaf);

/// Sinkhorn's sweep of both potentials.
fn sweep(n: usize, m: usize) -> Result<Function<((Leaf, Leaf), Parameters), (Leaf, Leaf)>> {
    let parameters = (shape![n, m], (shape![n], shape![m]), shape![]);
    Function::record(((shape![n], shape![m]), parameters), |((_f, g), (cost, (a, b), eps))| {
        let f = eps * (a.ln() - ((g - cost) / eps).logsumexp_axis(1));
        let g = eps * (b.ln() - ((f - cost.t()) / eps).logsumexp_axis(1));
        (f, g)
    })
}

#[cfg_attr(test, test)]
fn the_cost_of_transport_and_its_derivatives() -> Result<()> {
    let (n, m) = (4, 3);
    let sinkhorn = FixedPoint::new(&sweep(n, m)?).tolerance(1e-13).max_iterations(10_000);
    // Marginals from logits: they stay positive and sum to one.
    let parameters = (shape![n, m], (shape![n], shape![m]), shape![]);
    let value = Function::record(parameters, |(cost, (a, b), eps)| {
        let (a, b) = (a.softmax(0), b.softmax(0));
        // Potentials are determined up to a constant, on which the value does not depend: any of them will do.
        let (f, g) = sinkhorn.implicit(NormalCg::default().minimum_norm()).solve(zeros((shape![n], shape![m])), (cost, (a, b), eps));
        f.dot(a) + g.dot(b)
    })?;
    let cost = random::uniform(1, (n, m));
    let at = (&cost, (random::sym(2, n), random::sym(3, m)), 0.2);
    // A sweep contracts by 0.8 at the most here.
    let (by_cost, ..) = check(&value, &at, Accuracy::smooth(n * m).solved_to(1e-12))?;

    // Outside a recording: the potentials give the plan, which is the derivative by the cost (Danskin).
    let softmax = |v: &Array1<f64>| v.mapv(f64::exp) / v.mapv(f64::exp).sum();
    let (a, b) = (softmax(&at.1.0), softmax(&at.1.1));
    let solved = sinkhorn.solve((Array1::zeros(n), Array1::zeros(m)), (&cost, (&a, &b), 0.2))?;
    assert!(solved.report.converged, "{:?}", solved.report);
    let (f, g) = solved.solution;
    let plan = Array2::from_shape_fn((n, m), |(i, j)| ((f[[i]] + g[[j]] - cost[[i, j]]) / 0.2).exp());
    // Potentials within 1e-13 over the gap of the contraction; ε = 0.2 divides them.
    assert_close("rows of the plan", &plan.sum_axis(ndarray::Axis(1)), &a, 1e-12);
    assert_close("plan", &by_cost, &plan, 1e-11);
    Ok(())
}

fn main() -> Result<()> {
    the_cost_of_transport_and_its_derivatives()
}
