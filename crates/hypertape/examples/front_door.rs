//! The front door: a validation loss, differentiated through a solver in four ways that differ by one line.
mod support;

use hypertape::ndarray::{ArcArray1, ArcArray2, Array1};
use hypertape::prelude::*;
use support::{Accuracy, check, random};

/// Logistic loss of labels −1 and 1.
fn logistic(x: Var, y: Var, theta: Var) -> Var {
    (-(y * x.dot(theta))).softplus().mean()
}

/// Points, and labels that a linear rule gives nine times out of ten.
fn data(seed: u64, n: usize, d: usize) -> (ArcArray2<f64>, ArcArray1<f64>) {
    let x = random::normal(seed, (n, d));
    let rule = Array1::from_shape_fn(d, |j| 1.0 - j as f64 / 2.0);
    let noise = random::uniform(seed + 1, n);
    let y = Array1::from_shape_fn(n, |i| x.row(i).dot(&rule).signum() * if noise[i] < 0.1 { -1.0 } else { 1.0 });
    (x.into_shared(), y.into_shared())
}

#[cfg_attr(test, test)]
fn a_penalty_is_learned_through_the_solver() -> Result<()> {
    let d = 5;
    let ((x_train, y_train), (x_val, y_val)) = (data(1, 60, d), data(3, 40, d));
    let inner = Function::record((shape![d], shape![]), |(theta, log_alpha)| {
        logistic(constant(&x_train), constant(&y_train), theta) + 0.5 * log_alpha.exp() * theta.square().sum()
    })?;
    let solver = GradientDescent::new(&inner).step_size(0.5).tolerance(1e-12).max_iterations(5000);
    let validation = |theta: Var| logistic(constant(&x_val), constant(&y_val), theta);

    let unrolled = Function::record(shape![], |log_alpha| validation(solver.unroll(500).solve(zeros(shape![d]), log_alpha)))?;
    let implicit = Function::record(shape![], |log_alpha| validation(solver.implicit(Cg::default()).solve(zeros(shape![d]), log_alpha)))?;
    check(&unrolled, -2.0, Accuracy::smooth(500))?;
    // The penalty e⁻² ≈ 0.14 bounds the curvature from below, so the solution is within 8e-12 of the exact one.
    let slope = check(&implicit, -2.0, Accuracy::smooth(60).solved_to(8e-12))?;

    // The same loss through every method: error, seconds, bytes and products of its gradient.
    let report = Compare::default().reference::<Leaf>(&slope).run(
        &[
            &solver.unroll(500),
            &solver.unroll(500).keep(Keep::Sqrt),
            &solver.unroll(500).keep(Keep::Last(100)),
            &solver.implicit(Cg::default()),
            &solver.implicit(Neumann::terms(500)),
        ],
        shape![],
        -2.0,
        |inner, log_alpha| validation(inner.solve(zeros(shape![d]), log_alpha)),
    )?;
    println!("{report}");
    for row in &report.rows {
        let measured = row.outcome.clone().expect("no limit is set")?;
        // A step contracts by 1 − 0.5 · 0.14 at the least: what 100 steps leave is below 1e-3, what 500 leave is rounding. The rest is
        // the reference's own error, over the size of the gradient.
        let allowed = if row.name.contains("Last") { 1e-3 } else { 1e-10 / slope.number()?.abs() };
        assert!(measured.error.expect("there is a reference") <= allowed, "{report}");
    }
    assert!(report.rows[1].planned.total() < report.rows[0].planned.total());
    assert!(unrolled.memory().total() > implicit.memory().total(), "{}", unrolled.memory());
    Ok(())
}

fn main() -> Result<()> {
    a_penalty_is_learned_through_the_solver()
}
