//! A multilayer perceptron, 784-256-128-10: bound by matrix products.
use super::{Ready, Size, call, ready};
use hypertape::prelude::*;
use hypertape_testkit::random::{SQRT_12, below, sym};
use ndarray::{Array1, Array2};

const SIZES: [usize; 4] = [784, 256, 128, 10];

/// The gradient of the mean softmax cross-entropy by all weights and biases; 32, 256 or 2048 images.
pub(super) fn gradient(size: Size) -> Ready {
    let images = size.of(32, 256, 2048);
    let x = (sym(200, (images, SIZES[0])) * SQRT_12).into_shared();
    let labels = below(201, images, 10);
    let y = Array2::from_shape_fn((images, 10), |(i, c)| f64::from(u8::from(labels[i] as usize == c))).into_shared();
    let weights: [Array2<f64>; 3] = [0, 1, 2].map(|i| sym(210 + i as u64, (SIZES[i], SIZES[i + 1])) * (SQRT_12 / (SIZES[i] as f64).sqrt()));
    let biases: [Array1<f64>; 3] = [0, 1, 2].map(|i| sym(220 + i as u64, SIZES[i + 1]) * 0.1);
    let shapes = ([0, 1, 2].map(|i| shape![SIZES[i], SIZES[i + 1]]), [0, 1, 2].map(|i| shape![SIZES[i + 1]]));
    ready(move || {
        let loss = Function::record(shapes, |(w, b)| {
            let hidden = (constant(&x).dot(w[0]) + b[0]).tanh();
            let hidden = (hidden.dot(w[1]) + b[1]).tanh();
            let scores = hidden.dot(w[2]) + b[2];
            (scores.logsumexp_axis(1) - (scores * constant(&y)).sum_axis(1)).mean()
        })?;
        call(loss.wrt(|all| all).gradient(), (weights, biases))
    })
}
