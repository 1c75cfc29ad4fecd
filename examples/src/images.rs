//! Square images by rows, and their rotation in a recording.

use hypertape::Result;
use hypertape::prelude::*;
use ndarray::{ArcArray1, ArcArray2, Array1, Array2, Array3, Axis};

/// Square images by rows, with pixels from 0 to 1, and their labels.
#[derive(Clone, Debug)]
pub struct Images {
    /// Pixels of a side.
    pub side: usize,
    /// One image a row.
    pub pixels: ArcArray2<f64>,
    /// What they show.
    pub labels: Vec<u32>,
}

impl Images {
    /// How many they are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
    /// Some of them, which may be the same again.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Images {
        let pixels = self.pixels.select(Axis(0), rows).into_shared();
        Images { side: self.side, pixels, labels: rows.iter().map(|i| self.labels[*i]).collect() }
    }
    /// All images one after the other, with a border of zeros.
    fn bordered(&self) -> ArcArray1<f64> {
        let (side, wide) = (self.side, self.side + 2);
        let mut all = Array3::zeros((self.len(), wide, wide));
        for (i, row) in self.pixels.rows().into_iter().enumerate() {
            row.iter().enumerate().for_each(|(p, v)| all[[i, p / side + 1, p % side + 1]] = *v);
        }
        all.into_iter().collect()
    }
    /// In a recording: each image turned by its angle about its middle, in radians, by bilinear interpolation; zeros come in from outside. The derivative by the angle is exact but where a
    /// point lies on a line of the grid.
    #[must_use]
    pub fn turned(&self, angles: Var) -> Var {
        let (n, side, wide) = (self.len(), self.side, self.side + 2);
        let middle = (side as f64 - 1.0) / 2.0;
        let place = |f: &dyn Fn(usize) -> usize| -> ArcArray2<f64> {
            Array2::from_shape_fn((1, side * side), |(_, p)| f(p) as f64 - middle).into_shared()
        };
        let (rows, columns) = (constant(&place(&|p| p / side)), constant(&place(&|p| p % side)));
        let (cosines, sines) = (angles.cos().reshape(&[n, 1]), angles.sin().reshape(&[n, 1]));
        // Where each pixel comes from, in an image with its border: a whole number, and a part of the way to the next one.
        let split = |at: Var| {
            let inside = (at + (middle + 1.0)).clamp(0.0, side as f64 + 1.0 - 1e-9);
            let whole = inside.floor();
            (whole, inside - whole)
        };
        let (row, down) = split(cosines * rows - sines * columns);
        let (column, right) = split(sines * rows + cosines * columns);
        let firsts: ArcArray2<f64> = Array2::from_shape_fn((n, 1), |(i, _)| (i * wide * wide) as f64).into_shared();
        let corner = constant(&firsts) + row * wide as f64 + column;
        let images = constant(&self.bordered());
        let pixel = |further: usize| images.take((corner + further as f64).index(), 0);
        (1.0 - down) * ((1.0 - right) * pixel(0) + right * pixel(1)) + down * ((1.0 - right) * pixel(wide) + right * pixel(wide + 1))
    }
    /// Each image turned by its angle, in degrees.
    ///
    /// # Errors
    /// Other than one angle for each image.
    pub fn turned_by(&self, degrees: &Array1<f64>) -> Result<Images> {
        let turn = Function::record(shape![self.len()], |angles| self.turned(angles))?;
        let pixels = turn.eval(degrees.mapv(f64::to_radians))?.d2().to_owned().into_shared();
        Ok(Images { pixels, ..self.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(side: usize) -> Images {
        let pixels = Array2::from_shape_fn((2, side * side), |(i, p)| ((7 * p + 3 * i) as f64).sin()).into_shared();
        Images { side, pixels, labels: vec![0, 1] }
    }

    #[test]
    fn a_quarter_turn_moves_pixels_and_none_keeps_them() {
        let images = some(5);
        let turned = images.turned_by(&ndarray::arr1(&[0.0, 90.0])).unwrap();
        for p in 0..25 {
            let (row, column) = (p / 5, p % 5);
            assert!((turned.pixels[[0, p]] - images.pixels[[0, p]]).abs() < 1e-7);
            assert!((turned.pixels[[1, p]] - images.pixels[[1, (4 - column) * 5 + row]]).abs() < 1e-7);
        }
    }

    #[test]
    fn its_derivative_is_exact() {
        let images = some(6);
        let f = Function::record(shape![2], |angles| images.turned(angles).square().sum()).unwrap();
        assert!(f.check_gradient(ndarray::arr1(&[0.3, -0.7])).unwrap().error < 1e-7);
    }
}
