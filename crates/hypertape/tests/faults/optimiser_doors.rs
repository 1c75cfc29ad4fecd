//! Optimisers that a user steps refuse what does not fit.
//!
//! Looked at: what a user steps by hand. The first of them, Adam, left arrays of another size alone, wrote NaN into parameters, and took any setting.
//! Prepared solves (`Prepared::run`, `solve`) check shapes and finiteness at the doors of the function they run.
use hypertape::prelude::*;
use ndarray::{Array1, ArrayD, arr1, arr2};

/// What an update that is refused says; parameters, and what later updates do, are as if it had not been.
fn refused(adam: &mut Optimiser<Leaf>, x: &[f64], gradient: &[f64]) -> String {
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
    let mut adam = Optimiser::adam(&shape![2], |m| m.step_size(0.1));
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
    let mut adam = Optimiser::adam(&shape![2, 3], |m| m.step_size(0.1));
    let mut x = ArrayD::<f64>::zeros(vec![3, 2]);
    let g = ArrayD::<f64>::ones(vec![3, 2]);
    let e = adam.update(&mut x, &g).unwrap_err().to_string();
    assert!(e.contains("f64[2,3]") && e.contains("f64[3,2]"), "{e}");
    assert!(x.iter().all(|x| *x == 0.0));
}

#[test]
fn settings_that_cannot_work() {
    for (set, words) in [
        ((0.0, (0.9, 0.999), (1e-8, 0.0)), "the step size is 0"),
        ((f64::NAN, (0.9, 0.999), (1e-8, 0.0)), "the step size is NaN"),
        ((0.1, (1.0, 0.999), (1e-8, 0.0)), "the decay rate is 1"),
        ((0.1, (0.9, -0.5), (1e-8, 0.0)), "the decay rate is -0.5"),
        ((0.1, (0.9, 0.999), (-1.0, 0.0)), "the epsilon is -1"),
        ((0.1, (0.9, 0.999), (0.0, 0.0)), "both epsilons are 0"),
    ] {
        let (step, (first, second), (outside, inside)) = set;
        let mut adam = Optimiser::adam(&shape![1], |m| m.step_size(step).decay(first, second).epsilon(outside).epsilon_inside_root(inside));
        let e = refused(&mut adam, &[1.0], &[1.0]);
        assert!(e.contains(words), "{e}");
    }
    let mut momentum = Optimiser::momentum(&shape![1], |m| m.momentum(1.5));
    assert!(
        momentum.update(&mut arr1(&[1.0]).into_dyn(), &arr1(&[1.0]).into_dyn()).unwrap_err().to_string().contains("the momentum is 1.5")
    );
    let mut searching = Optimiser::gradient_descent(&shape![1], GradientDescent::backtracking);
    assert!(searching.update(&mut arr1(&[1.0]).into_dyn(), &arr1(&[1.0]).into_dyn()).unwrap_err().to_string().contains("line search"));
    // A schedule that runs out, or falls to 0, is named when it does.
    let mut falling = Optimiser::gradient_descent(&shape![1], |m| m.step_size(Step::rule(|k| 1.0 - k)));
    let mut x = arr1(&[1.0]).into_dyn();
    falling.update(&mut x, &arr1(&[0.25]).into_dyn()).unwrap();
    let e = falling.update(&mut x, &arr1(&[0.25]).into_dyn()).unwrap_err().to_string();
    assert!(e.contains("step size") && x[[0]] == 0.75 && falling.updates() == 1, "{e}");
    // Indices are not optimised.
    let mut indices = Optimiser::adam(&(shape![1], index![2]), |m| m);
    let (mut at, g) = ((arr1(&[1.0]).into_dyn(), arr1(&[0_u32, 1]).into_dyn()), (arr1(&[1.0]).into_dyn(), arr1(&[0_u32, 0]).into_dyn()));
    assert!(indices.update(&mut at, &g).unwrap_err().to_string().contains("u32[2]"));
}

