//! Memory that is not there is a named error with the planned bytes.
//!
//! Places that were looked at, and what was found:
//! - The arena of an executor, the copies of inputs in another order, the results of one evaluation, `iota`: aborted, and are errors now.
//! - Scratch and packed copies of kernels, trajectories, checkpoints, frames: all lie in the arena, so they are planned and asked for at once.
//! - `Csr`: holds the user's arrays, and its transpose is the same memory read otherwise.
//! - The naive value of a sparse product, which a diagnosis runs: made a dense matrix. It walks the entries now.
//! - `Keep::Bytes`: the kept states were rounded up beyond a small budget. The bound is exact now, and its docs say of what.
use hypertape::prelude::*;
use std::process::Command;

const LIMITED: &str = "HYPERTAPE_TEST_UNDER_A_LIMIT";

/// What a process with 4 GB of addresses does.
fn under_a_limit() {
    let f = Function::record((shape![100_000], shape![]), |(x, a): (Var, Var)| 0.25 * (x - a).square().square().sum()).unwrap();
    let solver = GradientDescent::new(&f).step_size(0.1);
    let outer = Function::record(shape![], |a| solver.unroll(20_000).solve(zeros(shape![100_000]), a).sum()).unwrap();
    let e = outer.gradient(1.0).unwrap_err();
    assert!(matches!(e.kind(), ErrorKind::Memory { bytes, .. } if *bytes >= 16_000_000_000), "{e:?}");
    assert!(e.to_string().contains("memory_limits.rs:"), "{e}");
    // The function is what it was, and a shorter loop runs.
    assert!(outer.memory().total() >= 16_000_000_000);
    let short = Function::record(shape![], |a| solver.unroll(2).solve(zeros(shape![100_000]), a).sum()).unwrap();
    // x ← x + (a − x)³/10 from 0 at a = 1: the slope is 3/10, then 3/10 + 3/10 · 0.9² · 0.7.
    let slope = short.gradient(1.0).unwrap()[[]];
    assert!((slope - 47_010.0).abs() < 1e-6, "{slope}");

    // Results that do not fit a second time: 3.2 GB in the arena, and as much in arrays of the user's own.
    let f = Function::record(shape![], |x: Var| x.broadcast_to(&[250_000_000]) + 0.0 * x.sin()).unwrap();
    let e = f.eval(1.0).unwrap_err();
    assert!(matches!(e.kind(), ErrorKind::Memory { bytes, .. } if *bytes >= 2_000_000_000), "{e:?}");
    println!("limited run is through");
}

#[test]
fn an_unrolled_loop_beyond_the_limit_is_an_error_and_nothing_else() {
    if std::env::var_os(LIMITED).is_some() {
        return under_a_limit();
    }
    let exe = std::env::current_exe().unwrap();
    let name = "memory_limits::an_unrolled_loop_beyond_the_limit_is_an_error_and_nothing_else";
    let script = "ulimit -v 4000000 || exit 99; exec \"$0\" --exact --nocapture --test-threads 1 \"$1\"";
    let child = Command::new("sh").args(["-c", script]).arg(exe).arg(name).env(LIMITED, "1").env("RAYON_NUM_THREADS", "1").output();
    match child {
        Ok(out) if out.status.code() != Some(99) => {
            let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
            assert!(out.status.success() && said.contains("limited run is through"), "{said}");
        }
        _ => println!("not run: this system sets no limit by `ulimit -v`"),
    }
}

#[test]
fn sparse_matrices_wider_than_memory() {
    let x = Csr::new([2, 1 << 40], vec![0, 1, 2], vec![0, 7], vec![1.0, 2.0]).unwrap();
    let f = Function::record(shape![2], |y| hypertape::record::csr(&x).t().dot(y)).unwrap();
    let e = f.eval(ndarray::arr1(&[1.0, 1.0])).unwrap_err();
    assert!(matches!(e.kind(), ErrorKind::Memory { bytes, .. } if *bytes >= 8 << 40), "{e:?}");
    assert!(e.to_string().contains("memory_limits.rs:") && e.to_string().contains("bytes are planned"), "{e}");
    let f = Function::record(shape![], |y: Var| hypertape::record::csr(&x).dot(y.broadcast_to(&[1 << 40])).sum()).unwrap();
    assert!(matches!(f.eval(1.0).unwrap_err().kind(), ErrorKind::Memory { .. }));
    let y = Csr::new([2, 9], vec![0, 1, 2], vec![0, 7], vec![1.0, 2.0]).unwrap();
    let f = Function::record(shape![], |v: Var| hypertape::record::csr(&y).dot(v.broadcast_to(&[9])).sum()).unwrap();
    assert_eq!(f.eval(2.0).unwrap()[[]], 6.0);
}

/// The states that are kept, besides two in passing, take no more than the budget, whatever the sizes and steps; the derivative is the same.
#[test]
fn a_budget_bounds_the_states_that_are_kept() {
    for d in [1, 2, 3, 8, 9, 64] {
        let f = Function::record((shape![d], shape![]), |(x, a): (Var, Var)| 0.25 * (x - a).square().square().sum()).unwrap();
        let solver = GradientDescent::new(&f).step_size(0.1);
        for steps in [2, 3, 10, 51] {
            for budget in [8 * d as u64, 8 * d as u64 + 1, 63, 64, 100, 500, 2000] {
                let outer = Function::record(shape![], |a| solver.unroll(steps).keep(Keep::Bytes(budget)).solve(zeros(shape![d]), a).sum());
                if budget < 8 * d as u64 {
                    let e = outer.unwrap_err().to_string();
                    assert!(e.contains(&format!("give at least {}", 8 * d)), "{e}");
                    continue;
                }
                let outer = outer.unwrap();
                let m = outer.memory();
                // A state takes 8 d bytes, or whole cache lines where one such state fits.
                let line = (8 * d as u64).next_multiple_of(64);
                let state = if line <= budget { line } else { 8 * d as u64 };
                assert!(m.trajectory <= budget, "d {d}, {steps} steps, budget {budget}: {m}");
                assert!(m.trajectory + m.checkpoints > 0, "states are kept");
                assert!(m.checkpoints.saturating_sub(2 * state) <= budget, "d {d}, {steps} steps, budget {budget}: {m}");
                // x ← x + (a − x)³/10 and its derivative by a = 1, in each of d entries.
                let step = |(x, dx): (f64, f64), _| (x + 0.1 * (1.0 - x).powi(3), dx + 0.3 * (1.0 - x).powi(2) * (1.0 - dx));
                let expected = d as f64 * (0..steps).fold((0.0, 0.0), step).1;
                let slope = outer.gradient(1.0).unwrap()[[]];
                assert!((slope - expected).abs() <= 1e-13 * expected, "{slope} {expected}");
            }
        }
    }
}
