//! Sparse rows: what the constructor refuses, selections, dense matrices.
use hypertape_data::{Error, SparseRows};
use ndarray::{Array2, Axis};
use proptest::prelude::*;

fn small() -> SparseRows {
    SparseRows::new([3, 4], vec![0, 2, 2, 3], vec![0, 3, 1], vec![1.0, -2.0, 0.5]).unwrap()
}

#[test]
fn parts_that_do_not_belong_together_are_named() {
    let new = |shape, starts: &[usize], indices: &[u32], values: &[f64]| {
        SparseRows::new(shape, starts.to_vec(), indices.to_vec(), values.to_vec()).unwrap_err()
    };
    assert!(matches!(new([1, 1], &[], &[], &[]), Error::Starts { rows: 1, entries: 0 }));
    assert!(matches!(new([usize::MAX, 1], &[0], &[], &[]), Error::Starts { .. }));
    assert!(matches!(new([1, 1], &[1, 1], &[0], &[1.0]), Error::Starts { .. }));
    assert!(matches!(new([1, 1], &[0, 2], &[0], &[1.0]), Error::Starts { .. }));
    assert!(matches!(new([3, 4], &[0, 2, 1, 2], &[0, 1], &[1.0, 1.0]), Error::Decreasing { row: 1, start: 2, next: 1 }));
    assert!(matches!(new([3, 4], &[0, 5, 1, 2], &[0, 1], &[1.0, 1.0]), Error::Decreasing { row: 1, start: 5, next: 1 }));
    assert!(matches!(new([1, 1], &[0, 1], &[0], &[]), Error::Entries { indices: 1, values: 0 }));
    assert!(matches!(new([1, 4], &[0, 1], &[4], &[1.0]), Error::Column { row: 0, entry: 0, column: 4, columns: 4 }));
    assert!(matches!(new([1, 4], &[0, 2], &[2, 2], &[1.0, 1.0]), Error::Column { row: 0, entry: 1, column: 2, .. }));
    assert!(matches!(new([1, 4], &[0, 2], &[2, 1], &[1.0, 1.0]), Error::Column { row: 0, entry: 1, column: 1, .. }));
    assert!(matches!(new([1, 4], &[0, 1], &[2], &[f64::NAN]), Error::NotFinite { index: 0, .. }));
}

#[test]
fn rows_are_found_and_selected() {
    let a = small();
    assert_eq!(a.row(0), Some((&[0, 3][..], &[1.0, -2.0][..])));
    assert_eq!(a.row(1), Some((&[][..], &[][..])));
    assert_eq!((a.row(3), a.row(usize::MAX)), (None, None));
    let b = a.select(&[2, 0, 2]).unwrap();
    assert_eq!(b.to_dense().unwrap(), a.to_dense().unwrap().select(Axis(0), &[2, 0, 2]));
    assert!(matches!(a.select(&[0, 3]).unwrap_err(), Error::Row { row: 3, rows: 3, .. }));
    let none = a.select(&[]).unwrap();
    assert_eq!((none.rows(), none.columns(), none.to_dense().unwrap().dim()), (0, 4, (0, 4)));
    let (shape, starts, indices, values) = b.clone().into_parts();
    assert_eq!(SparseRows::new(shape, starts, indices, values).unwrap(), b);
}

#[test]
fn a_dense_matrix_has_a_limit() {
    assert_eq!(small().to_dense_within(96).unwrap().dim(), (3, 4));
    assert!(matches!(small().to_dense_within(95).unwrap_err(), Error::Dense { rows: 3, columns: 4, limit: 95 }));
    let wide = SparseRows::new([2, usize::MAX], vec![0; 3], vec![], vec![]).unwrap();
    assert!(matches!(wide.to_dense_within(u64::MAX).unwrap_err(), Error::Dense { .. }));
}

proptest! {
    #[test]
    fn a_dense_matrix_has_the_entries(entries in prop::collection::btree_map((0_usize..5, 0_u32..6), -9..9_i32, 0..12)) {
        let mut dense = Array2::zeros((5, 6));
        let mut starts = vec![0; 6];
        for ((i, j), v) in &entries {
            dense[[*i, *j as usize]] = f64::from(*v);
            starts[i + 1..].iter_mut().for_each(|s| *s += 1);
        }
        let indices = entries.keys().map(|k| k.1).collect();
        let values = entries.values().map(|v| f64::from(*v)).collect();
        prop_assert_eq!(SparseRows::new([5, 6], starts, indices, values).unwrap().to_dense().unwrap(), dense);
    }
}
