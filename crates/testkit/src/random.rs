//! Seeded data: splitmix64 as a counter stream, so element `i` of an array depends on the seed and `i` alone.
//!
//! The uniform streams are the same bits on every machine and in every language (Steele, Lea and Flood, 2014).

use ndarray::{Array, Dimension, IntoDimension};

/// √12: turns [`sym`] into data of variance one.
pub const SQRT_12: f64 = 3.464_101_615_137_754_4;

/// The 64 random bits of element `index` of the stream `seed`.
#[must_use]
pub fn bits(seed: u64, index: u64) -> u64 {
    let z = seed.wrapping_add(index.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Element `index` of the stream `seed`, uniform on [0, 1) with 53 bits.
#[must_use]
pub fn unit(seed: u64, index: u64) -> f64 {
    (bits(seed, index) >> 11) as f64 * 2f64.powi(-53)
}

/// An array uniform on [0, 1), filled by rows.
pub fn uniform<S: IntoDimension>(seed: u64, shape: S) -> Array<f64, S::Dim> {
    fill(shape, |index| unit(seed, index))
}

/// An array uniform on [−½, ½), filled by rows. Its variance is 1/12; see [`SQRT_12`].
pub fn sym<S: IntoDimension>(seed: u64, shape: S) -> Array<f64, S::Dim> {
    fill(shape, |index| unit(seed, index) - 0.5)
}

/// A standard normal array, filled by rows (Box and Muller, 1958). Element `i` uses elements `2i` and `2i + 1` of the stream.
///
/// It goes through the logarithm and the cosine of the platform, so its last bit may differ between machines.
pub fn normal<S: IntoDimension>(seed: u64, shape: S) -> Array<f64, S::Dim> {
    fill(shape, |index| {
        let radius = (-2.0 * (-unit(seed, 2 * index)).ln_1p()).sqrt();
        radius * (std::f64::consts::TAU * unit(seed, 2 * index + 1)).cos()
    })
}

/// An array of whole numbers below `end`, filled by rows: labels, indices.
///
/// # Panics
/// When `end` is zero.
pub fn below<S: IntoDimension>(seed: u64, shape: S, end: u32) -> Array<u32, S::Dim> {
    assert!(end > 0, "below: there is no whole number below 0");
    fill(shape, |index| (unit(seed, index) * f64::from(end)) as u32)
}

fn fill<T, S: IntoDimension>(shape: S, element: impl Fn(u64) -> T) -> Array<T, S::Dim> {
    let shape = shape.into_dimension();
    let elements = (0..shape.size() as u64).map(element).collect();
    Array::from_shape_vec(shape, elements).expect("there is one element for each index")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_streams_begin_as_published() {
        assert_eq!(bits(0, 0), 0xE220_A839_7B1D_CDAF);
        let first = [
            0.883_310_808_213_642_6,
            0.431_527_997_048_509_97,
            0.026_433_771_592_597_743,
            0.970_881_978_153_828_5,
            0.106_346_691_567_212_44,
        ];
        assert_eq!(uniform(0, 5).to_vec(), first);
        let first = [
            0.066_561_575_172_280_9,
            0.245_781_757_262_701_13,
            0.471_002_753_586_796_2,
            -0.055_640_782_944_227_92,
            -0.055_735_299_173_641_95,
        ];
        assert_eq!(sym(1, 5).to_vec(), first);
    }

    #[test]
    fn arrays_are_filled_by_rows() {
        let array = uniform(7, (3, 4));
        assert_eq!(array[[2, 1]], unit(7, 9));
        assert_eq!(uniform(7, ()).into_scalar(), unit(7, 0));
        assert_eq!(uniform(7, (0, 3)).len(), 0);
    }

    #[test]
    fn the_normal_has_the_moments_of_a_normal() {
        let count = 100_000;
        let sample = normal(3, count);
        let moment = |power| sample.mapv(|x: f64| x.powi(power)).sum() / count as f64;
        // Within five standard deviations of the sample moments, whose variances are 1, 2, 15 and 96 over the count.
        for (power, expected, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)] {
            let deviation: f64 = moment(power) - expected;
            assert!(deviation.abs() < 5.0 * f64::sqrt(variance / count as f64), "moment {power} is off by {deviation}");
        }
    }

    #[test]
    fn whole_numbers_fill_their_range() {
        let labels = below(201, 1000, 10);
        assert!((0..10).all(|label| labels.iter().any(|&found| found == label)) && labels.iter().all(|&label| label < 10));
    }
}
