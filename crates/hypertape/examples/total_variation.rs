//! Total-variation denoising by Condat and Vũ's primal-dual method, with a map of log-penalties that is learned.
mod support;

use approx::assert_abs_diff_eq;
use hypertape::ndarray::{ArcArray2, Array2};
use hypertape::prelude::*;
use support::{Accuracy, agrees, check, random, rounding};

const SIDE: usize = 5;

fn images() -> (ArcArray2<f64>, ArcArray2<f64>) {
    let clean = Array2::from_shape_fn((SIDE, SIDE), |(i, j)| if i + j < SIDE { 0.2 } else { 0.8 });
    let noisy = &clean + &(0.3 * random::sym(1, (SIDE, SIDE)));
    (noisy.into_shared(), clean.into_shared())
}

/// min ½‖x − y‖² + Σ λ_ij ‖(∇x)_ij‖₂.
fn solver(noisy: &ArcArray2<f64>) -> Result<CondatVu<Saddle<Leaf, Leaf, Leaf>>> {
    let fit = Function::record((shape![SIDE, SIDE], shape![SIDE, SIDE]), |(x, _map)| 0.5 * (x - constant(noisy)).square().sum())?;
    // The conjugate's proximal operator: the projection of each pixel's dual onto the ball of radius λ = exp(map).
    Ok(CondatVu::new(&Saddle::with(&fit, Gradient2d, |u, _step, map| u / (u.norm_l2_axis(0) / map.exp()).max(1.0))))
}

#[cfg_attr(test, test)]
fn a_map_of_penalties_denoises() -> Result<()> {
    let (noisy, clean) = images();
    let solver = solver(&noisy)?;
    let outer = |keep: Keep| {
        Function::record(shape![SIDE, SIDE], |map| {
            let (x, _dual) = solver.unroll(100).keep(keep).solve((&noisy, zeros(shape![2, SIDE, SIDE])), map);
            (x - constant(&clean)).square().mean()
        })
    };
    let mut map = Array2::from_elem((SIDE, SIDE), -3.0);
    let gradient = check(&outer(Keep::All)?, &map, Accuracy::with_kinks(100))?;
    let less_memory = outer(Keep::Sqrt)?;
    agrees(&less_memory, &map, &less_memory.gradient(&map)?, Accuracy::with_kinks(100))?;
    assert_abs_diff_eq!(leaves(&less_memory.gradient(&map)?), leaves(&gradient), epsilon = rounding(100, 1.0));

    let mut losses = vec![];
    for _ in 0..40 {
        let (loss, gradient) = less_memory.value_and_gradient(&map)?;
        losses.push(loss);
        map = map - 100.0 * &gradient.d2();
    }
    println!("losses: {:.4} at first, {:.4} at last", losses[0], losses[39]);
    assert!(losses[39] < 0.5 * losses[0], "{losses:?}");
    Ok(())
}

#[cfg_attr(test, test)]
fn the_solution_implicitly() -> Result<()> {
    let (noisy, clean) = images();
    let solver = solver(&noisy)?.tolerance(1e-12).max_iterations(100_000);
    let outer = Function::record(shape![SIDE, SIDE], |map| {
        let (x, _dual) = solver.implicit(Gmres::default()).solve((&noisy, zeros(shape![2, SIDE, SIDE])), map);
        (x - constant(&clean)).square().mean()
    })?;
    let map = -2.0 + 0.5 * random::sym(2, (SIDE, SIDE));
    check(&outer, &map, Accuracy::with_kinks(100).solved_to(1e-12))?;
    Ok(())
}

fn main() -> Result<()> {
    a_map_of_penalties_denoises()?;
    the_solution_implicitly()
}
