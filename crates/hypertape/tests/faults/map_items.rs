//! An item of a `map` that is not finite is named.
//!
//! Looked at, and found:
//! - `map`: an item whose check failed, whose matrix was singular or whose result was NaN ended the run without its number. The error says "item k".
//! - `scan`, `scan_until`: likewise, "turn k", the counter of the loop, for reversed loops of derivatives too.
//! - `eval_each`: the error says "point k"; `try_each` has a result for each point.
//! - nests of them name every level, outermost first. `Allow::Everything` lets the other items of one function through.
//! - an error inside an item, as of an implicit solve, ended the run under `Allow::Everything` too. Now the item's results are NaN, and a report names it.
//! - gradients by what all items share ended with the error of the failing item: the reverse loop adds up over items. Now the sum is NaN, a report says
//!   why, and the derivatives by what each item has of its own are right for the others. A loop whose turns read each other's results still ends.
//! - `try_each`: its errors did not say which point.
//! - a map that runs in parts kept the error of a second part that failed, and the next run, with other inputs, ended with it.
use hypertape::Within;
use hypertape::prelude::*;
use ndarray::{Array1, Array3, arr1, arr2, arr3};

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

/// z² by steps of 1 on ½θz² − z, so z = 1/θ: they diverge for θ > 2, are slow for θ near 0, and have no solution at 0.
fn steps() -> Result<Function<(Leaf, Leaf), Leaf>> {
    Function::record((shape![], shape![]), |(z, t)| 0.5 * t * z * z - z)
}

#[test]
fn hypergradients_of_independent_problems_have_each_their_own_error() -> Result<()> {
    let descent = GradientDescent::new(&steps()?).step_size(1.0).tolerance(1e-13).max_iterations(300).implicit(Cg::default());
    let f = Function::record(shape![], |t| descent.solve(0.5, t).square())?;
    let at = [0.5, 3.0, 1e-3, 1.5, 0.0, 1.0];
    let gradient = f.wrt(|t| t).gradient();
    let all = gradient.try_each(&at);
    for (k, (made, t)) in all.iter().zip(at).enumerate() {
        match made {
            // −2/θ³.
            Ok(g) => assert!([0, 3, 5].contains(&k) && (g[[]] + 2.0 / t.powi(3)).abs() <= 1e-10, "point {k}: {g}"),
            Err(e) => {
                assert!([1, 2, 4].contains(&k) && e.is_numeric(), "point {k}: {e}");
                assert!(matches!(e.within(), [Within { what: "point", index }] if *index == k as u64), "{e}");
                let words = ["", "diverge", "raise the iteration limit", "", "come no nearer"][k];
                assert!(e.to_string().starts_with(&format!("point {k}: ")) && e.to_string().contains(words), "{e}");
            }
        }
    }
    says(gradient.eval_each(&at), &["point 1: ", "diverge"]);
    // F = θz − θ: any z solves it at θ = 0, and F_z is singular there.
    let line = Function::record((shape![], shape![]), |(z, t)| t * z - t)?;
    let root = implicit::root(&line, |_, _| Ok::<_, std::convert::Infallible>(ndarray::arr0(1.0))).adjoint(Lu);
    let all = Function::record(shape![], |t| t * root.solve(1.0, t))?.wrt(|t| t).gradient().try_each(&[1.0, 0.0, 2.0]);
    assert!((all[0].clone()?[[]] - 1.0).abs() < 1e-14 && (all[2].clone()?[[]] - 1.0).abs() < 1e-14);
    says(all[1].clone(), &["point 1: ", "singular"]);
    Ok(())
}

#[test]
fn a_map_of_implicit_solves_lets_the_others_through() -> Result<()> {
    let descent = GradientDescent::new(&steps()?).step_size(1.0).tolerance(1e-13).max_iterations(300);
    let failing = [1, 4, 38];
    let at = Array1::from_shape_fn(40, |k| if failing.contains(&k) { [3.0, 1e-3][k % 2] } else { 0.5 + k as f64 / 40.0 });
    let f = Function::record(shape![40], |t| map(t, |t| descent.implicit(Cg::default()).solve(0.5, t).square()))?;
    says(f.eval(&at), &["item 1: "]);
    let f = f.allow(Allow::Everything);
    let gradient = f.vjp(&at, Array1::ones(40))?.1;
    let mut w = f.workspace();
    let y = w.run(&at)?.to_owned();
    for (k, t) in at.iter().enumerate() {
        if failing.contains(&k) {
            assert!(y[[k]].is_nan() && gradient[[k]].is_nan(), "item {k}: {} {}", y[[k]], gradient[[k]]);
        } else {
            assert!((y[[k]] - 1.0 / (t * t)).abs() <= 1e-10 && (gradient[[k]] + 2.0 / t.powi(3)).abs() <= 1e-10, "item {k}");
        }
    }
    let named: Vec<_> = w.reports().iter().filter(|r| r.status == Status::ItemFailed).collect();
    assert_eq!(named.len(), 3);
    for (r, k) in named.iter().zip(failing) {
        assert!(r.name.starts_with(&format!("item {k}: ")) && !r.converged && r.to_string().ends_with("its results are NaN"), "{r}");
    }
    // The same bits on any number of threads, and again; without the allowance it is an error again.
    let on = |threads: usize| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| f.eval(&at).unwrap());
    let bits = |y: &ndarray::ArrayD<f64>| y.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    assert!(bits(&on(1)) == bits(&on(2)) && bits(&on(2)) == bits(&y));
    assert_eq!(f.reports().iter().filter(|r| r.status == Status::ItemFailed).count(), 3);
    w.allow(Allow::Finite);
    says(w.run(&at).map(|y| y.to_owned()), &["item 1: "]);
    Ok(())
}

