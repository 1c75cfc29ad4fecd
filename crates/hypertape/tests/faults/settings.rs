//! Settings that are wrong only when they run are named errors with their value.
//!
//! Variables pass through the operation `require`, constants are looked at while recording by the same conditions. Looked at:
//! - weights and radii of every proximal operator, bounds of `between`, the step that a proximal operator is given: had no check when they ran.
//! - step sizes (a variable, one an iteration, a rule) of all methods, τ and σ, the tolerance, damping, momentum: likewise.
//! - thresholds of `soft_threshold` and bounds of `clamp`: likewise.
//! - decay rates of Adam, the memory of L-BFGS, counts: numbers only, checked before a run.
//! - tolerances of adjoint solvers: at 1 and above, 0 was a solution; a number and a variable are looked at now.
use hypertape::prelude::*;
use ndarray::arr1;

/// prox_{step·g(·, w)}(v).
fn at(p: impl Prox<Leaf, Leaf>, v: Var, step: Var, w: Var) -> Var {
    p.prox(v, step, &w)
}

/// Fails with these words and this file, where the value is asked for, and the gradient.
#[track_caller]
fn refused(what: &str, f: hypertape::Result<Function<Leaf, Leaf>>, at: f64, words: &[&str]) {
    let f = f.unwrap_or_else(|e| panic!("{what}: {e}"));
    let errors = [("value", f.eval(at).err()), ("gradient", f.gradient(at).err())];
    for (part, e) in errors {
        let e = e.unwrap_or_else(|| panic!("{what}: a {part}")).to_string();
        for word in words.iter().chain(&["settings.rs"]) {
            assert!(e.contains(word), "{what}: {e}");
        }
    }
}

fn fit() -> Function<(Leaf, Leaf), Leaf> {
    Function::record((shape![2], shape![]), |(z, a)| 0.5 * (z - a).dot(z - a)).unwrap()
}
fn start() -> Var {
    zeros(shape![2])
}

#[test]
fn a_negative_penalty_in_every_way_to_solve() {
    let words = ["`l1`", "the weight is -0.1", "not negative"];
    let smooth = Function::record((shape![2], shape![]), |(z, _)| 0.5 * (z - 1.0).dot(z - 1.0)).unwrap();
    let lasso = Ista::new(&Composite::new(&smooth, prox::l1::<Leaf, _>(|lambda| *lambda))).step_size(0.5);
    let e = lasso.solve(arr1(&[0.0, 0.0]), -0.1).err().unwrap().to_string();
    assert!(words.iter().chain(&["settings.rs"]).all(|w| e.contains(w)), "{e}");
    let f = Function::record(shape![], |l| lasso.unroll(5).solve(start(), l).sum());
    refused("unrolled", f, -0.1, &words);
    let f = Function::record(shape![], |l| lasso.implicit(Gmres::default()).solve(start(), l).sum());
    refused("implicit", f, -0.1, &words);
    let fast = Fista::new(&Composite::new(&smooth, prox::l1::<Leaf, _>(|lambda| *lambda))).step_size(0.5);
    let f = Function::record(shape![], |l| fast.unroll(5).keep(Keep::Bytes(1000)).solve(start(), l).sum());
    refused("FISTA", f, -0.1, &words);
    // 0 is allowed, and what is not a number is not.
    let f = Function::record(shape![], |l| lasso.unroll(50).solve(start(), l).sum()).unwrap();
    assert!((f.eval(0.0).unwrap().number().unwrap() - 2.0).abs() < 1e-12);
    let f = Function::record(shape![], |l| lasso.unroll(5).solve(start(), l.ln()).sum());
    refused("NaN", f, -1.0, &["`l1`", "the weight is NaN"]);
}

#[test]
fn bounds_that_cross() {
    let box_at = |low: f64| {
        Function::record(shape![], move |high: Var| {
            let v = constant(arr1(&[0.5, 2.0]));
            at(prox::between(move |_: &Var| (scalar(low), high)), v, scalar(1.0), high).sum()
        })
    };
    refused("between", box_at(1.0), 0.0, &["`between`", "[1, 0] is empty", "lower bound first"]);
    assert_eq!(box_at(1.0).unwrap().eval(1.0).unwrap().number().unwrap(), 2.0);
    // One of many.
    let f = Function::record(shape![], |high: Var| {
        let low = constant(arr1(&[-1.0, 3.0]));
        at(prox::between(move |high: &Var| (low, *high)), constant(arr1(&[0.5, 2.0])), scalar(1.0), high).sum()
    });
    refused("arrays", f, 2.0, &["[3, 2] of element 1 is empty"]);
    let f = Function::record(shape![], |high| constant(arr1(&[0.5, 2.0])).clamp(1.0, high).sum());
    refused("clamp", f, 0.5, &["`clamp`", "[1, 0.5] is empty"]);
    let f = Function::record(shape![], |low| (constant(arr1(&[0.5f32, 2.0])).clamp(low.cast::<f32>(), 1.0)).sum().cast::<f64>());
    refused("clamp, f32", f, 1.5, &["[1.5, 1] is empty"]);
    // As constants.
    let e = Function::record(shape![2], |v| at(prox::between(|_: &Var| (scalar(1.0), scalar(0.0))), v, scalar(1.0), scalar(0.0)).sum());
    assert!(e.err().unwrap().to_string().contains("[1, 0] is empty"));
}

