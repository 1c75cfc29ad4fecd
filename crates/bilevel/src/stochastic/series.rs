//! Estimates of the adjoint (∂²g/∂z²)⁻¹ ∂h/∂z by products with mini-batches.
use super::batches::below;
use super::samples::{Point, Samples};
use super::stepping::add;
use crate::state::State;
use hypertape_autodiff::Result;

/// η Σ_{q=0}^{Q} Π_{j≤q} (I − η H_j) v₀, with independent batches for the factors (Ji, Yang and Liang 2021).
pub(super) fn whole(samples: &mut Samples, state: &mut State, v0: &[f64], eta: f64, terms: usize) -> Result<Vec<f64>> {
    let (mut r, mut sum) = (v0.to_vec(), v0.to_vec());
    for _ in 0..terms {
        factor(samples, state, &mut r, eta)?;
        add(&mut sum, 1.0, &r);
    }
    for v in &mut sum {
        *v *= eta;
    }
    Ok(sum)
}

/// One term, drawn: η Q Π_{j≤p} (I − η H_j) v₀ with p from 0 to Q − 1. Its mean is that of Q terms (Ghadimi and Wang 2018).
pub(super) fn one_term(samples: &mut Samples, state: &mut State, v0: &[f64], eta: f64, terms: usize, key: u64) -> Result<Vec<f64>> {
    let p = below(key, state.memory.draws, terms as u64);
    let mut r = v0.to_vec();
    for _ in 0..p {
        factor(samples, state, &mut r, eta)?;
    }
    r.iter_mut().for_each(|v| *v *= eta * terms as f64);
    Ok(r)
}

/// r ← (I − η H) r on the next batch.
fn factor(samples: &mut Samples, state: &mut State, r: &mut [f64], eta: f64) -> Result<()> {
    let rows = samples.inner_rows(&mut state.memory)?;
    let h = samples.product(Point { z: &state.memory.solution, free: &state.free }, &rows, r)?;
    add(r, -eta, &h);
    Ok(())
}
