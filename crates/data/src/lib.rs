//! Data for experiments: loaders whose errors say the line, splits by a key, measures of quality.
//!
//! ```
//! use hypertape_data::metrics::auc;
//! use hypertape_data::splits::stratified_split;
//! use hypertape_data::{Libsvm, Load};
//! let text = b"+1 1:2 3:1\n-1 2:1\n+1 1:1\n-1 2:3 3:1\n";
//! let data = Libsvm::new().load_bytes(text)?;
//! let split = stratified_split(&data.labels, 0.5, 1)?;
//! let test = data.rows.select(&split.test)?.to_dense()?;
//! let scores = test.dot(&ndarray::arr1(&[1.0, -1.0, 0.0]));
//! let positive: Vec<bool> = split.test.iter().map(|row| data.labels[*row] > 0.0).collect();
//! assert_eq!(auc(&scores, &positive)?, 1.0);
//! # Ok::<(), hypertape_data::Error>(())
//! ```
//!
//! # Formats
//! A format is a value of settings, and loads from a path, a reader or bytes by the trait [`Load`]. Gzip is seen by its content and unpacked on the way.
//!
//! | format | gives | feature |
//! |---|---|---|
//! | [`Libsvm`] | [`SparseRows`] and labels | |
//! | [`Idx`], of MNIST | [`AnyArray`] | |
//! | [`Npy`], of NumPy | [`AnyArray`] | `npy` |
//! | [`Csv`] | [`Table`]: numbers, and classes by number | `csv` |
//! | [`Png`] | [`Image`]: grey or coloured, from 0 to 1 | `png` |
//!
//! All features are on by default; without them the crate needs `ndarray`, `flate2` and `thiserror`.
//!
//! # What is promised
//! - **Files may be hostile.** No header makes a loader allocate for what is not there, and decompression ends at a [`Limit`]. Damaged, cut and overlong files are errors.
//! - **Errors** say the place (path, line and field, or byte), the value, and what to do. A number that is not finite is never loaded from text; a missing value only where it is allowed.
//! - **Random choices** depend on a key alone: the same rows on every machine.
//!
//! Content is held in memory while it is read, in whole.
mod any_array;
mod error;
mod idx;
#[cfg(feature = "png")]
mod image;
mod labels;
mod libsvm;
mod load;
pub mod metrics;
#[cfg(feature = "npy")]
mod npy;
mod place;
mod random;
pub mod scaling;
mod source;
mod sparse;
pub mod splits;
#[cfg(feature = "csv")]
mod table;

pub use any_array::{AnyArray, Element};
pub use error::{Error, Result};
pub use idx::Idx;
#[cfg(feature = "png")]
pub use image::{Image, Png};
pub use labels::{Label, class_numbers};
pub use libsvm::{Labelled, Libsvm};
pub use load::Load;
#[cfg(feature = "npy")]
pub use npy::Npy;
pub use place::{At, Place};
pub use source::{Limit, Source};
pub use sparse::{DENSE_LIMIT, SparseRows};
#[cfg(feature = "csv")]
pub use table::{Column, Csv, Header, Table};
