//! Optimisers that a user steps refuse what does not fit.
//!
//! Looked at: what a user steps by hand. `Adam` is the only one; it left arrays of another size alone, wrote NaN into parameters, and took any setting.
//! Prepared solves (`Prepared::run`, `solve`) check shapes and finiteness at the doors of the function they run.
use hypertape::prelude::*;
use ndarray::{ArrayD, arr1, arr2};

/// What an update that is refused says; parameters, and what later updates do, are as if it had not been.
fn refused(adam: &mut Adam<Leaf>, x: &[f64], gradient: &[f64]) -> String {
    let mut at = arr1(x).into_dyn();
    let before = (at.clone(), adam.clone());
    let e = adam.update(&mut at, &arr1(gradient).into_dyn()).expect_err("it does not fit").to_string();
    assert!(at.iter().zip(&before.0).all(|(a, b)| a.to_bits() == b.to_bits()), "{e}");
    assert_eq!(format!("{adam:?}"), format!("{:?}", before.1), "{e}");
    assert!(e.contains("Adam") && e.contains("optimiser_doors.rs:"), "{e}");
    e
}

#[test]
fn the_cases() {
    let mut adam = Adam::new(0.1, &shape![2]);
    let e = refused(&mut adam, &[1.0, 2.0, 3.0], &[1.0, 1.0, 1.0]);
    assert!(e.contains("f64[2]") && e.contains("f64[3]"), "{e}");
    assert!(refused(&mut adam, &[1.0, 2.0], &[1.0, 1.0, 1.0]).contains("the gradient"));
    assert!(refused(&mut adam, &[1.0, 2.0, 3.0], &[1.0, 1.0]).contains("the array"));
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let e = refused(&mut adam, &[1.0, 2.0], &[0.5, bad]);
        assert!(e.contains("[1]") && e.contains(&bad.to_string()), "{e}");
        refused(&mut adam, &[bad, 2.0], &[0.5, 1.0]);
    }
}

#[test]
fn arrays_of_the_same_size_and_another_shape() {
    let mut adam = Adam::new(0.1, &shape![2, 3]);
    let mut x = ArrayD::<f64>::zeros(vec![3, 2]);
    let g = ArrayD::<f64>::ones(vec![3, 2]);
    let e = adam.update(&mut x, &g).unwrap_err().to_string();
    assert!(e.contains("f64[2,3]") && e.contains("f64[3,2]"), "{e}");
    assert!(x.iter().all(|x| *x == 0.0));
}

#[test]
fn settings_that_are_set_wrong_between_steps() {
    for (set, words) in [
        ((0.0, (0.9, 0.999), (1e-8, 0.0)), "the step is 0"),
        ((f64::NAN, (0.9, 0.999), (1e-8, 0.0)), "the step is NaN"),
        ((0.1, (1.0, 0.999), (1e-8, 0.0)), "the decay rate is 1"),
        ((0.1, (0.9, -0.5), (1e-8, 0.0)), "the decay rate is -0.5"),
        ((0.1, (0.9, 0.999), (-1.0, 0.0)), "the epsilon is -1"),
        ((0.1, (0.9, 0.999), (0.0, 0.0)), "both epsilons are 0"),
    ] {
        let mut adam = Adam::new(0.1, &shape![1]).epsilon(set.2.0).epsilon_inside_root(set.2.1);
        (adam.step, adam.decay) = (set.0, set.1);
        let e = refused(&mut adam, &[1.0], &[1.0]);
        assert!(e.contains(words), "{e}");
    }
}

#[test]
fn what_leaves_the_range_is_an_error() {
    let mut adam = Adam::new(1e308, &shape![1]);
    assert!(refused(&mut adam, &[-1.7e308], &[1e308]).contains("not finite"));
    // The largest number of single precision, and a step beyond it.
    let mut single = Adam::new(1e38, &shape![f32; 1]);
    let mut x = arr1(&[-3.4e38f32]).into_dyn();
    let e = single.update(&mut x, &arr1(&[1.0f32]).into_dyn()).unwrap_err().to_string();
    assert!(e.contains("not finite") && x[[0]] == -3.4e38, "{e}");
}

#[test]
fn what_fits_is_stepped() {
    let mut adam = Adam::new(0.5, &(shape![2], shape![f32; 2, 1])).epsilon(0.0).epsilon_inside_root(3.0);
    let mut x = (arr1(&[1.0, 2.0]).into_dyn(), arr2(&[[1.0f32], [2.0]]).into_dyn());
    adam.update(&mut x, &(arr1(&[1.0, 0.0]).into_dyn(), arr2(&[[1.0f32], [0.0]]).into_dyn())).unwrap();
    // The first step is η g/√(g² + 3) = ½·½.
    assert!((x.0[[0]] - 0.75).abs() < 1e-15 && x.0[[1]] == 2.0 && (x.1[[0, 0]] - 0.75).abs() < 1e-7 && x.1[[1, 0]] == 2.0);
    adam.reset();
    adam.update(&mut x, &(arr1(&[0.0, 1.0]).into_dyn(), arr2(&[[0.0f32], [1.0]]).into_dyn())).unwrap();
    assert!((x.0[[1]] - 1.75).abs() < 1e-15 && (x.0[[0]] - 0.75).abs() < 1e-15);
    let mut none = Adam::new(0.5, &shape![0]);
    none.update(&mut ArrayD::zeros(vec![0]), &ArrayD::zeros(vec![0])).unwrap();
}

#[test]
fn decay_rates_of_zero_are_steps_of_the_last_gradient() {
    // Without memory m̂ = g and v̂ = g²: a step of η sign g.
    let mut adam = Adam::new(0.1, &shape![2]);
    adam.decay = (0.0, 0.0);
    adam.epsilon = 1e-300;
    let mut x = arr1(&[1.0, 2.0]).into_dyn();
    adam.update(&mut x, &arr1(&[3.0, -1e-9]).into_dyn()).unwrap();
    assert!((x[[0]] - 0.9).abs() < 1e-15 && (x[[1]] - 2.1).abs() < 1e-15, "{x}");
    let f = Function::record((shape![], shape![]), |(z, t)| 0.5 * (z - t).square()).unwrap();
    let method = AdamDescent::new(&f).step_size(0.1).decay(0.0, 0.0);
    let g = Function::record(shape![], |t| method.unroll(3).solve(scalar(0.0), t)).unwrap();
    assert!((g.eval(5.0).unwrap().number().unwrap() - 0.3).abs() < 1e-7);
}
