//! Splits by a key: training and test data, folds, batches. The same key gives the same rows on every machine.
//!
//! What comes out are numbers of rows, for `select` of an array or of [`SparseRows`](crate::SparseRows).
//!
//! ```
//! use hypertape_data::splits::train_test_split;
//! use ndarray::{Array2, Axis};
//! let x = Array2::<f64>::zeros((10, 3));
//! let split = train_test_split(10, 0.3, 7)?;
//! let (train, test) = (x.select(Axis(0), &split.train), x.select(Axis(0), &split.test));
//! assert_eq!((train.nrows(), test.nrows()), (7, 3));
//! # Ok::<(), hypertape_data::Error>(())
//! ```
mod batches;
mod folds;
mod halves;

pub use batches::Batches;
pub use folds::{k_folds, stratified_k_folds};
pub use halves::{permutation, stratified_split, train_test_split};

/// The rows to train on and those to test on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Split {
    /// To train on.
    pub train: Vec<usize>,
    /// To test on.
    pub test: Vec<usize>,
}
