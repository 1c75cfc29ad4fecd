//! The extreme singular values, against matrices whose singular values are known.
use crate::support::*;
use hypertape_linear::*;
use ndarray::{Array2, arr2};

/// A symmetric operator, known to be so.
struct Symmetric(Array2<f64>);

impl Operator for Symmetric {
    fn len(&self) -> usize {
        self.0.nrows()
    }
    fn apply(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        self.0.apply(x, y)
    }
    fn apply_transposed(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        self.0.apply(x, y)
    }
    fn known(&self) -> Known {
        Known { symmetric: true, definite: false }
    }
}

#[test]
fn of_the_whole_space() {
    for scale in [1.0, 1e-150, 1e150] {
        for values in [vec![2.0], vec![1.0, 5.0], vec![1e-6, 0.5, 2.0, 3.0], (1..=30).map(f64::from).collect()] {
            let (n, least, most) = (values.len(), values[0], values[values.len() - 1]);
            let a = with_singular_values(&values) * scale;
            let found = extremes(&mut a.clone(), 2 * n, 4 * n).unwrap();
            assert!(found.settled && found.steps <= n, "{found:?}");
            assert!((found.smallest / scale - least).abs() <= 1e-13 * most, "{values:?} {found:?}");
            assert!((found.largest / scale - most).abs() <= 1e-13 * most, "{values:?} {found:?}");
            // Two products look whether it is symmetric.
            let looked = if n > 4 { 2 } else { 0 };
            assert_eq!(found.products.plain, found.steps as u64 + looked);
        }
        // Eigenvalues of both signs, by one product a step.
        let a = indefinite(20) * scale;
        let found = extremes(&mut Symmetric(a), 30, 30).unwrap();
        assert!((found.smallest / scale - 1.0).abs() < 1e-12 && (found.largest / scale - 1.95).abs() < 1e-12, "{found:?}");
        assert_eq!(found.products.transposed, 0);
    }
}

/// Few steps: never below the smallest, never above the largest, and it says whether it has settled.
#[test]
fn from_inside() {
    let values: Vec<f64> = (0..200).map(|i| 10f64.powf(-4.0 * f64::from(i) / 199.0)).rev().collect();
    let mut a = with_singular_values(&values);
    let few = extremes(&mut a, 10, 10).unwrap();
    assert!(few.smallest >= 1e-4 * (1.0 - 1e-9) && few.largest <= 1.0 + 1e-12 && few.steps == 10 && !few.settled, "{few:?}");
    let more = extremes(&mut a, 10, 400).unwrap();
    assert!(more.settled && more.steps > 10 && more.smallest < few.smallest && more.smallest < 1.5e-4, "{more:?}");
}

#[test]
fn singular_and_empty_and_wrong() {
    for mut a in [arr2(&[[1.0, 1.0], [1.0, 1.0]]), arr2(&[[0.0, 0.0], [0.0, 0.0]]), arr2(&[[0.0, 1.0], [0.0, 0.0]])] {
        let found = extremes(&mut a, 20, 20).unwrap();
        assert!(found.smallest <= 1e-15 && found.settled, "{a} {found:?}");
    }
    let found = extremes(&mut Array2::<f64>::zeros((0, 0)), 20, 20).unwrap();
    assert_eq!((found.smallest, found.largest, found.steps), (f64::INFINITY, 0.0, 0));
    assert!(matches!(extremes(&mut arr2(&[[f64::NAN]]), 20, 20), Err(Failed::NotFinite { .. })));
    let found = extremes(&mut arr2(&[[3.0]]), 0, 0).unwrap();
    assert_eq!((found.smallest, found.largest), (3.0, 3.0));
}
