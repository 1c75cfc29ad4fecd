//! Measures: known values, definitions by counting, and inputs without an answer.
use hypertape_data::Error;
use hypertape_data::metrics::{Confusion, accuracy, auc, mean_squared_error, psnr, r_squared, root_mean_squared_error};
use ndarray::{Array1, Array2, arr1, arr2};
use proptest::prelude::*;

#[test]
fn inputs_without_an_answer_are_named() {
    let none: [f64; 0] = [];
    assert!(matches!(accuracy(&none, &none).unwrap_err(), Error::Nothing { .. }));
    assert!(matches!(Confusion::new(&none, &none).unwrap_err(), Error::Nothing { .. }));
    assert!(matches!(auc(&none, &[]).unwrap_err(), Error::Nothing { .. }));
    assert!(matches!(mean_squared_error(&none, &none).unwrap_err(), Error::Nothing { .. }));
    assert!(matches!(r_squared(&none, &none).unwrap_err(), Error::Nothing { .. }));
    let (one, two) = ([1.0], [1.0, 2.0]);
    assert!(matches!(accuracy(&one, &two).unwrap_err(), Error::Shapes { .. }));
    assert!(matches!(Confusion::new(&one, &two).unwrap_err(), Error::Shapes { .. }));
    assert!(matches!(auc(&two, &[true]).unwrap_err(), Error::Shapes { .. }));
    assert!(matches!(mean_squared_error(&one, &two).unwrap_err(), Error::Shapes { .. }));
    let error = psnr(&Array2::zeros((2, 3)), &Array2::zeros((3, 2)), 1.0).unwrap_err();
    assert_eq!(error.to_string(), "psnr: the shapes [2, 3] and [3, 2] differ; give one of each for every element");
    let nan = [1.0, f64::NAN];
    assert!(matches!(accuracy(&nan, &two).unwrap_err(), Error::NotFinite { what: "true labels", index: 1, .. }));
    assert!(matches!(Confusion::new(&two, &nan).unwrap_err(), Error::NotFinite { what: "predicted labels", index: 1, .. }));
    let error = auc(&nan, &[true, false]).unwrap_err();
    assert_eq!(error.to_string(), "auc: element 1 of the scores is NaN; find out where it comes from, or leave it out");
    assert!(matches!(mean_squared_error(&two, &nan).unwrap_err(), Error::NotFinite { what: "predicted values", index: 1, .. }));
    assert!(matches!(r_squared(&[1.0, f64::INFINITY], &two).unwrap_err(), Error::NotFinite { what: "true values", .. }));
    assert_eq!(auc(&two, &[true, true]).unwrap_err().to_string(), "auc: all 2 labels are positive; give examples of both classes");
    assert!(matches!(auc(&two, &[false, false]).unwrap_err(), Error::OneClass { rows: 2, .. }));
    for range in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(psnr(&one, &one, range).unwrap_err(), Error::Setting { .. }));
    }
    let error = r_squared(&[2.5, 2.5], &two).unwrap_err();
    assert_eq!(
        error.to_string(),
        "r_squared of 2 true values that are all 2.5 is undefined: there is nothing to explain; look at the mean squared error"
    );
}

#[test]
fn labels_of_any_kind_are_counted() {
    assert_eq!(accuracy(&["a", "b"], &["a", "c"]).unwrap(), 0.5);
    assert_eq!(accuracy(&[true], &[true]).unwrap(), 1.0);
    assert_eq!(accuracy(&arr1(&[1_u8, 2, 3]), &vec![1_u8, 2, 4]).unwrap(), 2.0 / 3.0);
    assert_eq!(accuracy(arr2(&[[1.0, 2.0], [3.0, 4.0]]).column(0), &[1.0, 4.0]).unwrap(), 0.5);
    // Zeros of both signs are one class.
    assert_eq!(Confusion::new(&[0.0, -0.0], &[-0.0, 1.0]).unwrap().classes.len(), 2);
    let one = Confusion::new(&[5], &[5]).unwrap();
    assert_eq!((one.accuracy(), one.macro_f1(), one.precision(5).unwrap()), (1.0, 1.0, 1.0));
}

#[test]
fn precision_recall_and_f1_of_known_counts() {
    // Of three classes; c is never predicted, and d is predicted but never true.
    let truth = ["a", "a", "a", "b", "b", "c"];
    let predicted = ["a", "a", "b", "b", "d", "a"];
    let c = Confusion::new(&truth, &predicted).unwrap();
    assert_eq!(c.classes, ["a", "b", "c", "d"]);
    assert_eq!(c.counts, arr2(&[[2, 1, 0, 0], [0, 1, 0, 1], [1, 0, 0, 0], [0, 0, 0, 0]]));
    assert_eq!(c.accuracy(), 0.5);
    assert_eq!((c.precision("a").unwrap(), c.recall("a").unwrap(), c.f1("a").unwrap()), (2.0 / 3.0, 2.0 / 3.0, 2.0 / 3.0));
    assert_eq!((c.precision("b").unwrap(), c.recall("b").unwrap(), c.f1("b").unwrap()), (0.5, 0.5, 0.5));
    assert_eq!((c.recall("c").unwrap(), c.f1("c").unwrap(), c.precision("d").unwrap()), (0.0, 0.0, 0.0));
    assert!((c.macro_f1() - 7.0 / 24.0).abs() < f64::EPSILON);
    let error = c.precision("c").unwrap_err();
    assert_eq!(error.to_string(), "precision of class c is undefined: nothing was predicted as it; leave it out, or look at f1");
    assert!(matches!(c.macro_precision().unwrap_err(), Error::Undefined { of: "precision", .. }));
    assert!(matches!(c.recall("d").unwrap_err(), Error::Undefined { of: "recall", .. }));
    assert!(matches!(c.macro_recall().unwrap_err(), Error::Undefined { of: "recall", .. }));
    assert_eq!(c.f1("e").unwrap_err().to_string(), "f1: no class e; there are a, b, c, d");
}

