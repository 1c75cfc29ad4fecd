//! Images of characters, some of each, for tasks with few examples: Omniglot, and digits in its place.

use crate::archive::unpack;
use crate::digits::{CLASSES, Digits};
use crate::folder::find;
use hypertape::data::{Load, Png};
use hypertape_testkit::random;
use ndarray::{ArcArray2, Array2, Axis};
use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;

/// Pixels of a side of an Omniglot image, once it is made smaller.
pub const SIDE: usize = 28;

/// Of each character its images, as rows.
#[derive(Clone, Debug)]
pub struct Characters(pub Vec<Array2<f64>>);

impl Characters {
    /// The characters in the two small archives of Omniglot (Lake, Salakhutdinov and Tenenbaum 2015), in the order of their names, each once; images of 28 x 28 pixels, 1 where there is
    /// ink. None where an archive is missing.
    ///
    /// # Errors
    /// Archives and images that are damaged.
    pub fn omniglot(folder: Option<&PathBuf>) -> Result<Option<Characters>, Box<dyn Error>> {
        let paths = [1, 2].map(|k| find(folder, &format!("omniglot/images_background_small{k}.zip")));
        let [Some(first), Some(second)] = paths else { return Ok(None) };
        let mut files = BTreeMap::new();
        for path in [first, second] {
            let whole = unpack(&std::fs::read(&path)?).map_err(|e| format!("{}: {e}", path.display()))?;
            // Names begin with that of the archive; what is in both is kept once.
            let named = whole.into_iter().filter_map(|(name, file)| Some((name.split_once('/')?.1.to_string(), file)));
            files.extend(named.filter(|(name, _)| name.ends_with(".png")));
        }
        let mut characters: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for (name, file) in &files {
            let image = Png::new().load_bytes(file).map_err(|e| format!("{name}: {e}"))?.luma();
            let (character, _) = name.rsplit_once('/').ok_or_else(|| format!("{name} is in no folder of a character"))?;
            characters.entry(character).or_default().extend(&averaged(&image.mapv(|v| 1.0 - v), SIDE));
        }
        let rows = |v: Vec<f64>| Array2::from_shape_vec((v.len() / SIDE.pow(2), SIDE.pow(2)), v);
        Ok(Some(Characters(characters.into_values().map(rows).collect::<Result<_, _>>()?)))
    }
    /// Digits: 30 training images of each, and 30 test images.
    ///
    /// # Errors
    /// What is wrong with the digits.
    pub fn digits() -> Result<[Characters; 2], Box<dyn Error>> {
        let d = Digits::load()?;
        let by_digit = |x: &ArcArray2<f64>, labels: &[usize]| {
            let of = |digit: usize| (0..labels.len()).filter(|i| labels[*i] == digit).take(30).collect::<Vec<_>>();
            Characters((0..CLASSES).map(|digit| x.select(Axis(0), &of(digit))).collect())
        };
        Ok([by_digit(&d.x_train, &d.labels_train), by_digit(&d.x_test, &d.labels_test)])
    }
    /// With each character turned by quarters, as further characters (Santoro et al. 2016); images have so many pixels a side.
    #[must_use]
    pub fn turned(&self, side: usize) -> Characters {
        let turn = |rows: &Array2<f64>, quarters: usize| {
            Array2::from_shape_fn(rows.dim(), |(i, p)| {
                let (mut r, mut c) = (p / side, p % side);
                (0..quarters).for_each(|_| (r, c) = (c, side - 1 - r));
                rows[[i, r * side + c]]
            })
        };
        Characters(self.0.iter().flat_map(|rows| (0..4).map(|q| turn(rows, q))).collect())
    }
}

/// So many different numbers below an end, by a seed.
#[must_use]
pub fn chosen(seed: u64, end: usize, count: usize) -> Vec<usize> {
    let mut all: Vec<usize> = (0..end).collect();
    all.sort_by_key(|i| random::bits(seed, *i as u64));
    all.truncate(count);
    all
}

/// An image of fewer pixels, so many a side: each is the average over its area.
fn averaged(image: &Array2<f64>, side: usize) -> Array2<f64> {
    let shares = |n: usize| {
        let wide = n as f64 / side as f64;
        Array2::from_shape_fn((side, n), |(i, j)| {
            let (low, high) = ((i as f64 * wide).max(j as f64), ((i + 1) as f64 * wide).min((j + 1) as f64));
            (high - low).max(0.0) / wide
        })
    };
    shares(image.nrows()).dot(image).dot(&shares(image.ncols()).t())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_are_averaged() {
        let image = ndarray::arr2(&[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]);
        let small = averaged(&image, 2);
        // The first pixel has the whole of 1, a half of 2 and of 4, and a quarter of 5.
        assert!((small[[0, 0]] - (1.0 + 1.0 + 2.0 + 1.25) / 2.25).abs() < 1e-14);
        assert!((small.sum() / 4.0 - 5.0).abs() < 1e-14);
    }

    #[test]
    fn quarters_turn_and_numbers_are_different() {
        let turned = Characters(vec![ndarray::arr2(&[[1.0, 2.0, 3.0, 4.0]])]).turned(2);
        let rows: Vec<Vec<f64>> = turned.0.iter().map(|c| c.row(0).to_vec()).collect();
        assert_eq!(rows, [[1.0, 2.0, 3.0, 4.0], [2.0, 4.0, 1.0, 3.0], [4.0, 3.0, 2.0, 1.0], [3.0, 1.0, 4.0, 2.0]]);
        let mut some = chosen(5, 20, 20);
        some.sort_unstable();
        assert_eq!(some, (0..20).collect::<Vec<_>>());
    }
}
