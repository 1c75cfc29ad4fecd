//! Scaling: means, variances and lengths, at every scale of the numbers.
use hypertape_data::scaling::{Standard, normalise_rows, normalise_sparse_rows};
use hypertape_data::{Error, SparseRows};
use ndarray::{Array2, Axis, arr2};
use proptest::prelude::*;

#[test]
fn columns_without_a_spread_are_centred() {
    // 0.1 three times does not add up to 0.3: the mean of equal numbers is the number.
    let x = arr2(&[[0.1, 1.0], [0.1, 2.0], [0.1, 3.0]]);
    let standard = Standard::of(x.view()).unwrap();
    assert_eq!((standard.mean[0], standard.scale[0]), (0.1, 1.0));
    assert_eq!(standard.apply(x.view()).unwrap().column(0).to_vec(), [0.0; 3]);
    let one = arr2(&[[5.0, -1.0]]);
    assert_eq!(Standard::of(one.view()).unwrap().apply(one.view()).unwrap(), arr2(&[[0.0, 0.0]]));
}

#[test]
fn inputs_without_an_answer_are_named() {
    assert!(matches!(Standard::of(Array2::zeros((0, 3)).view()).unwrap_err(), Error::Nothing { .. }));
    assert_eq!(Standard::of(Array2::zeros((3, 0)).view()).unwrap().mean.len(), 0);
    assert!(matches!(Standard::of(arr2(&[[1.0, f64::NAN]]).view()).unwrap_err(), Error::NotFinite { index: 1, .. }));
    let x = arr2(&[[1.0], [2.0]]);
    let error = Standard::of(x.view()).unwrap().apply(arr2(&[[1.0, 2.0]]).view()).unwrap_err();
    assert!(matches!(error, Error::Shapes { .. }));
    let missing = Standard::of(x.view()).unwrap().apply(arr2(&[[1.0], [f64::NAN]]).view()).unwrap_err();
    assert!(matches!(missing, Error::NotFinite { of: "Standard::apply", index: 1, .. }));
    let narrow = Standard::of(arr2(&[[0.0], [1e-200]]).view()).unwrap();
    assert!(matches!(narrow.apply(arr2(&[[1e200]]).view()).unwrap_err(), Error::NotFinite { what: "scaled values", .. }));
    // Differences that leave the range of f64.
    assert!(matches!(Standard::of(arr2(&[[f64::MAX], [f64::MIN], [f64::MAX]]).view()).unwrap_err(), Error::NotFinite { .. }));
    assert!(matches!(normalise_rows(arr2(&[[1.0], [f64::INFINITY]]).view()).unwrap_err(), Error::NotFinite { index: 1, .. }));
}

#[test]
fn rows_of_any_scale_get_length_1() {
    let x = arr2(&[[3.0, -4.0], [0.0, 0.0], [3e300, 4e300], [3e-320, 4e-320], [0.0, -7.0]]);
    let unit = normalise_rows(x.view()).unwrap();
    assert_eq!(unit.row(1).to_vec(), [0.0, 0.0]);
    for i in [0, 2, 4] {
        assert!((unit.row(i).dot(&unit.row(i)) - 1.0).abs() <= 8.0 * f64::EPSILON, "{unit}");
    }
    // Numbers of so few digits have no better ratio than these digits give.
    assert!((unit[[3, 0]] - 0.6).abs() < 1e-3 && (unit[[3, 1]] - 0.8).abs() < 1e-3);
    assert_eq!(normalise_rows(Array2::zeros((0, 2)).view()).unwrap().dim(), (0, 2));
}

proptest! {
    #[test]
    fn columns_get_mean_0_and_variance_1(rows in 2_usize..20, columns in 1_usize..4, offset in -1e3..1e3_f64, seed in 1_u32..1000) {
        let x = Array2::from_shape_fn((rows, columns), |(i, j)| offset + f64::from((i * 7 + j * 3) as u32 * seed % 101));
        let y = Standard::of(x.view()).unwrap().apply(x.view()).unwrap();
        for (x, y) in x.axis_iter(Axis(1)).zip(y.axis_iter(Axis(1))) {
            let n = rows as f64;
            let spread = x.fold(f64::NEG_INFINITY, |m, v| m.max(*v)) - x.fold(f64::INFINITY, |m, v| m.min(*v));
            // Rounding of the mean is relative to the offset, and is divided by a scale that is a part of the spread.
            let tolerance = 8.0 * n * f64::EPSILON * (1.0 + 1.2e3 * n.sqrt() / spread.max(1.0));
            prop_assert!((y.sum() / n).abs() <= tolerance);
            let variance = y.dot(&y) / n;
            prop_assert!((variance - f64::from(u8::from(spread > 0.0))).abs() <= tolerance);
        }
    }

    #[test]
    fn sparse_rows_are_scaled_as_dense_ones(entries in prop::collection::btree_map((0_usize..4, 0_u32..5), -9..9_i32, 0..10)) {
        let mut starts = vec![0; 5];
        entries.keys().for_each(|(i, _)| starts[i + 1..].iter_mut().for_each(|s| *s += 1));
        let values = entries.values().map(|v| f64::from(*v)).collect();
        let x = SparseRows::new([4, 5], starts, entries.keys().map(|k| k.1).collect(), values).unwrap();
        let sparse = normalise_sparse_rows(&x).to_dense().unwrap();
        let dense = normalise_rows(x.to_dense().unwrap().view()).unwrap();
        prop_assert!((&sparse - &dense).iter().all(|d| d.abs() <= 8.0 * f64::EPSILON));
    }
}
