//! The norm of an operator, by power iteration.
use super::linear::LinearOperator;
use crate::handles;
use hypertape_autodiff::array::{AnyArray, LeafType};
use hypertape_autodiff::tree::{Feed, Leaf, Ranked, Structure, Vars};
use hypertape_autodiff::{Function, Result};

/// ‖K‖₂ at these parameters, by `iterations` of power iteration on KᵀK (von Mises and Pollaczek-Geiringer 1929) from a fixed
/// pseudo-random start. It approaches the norm from below, by a factor that nears 1; allow a few percent for step sizes.
///
/// # Errors
/// When the operator cannot be recorded on these shapes, or the parameters do not fit.
pub fn operator_norm<S: Structure, D: Structure, P: Structure>(
    operator: &impl LinearOperator<S, D, P>,
    domain: &S,
    params: &P,
    at: impl Feed<P>,
    iterations: usize,
) -> Result<f64> {
    let f: Function<(S, P), (S, Leaf<f64>)> = Function::record((domain.clone(), params.clone()), |(x, p)| {
        let x = x.scaled(1.0 / handles::norm(&x));
        let y = operator.apply(x, &p);
        let size = handles::norm(&y);
        (operator.adjoint(y, &p), size)
    })?;
    let mut w = f.workspace();
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
    let mut x = domain.arrays(&mut |t: &LeafType| {
        let values: Vec<f64> = (0..t.len())
            .map(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (seed >> 11) as f64 / (1u64 << 53) as f64 - 0.5
            })
            .collect();
        AnyArray::from_f64(t, &values).unwrap_or_else(|| AnyArray::full(t, 1.0))
    });
    let mut out = f.outputs().zeros();
    for _ in 0..iterations.max(1) {
        w.run_into((&x, &at), &mut out)?;
        if out.1.number()? == 0.0 {
            return Ok(0.0);
        }
        x = out.0.clone();
    }
    out.1.number()
}
