//! Measures of quality: of classes, of scores, of numbers and images.
//!
//! ```
//! use hypertape_data::metrics::{accuracy, auc, psnr};
//! assert_eq!(accuracy(&[1, 2, 3, 3], &[1, 2, 3, 1])?, 0.75);
//! assert_eq!(auc(&[0.9, 0.4, 0.4, 0.1], &[true, true, false, false])?, 0.875);
//! let image = ndarray::arr2(&[[0.0, 1.0], [1.0, 0.0]]);
//! assert!((psnr(&image, &(&image + 0.1), 1.0)? - 20.0).abs() < 1e-12);
//! # Ok::<(), hypertape_data::Error>(())
//! ```
mod classes;
mod numbers;
mod ranks;

pub use classes::{Confusion, accuracy};
pub use numbers::{mean_squared_error, psnr, r_squared, root_mean_squared_error};
pub use ranks::auc;