/// The steps of arrays are those of the tape, to the last bit: one definition makes both.
#[test]
fn steps_on_arrays_are_those_of_the_tape() {
    let f = Function::record((shape![3], shape![]), |(z, p)| ((z - p).square() * z.square()).sum()).unwrap();
    let gradient = f.wrt(|(z, _)| z).gradient();
    let rule = || Step::rule(|k| 0.05 / (1.0 + k));
    let start = arr1(&[1.0, -0.3, 2.0]);
    let steps = |mut o: Optimiser<Leaf>| {
        let mut x = start.clone().into_dyn();
        for k in 0..7 {
            if k == 3 {
                // Saved, and gone on with by another one.
                let (updates, moments) = (o.updates(), o.moments());
                o.reset();
                o.restore(updates, moments).unwrap();
            }
            let g = gradient.eval((&x, 0.5)).unwrap();
            o.update(&mut x, &g).unwrap();
        }
        x
    };
    let tape = |run: Result<Function<Leaf, Leaf>>| run.unwrap().eval(&start).unwrap();
    let descent = tape(Function::record(shape![3], |z| GradientDescent::new(&f).step_size(rule()).unroll(7).solve(z, 0.5)));
    assert_eq!(steps(Optimiser::gradient_descent(&shape![3], |m| m.step_size(rule()))), descent);
    let adam = tape(Function::record(shape![3], |z| AdamDescent::new(&f).step_size(rule()).unroll(7).solve(z, 0.5)));
    assert_eq!(steps(Optimiser::adam(&shape![3], |m| m.step_size(rule()))), adam);
    let batch = Function::record((shape![3], shape![], shape![]), |(z, p, b)| ((z - p).square() * z.square()).sum() + 0.0 * b).unwrap();
    let sgd = tape(Function::record(shape![3], |z| {
        Sgd::new(&batch).step_size(rule()).momentum(0.9).unroll(7).solve_over(z, 0.5, constant(&Array1::<f64>::zeros(7).into_shared()))
    }));
    let momentum = steps(Optimiser::momentum(&shape![3], |m| m.step_size(rule()).momentum(0.9)));
    assert!(momentum.iter().zip(&sgd).all(|(a, b)| (a - b).abs() <= 1e-15), "{momentum} {sgd}");
}

#[test]
fn moments_that_do_not_fit_are_refused() {
    let mut adam = Optimiser::adam(&shape![2], |m| m.step_size(0.1));
    for wrong in [vec![], vec![vec![0.0; 2]], vec![vec![0.0; 2], vec![0.0; 3]]] {
        let e = adam.restore(3, wrong).unwrap_err().to_string();
        assert!(e.contains("other sizes") && e.contains("optimiser_doors.rs:"), "{e}");
    }
    assert_eq!((adam.updates(), adam.moments()), (0, vec![vec![0.0; 2]; 2]));
}

#[test]
fn what_leaves_the_range_is_an_error() {
    let mut adam = Optimiser::adam(&shape![1], |m| m.step_size(1e308));
    assert!(refused(&mut adam, &[-1.7e308], &[1e308]).contains("not finite"));
    // The largest number of single precision, and a step beyond it.
    let mut single = Optimiser::adam(&shape![f32; 1], |m| m.step_size(1e38));
    let mut x = arr1(&[-3.4e38f32]).into_dyn();
    let e = single.update(&mut x, &arr1(&[1.0f32]).into_dyn()).unwrap_err().to_string();
    assert!(e.contains("not finite") && x[[0]] == -3.4e38, "{e}");
}

#[test]
fn what_fits_is_stepped() {
    let mut adam = Optimiser::adam(&(shape![2], shape![f32; 2, 1]), |m| m.step_size(0.5).epsilon(0.0).epsilon_inside_root(3.0));
    let mut x = (arr1(&[1.0, 2.0]).into_dyn(), arr2(&[[1.0f32], [2.0]]).into_dyn());
    adam.update(&mut x, &(arr1(&[1.0, 0.0]).into_dyn(), arr2(&[[1.0f32], [0.0]]).into_dyn())).unwrap();
    // The first step is η g/√(g² + 3) = ½·½.
    assert!((x.0[[0]] - 0.75).abs() < 1e-15 && x.0[[1]] == 2.0 && (x.1[[0, 0]] - 0.75).abs() < 1e-7 && x.1[[1, 0]] == 2.0);
    adam.reset();
    adam.update(&mut x, &(arr1(&[0.0, 1.0]).into_dyn(), arr2(&[[0.0f32], [1.0]]).into_dyn())).unwrap();
    assert!((x.0[[1]] - 1.75).abs() < 1e-15 && (x.0[[0]] - 0.75).abs() < 1e-15);
    let mut none = Optimiser::adam(&shape![0], |m| m.step_size(0.5));
    none.update(&mut ArrayD::zeros(vec![0]), &ArrayD::zeros(vec![0])).unwrap();
}

#[test]
fn decay_rates_of_zero_are_steps_of_the_last_gradient() {
    // Without memory m̂ = g and v̂ = g²: a step of η sign g.
    let mut adam = Optimiser::adam(&shape![2], |m| m.step_size(0.1).decay(0.0, 0.0).epsilon(1e-300));
    let mut x = arr1(&[1.0, 2.0]).into_dyn();
    adam.update(&mut x, &arr1(&[3.0, -1e-9]).into_dyn()).unwrap();
    assert!((x[[0]] - 0.9).abs() < 1e-15 && (x[[1]] - 2.1).abs() < 1e-15, "{x}");
    let f = Function::record((shape![], shape![]), |(z, t)| 0.5 * (z - t).square()).unwrap();
    let method = AdamDescent::new(&f).step_size(0.1).decay(0.0, 0.0);
    let g = Function::record(shape![], |t| method.unroll(3).solve(scalar(0.0), t)).unwrap();
    assert!((g.eval(5.0).unwrap().number().unwrap() - 0.3).abs() < 1e-7);
}
