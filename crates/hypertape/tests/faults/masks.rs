//! A mask selects: it never multiplies, so that nothing becomes 0·∞.
//!
//! Looked at:
//! - `simplex`, `l1_ball`, `linf` (faces of entries), `between`, `non_negative`, `non_negative_l1`, `l2`, `l2_ball`, `group`: multiplied by masks; they
//!   select now. ηw, which may be ∞, has derivative 0 where nothing depends on it.
//! - `l1`, `elastic_net`: `soft_threshold` is one operation, whose slopes are masks that win over what is infinite.
//! - rules of operations (`ops/comparison.rs`, `activation.rs`, `power.rs`, `reduce.rs`): slopes that are masks go through `absorb`, where a zero wins.
//! - `ops/reduce.rs` (`max`): mask over a count that is at least 1, unless an entry is NaN. `ops/linalg` was not read for this.
//! - line searches and the loop of solvers multiply tests, which are 0 or 1, with tests only.
//! - Newton–CG: the curvature was masked by a product, now by a choice.
//! - crates/implicit was read in part: no masks found there.
use hypertape::prelude::*;
use ndarray::arr1;

/// prox_{step·g(·, w)}(v).
fn at(p: impl Prox<Leaf, Leaf>, v: Var, step: Var, w: Var) -> Var {
    p.prox(v, step, &w)
}

#[test]
fn a_masked_simplex() {
    let f = Function::record(shape![3], |x| {
        let open = constant(arr1(&[1.0, 0.0, 1.0]));
        let v = open.select(x, scalar(f64::NEG_INFINITY));
        let y = at(prox::simplex(prox::number(1.0)), v, scalar(1.0), scalar(0.0));
        (y, (constant(arr1(&[-1.0, 5.0, 1.0])) * y).sum())
    })
    .unwrap();
    let x = arr1(&[1.0, 7.0, 0.5]);
    assert_eq!(f.output(|(y, _)| y).eval(&x).unwrap().d1(), arr1(&[0.75, 0.0, 0.25]));
    // (I − 11ᵀ/2) (−1, 1) on what is open.
    assert_eq!(f.output(|(_, s)| s).gradient(&x).unwrap().d1(), arr1(&[-1.0, 0.0, 1.0]));
}

#[test]
fn bounds_that_are_infinite() {
    let f = Function::record(shape![3], |x| at(prox::between(|_: &Var| (scalar(0.0), scalar(f64::INFINITY))), x, scalar(1.0), scalar(0.0)))
        .unwrap();
    let x = arr1(&[-1.0, 2.0, 0.0]);
    assert_eq!(f.eval(&x).unwrap().d1(), arr1(&[0.0, 2.0, 0.0]));
    assert_eq!(f.wrt(|x| x).jacobian().eval(&x).unwrap().d2().diag(), arr1(&[0.0, 1.0, 0.0]));
    // No bounds at all, and the conjugate, which is that of no bounds: the point 0.
    let free = |_: &Var| (scalar(f64::NEG_INFINITY), scalar(f64::INFINITY));
    let f = Function::record(shape![3], |x| at(prox::between(free), x, scalar(1.0), scalar(0.0))).unwrap();
    assert_eq!(f.eval(&x).unwrap().d1(), x);
    let f = Function::record((shape![3], shape![]), |(x, s)| at(prox::conjugate(prox::between(free)), x, s, scalar(0.0))).unwrap();
    assert_eq!(f.eval((&x, 0.7)).unwrap().d1(), arr1(&[0.0; 3]));
    let j = f.wrt(|x| x).jacobian().eval((&x, 0.7)).unwrap();
    assert!(j.iter().all(|d| *d == 0.0), "{j}");
    // One bound that moves: by the bound 1 where it is active.
    let f = Function::record((shape![3], shape![]), |(x, low)| {
        at(prox::between(|low: &Var| (*low, scalar(f64::INFINITY))), x, scalar(1.0), low).sum()
    })
    .unwrap();
    assert_eq!(f.wrt(|(_, low)| low).gradient().eval((&x, -0.5)).unwrap().number().unwrap(), 1.0);
}

