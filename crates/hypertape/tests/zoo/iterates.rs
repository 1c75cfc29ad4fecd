//! Problems whose numbers are known of the iterates: Neumann terms, ten gradient steps, the estimators of a minimum's gradient.
use crate::check::Check;
use crate::problem::{Problem, flat, vector};
use crate::smooth;
use crate::solver::{Made, make};
use crate::table::{Adjoint, Cell, Solver, cell};
use hypertape::prelude::*;
use hypertape_testkit::differences::{assert_close, rounding};
use hypertape_testkit::problems::min_min::{Errors, MinMin, slope};
use hypertape_testkit::problems::{ridge, roots};
use ndarray::{Array1, array};

/// The solver, where the cell says that its iterates are those of the problem. Elsewhere it is tried for k steps: none, or others.
fn iterating(name: &str, problem: &Problem, solver: Solver, k: usize, known: impl Fn(&dyn Made) -> f64) -> Option<Box<dyn Made>> {
    let made = make(problem, solver, true);
    match cell(name, solver) {
        Cell::Iterates => Some(made.unwrap_or_else(|| panic!("{name}, {solver:?}: the problem lacks what the solver takes"))),
        Cell::Not(reason) => {
            let made = made?;
            if made.unrolled(k, Keep::All).is_some() {
                let off = known(&*made);
                assert!(off > 1e-6, "{name}, {solver:?}: excluded because {reason}; yet its iterates agree to {off:e}");
            }
            None
        }
        other => panic!("{name}, {solver:?}: {other:?} does not fit numbers of iterates"),
    }
}

/// The solution after k steps.
fn after(made: &dyn Made, k: usize, keep: Keep) -> crate::solver::Solution {
    made.unrolled(k, keep).expect("the solver has steps").unwrap_or_else(|e| panic!("{k} steps, {keep:?}: {e}"))
}

/// The largest difference.
fn off(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).fold(0.0, |off: f64, (a, b)| off.max((a - b).abs()))
}

/// Problem 5: K steps and K Neumann terms both give 2(1 − ½ᴷ).
pub(crate) fn contraction_terms(name: &str, solver: Solver) {
    let problem = smooth::contraction();
    let (k, x) = (5, &problem.at);
    let value = |k: usize| 0.7 * roots::contraction_truncated(k as i32);
    let Some(made) = iterating(name, &problem, solver, k, |m| off(&flat(&after(m, k, Keep::All).eval(x).expect("it runs")), &[value(k)]))
    else {
        return;
    };
    for (k, exact) in [(1, 1.0), (5, 1.9375), (10, 1.998046875)] {
        for keep in [Keep::All, Keep::Sqrt, Keep::Last(k)] {
            let f = after(&*made, k, keep);
            let what = format!("{solver:?}, {k} steps, {keep:?}");
            let (z, dz) = f.jvp(x, vector(&[1.0])).expect("it runs");
            assert_close(&format!("{what}, value"), &z, &[value(k)], rounding(k, 2.0));
            assert_close(&format!("{what}, forward"), &dz, &[exact], rounding(k, 2.0));
            assert_close(&format!("{what}, reverse"), &f.vjp(x, vector(&[1.0])).expect("it runs").1, &[exact], rounding(k, 2.0));
        }
        // A line search may take other steps, so it names none for the series; batches have no equation.
        if !matches!(solver, Solver::Backtracking | Solver::Sgd) {
            let f = made.implicit(Adjoint::Neumann(k), None).expect("it records");
            let what = format!("{solver:?}, {k} terms");
            assert_close(&what, &f.jvp(x, vector(&[1.0])).expect("it runs").1, &[exact], rounding(k, 2.0));
            assert_close(&what, &f.vjp(x, vector(&[1.0])).expect("it runs").1, &[exact], rounding(k, 2.0));
        }
    }
}

/// Problem 6: ten gradient steps, by the curvature, the linear term, the step size and the start.
pub(crate) fn quadratic_iterate(name: &str, solver: Solver) {
    let problem = smooth::quadratic_iterate();
    let k = problem.steps;
    let wrong = |m: &dyn Made| off(&flat(&after(m, k, Keep::All).eval(&problem.at).expect("it runs")), &problem.known());
    let Some(made) = iterating(name, &problem, solver, k, wrong) else { return };
    let check = Check::new(name, &problem, solver, &*made);
    for keep in [Keep::All, Keep::Sqrt] {
        check.first(&format!("{k} steps, {keep:?}"), &after(&*made, k, keep));
    }
    // The start of the last K steps is held fixed.
    let mut held = problem.clone();
    held.jacobian[[0, 3]] = 0.0;
    let check = Check::new(name, &held, solver, &*made);
    check.first(&format!("the last {k} steps"), &after(&*made, k, Keep::Last(k)));
}

