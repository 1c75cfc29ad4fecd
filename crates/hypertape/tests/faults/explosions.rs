//! A derivative that a method's own arithmetic explodes is not handed out without a word.
//!
//! Looked at: what the methods of `solvers/src/methods` divide by, and where unrolled derivatives come out.
//! * Adam divides by √v̂ + ε, which is 10⁻⁸ at rest: both ε can be set now, in the tape and in the stepped optimiser.
//! * `finite` looked at values alone: tangents are checked where an unrolled solver ends, cotangents where they come out at its start and
//!   parameters (`autodiff/src/ops/watched.rs`); what is not finite is an error with the step, what is huge has a report.
//! * ISTA, FISTA, Condat-Vu, SGD, fixed points and gradient descent divide by nothing that vanishes; where their steps grow, the same checks hold.
use hypertape::prelude::*;
use ndarray::arr1;

/// ½ (z − θ)².
fn square() -> Function<(Leaf, Leaf), Leaf> {
    Function::record((shape![], shape![]), |(z, theta)| 0.5 * (z - theta).square()).unwrap()
}

/// The solution after `steps` of Adam from z = 3, as a function of θ.
fn adam(steps: usize, set: impl Fn(AdamDescent<Objective<Leaf, Leaf>>) -> AdamDescent<Objective<Leaf, Leaf>>) -> Function<Leaf, Leaf> {
    let solver = set(AdamDescent::new(&square()).step_size(0.1));
    Function::record(shape![], |theta| solver.unroll(steps).solve(scalar(3.0), theta)).unwrap()
}

/// The steps of Adam on ½ (z − θ)² from z = 3, in plain arithmetic.
fn steps(n: i32, theta: f64, eta: f64, (outside, inside): (f64, f64)) -> f64 {
    let (mut z, mut m, mut v) = (3.0, 0.0, 0.0);
    for k in 1..=n {
        let g = z - theta;
        m = 0.9 * m + 0.1 * g;
        v = 0.999 * v + 0.001 * g * g;
        z -= eta * (m / (1.0 - 0.9f64.powi(k))) / ((v / (1.0 - 0.999f64.powi(k)) + inside).sqrt() + outside);
    }
    z
}

#[test]
fn the_case() {
    // With ε inside the root the slope has a difference quotient. It bends where gradients are near √ε' = 0.01, so the difference is short.
    for (theta, n) in [(3.0, 1), (3.0, 2), (3.0, 3), (2.9, 20)] {
        let f = adam(n as usize, |a| a.epsilon_inside_root(1e-4));
        near(&f, theta, n, 0.1);
    }
    for n in [3, 100, 2000] {
        let f = adam(n as usize, |a| a.step_size(1e-3).epsilon_inside_root(1e-4));
        near(&f, 3.0, n, 1e-3);
    }
}

/// Value and slope are those of the steps in plain arithmetic.
fn near(f: &Function<Leaf, Leaf>, theta: f64, n: i32, eta: f64) {
    let (z, d) = f.value_and_gradient(theta).unwrap();
    let known = |theta| steps(n, theta, eta, (1e-8, 1e-4));
    assert!((z - known(theta)).abs() < 1e-12, "{n}");
    let e = 2e-8;
    let difference = (known(theta + e) - known(theta - e)) / (2.0 * e);
    assert!((d[[]] - difference).abs() < 1e-6 * difference.abs().max(1.0), "{n} steps from {theta}: {} and {difference}", d[[]]);
}

#[test]
fn a_huge_derivative_is_reported() {
    for way in ["reverse", "forward"] {
        let f = adam(3, |a| a);
        let (reports, d) = if way == "reverse" {
            let gradient = f.wrt(|t| t).gradient();
            let mut w = gradient.workspace();
            let d = w.run(3.0).unwrap()[[]];
            (w.reports().to_vec(), d)
        } else {
            let pushed = f.wrt(|t| t).jvp();
            let mut w = pushed.workspace();
            let d = w.run((3.0, 1.0)).unwrap().1[[]];
            (w.reports().to_vec(), d)
        };
        // The slope of three steps from rest: η³/ε³ times a number of order 1.
        assert!(d.abs() > 1e15, "{way}: {d}");
        let r = reports.iter().find(|r| r.name == "derivative of Adam").unwrap_or_else(|| panic!("{way}: no report of {d}: {reports:?}"));
        assert!(!r.converged && r.status == Status::HugeDerivative && r.residual > r.tolerance, "{r:?}");
    }
    // None where it is not.
    let f = adam(3, |a| a.epsilon_inside_root(1e-4)).wrt(|t| t).gradient();
    let mut w = f.workspace();
    w.run(3.0).unwrap();
    assert!(w.reports().is_empty());
}

