//! Hyper-cleaning: a weight for each training point, learned through mini-batch descent; half of the labels are wrong.
mod support;

use hypertape::ndarray::{ArcArray, ArcArray2, Array1, Array2, Ix1, s};
use hypertape::prelude::*;
use support::{Accuracy, agrees, assert_close, check, flat, random, rounding};

const D: usize = 4;
const CLASSES: usize = 3;
const POINTS: usize = 30;
const BATCH: usize = 6;
const STEPS: usize = 20;

/// Points around one centre for each class, and their classes.
#[derive(Clone)]
struct Data {
    x: ArcArray2<f64>,
    labels: ArcArray<u32, Ix1>,
}

impl Data {
    /// The first half of the labels is drawn at random when `noisy`.
    fn new(seed: u64, noisy: bool) -> Data {
        let truth = random::below(seed, POINTS, CLASSES as u32);
        let x = Array2::from_shape_fn((POINTS, D), |(i, j)| {
            let noise = random::unit(seed + 1, (i * D + j) as u64) - 0.5;
            f64::from(u8::from(truth[i] as usize == j)) + noise
        });
        let wrong = random::below(seed + 2, POINTS, CLASSES as u32);
        let labels = Array1::from_shape_fn(POINTS, |i| if noisy && i < POINTS / 2 { wrong[i] } else { truth[i] });
        Data { x: x.into_shared(), labels: labels.into_shared() }
    }
}

fn cross_entropy(logits: Var, labels: Var<u32>) -> Var {
    logits.logsumexp_axis(1) - (logits * labels.one_hot(CLASSES)).sum_axis(1)
}

/// (weights of the model, weights of the points, which points) → loss of a mini-batch.
type Loss = Function<(Leaf, Leaf, Leaf<u32>), Leaf>;

fn training(data: &Data, batch: usize) -> Result<Loss> {
    Function::record((shape![D, CLASSES], shape![POINTS], index![batch]), |(w, lambda, batch)| {
        let (x, labels) = (constant(&data.x).rows(batch), constant(&data.labels).rows(batch));
        (lambda.rows(batch).sigmoid() * cross_entropy(x.dot(w), labels)).mean() + 0.05 * w.square().sum()
    })
}

fn validation(data: &Data, w: Var) -> Var {
    cross_entropy(constant(&data.x).dot(w), constant(&data.labels)).mean()
}

fn batches() -> Array2<u32> {
    random::below(7, (STEPS, BATCH), POINTS as u32)
}

/// Iterative differentiation: the validation loss through the mini-batch steps.
#[cfg_attr(test, test)]
fn wrong_labels_lose_their_weight() -> Result<()> {
    let (train, val) = (Data::new(1, true), Data::new(11, false));
    let sgd = Sgd::new(&training(&train, BATCH)?).step_size(0.5).momentum(0.9);
    let outer = |keep: Keep| {
        Function::record((shape![POINTS], index![STEPS, BATCH]), |(lambda, batches)| {
            let w = sgd.unroll(STEPS).keep(keep).solve_over(zeros(shape![D, CLASSES]), lambda, batches);
            validation(&val, w)
        })
    };
    let at = (Array1::from_elem(POINTS, 0.0), batches());
    let whole = outer(Keep::All)?;
    let (gradient, _) = check(&whole, &at, Accuracy::smooth(STEPS * BATCH))?;
    // Less memory, the same derivative; so is one that is cut off after as many steps as there are.
    for keep in [Keep::Sqrt, Keep::Last(STEPS)] {
        let (same, _) = outer(keep)?.gradient(&at)?;
        assert_close("gradient", &same, &gradient, rounding(STEPS * BATCH, 1.0));
    }

    let mut hypergradient = outer(Keep::Last(10))?.wrt(|(lambda, _)| lambda).value_and_gradient().workspace();
    let (mut lambda, mut losses) = (at.0, vec![]);
    for _ in 0..40 {
        let (loss, g) = hypergradient.run((&lambda, &at.1))?;
        losses.push(loss.number()?);
        lambda = lambda - 20.0 * &g.d1();
    }
    println!("losses: {:.4} at first, {:.4} at last", losses[0], losses[39]);
    assert!(losses[39] < 0.8 * losses[0], "{losses:?}");
    let truth = Data::new(1, false);
    let mean = |wrong: bool| {
        let of = |i: &usize| (train.labels[*i] != truth.labels[*i]) == wrong;
        let chosen: Vec<f64> = (0..POINTS).filter(of).map(|i| lambda[i]).collect();
        chosen.iter().sum::<f64>() / chosen.len() as f64
    };
    println!("mean weight of wrong labels {:.2}, of right ones {:.2}", mean(true), mean(false));
    assert!(mean(true) < mean(false), "{lambda}");
    Ok(())
}