#[test]
fn weights_and_radii_of_every_operator() {
    fn of<T: Real, P: Prox<Leaf<T>, Leaf>>(p: P) -> hypertape::Result<Function<Leaf, Leaf>> {
        Function::record(shape![], |w| p.prox(constant(arr1(&[T::from_f64(3.0), T::from_f64(-1.0)])), scalar(1.0), &w).sum().cast::<f64>())
    }
    let mut seen = 0;
    macro_rules! all {
        ($($name:ident: $what:literal),*) => { $(
            let words = [concat!("`", stringify!($name), "`"), concat!("the ", $what, " is -0.5"), "not negative"];
            refused(stringify!($name), of::<f64, _>(prox::$name::<Leaf, _>(|w| *w)), -0.5, &words);
            refused(stringify!($name), of::<f32, _>(prox::$name::<Leaf, _>(|w| *w)), -0.5, &words);
            refused(stringify!($name), of::<f64, _>(prox::conjugate(prox::$name::<Leaf, _>(|w| *w))), -0.5, &words);
            seen += 1;
        )* };
    }
    all!(l1: "weight", non_negative_l1: "weight", l2: "weight", squared_l2: "weight", group: "weight", linf: "weight", simplex: "radius",
         l1_ball: "radius", l2_ball: "radius");
    assert_eq!(seen, 9);
    refused("elastic net", of::<f64, _>(prox::elastic_net(|w: &Var| (scalar(1.0), *w))), -0.5, &["`elastic_net`", "the weight is -0.5"]);
    refused("simplex", of::<f64, _>(prox::simplex::<Leaf, _>(|w| w.recip())), 0.0, &["the radius is inf", "finite"]);
    let w = arr1(&[1.0, -2.0]).into_shared();
    let e = Function::record(shape![2], |v| at(prox::l1(move |_: &Var| constant(&w)), v, scalar(1.0), scalar(0.0)).sum());
    assert!(e.err().unwrap().to_string().contains("the weight of element 1 is -2"));
    let f = Function::record(shape![], |w| at(prox::l1(|w: &Var| *w * constant(arr1(&[1.0, -2.0]))), start(), scalar(1.0), w).sum());
    refused("weights", f, 1.0, &["the weight of element 1 is -2"]);
    let f = Function::record(shape![], |s| at(prox::l2(prox::number::<Var>(1.0)), start() + 1.0, s, scalar(0.0)).sum());
    refused("step", f, -1.0, &["`l2`", "the step is -1"]);
    let f = Function::record(shape![], |t| (start() + 1.0).soft_threshold(t).sum());
    refused("threshold", f, -1.0, &["`soft_threshold`", "the threshold is -1", "not negative"]);
}

#[test]
fn step_sizes() {
    let words = |v: &str| ["step size".to_string(), format!("is {v}; give a finite positive number")];
    let check = |what: &str, f: hypertape::Result<Function<Leaf, Leaf>>| {
        let f = f.unwrap();
        for (at, shown) in [(-0.1, "-0.1"), (0.0, "0")] {
            let w = words(shown);
            refused(what, Ok(f.clone()), at, &[&w[0], &w[1]]);
        }
        assert!(f.eval(0.1).is_ok());
    };
    let fit = fit();
    let one = || scalar::<f64>(1.0);
    let l1 = || prox::l1(prox::number::<Var>(0.1));
    check(
        "gradient descent",
        Function::record(shape![], |s| GradientDescent::new(&fit).step_size(s).unroll(3).solve(start(), one()).sum()),
    );
    check("one step", Function::record(shape![], |s| GradientDescent::new(&fit).step_size(s).unroll(1).solve(start(), one()).sum()));
    check(
        "ISTA",
        Function::record(shape![], |s| Ista::new(&Composite::new(&fit, l1())).step_size(s).unroll(3).solve(start(), one()).sum()),
    );
    check(
        "FISTA",
        Function::record(shape![], |s| Fista::new(&Composite::new(&fit, l1())).step_size(s).unroll(3).solve(start(), one()).sum()),
    );
    check("Adam", Function::record(shape![], |s| AdamDescent::new(&fit).step_size(s).unroll(3).solve(start(), one()).sum()));
    let implicit = |s: Var| Ista::new(&Composite::new(&fit, l1())).step_size(s).implicit(Gmres::default()).solve(start(), one()).sum();
    check("implicit", Function::record(shape![], implicit));
    let backtracking = |s: Var| GradientDescent::new(&fit).step_size(s).backtracking().unroll(3).solve(start(), one()).sum();
    check("backtracking", Function::record(shape![], backtracking));
    // One of many, and by a rule.
    let f = Function::record(shape![], |s| {
        let steps = constant(arr1(&[0.1, 0.1, 1.0])) * s;
        GradientDescent::new(&fit).step_size(Step::each(steps - constant(arr1(&[0.0, 0.0, 0.5])))).unroll(3).solve(start(), one()).sum()
    });
    refused("each", f, 0.25, &["step size of element 2 is -0.25"]);
    let f = Function::record(shape![], |a| {
        GradientDescent::new(&fit).step_size(Step::rule(|k| 0.5 - 0.25 * k)).unroll(4).solve(start(), a).sum()
    });
    refused("rule", f, 1.0, &["step size is 0;"]);
}

