//! A deep equilibrium layer: a fixed point in the forward pass, a linear solve in the backward one.
use super::{Ready, Size, call, ready};
use hypertape::prelude::*;
use hypertape_testkit::random::{SQRT_12, sym};

const ROWS: usize = 32;
const INPUTS: usize = 100;

/// z = tanh(z Wᵀ + X Uᵀ + b) in 50, 200 or 1000 units; gradients by W, U and b.
pub(super) fn equilibrium(size: Size, variant: &'static str) -> Ready {
    let d = size.of(50, 200, 1000);
    let (x, target) = (sym(803, (ROWS, INPUTS)).into_shared(), sym(804, (ROWS, d)).into_shared());
    let weights = sym(800, (d, d)) * (0.9 * 3f64.sqrt() / (d as f64).sqrt());
    let (inputs, bias) = (sym(801, (d, INPUTS)) * (SQRT_12 / 10.0), sym(802, d));
    ready(move || {
        let cell =
            Function::record((shape![ROWS, d], (shape![d, d], shape![ROWS, d])), |(z, (w, injected))| (z.dot(w.t()) + injected).tanh())?;
        let layer = FixedPoint::new(&cell).tolerance(1e-10).max_iterations(5000);
        // I − ∂T/∂z is inverted by its series, or by GMRES.
        let layer = if variant == "gmres" { layer.implicit(Gmres::default()) } else { layer.implicit(Neumann::tolerance(1e-12)) };
        let loss = Function::record((shape![d, d], shape![d, INPUTS], shape![d]), |(w, u, b)| {
            let z = layer.solve(zeros(shape![ROWS, d]), (w, constant(&x).dot(u.t()) + b));
            0.5 / ROWS as f64 * (z - constant(&target)).square().sum()
        })?;
        call(loss.wrt(|all| all).gradient(), (weights, inputs, bias))
    })
}
