//! LISTA (Gregor and LeCun 2010): ISTA with weights of its own for each layer, stacked along the leading axis.
mod support;

use hypertape::ndarray::{self, Array1, Array2, ArrayD, Axis};
use hypertape::prelude::*;
use support::{Accuracy, check, random};

#[derive(Tree, Clone, Debug)]
struct Weights<L> {
    /// Measurements to code.
    encode: L,
    /// Code to code.
    carry: L,
    threshold: L,
}

const LAYERS: usize = 4;
const BATCH: usize = 20;
const MEASURED: usize = 5;
const CODE: usize = 8;

/// Layers that are ISTA's steps for a matrix: from where training starts.
fn ista(a: &Array2<f64>) -> Weights<ArrayD<f64>> {
    let step = 0.2;
    let (encode, carry) = (step * a, Array2::eye(CODE) - step * a.t().dot(a));
    let stacked = |m: &Array2<f64>| ndarray::stack(Axis(0), &[m.view(); LAYERS]).expect("equal shapes stack").into_dyn();
    Weights { encode: stacked(&encode), carry: stacked(&carry), threshold: Array1::from_elem(LAYERS, 0.1 * step).into_dyn() }
}

#[cfg_attr(test, test)]
fn layers_learn_to_code() -> Result<()> {
    let a = random::sym(1, (MEASURED, CODE));
    let weights = Weights { encode: shape![LAYERS, MEASURED, CODE], carry: shape![LAYERS, CODE, CODE], threshold: shape![LAYERS] };
    let network = Function::record((weights.clone(), (shape![BATCH, MEASURED], shape![BATCH, CODE])), |(weights, (y, target))| {
        let (x, losses) = scan(zeros(shape![BATCH, CODE]), weights, |x, layer| {
            let x = (x.dot(layer.carry) + y.dot(layer.encode)).soft_threshold(layer.threshold.abs());
            (x, (x - target).square().sum())
        });
        ((x - target).square().sum() / target.square().sum(), losses)
    })?;

    // Sparse codes and what is measured of them.
    let code = random::sym(2, (BATCH, CODE)).mapv(|v| if v.abs() > 0.35 { 2.0 * v } else { 0.0 });
    let measured = code.dot(&a.t());
    let data = (&measured, &code);

    let loss = network.output(|(loss, _)| loss);
    check(&loss, (&ista(&a), data), Accuracy::with_kinks(LAYERS * BATCH))?;

    let gradient = loss.wrt(|(weights, _)| weights).value_and_gradient();
    let (mut step, mut out) = (gradient.workspace(), gradient.outputs().zeros());
    let mut adam = Optimiser::adam(&weights, |m| m.step_size(0.01));
    let (mut trained, mut errors) = (ista(&a), vec![]);
    for _ in 0..150 {
        step.run_into((&trained, data), &mut out)?;
        errors.push(out.0.number()?);
        adam.update(&mut trained, &out.1)?;
    }
    println!("errors: {:.4} at first, {:.4} at last", errors[0], errors[149]);
    assert!(errors[149] < 0.3 * errors[0], "{errors:?}");
    let (_, losses) = network.eval((&trained, data))?;
    assert!(losses[[LAYERS - 1]] < losses[[0]], "{losses}");
    Ok(())
}

fn main() -> Result<()> {
    layers_learn_to_code()
}
