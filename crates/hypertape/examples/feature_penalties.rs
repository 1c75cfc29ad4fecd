//! One log-penalty for each feature, by approximate gradients: HOAG (Pedregosa 2016), whose tolerances are inputs of the recorded function.
mod support;

use hypertape::ndarray::{Array1, Array2};
use hypertape::prelude::*;
use support::{Accuracy, agrees, random};

/// Squared error of a linear model.
fn error(x: Var, y: Var, theta: Var) -> Var {
    0.5 * (x.dot(theta) - y).square().mean()
}

#[cfg_attr(test, test)]
fn penalties_fall_where_features_matter() -> Result<()> {
    // Three features matter, three do not, and points are few.
    let (n, d) = (15, 6);
    let truth = Array1::from_shape_fn(d, |j| if j < 3 { 1.0 } else { 0.0 });
    let sample = |seed: u64| -> (Array2<f64>, Array1<f64>) {
        let x = random::normal(seed, (n, d));
        let y = x.dot(&truth) + random::normal(seed + 1, n);
        (x, y)
    };
    let ((x, y), (x_val, y_val)) = (sample(1), sample(3));
    let (x, y, x_val, y_val) = (x.into_shared(), y.into_shared(), x_val.into_shared(), y_val.into_shared());

    let inner = Function::record((shape![d], shape![d]), |(theta, alpha)| {
        error(constant(&x), constant(&y), theta) + 0.5 * (alpha.exp() * theta.square()).sum()
    })?;
    let solver = Lbfgs::new(&inner);
    let outer = Function::record((shape![d], shape![]), |(alpha, tolerance)| {
        let inner = solver.clone().tolerance(tolerance).implicit(Cg::tolerance(tolerance)).warm_start();
        let theta = inner.solve(zeros(shape![d]), alpha);
        error(constant(&x_val), constant(&y_val), theta)
    })?;
    let hypergradient = outer.wrt(|(alpha, _)| alpha).value_and_gradient();

    // A workspace keeps the last solution and adjoint; each outer step starts from them, with a smaller tolerance.
    let mut workspace = hypergradient.workspace();
    let mut alpha = Array1::from_elem(d, -1.0);
    let mut losses = vec![];
    for k in 0..60 {
        let (loss, gradient) = workspace.run((&alpha, 1e-2 * 0.9_f64.powi(k)))?;
        losses.push(loss.number()?);
        alpha = alpha - 5.0 * &gradient.d1();
    }
    println!("losses: {:.4} at first, {:.4} at last", losses[0], losses[59]);
    assert!(losses[59] < 0.98 * losses[0], "{losses:?}");
    println!("log-penalties {alpha:.2}");
    assert!(alpha.iter().take(3).all(|kept| alpha.iter().skip(3).any(|other| kept < other)), "{alpha}");
    let reports = workspace.reports();
    assert!(reports.len() == 2 && reports.iter().all(|r| r.converged), "{reports:?}");

    // At a small tolerance the gradient is exact. The penalties here bound the curvature from below by 0.01.
    let tight = 1e-12;
    let fixed = outer.rebind(shape![d], |alpha| (alpha, scalar(tight)))?;
    let (_, exact) = hypergradient.eval((&alpha, tight))?;
    agrees(&fixed, &alpha, &exact, Accuracy::smooth(n).solved_to(100.0 * tight))
}

fn main() -> Result<()> {
    penalties_fall_where_features_matter()
}
