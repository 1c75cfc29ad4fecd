//! An item of a `map` that is not finite is named.
//!
//! Looked at, and found:
//! - `map`: an item whose check failed, whose matrix was singular or whose result was NaN ended the run without its number. The error says "item k".
//! - `scan`, `scan_until`: likewise, "turn k", the counter of the loop, for reversed loops of derivatives too.
//! - `eval_each`: the error says "point k"; `try_each` has a result for each point.
//! - nests of them name every level, outermost first. `Allow::Everything` lets the other items of one function through.
use hypertape::Within;
use hypertape::prelude::*;
use ndarray::{Array3, arr1, arr2, arr3};

#[track_caller]
fn says<T>(r: Result<T>, parts: &[&str]) {
    let Err(e) = r else { panic!("accepted") };
    let e = e.to_string();
    for part in parts {
        assert!(e.contains(part), "no `{part}` in: {e}");
    }
    assert!(e.contains("map_items.rs:"), "no line in: {e}");
}

#[test]
fn an_item_outside_the_domain() -> Result<()> {
    let f = Function::record(shape![4], |x| map(x, |x| x.ln()))?;
    says(f.eval(arr1(&[1.0, 1.0, -1.0, 1.0])), &["item 2: `ln` at", "NaN", "output 0 of 1 is not finite, first NaN at [2]"]);
    let y = f.allow(Allow::Everything).eval(arr1(&[1.0, 1.0, -1.0, 1.0]))?;
    assert!(y[[2]].is_nan() && [0, 1, 3].iter().all(|i| y[[*i]] == 0.0));
    let sum = Function::record(shape![f32; 4], |x| map(x, |x| x.ln()).sum())?;
    says(sum.gradient(arr1(&[1.0_f32, -1.0, 1.0, -1.0])), &["item 1: `ln` at"]);
    says(sum.wrt(|x| x).gradient().eval(arr1(&[1.0_f32, -1.0, 1.0, 1.0])), &["item 1: ", "derivative of ln"]);
    Ok(())
}

#[test]
fn an_item_whose_matrix_is_singular() -> Result<()> {
    let f = Function::record(shape![3, 2, 2], |a| map(a, |a| a.solve(ones(shape![2]))))?;
    let mut a = Array3::zeros((3, 2, 2));
    a.assign(&arr2(&[[2.0, 0.0], [0.0, 4.0]]));
    assert_eq!(f.eval(&a)?, arr2(&[[0.5, 0.25]; 3]).into_dyn());
    a[[1, 1, 1]] = 0.0;
    let e = f.eval(&a).expect_err("singular");
    assert!(matches!(e.within(), [Within { what: "item", index: 1 }]), "{e}");
    says(Err::<(), _>(e), &["item 1: ", "singular"]);
    Ok(())
}

#[test]
fn an_item_that_diverges() -> Result<()> {
    // ½θz² by steps of 1: z ← (1 − θ) z, which diverges for θ > 2.
    let loss = Function::record((shape![], shape![]), |(z, theta)| 0.5 * theta * z * z)?;
    let descent = GradientDescent::new(&loss).step_size(1.0);
    let f = Function::record(shape![3], |theta| map(theta, |t| descent.unroll(400).solve(1.0, t)))?;
    says(f.eval(arr1(&[1.0, 1e3, 1.0])), &["item 1: `gradient descent`", "iteration"]);
    let y = f.allow(Allow::Everything).eval(arr1(&[1.0, 1e3, 1.0]))?;
    assert!(y[[0]] == 0.0 && y[[2]] == 0.0 && !y[[1]].is_finite());
    Ok(())
}

#[test]
fn a_turn_whose_index_is_out_of_range() -> Result<()> {
    let f = Function::record(shape![3], |x| scan(0.0 * x.sum(), 5, |s, k| (s + x.rows(k), ())).0)?;
    says(f.eval(arr1(&[1.0, 2.0, 3.0])), &["turn 3: ", "index 3", "length 3"]);
    let until = Function::record(shape![3], |x| scan_until(0.0 * x.sum(), 5, |s| s.less_than(-1.0), |s, k| s + x.rows(k)))?;
    says(until.eval(arr1(&[1.0, 2.0, 3.0])), &["turn 3: ", "index 3"]);
    Ok(())
}

#[test]
fn nests_name_every_level() -> Result<()> {
    let f = Function::record(shape![2, 2, 3], |x| map(x, |x| map(x, |x| scan(x.sum() * 0.0, x, |s, x| (s + x.ln(), ())).0)))?;
    let x = arr3(&[[[1.0; 3], [1.0; 3]], [[1.0, 1.0, -1.0], [1.0; 3]]]);
    says(f.eval(&x), &["item 1: item 0: turn 2: `ln` at"]);
    Ok(())
}

#[test]
fn points_are_their_own() -> Result<()> {
    let f = Function::record(shape![2], |x| x.ln().sum())?;
    let gradient = f.wrt(|x| x).gradient();
    let points = [arr1(&[1.0, 2.0]), arr1(&[1.0, -1.0]), arr1(&[4.0, f64::NAN]), arr1(&[4.0, 0.5])];
    says(gradient.eval_each(&points), &["point 1: ", "derivative of ln"]);
    let all = gradient.try_each(&points);
    assert_eq!(all.len(), 4);
    assert_eq!((all[0].clone()?, all[3].clone()?), (arr1(&[1.0, 0.5]).into_dyn(), arr1(&[0.25, 2.0]).into_dyn()));
    assert!(all[1].is_err());
    says(all[2].clone(), &["input 0 of 1", "NaN"]);
    assert!(f.try_each::<ndarray::Array1<f64>>(&[]).is_empty());
    Ok(())
}