#[test]
fn what_items_share_is_lost_and_what_each_has_is_not() -> Result<()> {
    // zₖ = 1/(θₖ c); item 1 diverges at c = 1, and all are healthy at c = 1/2.
    let loss = Function::record((shape![], shape![]), |(z, t)| 0.5 * t * z * z - z)?;
    let descent = GradientDescent::new(&loss).step_size(1.0).tolerance(1e-13).max_iterations(300);
    let f = Function::record((shape![4], shape![]), |(t, c)| map(t, |t| descent.implicit(Cg::default()).solve(0.5, c * t).square()).sum())?;
    let at = arr1(&[0.5, 3.0, 0.8, 1.0]);
    says(f.wrt(|x| x).gradient().eval((&at, 1.0)), &["turn 1: "]);
    let gradient = f.wrt(|x| x).gradient().allow(Allow::Everything);
    let mut w = gradient.workspace();
    for (c, whole) in [(1.0, false), (0.5, true), (1.0, false)] {
        let (own, shared) = w.run((&at, c))?;
        for (k, t) in at.iter().enumerate() {
            let exact = -2.0 / (c * c * t.powi(3));
            assert!(if whole || k != 1 { (own[[k]] - exact).abs() <= 1e-9 } else { own[[k]].is_nan() }, "item {k}: {}", own[[k]]);
        }
        let sum: f64 = at.iter().map(|t| -2.0 / (c.powi(3) * t * t)).sum();
        assert!(if whole { (shared[[]] - sum).abs() <= 1e-8 } else { shared[[]].is_nan() }, "{shared}");
        assert_eq!(w.reports().iter().any(|r| r.status == Status::ItemFailed && r.name.contains(" 1: ")), !whole);
    }
    // Turns that read what the turn before made end with its error.
    let chain = Function::record(shape![4], |t| scan(scalar(0.5), t, |z, t| (descent.implicit(Cg::default()).solve(z, t), ())).0)?;
    says(chain.allow(Allow::Everything).eval(&at), &["turn 1: "]);
    Ok(())
}

#[test]
fn an_error_is_of_its_own_run() -> Result<()> {
    let a = |bad: &[usize]| Array3::from_shape_fn((400, 8, 8), |(k, i, j)| if i == j && !(bad.contains(&k) && i == 3) { 2.0 } else { 0.0 });
    let f = Function::record(shape![400, 8, 8], |a| map(a, |a| a.solve(ones(shape![8]))))?;
    let mut w = f.workspace();
    for threads in [1, 2] {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| {
            says(w.run(a(&[3, 150, 250, 399])).map(|y| y.to_owned()), &["item 3: ", "singular"]);
            assert!(w.run(a(&[])).unwrap().iter().all(|y| *y == 0.5));
        });
    }
    Ok(())
}

#[test]
fn nested_maps_name_every_level_of_what_they_lose() -> Result<()> {
    // A loop inside an item whose turns read each other's results ends with its error, which is the item's; indices that are lost are 0. A loop that
    // only adds up loses its sum alone.
    for (keep, total, place) in [(0.5, 4.25, 0), (1.0, 6.0, 2)] {
        let f = Function::record((shape![2, 2], shape![2, 2, 3]), |(t, x)| {
            map((t, x), |(t, x)| {
                map((t, x), |(t, x)| {
                    let turn = |s: Var, k: Var<u32>| {
                        let x = x.rows(k + t.less_than(0.0).index());
                        (if keep == 1.0 { s + x } else { keep * s + x }, ())
                    };
                    (scan(0.0 * t, 3, turn).0, (1.0 + t.square()).index())
                })
            })
        })?;
        let mut w = f.allow(Allow::Everything).workspace();
        let (sums, places) = w.run((&arr2(&[[1.0, 1.0], [-1.0, 1.0]]), &arr3(&[[[1.0, 2.0, 3.0]; 2]; 2])))?;
        assert!(sums[[0, 0]] == total && sums[[0, 1]] == total && sums[[1, 0]].is_nan() && sums[[1, 1]] == total, "{sums}");
        assert_eq!(places.iter().copied().collect::<Vec<u32>>(), [2, 2, place, 2]);
        let lost: Vec<String> = w.reports().iter().map(|r| r.name.to_string()).collect();
        assert!(lost.len() == 1 && lost[0].starts_with("item 1: item 0: turn 2: ") && lost[0].contains("index 3"), "{lost:?}");
    }
    Ok(())
}
