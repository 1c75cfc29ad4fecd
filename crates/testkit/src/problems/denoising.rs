//! Total-variation denoising by the iteration of Condat and Vu: data, the plain iteration, and its derivative by the penalty.
//!
//! `min ‖x − y‖² / 2 + λ Σ ‖(D x)_ij‖₂` with forward differences `D` that are zero at the far border. From `x = y`, `u = 0`:
//!
//! `x⁺ = x − τ (x − y) − τ Dᵀu`, `u⁺ = proj(u + σ D(2 x⁺ − x))` onto `‖u_ij‖ ≤ λ` (Condat, 2013; Vũ, 2013). Steps satisfy `1 / τ − σ ‖D‖² ≥ L / 2`,
//! here with `L = 1` and `‖D‖² ≤ 8`.

use crate::random::sym;
use ndarray::{Array2, Zip, s};

/// The step `τ` on the image.
pub const TAU: f64 = 0.25;
/// The step `σ` on the dual variable.
pub const SIGMA: f64 = 0.4;
/// The penalty of the known values.
pub const LAMBDA: f64 = 0.1;
/// The side of the image of the known values.
pub const SIDE: usize = 256;
/// Iterations, and the relative distance `‖x − x₅₀₀₀‖ / ‖x₅₀₀₀‖` after them, at [`SIDE`] and [`LAMBDA`].
pub const DISTANCES: [(usize, f64); 3] = [(50, 1.7187e-3), (200, 3.3356e-4), (1000, 4.6639e-5)];

/// A square image with noise.
#[derive(Clone, Debug)]
pub struct Denoising {
    /// The image without noise: 8 x 8 blocks of five grey levels.
    pub truth: Array2<f64>,
    /// The image with noise, `y`.
    pub noisy: Array2<f64>,
}

/// The iterate, or its derivative by λ.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// The image.
    pub x: Array2<f64>,
    /// The dual variable of differences between rows.
    pub down: Array2<f64>,
    /// The dual variable of differences between columns.
    pub right: Array2<f64>,
}

impl Denoising {
    /// The image with a side of so many pixels.
    #[must_use]
    pub fn new(side: usize) -> Denoising {
        let block = |index: usize| index * 8 / side;
        let truth = Array2::from_shape_fn((side, side), |(i, j)| ((block(i) + 3 * block(j)) % 5) as f64 / 4.0);
        let noisy = &truth + &(sym(700, (side, side)) * 0.5);
        Denoising { truth, noisy }
    }

    /// The start: `x = y`, `u = 0`.
    #[must_use]
    pub fn start(&self) -> State {
        State { x: self.noisy.clone(), ..self.zeros() }
    }

    /// The derivative of the start by λ.
    #[must_use]
    pub fn zeros(&self) -> State {
        let zeros = Array2::zeros(self.noisy.dim());
        State { x: zeros.clone(), down: zeros.clone(), right: zeros }
    }

    /// One iteration.
    pub fn step(&self, state: &mut State, lambda: f64) {
        self.advance(state, Some(&self.noisy));
        for (p, q) in state.down.iter_mut().zip(state.right.iter_mut()) {
            let scale = lambda / (lambda * lambda).max(*p * *p + *q * *q).sqrt();
            (*p, *q) = (*p * scale, *q * scale);
        }
    }

    /// One iteration of the derivative by λ, at the state before [`step`](Denoising::step). The projection has the derivative of its active face.
    pub fn step_tangent(&self, state: &State, tangent: &mut State, lambda: f64) {
        let mut at = state.clone();
        self.advance(&mut at, Some(&self.noisy));
        self.advance(tangent, None);
        let duals = at.down.iter().zip(at.right.iter());
        let tangents = tangent.down.iter_mut().zip(tangent.right.iter_mut());
        for ((p, q), (p_dot, q_dot)) in duals.zip(tangents) {
            let square = p * p + q * q;
            if square > lambda * lambda {
                // d(λ u / ‖u‖) = u / ‖u‖ + λ (u̇ − u ⟨u, u̇⟩ / ‖u‖²) / ‖u‖.
                let (length, along) = (square.sqrt(), (p * *p_dot + q * *q_dot) / square);
                (*p_dot, *q_dot) = ((p + lambda * (*p_dot - p * along)) / length, (q + lambda * (*q_dot - q * along)) / length);
            }
        }
    }

