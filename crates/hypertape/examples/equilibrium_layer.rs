//! A deep equilibrium classifier (Bai et al. 2019): parameters are a struct, the loss has an auxiliary output, Adam trains it.
mod support;

use hypertape::ndarray::{self, Array2, ArrayD};
use hypertape::prelude::*;
use support::{Accuracy, check, random};

#[derive(Tree, Clone, Debug)]
struct Deq<L> {
    /// State to state.
    w: L,
    /// Input to state.
    u: L,
    bias: L,
    /// State to logits.
    head: L,
}

const POINTS: usize = 12;
const INPUTS: usize = 3;
const HIDDEN: usize = 6;
const CLASSES: usize = 3;

fn matrix<T: Real>(rows: usize, columns: usize) -> Leaf<T> {
    Leaf::new([rows, columns])
}

fn shapes<T: Real>() -> Deq<Leaf<T>> {
    Deq { w: matrix(HIDDEN, HIDDEN), u: matrix(INPUTS, HIDDEN), bias: Leaf::new([HIDDEN]), head: matrix(HIDDEN, CLASSES) }
}

/// (parameters, points, labels) → (loss, logits), in any precision.
type Model<T> = Function<(Deq<Leaf<T>>, (Leaf<T>, Leaf<u32>)), (Leaf<T>, Leaf<T>)>;

fn model<T: Real>(tolerance: f64) -> Result<Model<T>> {
    let state = matrix::<T>(POINTS, HIDDEN);
    let cell = Function::record((state.clone(), (shapes::<T>().w, state.clone())), |(z, (w, injected))| (z.dot(w) + injected).tanh())?;
    let layer = FixedPoint::new(&cell).tolerance(tolerance).max_iterations(1000);
    Function::record((shapes(), (matrix(POINTS, INPUTS), index![POINTS])), |(p, (x, labels))| {
        let z = layer.implicit(Gmres::default()).solve(zeros(state), (p.w, x.dot(p.u) + p.bias));
        let logits = z.dot(p.head);
        let loss = (logits.logsumexp_axis(1) - (logits * labels.one_hot(CLASSES)).sum_axis(1)).mean();
        (loss, logits)
    })
}

/// Small weights, so that the cell contracts.
fn start<T: Real>() -> Deq<ArrayD<T>> {
    let leaf = |seed: u64, shape: &[usize]| (0.8 * random::sym(seed, shape)).mapv(T::from_f64);
    Deq { w: leaf(1, &[HIDDEN, HIDDEN]), u: leaf(2, &[INPUTS, HIDDEN]), bias: leaf(3, &[HIDDEN]), head: leaf(4, &[HIDDEN, CLASSES]) }
}

fn points() -> (Array2<f64>, ndarray::Array1<u32>) {
    let x = random::sym(5, (POINTS, INPUTS));
    let labels = x.rows().into_iter().map(|r| if r[0] > 0.1 { 0 } else { 1 + u32::from(r[1] > 0.0) }).collect();
    (x, labels)
}

#[cfg_attr(test, test)]
fn adam_trains_an_equilibrium() -> Result<()> {
    let model = model::<f32>(1e-5)?;
    let (x, labels) = points();
    let x = x.mapv(|v| v as f32);

    // Gradients come as `Deq` of arrays, the struct that went in.
    let gradient = model.output(|(loss, _)| loss).wrt(|(p, _)| p).value_and_gradient();
    let (mut step, mut out) = (gradient.workspace(), gradient.outputs().zeros());
    let mut adam = Optimiser::adam(&shapes::<f32>(), |m| m.step_size(0.02));
    let (mut parameters, mut losses) = (start::<f32>(), vec![]);
    for _ in 0..150 {
        step.run_into((&parameters, (&x, &labels)), &mut out)?;
        losses.push(out.0.number()?);
        adam.update(&mut parameters, &out.1)?;
    }
    println!("losses: {:.4} at first, {:.4} at last", losses[0], losses[149]);
    assert!(losses[149] < 0.3 * losses[0], "{losses:?}");
    assert!(step.reports().iter().all(|r| r.converged), "{:?}", step.reports());

    let (_, logits) = model.eval((&parameters, (&x, &labels)))?;
    let best = |row: ndarray::ArrayView1<'_, f32>| (0..CLASSES).max_by(|a, b| row[*a].total_cmp(&row[*b]));
    assert!(logits.d2().rows().into_iter().zip(&labels).all(|(row, label)| best(row) == Some(*label as usize)), "{logits}");
    Ok(())
}

#[cfg_attr(test, test)]
fn its_gradient_is_exact() -> Result<()> {
    let loss = model::<f64>(1e-13)?.output(|(loss, _)| loss);
    let (x, labels) = points();
    // The cell contracts by less than 0.9 here, so states are within 1e-12 of the equilibrium.
    check(&loss, (&start::<f64>(), (&x, &labels)), Accuracy::smooth(100).solved_to(1e-12))?;
    Ok(())
}

fn main() -> Result<()> {
    adam_trains_an_equilibrium()?;
    its_gradient_is_exact()
}