#[test]
fn errors_of_numbers_and_images() {
    assert_eq!(mean_squared_error(&[1.0, 2.0], &[2.0, 4.0]).unwrap(), 2.5);
    assert_eq!(psnr(&[1.0], &[1.0], 1.0).unwrap(), f64::INFINITY);
    // 8 bits with an error of one step: 48.13 dB, a textbook value.
    assert!((psnr(&[10.0, 20.0], &[11.0, 19.0], 255.0).unwrap() - 48.130_803_608_679_1).abs() < 48.2 * 4.0 * f64::EPSILON);
    assert!(psnr(&[0.0], &[1e150], 1e200).unwrap() > 0.0);
    let truth = [1.0, 2.0, 3.0];
    assert_eq!(r_squared(&truth, &truth).unwrap(), 1.0);
    assert_eq!(r_squared(&truth, &[2.0; 3]).unwrap(), 0.0);
    assert_eq!(r_squared(&truth, &[3.0, 2.0, 1.0]).unwrap(), -3.0);
}

#[test]
fn areas_of_known_orders() {
    let order = [true, true, false, false];
    assert_eq!(auc(&[4.0, 3.0, 2.0, 1.0], &order).unwrap(), 1.0);
    assert_eq!(auc(&[1.0, 2.0, 3.0, 4.0], &order).unwrap(), 0.0);
    assert_eq!(auc(&[7.0; 4], &order).unwrap(), 0.5);
    assert_eq!(auc(&[0.0, f64::INFINITY, -0.0, f64::NEG_INFINITY], &order).unwrap(), 0.875);
    assert_eq!(auc(&Array1::from_vec(vec![2.0, 1.0]), &[false, true]).unwrap(), 0.0);
}

proptest! {
    #[test]
    fn the_area_is_the_share_of_pairs_in_order(examples in prop::collection::vec((-3..3_i32, any::<bool>()), 2..40)) {
        let scores: Vec<f64> = examples.iter().map(|e| f64::from(e.0)).collect();
        let positive: Vec<bool> = examples.iter().map(|e| e.1).collect();
        let of = |class: bool| examples.iter().filter(move |e| e.1 == class).map(|e| e.0);
        let (mut twice, mut pairs) = (0, 0);
        for p in of(true) {
            for n in of(false) {
                twice += if p > n { 2 } else { i32::from(p == n) };
                pairs += 1;
            }
        }
        match auc(&scores, &positive) {
            Ok(area) => prop_assert_eq!(area, f64::from(twice) / f64::from(2 * pairs)),
            Err(error) => prop_assert!(pairs == 0 && matches!(error, Error::OneClass { .. }), "{}", error),
        }
    }

    #[test]
    fn counts_are_those_of_pairs(pairs in prop::collection::vec((0_u8..4, 0_u8..4), 1..30)) {
        let (truth, predicted): (Vec<u8>, Vec<u8>) = pairs.iter().copied().unzip();
        let c = Confusion::new(&truth, &predicted).unwrap();
        for (i, t) in c.classes.iter().enumerate() {
            for (j, p) in c.classes.iter().enumerate() {
                prop_assert_eq!(c.counts[[i, j]], pairs.iter().filter(|x| **x == (*t, *p)).count());
            }
            if let (Ok(precision), Ok(recall)) = (c.precision(*t), c.recall(*t)) {
                let mean = if precision + recall > 0.0 { 2.0 * precision * recall / (precision + recall) } else { 0.0 };
                prop_assert!((c.f1(*t).unwrap() - mean).abs() <= 4.0 * f64::EPSILON);
            }
        }
        prop_assert_eq!(c.accuracy(), accuracy(&truth, &predicted).unwrap());
    }
}

#[test]
fn measures_at_any_scale() {
    for s in [1.0, 1e200, 1e-200] {
        let of = |v: [f64; 3]| v.map(|v| v * s);
        assert!((r_squared(&of([1.0, 2.0, 3.0]), &of([1.0, 2.0, 2.9])).unwrap() - 0.995).abs() < 1e-12);
        let (a, b) = (of([1.0, 2.0, 3.0]), of([1.0, 2.0, 2.0]));
        assert!((psnr(&a, &b, 3.0 * s).unwrap() - 10.0 * 27_f64.log10()).abs() < 1e-9);
        assert_eq!(psnr(&a, &a, s).unwrap(), f64::INFINITY);
        assert!((root_mean_squared_error(&a, &b).unwrap() / s - (1.0_f64 / 3.0).sqrt()).abs() < 4.0 * f64::EPSILON);
    }
    // What is in the range is found, what is not is ∞.
    assert!((mean_squared_error(&[0.0, 0.0], &[1e154, 0.0]).unwrap() / 5e307 - 1.0).abs() < 4.0 * f64::EPSILON);
    assert_eq!(mean_squared_error(&[0.0], &[1e200]).unwrap(), f64::INFINITY);
    assert!((psnr(&[1e308], &[-1e308], 1e308).unwrap() + 10.0 * 4_f64.log10()).abs() < 1e-9);
}