/// Problem 12: at w*, K Neumann terms with step α are backpropagation through the last K gradient steps with step α.
pub(crate) fn neumann_truncation(name: &str, solver: Solver) {
    let alpha = 0.5;
    let ridge = smooth::ridge();
    // The whole objective is the smooth part, so that a proximal step is a gradient step; the start is the solution.
    let start = vector(&ridge.known());
    let problem = Problem::new(&flat(&ridge.at), &flat(&start), |l| ridge::solution(l[0]).to_vec(), ridge.jacobian.clone());
    let objective = ridge.objective.clone().expect("ridge is smooth");
    let problem = problem.numbers(alpha, 1, 1.0, 10.0).smooth(move |w, l| objective.call((w, l)));
    let v = array![0.3, -1.0, 2.0];
    // Condat–Vu has dual variables after the three of w.
    let pull = |f: &crate::solver::Solution| {
        let c = Array1::from_shape_fn(f.outputs().shape()[0], |i| v.get(i).copied().unwrap_or(0.0));
        f.vjp(&problem.at, c).map(|(_, c)| c[[0]])
    };
    let truncated = |m: &dyn Made, k: usize| pull(&after(m, 40, Keep::Last(k))).expect("it runs");
    let known = |k: usize| ridge::neumann_hypergradient(v.view(), ridge::LAMBDA, alpha, k);
    let Some(made) = iterating(name, &problem, solver, 40, |m| (truncated(m, 5) - known(5)).abs()) else { return };
    for k in [1, 5, 20] {
        let what = format!("{solver:?}, K = {k}");
        assert_close(&format!("{what}, backpropagation"), &[truncated(&*made, k)], &[known(k)], 1e-12);
        let forward = ridge::truncated_hypergradient(v.view(), ridge::LAMBDA, alpha, k);
        assert_close(&format!("{what}, along the iterates"), &[truncated(&*made, k)], &[forward], 1e-12);
        // Steps that a line search finds are not one step that a series could take.
        if solver != Solver::Sgd && solver != Solver::Backtracking {
            let terms = pull(&made.implicit(Adjoint::Neumann(k), None).expect("it records")).expect("it runs");
            assert_close(&format!("{what}, terms"), &[terms], &[known(k)], 1e-12);
        }
    }
}

/// Problem 13: the orders of the analytic, automatic and implicit estimators of the gradient of a minimum, from the library's own derivatives.
pub(crate) fn min_min_slopes(name: &str, solver: Solver) {
    let seeds = if solver == Solver::GradientDescent { 1..=4 } else { 1..=1 };
    for seed in seeds {
        let (case, problem) = (MinMin::new(seed), smooth::min_min(seed));
        let (theta, exact) = (case.solution(), case.hypergradient());
        let reference = case.errors(2000);
        let near: Vec<usize> = (0..reference.len()).filter(|t| (1e-6..=1e-2).contains(&reference[*t].distance)).collect();
        let k = near[near.len() / 2];
        let distance = |m: &dyn Made, t: usize| {
            let z = after(m, t, Keep::All).eval(&problem.at).expect("it runs");
            z.iter().zip(&theta).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
        };
        let wrong = |m: &dyn Made| ((distance(m, k) / reference[k].distance) - 1.0).abs();
        let Some(made) = iterating(name, &problem, solver, k, wrong) else { return };
        let objective = problem.objective.clone().expect("the problem is smooth");
        let error = |g: ndarray::ArrayD<f64>| Array1::from(flat(&g)) - &exact;
        let norm = |e: Array1<f64>| e.dot(&e).sqrt();
        let mut errors = vec![];
        for t in near.iter().step_by((near.len() / 12).max(1)).copied() {
            let iterate = after(&*made, t, Keep::Sqrt);
            // λ ↦ G(θ_t(λ), λ), with θ_t a constant, or through its steps, or by the implicit function theorem at θ_t.
            let through = |z: &crate::solver::Solution, still: bool| {
                let f = Function::record(z.inputs().clone(), |l| {
                    let z = z.call(l);
                    objective.call((if still { stop_gradient(&z) } else { z }, l))
                });
                norm(error(f.and_then(|f| f.gradient(&problem.at)).unwrap_or_else(|e| panic!("{name}, {solver:?}, t = {t}: {e}"))))
            };
            let implicit = match solver {
                // Batches have no equation.
                Solver::Sgd => None,
                // T_z − I is negative definite.
                Solver::FixedPoint => Some(through(&made.implicit(Adjoint::Gmres, Some(t)).expect("it records"), false)),
                _ => Some(through(&made.implicit(Adjoint::Cg, Some(t)).expect("it records"), false)),
            };
            let known = reference[t];
            let found = Errors {
                distance: distance(&*made, t),
                analytic: through(&iterate, true),
                automatic: through(&iterate, false),
                implicit: implicit.unwrap_or(known.implicit),
            };
            let list = |e: Errors| [e.distance, e.analytic, e.automatic, e.implicit];
            // The errors are differences of numbers near 1.
            assert_close(&format!("{name}, {solver:?}, t = {t}"), &list(found), &list(known), rounding(t, 1.0));
            errors.push(found);
        }
        let slopes = [slope(&errors, |e| e.analytic), slope(&errors, |e| e.automatic), slope(&errors, |e| e.implicit)];
        let expected = [0.97..=1.04, 1.85..=2.0, 1.97..=2.06];
        assert!(slopes.iter().zip(&expected).all(|(s, range)| range.contains(s)), "{name}, {solver:?}, seed {seed}: {slopes:?}");
    }
}
