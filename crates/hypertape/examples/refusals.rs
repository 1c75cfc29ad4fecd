//! What the front door says when something is wrong: `-- shape`, `-- nan`, `-- weight` and `-- memory` end as a program with that mistake does, in
//! one line; without an argument all four lines are printed.
use hypertape::ndarray::{Array1, Array2, arr1};
use hypertape::prelude::*;

const D: usize = 3;

/// (θ, log α) → mean logistic loss + ½ α ‖θ‖².
fn inner(x: &Array2<f64>, y: &Array1<f64>) -> Result<Function<(Leaf, Leaf), Leaf>> {
    let (x, y) = (x.to_shared(), y.to_shared());
    Function::record((shape![D], shape![]), |(theta, log_alpha)| {
        (-(constant(&y) * constant(&x).dot(theta))).softplus().mean() + 0.5 * log_alpha.exp() * theta.square().sum()
    })
}

fn points(columns: usize) -> (Array2<f64>, Array1<f64>) {
    let x = Array2::from_shape_fn((40, columns), |(i, j)| (0.7 * i as f64 + 1.3 * j as f64).sin());
    let y = Array1::from_shape_fn(40, |i| (0.9 * i as f64).cos().signum());
    (x, y)
}

/// The slope of ‖θ(log α)‖² through gradient descent.
fn slope(x: &Array2<f64>, y: &Array1<f64>) -> Result<f64> {
    let solver = GradientDescent::new(&inner(x, y)?).step_size(0.5);
    let outer = Function::record(shape![], |log_alpha| solver.unroll(100).solve(zeros(shape![D]), log_alpha).square().sum())?;
    outer.gradient(-2.0)?.number()
}

/// Points with four features for three weights.
fn shape() -> Result<f64> {
    let (x, y) = points(D + 1);
    slope(&x, &y)
}

/// A feature that is not a number.
fn nan() -> Result<f64> {
    let (mut x, y) = points(D);
    x[[7, 1]] = f64::NAN;
    slope(&x, &y)
}

/// The Lasso with a penalty of −1, which is known only when it runs.
fn weight() -> Result<f64> {
    let fit = Function::record((shape![D], shape![]), |(z, _)| 0.5 * (z - constant(arr1(&[1.0, 2.0, 3.0]).into_shared())).square().sum())?;
    let lasso = Ista::new(&Composite::new(&fit, prox::l1::<Leaf, _>(|lambda| *lambda))).step_size(0.5);
    let outer = Function::record(shape![], |lambda| lasso.unroll(100).solve(zeros(shape![D]), lambda).sum())?;
    outer.gradient(-1.0)?.number()
}

/// More states than there is memory for.
fn memory() -> Result<f64> {
    let fit = Function::record((shape![100_000], shape![]), |(z, t)| (z - t).square().square().sum())?;
    let solver = GradientDescent::new(&fit).step_size(0.5);
    let outer = Function::record(shape![], |t| solver.unroll(1_000_000_000).solve(zeros(shape![100_000]), t).sum())?;
    outer.gradient(1.0)?.number()
}

type Mistake = fn() -> Result<f64>;
const ALL: [(&str, Mistake); 4] = [("shape", shape), ("nan", nan), ("weight", weight), ("memory", memory)];

fn main() -> Result<()> {
    let argument = std::env::args().nth(1);
    for (name, mistake) in ALL {
        match argument.as_deref() {
            None => println!("{name}: {}", mistake().map_or_else(|e| e.to_string(), |v| format!("no error, {v}"))),
            Some(one) if one == name => println!("no error: {}", mistake()?),
            Some(_) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
#[test]
fn every_mistake_is_one_line_with_its_values_and_place() {
    for ((name, mistake), says) in ALL.into_iter().zip(["f64[40,4]", "NaN", "-1", "bytes"]) {
        let e = mistake().map_or_else(|e| format!("{e:?}"), |v| format!("no error, {v}"));
        assert!(e.contains(says) && e.contains("refusals.rs:") && e.lines().count() == 1, "{name}: {e}");
    }
}
