//! Dictionary learning: sparse codes by unrolled FISTA, the dictionary by gradients through its last steps.
mod support;

use hypertape::ndarray::{self, Array2};
use hypertape::prelude::*;
use support::{Accuracy, assert_close, check, random, rounding};

#[cfg_attr(test, test)]
fn a_dictionary_learns_to_code_signals() -> Result<()> {
    let (p, k, n, lambda) = (6, 8, 12, 0.1);
    // Signals of two atoms each.
    let atoms = random::normal(1, (p, k));
    let signals = Array2::from_shape_fn((p, n), |(i, j)| atoms[[i, j % k]] - 0.5 * atoms[[i, (3 * j + 1) % k]]).into_shared();

    let fit = Function::record((shape![k, n], shape![p, k]), |(z, d)| 0.5 * (d.dot(z) - constant(&signals)).square().sum())?;
    let codes = Fista::new(&Composite::with(&fit, move |v, step, _d| v.soft_threshold(lambda * step))).step_size(0.05);
    let loss = |keep: Keep, steps: usize| {
        Function::record(shape![p, k], |d| {
            let z = codes.unroll(steps).keep(keep).solve(zeros(shape![k, n]), d);
            fit.call((z, d)) + lambda * z.norm_l1()
        })
    };

    let outer = loss(Keep::Last(20), 100)?;
    let mut workspace = outer.wrt(|d| d).value_and_gradient().workspace();
    let mut dictionary = random::sym(2, (p, k));
    let mut losses = vec![];
    for _ in 0..60 {
        let (value, gradient) = workspace.run(&dictionary)?;
        losses.push(value.number()?);
        dictionary = dictionary - 0.02 * &gradient.d2();
        // Atoms stay in the unit ball.
        for mut atom in dictionary.columns_mut() {
            let norm = atom.dot(&atom).sqrt().max(1.0);
            atom.mapv_inplace(|v| v / norm);
        }
    }
    println!("losses: {:.4} at first, {:.4} at last", losses[0], losses[59]);
    assert!(losses[59] < 0.8 * losses[0], "{losses:?}");

    // The whole derivative is that of the loss; one that is cut off after as many steps as there are is the same.
    let whole = loss(Keep::All, 20)?;
    let gradient = check(&whole, &dictionary, Accuracy::with_kinks(p * n))?;
    let same = loss(Keep::Last(20), 20)?.gradient(&dictionary)?;
    assert_close("gradient", &same, &gradient, rounding(20 * p * n, 1.0));
    Ok(())
}

#[cfg_attr(test, test)]
fn a_penalty_that_is_a_parameter() -> Result<()> {
    let fit = Function::record((shape![3], (shape![3], shape![])), |(z, (c, _lambda))| 0.5 * (z - c).square().sum())?;
    let lasso = Fista::new(&Composite::new(&fit, prox::l1::<(Leaf, Leaf), _>(|(_, lambda)| *lambda))).step_size(0.5);
    let f = Function::record((shape![3], shape![]), |(c, lambda)| lasso.unroll(10).solve(zeros(shape![3]), (c, lambda)).sum())?;
    check(&f, (ndarray::arr1(&[2.0, -1.0, 0.1]), 0.3), Accuracy::with_kinks(30))?;
    Ok(())
}

fn main() -> Result<()> {
    a_dictionary_learns_to_code_signals()?;
    a_penalty_that_is_a_parameter()
}