#[test]
fn weights_that_are_infinite() {
    type Weighted = Function<(Leaf, Leaf), Leaf>;
    fn of<P: Prox<Leaf, Leaf>>(make: impl Fn(f64) -> P) -> Weighted {
        Function::record((shape![2], shape![]), |(v, step)| make(f64::INFINITY).prox(v, step, &scalar(0.0))).unwrap()
    }
    let all: [(&str, Weighted); 7] = [
        ("group", of(|w| prox::group(prox::number::<Var>(w)))),
        ("l1", of(|w| prox::l1(prox::number::<Var>(w)))),
        ("l2", of(|w| prox::l2(prox::number::<Var>(w)))),
        ("linf", of(|w| prox::linf(prox::number::<Var>(w)))),
        ("non_negative_l1", of(|w| prox::non_negative_l1(prox::number::<Var>(w)))),
        ("squared_l2", of(|w| prox::squared_l2(prox::number::<Var>(w)))),
        ("elastic_net", of(|w| prox::elastic_net(move |_: &Var| (scalar(w), scalar(w))))),
    ];
    for (name, f) in all {
        let at = (&arr1(&[3.0, -1.0]), 0.5);
        assert_eq!(f.eval(at).unwrap().d1(), arr1(&[0.0, 0.0]), "{name}");
        let j = f.wrt(|x| x).jacobian().eval(at).unwrap();
        assert!(j.iter().all(|d| *d == 0.0), "{name}: {j}");
    }
    // One weight of two is infinite.
    let f = Function::record((shape![2, 2], shape![2]), |(v, w)| {
        let w = constant(arr1(&[1.0, 0.0])).select(w, scalar(f64::INFINITY));
        prox::group::<Leaf, _>(|w: &Var| *w).prox(v, scalar(1.0), &w)
    })
    .unwrap();
    let at = (&ndarray::arr2(&[[3.0, 4.0], [3.0, 4.0]]), &arr1(&[1.0, 1.0]));
    let x = f.eval(at).unwrap();
    assert!((x[[0, 0]] - 2.4).abs() < 1e-15 && (x[[0, 1]] - 3.2).abs() < 1e-15 && x[[1, 0]] == 0.0 && x[[1, 1]] == 0.0, "{x}");
    let by = f.wrt(|(_, w)| w).jacobian().eval(at).unwrap();
    let want = [-0.6, 0.0, -0.8, 0.0, 0.0, 0.0, 0.0, 0.0];
    assert!(by.iter().zip(want).all(|(d, w)| (d - w).abs() < 1e-15), "{by}");
}

#[test]
fn radii_that_are_infinite_leave_the_point() {
    let point = arr1(&[3.0, -1.0]);
    let f = Function::record(shape![2], |v| {
        let r = prox::number::<Var>(f64::INFINITY);
        at(prox::l1_ball(r.clone()), v, scalar(1.0), scalar(0.0)) + at(prox::l2_ball(r), v, scalar(1.0), scalar(0.0))
    })
    .unwrap();
    assert_eq!(f.eval(&point).unwrap().d1(), arr1(&[6.0, -2.0]));
    assert_eq!(f.wrt(|v| v).jacobian().eval(&point).unwrap().d2(), ndarray::arr2(&[[2.0, 0.0], [0.0, 2.0]]));
}

#[test]
fn entries_that_are_minus_infinity() {
    let f = Function::record(shape![2], |x| {
        let v = constant(arr1(&[1.0, 0.0])).select(x, scalar(f64::NEG_INFINITY));
        let one = prox::non_negative_l1(prox::number::<Var>(1.0));
        at(prox::non_negative(), v, scalar(1.0), scalar(0.0)) + at(one, v, scalar(1.0), scalar(0.0))
    })
    .unwrap();
    let x = arr1(&[3.0, 4.0]);
    assert_eq!(f.eval(&x).unwrap().d1(), arr1(&[5.0, 0.0]));
    assert_eq!(f.wrt(|x| x).jacobian().eval(&x).unwrap().d2(), ndarray::arr2(&[[2.0, 0.0], [0.0, 0.0]]));
}

/// A branch that is not taken has the cotangent 0, and what it is made of may be infinite or no number.
#[test]
fn branches_that_are_not_taken_may_be_infinite() -> Result<()> {
    let x = arr1(&[0.0, 0.5]);
    let entropy = Function::record(shape![2], |x| x.greater_than(0.0).select(x * x.ln(), 0.0).sum())?;
    assert_eq!(entropy.gradient(&x)?.d1(), arr1(&[0.0, 0.5_f64.ln() + 1.0]));
    assert_eq!(entropy.wrt(|x| x).hessian().eval(&x)?.d2(), ndarray::arr2(&[[0.0, 0.0], [0.0, 2.0]]));
    for of in [|r: Var| r.square(), |r: Var| r.tanh() * r, |r: Var| r.sin() * 2.0 - r, |r: Var| r.powi(3), |r: Var| r.exp() / (r + 1.0)] {
        let f = Function::record(shape![2], |x| x.greater_than(0.25).select(of((x - 0.25).sqrt()), 0.0).sum())?;
        let alone = Function::record(shape![], |x| of((x - 0.25).sqrt()))?;
        let g = f.gradient(&x)?;
        let g = g.d1();
        assert!(g[0] == 0.0 && (g[1] - alone.gradient(0.5)?[[]]).abs() < 1e-15, "{g}");
    }
    Ok(())
}

/// Items of a batch that have stopped, or that take the other branch, have values that nobody asked for.
#[test]
fn batches_of_loops_and_branches_have_the_derivatives_of_their_items() -> Result<()> {
    let (xs, w) = (arr1(&[0.1, 0.7]), 1.1);
    let until = Function::record((shape![], shape![]), |(x, w)| scan_until(x, 10, |z| z.less_than(0.5), |z, _| (z - 0.5).sqrt() * w))?;
    let either = Function::record((shape![], shape![]), |(x, w)| cond(x.greater_than(0.5), || (x - 0.5).ln() * w, || w * x))?;
    for f in [until, either] {
        let (_, (by_x, by_w)) = f.batched(2, |(x, _)| x).vjp((&xs, w), arr1(&[1.0, 1.0]))?;
        let mut sum = 0.0;
        for (i, x) in xs.iter().enumerate() {
            let (gx, gw) = f.gradient((*x, w))?;
            assert!((by_x[i] - gx[[]]).abs() < 1e-14, "{by_x}");
            sum += gw[[]];
        }
        assert!((by_w[[]] - sum).abs() < 1e-14, "{by_w} {sum}");
    }
    Ok(())
}
