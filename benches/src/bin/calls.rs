//! What a call in one line costs: plans, allocations and time, for the front door's implicit line, first and in the mean of a hundred more.
use hypertape::ndarray::Array;
use hypertape::plan::Plan;
use hypertape::prelude::*;
use hypertape_testkit::allocations::Counting;
use std::time::Instant;

#[global_allocator]
static MEMORY: Counting = Counting::new();

const CALLS: usize = 100;

fn main() -> hypertape::Result<()> {
    let (n, d) = (40, 3);
    let x = Array::from_shape_fn((n, d), |(i, j)| (0.7 * i as f64 + 1.3 * j as f64).sin()).into_shared();
    let y = Array::from_shape_fn(n, |i| (0.9 * i as f64).cos().signum()).into_shared();
    let inner = Function::record((shape![d], shape![]), |(theta, log_alpha)| {
        (-(constant(&y) * constant(&x).dot(theta))).softplus().mean() + 0.5 * log_alpha.exp() * theta.square().sum()
    })?;
    let solver = GradientDescent::new(&inner).step_size(0.5);
    let outer = Function::record(shape![], |log_alpha| {
        let theta = solver.implicit(Cg::default()).solve(zeros(shape![d]), log_alpha);
        (-(constant(&y) * constant(&x).dot(theta))).softplus().mean()
    })?;
    let call = || {
        let (plans, allocations, start) = (Plan::made(), MEMORY.allocations_on_this_thread(), Instant::now());
        let result = outer.value_and_gradient(-2.0);
        let seconds = start.elapsed().as_secs_f64();
        result.map(|_| [(Plan::made() - plans) as f64, (MEMORY.allocations_on_this_thread() - allocations) as f64, 1e6 * seconds])
    };
    let show = |name: &str, [plans, allocations, microseconds]: [f64; 3]| {
        println!("{name:<24} {plans:>8} plans {allocations:>10} allocations {microseconds:>10.1} µs");
    };
    show("the first call", call()?);
    let mut all = (0..CALLS).map(|_| call()).collect::<hypertape::Result<Vec<_>>>()?;
    all.sort_by(|a, b| a[2].total_cmp(&b[2]));
    let mean = |k: usize| all.iter().map(|c| c[k]).sum::<f64>() / CALLS as f64;
    show("the mean of 100 more", [mean(0), mean(1), mean(2)]);
    show("their median", all[CALLS / 2]);
    let mut workspace = outer.wrt(|a| a).value_and_gradient().workspace();
    workspace.run(-2.0)?;
    let mut times: Vec<f64> = vec![];
    for _ in 0..CALLS {
        let start = Instant::now();
        workspace.run(-2.0)?;
        times.push(1e6 * start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    show("a workspace, median", [0.0, 0.0, times[CALLS / 2]]);
    Ok(())
}
