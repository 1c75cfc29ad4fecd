//! Many small problems: on several threads, and as one function over a leading axis, the results of one after the other.
use super::alone;
use hypertape::prelude::*;
use ndarray::{Array1, Array2};
use rayon::ThreadPoolBuilder;

const N: usize = 7;

fn rosenbrock(x: Var) -> Var {
    let (here, next) = (x.slice_axis(0, 0, N - 1), x.slice_axis(0, 1, N));
    (100.0 * (next - here.square()).square() + (1.0 - here).square()).sum()
}

fn points() -> Array2<f64> {
    Array2::from_shape_fn((301, N), |(i, j)| (1.3 * i as f64 + 0.7 * j as f64).sin())
}

#[test]
fn points_give_what_each_gives_alone_on_any_number_of_threads() {
    let _alone = alone();
    let f = Function::record(shape![N], rosenbrock).unwrap().wrt(|x| x).value_and_gradient();
    let points: Vec<Array1<f64>> = points().outer_iter().map(|x| x.to_owned()).collect();
    let expected: Vec<_> = points.iter().map(|x| f.eval(x).unwrap()).collect();
    for threads in [1, 2, 3] {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(pool.install(|| f.eval_each(&points)).unwrap(), expected, "{threads} threads");
    }
    assert_eq!(f.eval_each::<Array1<f64>>(&[]).unwrap(), vec![]);
}

#[test]
fn the_first_point_that_fails_is_the_error() {
    let f = Function::record(shape![N], rosenbrock).unwrap();
    let mut points: Vec<Array1<f64>> = points().outer_iter().map(|x| x.to_owned()).collect();
    points[200][3] = f64::NAN;
    let line = line!() + 1;
    let e = f.eval_each(&points).unwrap_err().to_string();
    assert!(e.contains("NaN") && e.contains(&format!("batches.rs:{line}")), "{e}");
}

#[test]
fn a_leading_axis_gives_what_each_gives_alone() {
    let one = Function::record(shape![N], rosenbrock).unwrap();
    let all = Function::record(shape![301, N], |x| map(x, rosenbrock)).unwrap();
    let sums = all.rebind(shape![301, N], |x| x).unwrap();
    let at = points();
    let (values, gradient) = (all.eval(&at).unwrap(), sums.vjp(&at, Array1::ones(301)).unwrap().1);
    for (i, x) in at.outer_iter().enumerate() {
        let (v, g) = one.value_and_gradient(x.to_owned()).unwrap();
        // Up to the order of sums, of terms that cancel.
        let near = |a: f64, b: f64, size: f64| (a - b).abs() <= 16.0 * f64::EPSILON * size;
        assert!(near(values[[i]], v, v));
        assert!(gradient.index_axis(ndarray::Axis(0), i).iter().zip(&g).all(|(a, b)| near(*a, *b, 1e3)));
    }
}
