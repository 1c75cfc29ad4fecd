//! Small tables that stand in the repository: patients, and a photograph.
use hypertape::ndarray::{Array1, Array2, Axis};

fn numbers(text: &str, columns: usize) -> Array2<f64> {
    let all: Vec<f64> = text.lines().flat_map(|l| l.split(',').map(|v| v.trim().parse().unwrap_or(f64::NAN))).collect();
    let rows = all.len() / columns;
    Array2::from_shape_vec((rows, columns), all).unwrap_or_else(|_| Array2::zeros((0, columns)))
}

/// The ten measurements of 442 patients, each column with mean 0 and variance 1, and the progression of their disease, likewise.
#[must_use]
pub fn diabetes() -> (Array2<f64>, Array1<f64>) {
    let mut all = numbers(include_str!("../../../data/diabetes/diabetes.csv"), 11);
    let rows = all.nrows() as f64;
    for mut column in all.columns_mut() {
        let mean = column.sum() / rows;
        column -= mean;
        let size = (column.dot(&column) / rows).sqrt();
        column /= size;
    }
    let y = all.index_axis(Axis(1), 10).to_owned();
    (all.slice(hypertape::ndarray::s![.., ..10]).to_owned(), y)
}

/// 64 x 64 grey values of a photograph, from 0 to 1.
#[must_use]
pub fn camera() -> Array2<f64> {
    numbers(include_str!("../../../data/camera/camera.csv"), 64) / 255.0
}