#[test]
fn a_derivative_that_is_not_finite_names_the_step() {
    let f = adam(2000, |a| a);
    for e in [f.gradient(3.0).unwrap_err().to_string(), f.jvp(3.0, 1.0).unwrap_err().to_string()] {
        assert!(e.contains("Adam") && e.contains("derivative is not finite") && e.contains("iteration"), "{e}");
        assert!(e.contains("explosions.rs:") && e.contains("differentiating implicitly"), "{e}");
    }
    assert!(f.gradient(3.0).unwrap_err().to_string().contains("going backwards"));
    // The value stays a value.
    assert_eq!(f.eval(3.0).unwrap()[[]], 3.0);
}

#[test]
fn epsilon_outside_the_root() {
    let f = adam(4, |a| a.epsilon(0.5));
    let (z, _) = f.value_and_gradient(2.0).unwrap();
    assert!((z - steps(4, 2.0, 0.1, (0.5, 0.0))).abs() < 1e-14);
    // At rest the slope of one step is η/ε.
    let one = adam(1, |a| a.epsilon(0.5));
    assert!((one.gradient(3.0).unwrap()[[]] - 0.2).abs() < 1e-14);
    for (set, words) in [(-1.0, "the epsilon is -1"), (f64::NAN, "the epsilon is NaN"), (0.0, "both epsilons are 0")] {
        let solver = AdamDescent::new(&square()).epsilon(set);
        let e = Function::record(shape![], |t| solver.unroll(2).solve(scalar(3.0), t)).unwrap_err().to_string();
        assert!(e.contains(words) && e.contains("explosions.rs:"), "{e}");
    }
}

/// Steps that grow: every method's derivative, in each storage form. The iterates 0 stay where they are, their slope is (1 − 10³⁰)ᵏ.
#[test]
fn other_methods_whose_steps_grow() {
    let steep = Function::record((shape![2], shape![2]), |(z, theta)| 0.5e30 * z.square().sum() - theta.dot(z)).unwrap();
    let map = Function::record((shape![2], shape![2]), |(z, theta)| 1e30 * z + theta).unwrap();
    let at = arr1(&[0.0, 0.0]);
    let identity = |v: Var, _: Var, _: &Var| v;
    for keep in [Keep::All, Keep::Sqrt, Keep::Values, Keep::Bytes(1 << 12), Keep::Last(15)] {
        let all = [
            Function::record(shape![2], |t| GradientDescent::new(&steep).unroll(20).keep(keep).solve(zeros(shape![2]), t).sum()).unwrap(),
            Function::record(shape![2], |t| {
                Ista::new(&Composite::with(&steep, identity)).unroll(20).keep(keep).solve(zeros(shape![2]), t).sum()
            })
            .unwrap(),
            Function::record(shape![2], |t| {
                Fista::new(&Composite::with(&steep, identity)).unroll(20).keep(keep).solve(zeros(shape![2]), t).sum()
            })
            .unwrap(),
            Function::record(shape![2], |t| FixedPoint::new(&map).unroll(20).keep(keep).solve(zeros(shape![2]), t).sum()).unwrap(),
        ];
        for f in &all {
            assert_eq!(f.eval(&at).unwrap()[[]], 0.0);
            for e in [f.gradient(&at).unwrap_err(), f.jvp(&at, arr1(&[1.0, 1.0])).unwrap_err()] {
                let e = e.to_string();
                assert!(e.contains("derivative is not finite") && e.contains("iteration"), "{keep:?}: {e}");
            }
        }
    }
}

#[test]
fn single_precision_explodes_sooner() {
    let f = Function::record((shape![f32;], shape![f32;]), |(z, theta)| 0.5 * (z - theta).square()).unwrap();
    let solver = AdamDescent::new(&f).step_size(0.1);
    let of = |steps| Function::record(shape![f32;], |t| solver.unroll(steps).solve(scalar(3.0), t)).unwrap();
    let e = of(20).gradient(3.0f32).unwrap_err().to_string();
    assert!(e.contains("derivative is not finite"), "{e}");
    let kept = AdamDescent::new(&f).step_size(0.1).epsilon_inside_root(1e-4);
    let g = Function::record(shape![f32;], |t| kept.unroll(20).solve(scalar(3.0), t)).unwrap().gradient(3.0f32).unwrap();
    assert!(g[[]].is_finite());
}