#[test]
fn other_settings_of_methods() {
    let fit = fit();
    let one = || scalar::<f64>(1.0);
    let f = Function::record(shape![], |d| NewtonCg::new(&fit).damping(d).unroll(3).solve(start(), one()).sum());
    refused("damping", f, -0.5, &["`Newton-CG`", "the damping is -0.5"]);
    let f = Function::record(shape![], |t| {
        GradientDescent::new(&fit).step_size(0.5).tolerance(t).implicit(Cg::default()).solve(start(), one()).sum()
    });
    // Nothing depends on a tolerance, so its derivative asks for nothing.
    let e = f.unwrap().eval(-1e-3).err().unwrap().to_string();
    assert!(["`gradient descent`", "the tolerance is -0.001", "settings.rs"].iter().all(|w| e.contains(w)), "{e}");
    let batch = Function::record((shape![2], shape![], shape![]), |(z, a, b)| 0.5 * (z - a - b).dot(z - a)).unwrap();
    let f = Function::record(shape![], |m| {
        let sgd = Sgd::new(&batch).step_size(0.1).momentum(m);
        sgd.unroll(3).solve_over(start(), one(), zeros(shape![3])).sum()
    });
    refused("momentum", f.clone(), 1.0, &["the momentum is 1", "below 1"]);
    refused("momentum", f, -0.1, &["the momentum is -0.1"]);
    let smooth = Function::record((shape![4], shape![]), |(x, _)| 0.5 * x.dot(x)).unwrap();
    let both = |tau: Scalar, sigma: Scalar| {
        let solver = CondatVu::new(&Saddle::new(&smooth, Difference1d, prox::conjugate(prox::l1::<Leaf, _>(|l| *l)))).tau(tau).sigma(sigma);
        solver.unroll(3).solve((ones(shape![4]), zeros(shape![3])), scalar::<f64>(0.1)).0.sum()
    };
    refused("tau", Function::record(shape![], |t| both(t.into(), 0.1.into())), -0.1, &["step tau is -0.1"]);
    refused("sigma", Function::record(shape![], |s| both(0.1.into(), s.into())), -0.1, &["step sigma is -0.1"]);
}

#[test]
fn a_tolerance_that_nothing_fails() {
    let solver = || GradientDescent::new(&fit()).step_size(0.5).tolerance(1e-10);
    let words = ["the tolerance is 1;", "below 1"];
    let all: [Box<dyn Fn() -> hypertape::Result<Function<Leaf, Leaf>>>; 5] = [
        Box::new(move || Function::record(shape![], |a| solver().implicit(Cg::tolerance(1.0)).solve(start(), a).sum())),
        Box::new(move || Function::record(shape![], |a| solver().implicit(Gmres::tolerance(1.0)).solve(start(), a).sum())),
        Box::new(move || Function::record(shape![], |a| solver().implicit(Bicgstab::tolerance(1.0)).solve(start(), a).sum())),
        Box::new(move || Function::record(shape![], |a| solver().implicit(NormalCg::tolerance(1.0)).solve(start(), a).sum())),
        Box::new(move || Function::record(shape![], |a| solver().implicit(Neumann::tolerance(1.0)).solve(start(), a).sum())),
    ];
    for make in all {
        let e = make().err().unwrap_or_else(|| panic!("a tolerance of 1")).to_string();
        assert!(words.iter().all(|w| e.contains(w)), "{e}");
    }
    // As a variable, when it runs; where it is looked at is the derivative.
    for bad in [1.0, 3.0, -0.1, f64::INFINITY] {
        let f = Function::record((shape![], shape![]), |(a, t)| solver().implicit(Cg::tolerance(t)).solve(start(), a).sum()).unwrap();
        let e = f.wrt(|(a, _)| a).gradient().eval((2.0, bad)).err().unwrap_or_else(|| panic!("a tolerance of {bad}")).to_string();
        assert!(e.contains(&format!("the tolerance is {bad}")) || e.contains("not finite"), "{e}");
    }
}