    /// The state after so many iterations from the start.
    #[must_use]
    pub fn run(&self, lambda: f64, iterations: usize) -> State {
        let mut state = self.start();
        for _ in 0..iterations {
            self.step(&mut state, lambda);
        }
        state
    }

    /// The mean square distance of the image to the truth.
    #[must_use]
    pub fn loss(&self, state: &State) -> f64 {
        (&state.x - &self.truth).mapv(|d| d * d).sum() / self.truth.len() as f64
    }

    /// The loss after so many iterations, and its derivative by λ.
    #[must_use]
    pub fn unrolled(&self, lambda: f64, iterations: usize) -> (f64, f64) {
        let (mut state, mut tangent) = (self.start(), self.zeros());
        for _ in 0..iterations {
            self.step_tangent(&state, &mut tangent, lambda);
            self.step(&mut state, lambda);
        }
        let derivative = 2.0 * ((&state.x - &self.truth) * &tangent.x).sum() / self.truth.len() as f64;
        (self.loss(&state), derivative)
    }

    /// Moves to the next image and the argument of the projection: a linear map of the state and of `data`, which is `y`, or 0 for derivatives.
    fn advance(&self, state: &mut State, data: Option<&Array2<f64>>) {
        let mut next = &state.x * (1.0 - TAU);
        if let Some(data) = data {
            next.scaled_add(TAU, data);
        }
        next.scaled_add(-TAU, &transposed(&state.down, &state.right));
        let ahead = &next * 2.0 - &state.x;
        Zip::from(state.down.slice_mut(s![..-1, ..])).and(ahead.slice(s![1.., ..])).and(ahead.slice(s![..-1, ..])).for_each(add_difference);
        Zip::from(state.right.slice_mut(s![.., ..-1]))
            .and(ahead.slice(s![.., 1..]))
            .and(ahead.slice(s![.., ..-1]))
            .for_each(add_difference);
        state.x = next;
    }
}

fn add_difference(dual: &mut f64, next: &f64, here: &f64) {
    *dual += SIGMA * (next - here);
}

/// `Dᵀu`. The far border of a dual variable is 0.
fn transposed(down: &Array2<f64>, right: &Array2<f64>) -> Array2<f64> {
    let mut image = -(down + right);
    let mut below = image.slice_mut(s![1.., ..]);
    below += &down.slice(s![..-1, ..]);
    let mut beside = image.slice_mut(s![.., 1..]);
    beside += &right.slice(s![.., ..-1]);
    image
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::differences::{STEP, assert_close, jvp_with, tolerance};

    #[test]
    fn iterates_approach_the_solution_as_known() {
        let problem = Denoising::new(SIDE);
        let mut state = problem.start();
        let mut seen = Vec::new();
        for iteration in 1..=5000 {
            problem.step(&mut state, LAMBDA);
            if DISTANCES.iter().any(|known| known.0 == iteration) {
                seen.push(state.x.clone());
            }
        }
        let length = |x: &Array2<f64>| x.mapv(|x| x * x).sum().sqrt();
        for ((iteration, known), x) in DISTANCES.iter().zip(&seen) {
            let found = length(&(x - &state.x)) / length(&state.x);
            // Half of the last digit that is known.
            assert_close(&format!("distance at {iteration}"), &[found], &[*known], 5e-5 * known);
        }
    }

    #[test]
    fn the_derivative_agrees_with_differences() {
        let problem = Denoising::new(16);
        for iterations in [0, 1, 2, 40] {
            // No pixel's projection changes its face within this step.
            let step = STEP * 1e-3;
            let found = jvp_with(|l| vec![problem.unrolled(l[0], iterations).0], &[LAMBDA], &[1.0], step);
            let exact = problem.unrolled(LAMBDA, iterations).1;
            assert_close(&format!("after {iterations}"), &found, &[exact], tolerance(iterations.max(1), 1.0, step));
        }
    }

    #[test]
    fn odd_and_tiny_images_are_fine() {
        for side in [1, 7] {
            assert!(Denoising::new(side).run(LAMBDA, 10).x.iter().all(|x| x.is_finite()));
        }
        assert_eq!(Denoising::new(1).run(LAMBDA, 10).x, Denoising::new(1).noisy);
    }
}