/// A derivative that is cut off is that of the last steps, from where the earlier ones ended.
#[cfg_attr(test, test)]
fn a_truncated_derivative_is_that_of_the_last_steps() -> Result<()> {
    let (train, val) = (Data::new(1, true), Data::new(11, false));
    let sgd = Sgd::new(&training(&train, BATCH)?).step_size(0.5);
    let (last, first) = (5, STEPS - 5);
    let truncated = Function::record((shape![POINTS], index![STEPS, BATCH]), |(lambda, batches)| {
        let w = sgd.unroll(STEPS).keep(Keep::Last(last)).solve_over(zeros(shape![D, CLASSES]), lambda, batches);
        validation(&val, w)
    })?;
    let head = Function::record((shape![POINTS], index![first, BATCH]), |(lambda, batches)| {
        sgd.unroll(first).solve_over(zeros(shape![D, CLASSES]), lambda, batches)
    })?;
    let lambda = random::sym(5, POINTS);
    let batches = batches();
    let reached = head.eval((&lambda, batches.slice(s![..first, ..])))?.into_shared();
    let (early, late) = (batches.slice(s![..first, ..]), batches.slice(s![first.., ..]).to_owned());
    assert_eq!(early.nrows() + late.nrows(), STEPS);
    let tail = Function::record(shape![POINTS], |lambda| validation(&val, sgd.unroll(last).solve_over(&reached, lambda, constant(late))))?;
    let (gradient, _) = truncated.gradient((&lambda, &batches))?;
    agrees(&tail, &lambda, &gradient, Accuracy::smooth(last * BATCH))
}

/// stocBiO (Ji, Yang and Liang 2021): −∂²f/∂λ∂w · η Σ_q Π (I − η H) ∇g, each factor with its own mini-batch: a loop in user code.
#[cfg_attr(test, test)]
fn a_stochastic_series_is_a_neumann_series_on_the_whole_data() -> Result<()> {
    let (train, val) = (Data::new(1, true), Data::new(11, false));
    let (eta, terms) = (0.5, 30);
    let inner = training(&train, POINTS)?;
    let val_loss = Function::record(shape![D, CLASSES], |w| validation(&val, w))?;

    let hvp = inner.wrt(|(w, ..)| w).hvp();
    let cross = inner.wrt(|(w, ..)| w).gradient().wrt(|(_, lambda, _)| lambda).vjp();
    let grad_val = val_loss.wrt(|w| w).gradient();
    let inputs = (shape![D, CLASSES], shape![POINTS], index![terms - 1, POINTS], index![POINTS]);
    let estimate = Function::record(inputs, |(w, lambda, batches, last)| {
        let v0 = grad_val.call(w);
        let ((_, sum), ()) = scan((v0, v0), batches, |(v, sum), batch| {
            let v = v - eta * hvp.call(((w, lambda, batch), v));
            ((v, sum + v), ())
        });
        let (_, product) = cross.call(((w, lambda, last), eta * sum));
        -product
    })?;

    // With all points in every batch, it is the implicit gradient by a Neumann series.
    let everything = Array1::from_iter(0..POINTS as u32).into_shared();
    let full = inner.rebind((shape![D, CLASSES], shape![POINTS]), |(w, lambda)| (w, lambda, constant(&everything)))?;
    let solver = Lbfgs::new(&full).tolerance(1e-12);
    let lambda = random::sym(5, POINTS);
    let w = solver.solve(Array2::zeros((D, CLASSES)), &lambda)?.solution;
    let implicit = Function::record(shape![POINTS], |lambda| {
        let w = solver.implicit(Neumann::terms(terms).step(eta)).solve(zeros(shape![D, CLASSES]), lambda);
        val_loss.call(w)
    })?;
    let batches = Array2::from_shape_fn((terms - 1, POINTS), |(_, i)| i as u32);
    let found = estimate.eval((&w, &lambda, &batches, &everything))?;
    let expected = implicit.gradient(&lambda)?;
    // Both solves end within 1e-12 over the curvature, which is at least 0.1.
    assert_close("hypergradient", &found, &expected, 1e-10);
    assert!(flat::<Leaf>(&expected).iter().any(|v| v.abs() > 1e-4));
    Ok(())
}

fn main() -> Result<()> {
    wrong_labels_lose_their_weight()?;
    a_truncated_derivative_is_that_of_the_last_steps()?;
    a_stochastic_series_is_a_neumann_series_on_the_whole_data()
}
