//! Large entries do not cancel in the threshold of a projection.
//!
//! Looked at:
//! - `prox/faces.rs` (threshold of a simplex): was computed from sums of the entries; now from what they lie under the largest one.
//! - `l1_ball`, `linf`, the conjugates of `simplex`, `l1_ball`: share it.
//! - `conjugate` of `l1`, `l2`, `group`, `linf`, `non_negative_l1`, `between`, `non_negative`: Moreau's identity lost what is small beside v; they have
//!   formulas now.
//! - `conjugate` of `squared_l2`, `elastic_net`: lost all digits at large steps; they have formulas too.
//! - `conjugate` of `affine` and closures: by Moreau's identity, to rounding of v, as documented.
//! - `l2_ball`, `l2`, `group`: squares of large or tiny entries left the range; they are taken relative to the largest entry.
//! - `l1`, `non_negative_l1`, `elastic_net`: one subtraction, exact to rounding.
use hypertape::prelude::*;
use ndarray::{arr1, arr2};

type Point<T> = Function<(Leaf<T>, Leaf), Leaf<T>>;

fn of<T: Real>(p: impl Prox<Leaf<T>, Leaf>, n: usize) -> Point<T> {
    Function::record((Leaf::<T>::new([n]), shape![]), |(v, w)| p.prox(v, scalar(1.0), &w)).unwrap()
}

#[test]
fn two_large_entries_share_the_simplex() {
    let f = of::<f32>(prox::simplex::<Leaf, _>(|r| *r), 2);
    let v = arr1(&[3e7f32, 3e7]);
    assert_eq!(f.eval((&v, 1.0)).unwrap().d1(), arr1(&[0.5, 0.5]));
    assert_eq!(f.wrt(|(v, _)| v).jacobian().eval((&v, 1.0)).unwrap().d2(), arr2(&[[0.5, -0.5], [-0.5, 0.5]]));
}

#[test]
fn entries_that_differ_by_little_beside_their_size() {
    // Numbers near 10¹⁷ are 16 apart: (Σ u − r)/2 = (−16 − 24)/2 = −20.
    let f = of::<f64>(prox::simplex::<Leaf, _>(|r| *r), 3);
    let v = arr1(&[1e17, 1e17 - 16.0, 0.0]);
    assert_eq!(f.eval((&v, 24.0)).unwrap().d1(), arr1(&[20.0, 4.0, 0.0]));
    let j = f.wrt(|(v, _)| v).jacobian().eval((&v, 24.0)).unwrap();
    assert_eq!(j.d2(), arr2(&[[0.5, -0.5, 0.0], [-0.5, 0.5, 0.0], [0.0, 0.0, 0.0]]));
}

