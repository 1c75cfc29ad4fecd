//! Learning to learn by gradient descent (Andrychowicz et al. 2016): an LSTM makes the update from the gradient, which is a constant for the
//! outer derivative.
mod support;

use hypertape::ndarray::{Array1, Array2, ArrayD};
use hypertape::prelude::*;
use support::{Accuracy, agrees, check, random};

#[derive(Tree, Clone, Copy, Debug)]
struct Lstm<L> {
    input: L,
    hidden: L,
    bias: L,
    out: L,
}

const N: usize = 4;
const K: usize = 3;
const STEPS: usize = 6;

fn cell(p: &Lstm<Var>, x: Var, (h, c): (Var, Var)) -> (Var, (Var, Var)) {
    let g = x.dot(p.input) + h.dot(p.hidden) + p.bias;
    let gate = |i: usize| g.slice_last(i * K, (i + 1) * K);
    let c = gate(0).sigmoid() * c + gate(1).sigmoid() * gate(2).tanh();
    let h = gate(3).sigmoid() * c.tanh();
    (h.dot(p.out), (h, c))
}

fn shapes() -> Lstm<Leaf> {
    Lstm { input: shape![1, 4 * K], hidden: shape![K, 4 * K], bias: shape![4 * K], out: shape![K, 1] }
}

/// (θ, (W, y)) → ‖Wθ − y‖².
fn quadratic() -> Result<Function<(Leaf, (Leaf, Leaf)), Leaf>> {
    Function::record((shape![N], (shape![N, N], shape![N])), |(theta, (w, y))| (w.dot(theta) - y).square().sum())
}

type State = (Leaf, (Leaf, Leaf));

fn state() -> State {
    (shape![N], (shape![N, K], shape![N, K]))
}

/// One stretch of truncated backpropagation: (network, state, problem) → (sum of losses, last state, gradients seen).
fn stretch() -> Result<Function<(Lstm<Leaf>, State, (Leaf, Leaf)), (Leaf, State, Leaf)>> {
    let loss = quadratic()?;
    let gradient = loss.wrt(|(theta, _)| theta).gradient();
    Function::record((shapes(), state(), (shape![N, N], shape![N])), |(p, start, problem)| {
        let (last, (losses, gradients)) = scan(start, STEPS, |(theta, state), _step| {
            let g = stop_gradient(&gradient.call((theta, problem)));
            let (update, state) = cell(&p, g.reshape(&[N, 1]), state);
            let theta = theta + update.reshape(&[N]);
            ((theta, state), (loss.call((theta, problem)), g))
        });
        (losses.sum(), last, gradients)
    })
}

fn network() -> Lstm<ArrayD<f64>> {
    let leaf = |seed: u64, shape: &[usize]| random::sym(seed, shape);
    Lstm { input: leaf(1, &[1, 4 * K]), hidden: leaf(2, &[K, 4 * K]), bias: leaf(3, &[4 * K]), out: leaf(4, &[K, 1]) }
}

fn start() -> (ArrayD<f64>, (ArrayD<f64>, ArrayD<f64>)) {
    let (_, memory) = state().zeros();
    (random::sym(5, N).into_dyn(), memory)
}

fn problem() -> (Array2<f64>, Array1<f64>) {
    (random::sym(6, (N, N)), random::sym(7, N))
}

#[cfg_attr(test, test)]
fn an_update_rule_is_learned() -> Result<()> {
    // The vector-Jacobian product gives the outputs and, for the cotangent (1, 0, 0), the gradient of the first of them.
    let stretch = stretch()?;
    let vjp = stretch.wrt(|(p, ..)| p).vjp();
    let (mut workspace, mut out) = (vjp.workspace(), vjp.outputs().zeros());
    let (_, no_state, no_gradients) = stretch.outputs().zeros();

    let mut adam = Optimiser::adam(&shapes(), |m| m.step_size(0.02));
    let (mut p, mut totals) = (network(), vec![]);
    for _ in 0..100 {
        // Truncated backpropagation: each stretch begins at the last state of the one before.
        let (mut state, mut sum) = (start(), 0.0);
        for _ in 0..3 {
            workspace.run_into(((&p, &state, problem()), (1.0, &no_state, &no_gradients)), &mut out)?;
            let ((total, last, _), gradient) = &out;
            adam.update(&mut p, gradient)?;
            sum += total.number()?;
            state.clone_from(last);
        }
        totals.push(sum);
    }
    println!("totals: {:.4} at first, {:.4} at last", totals[0], totals[99]);
    assert!(totals[99] < 0.5 * totals[0], "{totals:?}");
    Ok(())
}

#[cfg_attr(test, test)]
fn the_gradients_seen_are_constants() -> Result<()> {
    // With the gradients as data, the same sum is a function whose derivative has no truncation: that is what was computed.
    let (stretch, loss) = (stretch()?, quadratic()?);
    let (p, problem) = (network(), problem());
    let (_, _, gradients) = stretch.eval((&p, start(), &problem))?;
    let (gradients, (theta, (h, c))) = (gradients.into_shared(), start());
    let (w, y) = (problem.0.clone().into_shared(), problem.1.clone().into_shared());
    let replay = Function::record(shapes(), |p| {
        let start = (constant(theta), (constant(h), constant(c)));
        let (_, losses) = scan(start, constant(&gradients), |(theta, state), g| {
            let (update, state) = cell(&p, g.reshape(&[N, 1]), state);
            let theta = theta + update.reshape(&[N]);
            ((theta, state), loss.call((theta, (&w, &y))))
        });
        losses.sum()
    })?;
    let found = stretch.output(|(total, ..)| total).wrt(|(p, ..)| p).gradient().eval((&p, start(), &problem))?;
    agrees(&replay, &p, &found, Accuracy::smooth(50))?;
    check(&replay, &p, Accuracy::smooth(50))?;
    Ok(())
}

fn main() -> Result<()> {
    an_update_rule_is_learned()?;
    the_gradients_seen_are_constants()
}
