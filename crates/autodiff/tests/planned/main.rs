//! The planned executor against the naive reference, on programs written by hand.
mod basics;
mod batching;
mod control;
mod counting;
mod donation;
mod external;
mod generated;
mod memory;
mod passes;
mod pieces;
mod registry;
mod shapes;
mod sums;
mod vectorisation;

use hypertape_autodiff::array::{AnyArray, AnyView, Kind, LeafType};
use hypertape_autodiff::execute::{Executor, reference};
use hypertape_autodiff::operation::{Builder, Program, Value};
use hypertape_autodiff::plan::Plan;
use hypertape_testkit::random;
use std::sync::Arc;

/// Inputs of these types: doubles between −1 and 1, indices below 3.
fn inputs(program: &Program, seed: u64) -> Vec<AnyArray> {
    let fill = |(k, t): (usize, LeafType)| {
        let values: Vec<f64> = match t.kind {
            Kind::U32 => (0..t.len()).map(|i| (random::bits(seed + k as u64, i as u64) % 3) as f64).collect(),
            _ => (0..t.len()).map(|i| 2.0 * random::unit(seed + k as u64, i as u64) - 1.0).collect(),
        };
        AnyArray::from_f64(&t, &values).unwrap()
    };
    program.input_types().into_iter().enumerate().map(fill).collect()
}

/// Both executors on the same inputs, as close as their element types allow; gives the executor.
fn check_at(program: &Program, inputs: &[AnyArray]) -> Executor {
    let single = program.types.iter().any(|t| t.kind == Kind::F32);
    compare(program, inputs, if single { 1e-5 } else { 1e-12 })
}

/// Both executors on the same inputs, the planned one twice; gives it.
fn compare(program: &Program, inputs: &[AnyArray], tolerance: f64) -> Executor {
    program.check().unwrap();
    let expected = reference::run(program, inputs).unwrap();
    let plan = Arc::new(Plan::new(program).unwrap());
    let mut executor = Executor::new(plan);
    let views: Vec<AnyView<'_>> = inputs.iter().map(AnyArray::view).collect();
    for round in 0..2 {
        executor.run(&views).unwrap();
        for (i, e) in expected.iter().enumerate() {
            let found = executor.output(i).to_owned();
            assert_eq!(found.leaf_type(), e.leaf_type(), "output {i}");
            let scale = 1.0 + e.to_f64().into_iter().filter(|v| v.is_finite()).fold(0.0, |m: f64, v| m.max(v.abs()));
            for (k, (f, e)) in found.to_f64().into_iter().zip(e.to_f64()).enumerate() {
                let close = f == e || (f - e).abs() <= tolerance * scale || f.is_nan() && e.is_nan();
                assert!(close, "output {i}, element {k}, round {round}: {f} for {e}\n{program}\n{}", executor.plan());
            }
        }
    }
    executor
}

/// A program written into a builder that takes it literally, checked at random inputs.
fn check(types: &[(&[usize], Kind)], write: impl Fn(&mut Builder, &[Value]) -> Vec<Value>) -> Executor {
    let program = program(types, write);
    check_at(&program, &inputs(&program, 7))
}

fn program(types: &[(&[usize], Kind)], write: impl Fn(&mut Builder, &[Value]) -> Vec<Value>) -> Program {
    let mut b = Builder::literal();
    let x: Vec<Value> = types.iter().map(|(s, k)| b.input(LeafType::new(s, *k))).collect();
    let y = write(&mut b, &x);
    b.finish(&y).unwrap()
}
