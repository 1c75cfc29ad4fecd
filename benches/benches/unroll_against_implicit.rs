//! The hypergradient of ridge logistic regression after 100 steps: unrolled under each storage, and implicit by each linear solver.
use criterion::{Criterion, criterion_group, criterion_main};
use hypertape::prelude::*;
use hypertape_testkit::random::sym;
use ndarray::Array1;
use std::hint::black_box;

const STEPS: usize = 100;

fn hypergradients(c: &mut Criterion) {
    let (n, d) = (1000, 100);
    let x = (sym(1, (n, d)) * 12f64.sqrt()).into_shared();
    let y = sym(2, n).mapv(f64::signum).into_shared();
    let Ok(inner) = Function::record((shape![d], shape![d]), |(w, theta)| {
        (-(constant(&y) * constant(&x).dot(w))).softplus().mean() + 0.5 * (theta.exp() * w.square()).sum()
    }) else {
        return;
    };
    let descent = GradientDescent::new(&inner).step_size(1.0);
    let stopped = descent.clone().tolerance(0.0).max_iterations(STEPS);
    let ways: [Box<dyn Inner<Leaf, Leaf>>; 6] = [
        Box::new(descent.unroll(STEPS)),
        Box::new(descent.unroll(STEPS).keep(Keep::Sqrt)),
        Box::new(descent.unroll(STEPS).keep(Keep::Last(10))),
        Box::new(stopped.implicit(Cg::default()).on_residual(OnResidual::Warn)),
        Box::new(stopped.implicit(Neumann::terms(STEPS)).on_residual(OnResidual::Warn)),
        Box::new(stopped.implicit(Cholesky).on_residual(OnResidual::Warn)),
    ];
    let at = Array1::from_elem(d, -3.0);
    for way in &ways {
        let outer = Function::record(shape![d], |theta| way.solve(zeros(shape![d]), theta).square().sum());
        let Ok(outer) = outer else { continue };
        let mut workspace = outer.wrt(|theta| theta).value_and_gradient().workspace();
        c.bench_function(&way.name(), |b| b.iter(|| black_box(workspace.run(&at)).is_ok()));
    }
}

criterion_group!(benches, hypergradients);
criterion_main!(benches);
