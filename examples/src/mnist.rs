//! MNIST: images and labels of a part, from the folder of the data.

use crate::folder::find;
use hypertape::data::{Idx, Load};
use ndarray::{Array1, Array2, Array3};
use std::error::Error;
use std::path::PathBuf;

/// Images of bytes, n x 28 x 28, and their digits.
#[derive(Clone, Debug)]
pub struct Mnist {
    /// The images.
    pub images: Array3<u8>,
    /// The digits.
    pub labels: Array1<u8>,
}

impl Mnist {
    /// The part `train` or `t10k`, of the folder given or that of `HYPERTAPE_DATA`; none where it is absent.
    ///
    /// # Errors
    /// A file that is not in its format.
    pub fn load(folder: Option<&PathBuf>, part: &str) -> Result<Option<Mnist>, Box<dyn Error>> {
        let images = find(folder, &format!("mnist/{part}-images-idx3-ubyte.gz"));
        let labels = find(folder, &format!("mnist/{part}-labels-idx1-ubyte.gz"));
        let (Some(images), Some(labels)) = (images, labels) else { return Ok(None) };
        Ok(Some(Mnist { images: Idx.load(images)?.into_array()?, labels: Idx.load(labels)?.into_array()? }))
    }
    /// An image a row, its bytes as numbers by this rule.
    ///
    /// # Errors
    /// None of images in row-major order, as they are loaded.
    pub fn rows<T>(&self, number: impl Fn(u8) -> T) -> Result<Array2<T>, ndarray::ShapeError> {
        let (n, height, width) = self.images.dim();
        Array2::from_shape_vec((n, height * width), self.images.iter().map(|p| number(*p)).collect())
    }
}
