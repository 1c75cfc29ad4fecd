//! Meta-learning: a start from which few steps fit any sine wave. MAML (Finn et al. 2017) unrolls, iMAML (Rajeswaran et al. 2019) is implicit.
mod support;

use hypertape::ndarray::{self, Array3, ArrayD};
use hypertape::prelude::*;
use support::{Accuracy, check, random};

#[derive(Tree, Clone, Copy, Debug)]
struct Layer<L> {
    weights: L,
    bias: L,
}

#[derive(Tree, Clone, Debug)]
struct Network<L> {
    layers: Vec<Layer<L>>,
    scale: L,
}

#[derive(Tree, Clone, Copy, Debug)]
struct Points<L> {
    x: L,
    y: L,
}

fn forward(network: &Network<Var>, x: Var) -> Var {
    let mut h = x;
    for layer in &network.layers {
        h = (h.dot(layer.weights) + layer.bias).tanh();
    }
    h * network.scale
}

fn error(network: &Network<Var>, points: &Points<Var>) -> Var {
    (forward(network, points.x) - points.y).square().mean()
}

const TASKS: usize = 6;
const SHOTS: usize = 5;
const STEPS: usize = 5;
const HIDDEN: usize = 6;

/// Every step adds and multiplies about three numbers for each weight and point.
fn accuracy() -> Accuracy {
    Accuracy::smooth(3 * STEPS * SHOTS * 3 * HIDDEN)
}

fn shapes() -> Network<Leaf> {
    let layers = [1, HIDDEN, 1].windows(2).map(|s| Layer { weights: shape![s[0], s[1]], bias: shape![s[1]] }).collect();
    Network { layers, scale: shape![] }
}

fn start() -> Network<ArrayD<f64>> {
    let layer = |seed, from: usize, to: usize| Layer {
        weights: random::sym(seed, (from, to)).into_dyn(),
        bias: random::sym(seed + 1, to).into_dyn(),
    };
    Network { layers: vec![layer(1, 1, HIDDEN), layer(3, HIDDEN, 1)], scale: ndarray::arr0(2.0).into_dyn() }
}

/// Sine waves of another amplitude and phase for each task.
fn tasks(seed: u64) -> Points<Array3<f64>> {
    let x = 4.0 * random::sym(seed, (TASKS, SHOTS, 1));
    let y = Array3::from_shape_fn(x.dim(), |(t, i, _)| (1.0 + 0.2 * t as f64) * (x[[t, i, 0]] + 0.3 * t as f64).sin());
    Points { x, y }
}

/// The objective of one task: its own error, and the distance from the common start.
fn adapt() -> Result<Function<(Network<Leaf>, (Network<Leaf>, Points<Leaf>)), Leaf>> {
    let one = Points { x: shape![SHOTS, 1], y: shape![SHOTS, 1] };
    Function::record((shapes(), (shapes(), one)), |(network, (meta, task))| {
        error(&network, &task) + 0.5 * network.minus(&meta).norm_squared::<f64>()
    })
}

/// (start, support and query points of every task) → mean error on the query points after adapting to the support points.
type Meta = Function<(Network<Leaf>, (Points<Leaf>, Points<Leaf>)), Leaf>;

fn meta(adapted: impl Fn(&Network<Var>, Points<Var>) -> Network<Var>) -> Result<Meta> {
    let many = Points { x: shape![TASKS, SHOTS, 1], y: shape![TASKS, SHOTS, 1] };
    Function::record((shapes(), (many.clone(), many)), |(meta, batch)| {
        map(batch, |(support, query)| error(&adapted(&meta, support), &query)).mean()
    })
}

#[cfg_attr(test, test)]
fn a_start_that_adapts_fast() -> Result<()> {
    let solver = GradientDescent::new(&adapt()?).step_size(0.1);
    let maml = meta(|meta, support| solver.unroll(STEPS).solve(meta, (meta, support)))?;
    let batch = (tasks(10), tasks(20));
    check(&maml, (&start(), &batch), accuracy())?;

    let gradient = maml.wrt(|(meta, _)| meta).value_and_gradient();
    let (mut step, mut out) = (gradient.workspace(), gradient.outputs().zeros());
    let mut adam = Optimiser::adam(&shapes(), |m| m.step_size(0.02));
    let (mut meta, mut losses) = (start(), vec![]);
    for _ in 0..100 {
        step.run_into((&meta, &batch), &mut out)?;
        losses.push(out.0.number()?);
        adam.update(&mut meta, &out.1)?;
    }
    println!("losses: {:.4} at first, {:.4} at last", losses[0], losses[99]);
    assert!(losses[99] < 0.5 * losses[0], "{losses:?}");
    Ok(())
}

#[cfg_attr(test, test)]
fn a_start_that_adapts_to_the_end() -> Result<()> {
    let solver = GradientDescent::new(&adapt()?).step_size(0.05).tolerance(1e-12).max_iterations(20_000);
    let imaml = meta(|meta, support| solver.implicit(Cg::default()).solve(meta, (meta, support)))?;
    let batch = (tasks(10), tasks(20));
    // Curvature is at least 0.1 where tasks are adapted.
    check(&imaml, (&start(), &batch), accuracy().solved_to(1e-11))?;
    Ok(())
}

/// Meta-SGD (Li et al. 2017): the step size is a variable of the outer recording, held by the solver.
#[cfg_attr(test, test)]
fn a_step_size_is_learned() -> Result<()> {
    let adapt = adapt()?;
    let f = meta_sgd(&adapt, |log_step| Step::from(log_step.exp()), shape![])?;
    check(&f, ((&start(), -2.0), one_task()), accuracy())?;
    // One for each iteration.
    let f = meta_sgd(&adapt, |log_steps| Step::each(log_steps.exp()), shape![STEPS])?;
    let at = ((&start(), ndarray::arr1(&[-1.0, -1.5, -2.0, -2.5, -3.0])), one_task());
    let ((_, slopes), _) = check(&f, at, accuracy())?;
    assert!(slopes.iter().all(|s| *s != 0.0));
    Ok(())
}

fn one_task() -> Points<ArrayD<f64>> {
    let Points { x, y } = tasks(30);
    let first = |a: Array3<f64>| a.index_axis_move(ndarray::Axis(0), 2).into_dyn();
    Points { x: first(x), y: first(y) }
}

type MetaSgd = Function<((Network<Leaf>, Leaf), Points<Leaf>), Leaf>;

fn meta_sgd(
    adapt: &Function<(Network<Leaf>, (Network<Leaf>, Points<Leaf>)), Leaf>,
    step: impl Fn(Var) -> Step,
    steps: Leaf,
) -> Result<MetaSgd> {
    let one = Points { x: shape![SHOTS, 1], y: shape![SHOTS, 1] };
    Function::record(((shapes(), steps), one), |((meta, log_step), task)| {
        let solver = GradientDescent::new(adapt).step_size(step(log_step));
        error(&solver.unroll(STEPS).solve(&meta, (&meta, task)), &task)
    })
}

fn main() -> Result<()> {
    a_start_that_adapts_fast()?;
    a_start_that_adapts_to_the_end()?;
    a_step_size_is_learned()
}
