//! Problem 14: total-variation denoising by Condat–Vu, its distances to the solution and its derivative by the penalty.
use crate::table::{Cell, Solver, cell};
use hypertape::prelude::*;
use hypertape_testkit::differences::{assert_close, rounding};
use hypertape_testkit::problems::denoising::{DISTANCES, Denoising, LAMBDA, SIDE, SIGMA, TAU};
use ndarray::{Array2, Array3, ArrayD};

type Denoiser = CondatVu<Saddle<Leaf, Leaf, Leaf>>;
type State = (Leaf, Leaf);

/// ½‖x − y‖² + λ Σ ‖(D x)_ij‖₂.
fn method(problem: &Denoising) -> Denoiser {
    let (h, w) = problem.noisy.dim();
    let y = problem.noisy.to_shared();
    let fit = Function::record((shape![h, w], shape![]), |(x, _)| 0.5 * (x - constant(&y)).square().sum()).expect("the fit records");
    // The projection onto ‖u_ij‖ ≤ λ.
    let ball = move |u: Var, _, lambda: &Var| {
        let size = u.square().sum_axis(0).sqrt().reshape(&[1, h, w]);
        u / (size / *lambda).max(1.0)
    };
    CondatVu::new(&Saddle::with(&fit, Gradient2d, ball)).tau(TAU).sigma(SIGMA)
}

fn start(problem: &Denoising) -> (Array2<f64>, Array3<f64>) {
    let (h, w) = problem.noisy.dim();
    (problem.noisy.clone(), Array3::zeros((2, h, w)))
}

/// (state, λ) ↦ the state so many iterations later.
fn stretch(problem: &Denoising, steps: usize, keep: Keep) -> Function<(State, Leaf), State> {
    let (h, w) = problem.noisy.dim();
    let method = method(problem);
    let inputs = ((shape![h, w], shape![2, h, w]), shape![]);
    Function::record(inputs, |(state, lambda)| method.unroll(steps).keep(keep).solve(state, lambda)).expect("the iteration records")
}

/// The relative distances to iterate 5000 after 50, 200 and 1000 iterations.
fn distances() {
    let problem = Denoising::new(SIDE);
    let (x, u) = start(&problem);
    let mut state = (x.into_dyn(), u.into_dyn());
    let mut seen: Vec<ArrayD<f64>> = vec![];
    let mut done = 0;
    for until in DISTANCES.map(|d| d.0).into_iter().chain([5000]) {
        state =
            stretch(&problem, until - done, Keep::All).eval((&state, LAMBDA)).unwrap_or_else(|e| panic!("denoising, {until} steps: {e}"));
        done = until;
        seen.push(state.0.clone());
    }
    let length = |a: &ArrayD<f64>| a.iter().map(|v| v * v).sum::<f64>().sqrt();
    let last = seen.pop().expect("four stretches were run");
    for ((iterations, known), x) in DISTANCES.iter().zip(&seen) {
        // Half of the last digit that is known.
        let half = 0.5 * 10f64.powf(known.log10().floor() - 4.0);
        assert_close(
            &format!("denoising, distance at {iterations}"),
            &[length(&(x - &last)) / length(&last)],
            &[*known],
            half * (1.0 + 1e-9),
        );
    }
}

/// The derivative of the mean square error by λ, through the iterations.
fn derivatives() {
    let (side, steps) = (32, 60);
    let problem = Denoising::new(side);
    let (loss, slope) = problem.unrolled(LAMBDA, steps);
    let truth = problem.truth.to_shared();
    for keep in [Keep::All, Keep::Sqrt, Keep::Last(steps)] {
        let iterate = stretch(&problem, steps, keep);
        let f = Function::record(iterate.inputs().clone(), |(state, lambda)| {
            let (x, _) = iterate.call((state, lambda));
            (x - constant(&truth)).square().mean()
        })
        .expect("the loss records");
        let by_lambda = f.rebind(shape![], |lambda| ((constant(&problem.noisy.to_shared()), zeros(shape![2, side, side])), lambda));
        let by_lambda = by_lambda.expect("the start is a constant");
        let (value, reverse) = by_lambda.value_and_gradient(LAMBDA).unwrap_or_else(|e| panic!("denoising, {keep:?}: {e}"));
        let forward = by_lambda.jvp(LAMBDA, 1.0).unwrap_or_else(|e| panic!("denoising, {keep:?}, forward: {e}")).1;
        assert_close(&format!("denoising, {keep:?}, loss"), &[value], &[loss], rounding(steps, 1.0));
        assert_close(&format!("denoising, {keep:?}, reverse"), &reverse, &[slope], rounding(side * steps, slope.abs()));
        assert_close(&format!("denoising, {keep:?}, forward"), &forward, &[slope], rounding(side * steps, slope.abs()));
    }
}

/// Where the image is flat the dual variable is not unique, so the equation of the fixed point is singular: that is an error.
fn singular() {
    let problem = Denoising::new(8);
    let method = method(&problem).tolerance(1e-10).max_iterations(50_000).implicit(Lu);
    let f = Function::record(shape![], |lambda| {
        let (x, _) = method.solve((constant(&problem.noisy.to_shared()), zeros(shape![2, 8, 8])), lambda);
        x.sum()
    })
    .expect("it records");
    let e = f.gradient(LAMBDA).expect_err("the system is singular").to_string();
    assert!(e.contains("singular"), "{e}");
}

/// Problem 14.
pub(crate) fn denoising(name: &str, solver: Solver) {
    match cell(name, solver) {
        Cell::Iterates => {
            distances();
            derivatives();
            singular();
        }
        // There is nothing to hand to these solvers.
        Cell::Not(_) => {}
        other => panic!("{name}, {solver:?}: {other:?} does not fit"),
    }
}
