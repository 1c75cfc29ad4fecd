//! An empty set is refused, and a tiny one is not taken for empty.
//!
//! Looked at:
//! - `simplex`: a guarded division gave v itself where the radius was tiny or 0; there is no guard any more, since a face is never empty. Radius 0 is
//!   the point 0; a negative or infinite radius, and a positive one for a row without entries, are errors.
//! - `l1_ball`, `linf`: share it. `l2_ball`: radius 0 is the point 0.
//! - `l2`, `group`: their direction at 0 is 0, and no division by a norm that underflowed.
//! - `between`: bounds that cross, or that leave no number (∞ as the lower one), are errors; see `settings.rs`.
//! - `affine`: rows that depend on each other are an error, of the Cholesky factor or of the condition after it.
//! - `elastic_net`, `squared_l2`: 1 + ηw is at least 1.
use hypertape::prelude::*;
use ndarray::{arr1, arr2};

type Point<T> = Function<(Leaf<T>, Leaf), Leaf<T>>;

fn of<T: Real>(p: impl Prox<Leaf<T>, Leaf>, shape: &[usize]) -> Point<T> {
    Function::record((Leaf::<T>::new(shape), shape![]), |(v, w)| p.prox(v, scalar(1.0), &w)).unwrap()
}

#[test]
fn a_tiny_simplex() {
    let f = of::<f64>(prox::simplex::<Leaf, _>(|r| *r), &[2]);
    assert_eq!(f.eval((&arr1(&[3.0, 1.0]), 1e-16)).unwrap().d1(), arr1(&[1e-16, 0.0]));
    assert_eq!(f.eval((&arr1(&[3.0, 3.0]), 1e-300)).unwrap().d1(), arr1(&[5e-301, 5e-301]));
    let f = of::<f32>(prox::simplex::<Leaf, _>(|r| *r), &[2]);
    assert_eq!(f.eval((&arr1(&[3.0f32, 1.0]), 1e-30)).unwrap().d1(), arr1(&[1e-30, 0.0]));
}

#[test]
fn a_simplex_that_is_a_point() {
    let f = of::<f64>(prox::simplex::<Leaf, _>(|r| *r), &[2]);
    for v in [[3.0, 1.0], [2.0, 2.0], [0.0, 0.0], [-1.0, -7.0]] {
        assert_eq!(f.eval((&arr1(&v), 0.0)).unwrap().d1(), arr1(&[0.0, 0.0]));
        assert_eq!(f.wrt(|(v, _)| v).jacobian().eval((&arr1(&v), 0.0)).unwrap().d2(), arr2(&[[0.0, 0.0], [0.0, 0.0]]));
    }
    // To the right of 0 the largest entries grow.
    assert_eq!(f.wrt(|(_, r)| r).jacobian().eval((&arr1(&[3.0, 1.0]), 0.0)).unwrap().d1(), arr1(&[1.0, 0.0]));
    let e = f.eval((&arr1(&[3.0, 1.0]), -1e-9)).unwrap_err().to_string();
    assert!(e.contains("`simplex`") && e.contains("radius is -0.000000001"), "{e}");
}

#[test]
fn balls_that_are_points_or_tiny() {
    let v = arr1(&[3.0, -1.0]);
    let f = of::<f64>(prox::l1_ball::<Leaf, _>(|r| *r), &[2]);
    assert_eq!(f.eval((&v, 1e-16)).unwrap().d1(), arr1(&[1e-16, 0.0]));
    assert_eq!(f.eval((&v, 0.0)).unwrap().d1(), arr1(&[0.0, 0.0]));
    let f = of::<f64>(prox::l2_ball::<Leaf, _>(|r| *r), &[2]);
    assert_eq!(f.eval((&arr1(&[3.0, 4.0]), 1e-300)).unwrap().d1(), arr1(&[0.6 * 1e-300, 0.8 * 1e-300]));
    assert_eq!(f.eval((&v, 0.0)).unwrap().d1(), arr1(&[0.0, 0.0]));
    let j = f.wrt(|(v, r)| (v, r)).jacobian().eval((&arr1(&[0.0, 0.0]), 0.0)).unwrap();
    assert!(j.iter().all(|d| *d == 0.0), "{j}");
    // The largest norm with a tiny weight takes the weight from the largest entry.
    let (f, tiny) = (of::<f64>(prox::linf::<Leaf, _>(|w| *w), &[2]), 2f64.powi(-60));
    assert_eq!(f.eval((&arr1(&[4.0 * tiny, 0.0]), tiny)).unwrap().d1(), arr1(&[3.0 * tiny, 0.0]));
    assert_eq!(f.eval((&v, 0.0)).unwrap().d1(), v);
}

#[test]
fn weights_of_0_leave_the_point() {
    let v = arr1(&[3.0, -1.0]);
    let all = [
        of::<f64>(prox::l1::<Leaf, _>(|w| *w), &[2]),
        of(prox::l2::<Leaf, _>(|w| *w), &[2]),
        of(prox::group::<Leaf, _>(|w| *w), &[2]),
        of(prox::squared_l2::<Leaf, _>(|w| *w), &[2]),
        of(prox::elastic_net::<Leaf, _>(|w| (*w, *w)), &[2]),
    ];
    for f in all {
        assert_eq!(f.eval((&v, 0.0)).unwrap().d1(), v);
        assert_eq!(f.wrt(|(v, _)| v).jacobian().eval((&v, 0.0)).unwrap().d2(), arr2(&[[1.0, 0.0], [0.0, 1.0]]));
    }
}

#[test]
fn rows_without_entries_sum_to_0() {
    let f = of::<f64>(prox::simplex::<Leaf, _>(|r| *r), &[3, 0]);
    let v = ndarray::Array2::<f64>::zeros((3, 0));
    assert_eq!(f.eval((&v, 0.0)).unwrap().shape(), [3, 0]);
    let e = f.eval((&v, 1.0)).unwrap_err().to_string();
    assert!(e.contains("radius is 1") && e.contains("at least one entry"), "{e}");
    // No rows at all are fine.
    let f = of::<f64>(prox::simplex::<Leaf, _>(|r| *r), &[0, 3]);
    assert_eq!(f.eval((&ndarray::Array2::<f64>::zeros((0, 3)), 1.0)).unwrap().shape(), [0, 3]);
}