#[test]
fn large_entries_on_the_l1_ball_and_under_the_largest_norm() {
    let v = arr1(&[3e7f32, -3e7, 1.0]);
    let f = of::<f32>(prox::l1_ball::<Leaf, _>(|r| *r), 3);
    assert_eq!(f.eval((&v, 1.0)).unwrap().d1(), arr1(&[0.5, -0.5, 0.0]));
    let j = f.wrt(|(v, _)| v).jacobian().eval((&v, 1.0)).unwrap();
    assert_eq!(j.d2(), arr2(&[[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 0.0]]));
    // Both large entries go down by w/2 = 2.
    let f = of::<f32>(prox::linf::<Leaf, _>(|w| *w), 3);
    assert_eq!(f.eval((&v, 4.0)).unwrap().d1(), arr1(&[29_999_998.0, -29_999_998.0, 1.0]));
    let j = f.wrt(|(v, _)| v).jacobian().eval((&v, 4.0)).unwrap();
    assert_eq!(j.d2(), arr2(&[[0.5, -0.5, 0.0], [-0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]));
}

#[test]
fn large_duals_are_cut_exactly() {
    // The conjugate of w|x| is |u| ≤ w.
    let v = arr1(&[3e7f32, -3e7, 0.1]);
    let f = of::<f32>(prox::conjugate(prox::l1::<Leaf, _>(|w| *w)), 3);
    assert_eq!(f.eval((&v, 1.0)).unwrap().d1(), arr1(&[1.0, -1.0, 0.1]));
    let f = of::<f32>(prox::conjugate(prox::linf::<Leaf, _>(|w| *w)), 3);
    assert_eq!(f.eval((&v, 1.0)).unwrap().d1(), arr1(&[0.5, -0.5, 0.0]));
    let f = of::<f64>(prox::conjugate(prox::l2::<Leaf, _>(|w| *w)), 2);
    let x = f.eval((&arr1(&[3e20, 4e20]), 1.0)).unwrap();
    assert!((x[[0]] - 0.6).abs() < 1e-15 && (x[[1]] - 0.8).abs() < 1e-15, "{x}");
}

#[test]
fn norms_of_huge_and_tiny_points() {
    let f = of::<f64>(prox::l2_ball::<Leaf, _>(|r| *r), 2);
    let v = arr1(&[3e160, 4e160]);
    let x = f.eval((&v, 1.0)).unwrap();
    assert!((x[[0]] - 0.6).abs() < 1e-15 && (x[[1]] - 0.8).abs() < 1e-15, "{x}");
    // r/‖v‖ (I − u uᵀ).
    let j = f.wrt(|(v, _)| v).jacobian().eval((&v, 1.0)).unwrap();
    for (got, want) in j.iter().zip([0.64, -0.48, -0.48, 0.36]) {
        assert!((got * 5e160 - want).abs() < 1e-14, "{j}");
    }
    let f = of::<f32>(prox::l2_ball::<Leaf, _>(|r| *r), 2);
    let v = arr1(&[3e-25f32, 4e-25]);
    assert_eq!(f.eval((&v, 1.0)).unwrap().d1(), v);
    let x = f.eval((&v, 1e-25)).unwrap();
    assert!((x[[0]] - 0.6e-25).abs() < 1e-32 && (x[[1]] - 0.8e-25).abs() < 1e-32, "{x}");
    // 1 − w/‖v‖ = 4/5.
    for s in [1e160, 1e-170] {
        let (f, g) = (of::<f64>(prox::l2::<Leaf, _>(|w| *w), 2), of::<f64>(prox::group::<Leaf, _>(|w| *w), 2));
        for f in [f, g] {
            let x = f.eval((&arr1(&[3.0 * s, 4.0 * s]), s)).unwrap();
            assert!((x[[0]] / s - 2.4).abs() < 4e-15 && (x[[1]] / s - 3.2).abs() < 4e-15, "{x}");
        }
    }
}

#[test]
fn conjugates_of_squares_at_any_step() {
    // (½w|x|²)* has the prox v w/(σ + w); the elastic net's is [v]ᵃ₋ₐ + soft(v, a) b/(σ + b).
    for sigma in [1e150, 1e-150, 1.0, 1e-305, 1e300] {
        for w in [1.0, 1e150, 1e-150, 0.0, f64::INFINITY] {
            let share = if w == f64::INFINITY { 1.0 } else { w / (sigma + w) };
            let near = |got: f64, want: f64, what: &str| {
                assert!((got - want).abs() <= 1e-15 * want.abs(), "{what}, step {sigma:e}, weight {w:e}: {got:e}, not {want:e}");
            };
            let dual = prox::conjugate(prox::squared_l2::<Leaf, _>(|w| *w));
            let f = Function::record((shape![2], shape![]), |(v, w)| dual.prox(v, scalar(sigma), &w)).unwrap();
            let f = f.allow(Allow::InfiniteInputs);
            let (got, by_v) = f.jvp((&arr1(&[3.0, -2.0]), w), (&arr1(&[1.0, 0.0]), 0.0)).unwrap();
            near(got[[0]], 3.0 * share, "squared_l2");
            near(got[[1]], -2.0 * share, "squared_l2");
            near(by_v[[0]], share, "squared_l2");
            let dual = prox::conjugate(prox::elastic_net::<Leaf, _>(|w| (scalar(1.0), *w)));
            let f = Function::record((shape![3], shape![]), |(v, w)| dual.prox(v, scalar(sigma), &w)).unwrap();
            let f = f.allow(Allow::InfiniteInputs);
            let (got, by_v) = f.jvp((&arr1(&[3.0, -2.0, 0.5]), w), (&arr1(&[1.0, 1.0, 1.0]), 0.0)).unwrap();
            let want = [1.0 + 2.0 * share, -1.0 - share, 0.5];
            (0..3).for_each(|i| near(got[[i]], want[i], "elastic_net"));
            (0..3).for_each(|i| near(by_v[[i]], if i < 2 { share } else { 1.0 }, "elastic_net"));
        }
    }
}
