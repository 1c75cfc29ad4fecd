//! Splits: each row once, shares and classes, and the same rows on every machine.
use hypertape_data::splits::{Batches, Split, k_folds, permutation, stratified_k_folds, stratified_split, train_test_split};
use hypertape_data::{Error, class_numbers};
use proptest::prelude::*;

/// Whether the parts have each row once.
fn whole(rows: usize, parts: &[&[usize]]) -> bool {
    let mut all = parts.concat();
    all.sort_unstable();
    all == (0..rows).collect::<Vec<_>>()
}

#[test]
fn a_key_gives_the_same_rows_on_every_machine() {
    // By another implementation, in Python.
    assert_eq!(permutation(10, 0), [1, 2, 5, 7, 0, 8, 4, 3, 9, 6]);
    assert_eq!(permutation(10, 1), [6, 4, 7, 2, 9, 1, 5, 0, 8, 3]);
    let split = train_test_split(8, 0.25, 42).unwrap();
    assert_eq!((split.train, split.test), (vec![1, 3, 4, 5, 0, 7], vec![6, 2]));
    let labels = ["a", "b", "a", "b", "a", "b", "a", "a"];
    assert_eq!(stratified_split(&labels, 0.25, 42).unwrap().test, [3, 6]);
    assert_eq!(stratified_k_folds(&labels, 3, 42).unwrap()[0].test, [6, 0, 5]);
    assert_eq!(Batches::new(6, 4, 42).unwrap().epoch(3), [vec![5, 1, 0, 2], vec![3, 4]]);
}

#[test]
fn sizes_0_and_1() {
    assert!(permutation(0, 1).is_empty() && permutation(1, 1) == [0]);
    for rows in [0, 1] {
        let error = train_test_split(rows, 0.5, 1).unwrap_err();
        let words = format!("train_test_split: {rows} rows do not give every part a row; give at least 2, or fewer parts");
        assert_eq!(error.to_string(), words);
        assert!(matches!(stratified_split(&vec![1; rows], 0.5, 1).unwrap_err(), Error::FewRows { .. }));
    }
    assert!(matches!(stratified_k_folds(&[0; 0], 2, 1).unwrap_err(), Error::Nothing { .. }));
    assert!(Batches::new(0, 3, 1).unwrap().epoch(0).is_empty());
    assert_eq!(Batches::new(1, 3, 1).unwrap().epoch(0), [[0]]);
}

#[test]
fn settings_out_of_range_are_named() {
    for share in [0.0, 1.0, -0.1, 1.5, f64::NAN] {
        assert!(matches!(train_test_split(10, share, 1).unwrap_err(), Error::Setting { .. }));
        assert!(matches!(stratified_split(&[1, 2, 1, 2], share, 1).unwrap_err(), Error::Setting { .. }));
    }
    // However small a part is, it has a row.
    for share in [1e-300, 0.01, 0.99, 1.0 - f64::EPSILON / 2.0] {
        let split = train_test_split(10, share, 1).unwrap();
        assert_eq!(split.train.len().min(split.test.len()), 1);
        let split = stratified_split(&[1, 2, 1, 2, 1], share, 1).unwrap();
        assert_eq!(split.train.len().min(split.test.len()), 1);
    }
    for folds in [0, 1] {
        assert!(matches!(k_folds(10, folds, 1).unwrap_err(), Error::Setting { .. }));
        assert!(matches!(stratified_k_folds(&[1, 1], folds, 1).unwrap_err(), Error::Setting { .. }));
    }
    assert!(matches!(k_folds(2, 3, 1).unwrap_err(), Error::FewRows { rows: 2, needed: 3, .. }));
    let error = stratified_k_folds(&["x", "y", "x", "x", "y"], 3, 1).unwrap_err();
    assert_eq!(error.to_string(), "stratified_k_folds: 2 rows of class y do not give every part a row; give at least 3, or fewer parts");
    assert!(matches!(stratified_split(&[1.0, f64::NAN, 1.0, 1.0], 0.5, 1).unwrap_err(), Error::NotFinite { index: 1, .. }));
    assert!(matches!(stratified_split(&[1, 1, 2], 0.5, 1).unwrap_err(), Error::FewRows { rows: 1, needed: 2, .. }));
    assert!(matches!(Batches::new(3, 0, 1).unwrap_err(), Error::Setting { .. }));
}

#[test]
fn classes_are_numbered() {
    let (classes, numbers) = class_numbers(&["b", "a", "b"]).unwrap();
    assert_eq!((classes, numbers), (vec!["a", "b"], vec![1, 0, 1]));
    assert!(matches!(class_numbers(&[f64::NAN]).unwrap_err(), Error::NotFinite { .. }));
    assert!(matches!(class_numbers(&[0; 0]).unwrap_err(), Error::Nothing { .. }));
}

proptest! {
    #[test]
    fn halves_have_their_shares(rows in 2_usize..200, share in 0.05..0.95_f64, key: u64) {
        let Split { train, test, .. } = train_test_split(rows, share, key).unwrap();
        prop_assert!(whole(rows, &[&train, &test]));
        prop_assert_eq!(test.len(), ((share * rows as f64).round() as usize).clamp(1, rows - 1));
    }

    #[test]
    fn every_class_has_its_share(labels in prop::collection::vec(0_u8..4, 8..120), share in 0.05..0.95_f64, key: u64) {
        let count = |rows: &[usize], class: u8| rows.iter().filter(|r| labels[**r] == class).count();
        if let Ok(Split { train, test, .. }) = stratified_split(&labels, share, key) {
            prop_assert!(whole(labels.len(), &[&train, &test]));
            prop_assert_eq!(test.len(), ((share * labels.len() as f64).round() as usize).clamp(1, labels.len() - 1));
            for class in 0..4 {
                let all = labels.iter().filter(|l| **l == class).count() as f64;
                prop_assert!((count(&test, class) as f64 - share * all).abs() < 1.0);
            }
        }
        if let Ok(folds) = stratified_k_folds(&labels, 3, key) {
            for class in 0..4 {
                let counts: Vec<usize> = folds.iter().map(|f| count(&f.test, class)).collect();
                prop_assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1);
            }
            prop_assert!(folds.iter().all(|f| whole(labels.len(), &[&f.train, &f.test])));
            prop_assert!(whole(labels.len(), &folds.iter().map(|f| &f.test[..]).collect::<Vec<_>>()));
        }
    }

    #[test]
    fn folds_test_each_row_once(rows in 2_usize..100, folds in 2_usize..9, key: u64) {
        if let Ok(splits) = k_folds(rows, folds, key) {
            prop_assert_eq!(splits.len(), folds);
            prop_assert!(whole(rows, &splits.iter().map(|s| &s.test[..]).collect::<Vec<_>>()));
            for Split { train, test, .. } in &splits {
                prop_assert!(whole(rows, &[train, test]) && (rows / folds..=rows.div_ceil(folds)).contains(&test.len()));
            }
        } else {
            prop_assert!(rows < folds);
        }
    }

    #[test]
    fn an_epoch_has_each_row_once(rows in 0_usize..60, size in 1_usize..20, key: u64, epoch: u64) {
        let batches = Batches::new(rows, size, key).unwrap().epoch(epoch);
        prop_assert!(whole(rows, &batches.iter().map(Vec::as_slice).collect::<Vec<_>>()));
        prop_assert_eq!(batches.len(), rows.div_ceil(size));
        prop_assert!(batches.iter().rev().skip(1).all(|b| b.len() == size));
    }
}
