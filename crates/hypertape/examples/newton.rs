//! Second order: Newton's method on a log-penalty, through the implicit solution; the functions are generic in the element type.
mod support;

use hypertape::ndarray::{self, Array1, Array2};
use hypertape::prelude::*;
use support::{Accuracy, agrees, random};

const N: usize = 10;
const D: usize = 5;

fn ridge<T: Real>(x: Var<T>, y: Var<T>, theta: Var<T>, lambda: Var<T>) -> Var<T> {
    0.5 * (x.dot(theta) - y).square().mean() + 0.5 * lambda.exp() * theta.square().sum()
}

/// (log-penalty, training points, validation points) → validation error.
fn outer<T: Real>(tolerance: f64) -> Result<Function<(Leaf<T>, [(Leaf<T>, Leaf<T>); 2]), Leaf<T>>> {
    let number = Leaf::<T>::new([]);
    let points = (Leaf::<T>::new([N, D]), Leaf::<T>::new([N]));
    let inner =
        Function::record((Leaf::<T>::new([D]), (number.clone(), points.clone())), |(theta, (lambda, (x, y)))| ridge(x, y, theta, lambda))?;
    let solver = GradientDescent::new(&inner).step_size(0.3).tolerance(tolerance).max_iterations(20_000);
    Function::record((number, [points.clone(), points]), |(lambda, [train, (x, y)])| {
        let theta = solver.implicit(Cg::default()).solve(zeros(Leaf::<T>::new([D])), (lambda, train));
        0.5 * (x.dot(theta) - y).square().mean()
    })
}

fn points(seed: u64) -> (Array2<f64>, Array1<f64>) {
    let x = random::normal(seed, (N, D));
    let y = x.sum_axis(ndarray::Axis(1)) + 3.0 * random::normal(seed + 1, N);
    (x, y)
}

#[cfg_attr(test, test)]
fn newton_finds_the_best_penalty() -> Result<()> {
    let data = [points(1), points(3)];
    let shared = data.clone().map(|(x, y)| (x.into_shared(), y.into_shared()));
    // With the data fixed, all are functions of λ alone.
    let error = outer::<f64>(1e-12)?.rebind(shape![], |lambda| (lambda, shared.each_ref().map(|(x, y)| (constant(x), constant(y)))))?;
    let (slope, curvature) = (error.wrt(|lambda| lambda).gradient(), error.wrt(|lambda| lambda).hessian());

    let mut lambda = 0.0;
    // The penalty bounds the curvature of the inner objective from below by 0.1, and its derivatives amplify what the solves leave.
    let accuracy = Accuracy::smooth(N).solved_to(1e-11);
    for _ in 0..8 {
        agrees(&error, &lambda, &slope.eval(lambda)?, accuracy)?;
        agrees(&slope, &lambda, &curvature.eval(lambda)?, accuracy)?;
        lambda -= slope.eval(lambda)?.number()? / curvature.eval(lambda)?.number()?;
    }
    let (left, bend) = (slope.eval(lambda)?.number()?, curvature.eval(lambda)?.number()?);
    println!("best log-penalty {lambda:.6}: slope {left:.1e}, curvature {bend:.3e}");
    assert!(left.abs() <= 1e-11 && bend > 0.0, "{lambda}: {left} {bend}");

    // The same in single precision: solves end within 1e-5 over a curvature of at least 1, at λ = 0.
    let single = data.map(|(x, y)| (x.mapv(|v| v as f32), y.mapv(|v| v as f32)));
    let found = outer::<f32>(1e-5)?.wrt(|(lambda, _)| lambda).gradient().eval((0.0_f32, single))?.number()?;
    let exact = slope.eval(0.0)?.number()?;
    assert!((f64::from(found) - exact).abs() <= 1e-4, "{found} {exact}");
    Ok(())
}

fn main() -> Result<()> {
    newton_finds_the_best_penalty()
}
