//! The planned executor against naive values.
use hypertape_autodiff::array::{AnyArray, AnyView, Kind, LeafType};
use hypertape_autodiff::execute::Executor;
use hypertape_autodiff::operation::Program;
use hypertape_autodiff::plan::Plan;
use std::sync::Arc;

/// Runs a program by its plan, and compares with these outputs. Sums of as many terms as the largest array has elements, a few hundred deep.
#[track_caller]
pub(crate) fn compare(program: &Program, inputs: &[AnyArray], expected: &[AnyArray]) {
    let plan = Plan::new(program).unwrap_or_else(|e| panic!("{e}\n{program}"));
    let mut executor = Executor::new(Arc::new(plan));
    executor.run(&inputs.iter().map(AnyArray::view).collect::<Vec<AnyView<'_>>>()).unwrap_or_else(|e| panic!("{e}\n{program}"));
    let single = program.types.iter().any(|t| t.kind == Kind::F32);
    let eps = if single { f64::from(f32::EPSILON) } else { f64::EPSILON };
    let terms = program.types.iter().map(LeafType::len).max().unwrap_or(1).max(1) as f64;
    for (k, e) in expected.iter().enumerate() {
        let found = executor.output(k).to_owned();
        assert_eq!(found.leaf_type(), e.leaf_type(), "output {k} of\n{program}");
        let (found, e) = (found.to_f64(), e.to_f64());
        let scale = e.iter().filter(|v| v.is_finite()).fold(1.0, |m: f64, v| m.max(v.abs()));
        for (i, (f, e)) in found.iter().zip(&e).enumerate() {
            let close = f == e || (f - e).abs() <= 256.0 * eps * terms * scale || f.is_nan() && e.is_nan();
            assert!(close, "planned output {k}, element {i}: {f:e} for {e:e}\n{program}\n{}", executor.plan());
        }
    }
}
