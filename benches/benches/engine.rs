//! Recording, planning and replaying: small programs, elementwise groups, generalised linear models, matrix products, loops.
use criterion::{Criterion, criterion_group, criterion_main};
use hypertape::prelude::*;
use hypertape_benches::workloads::{Size, make};
use hypertape_testkit::random::sym;
use std::hint::black_box;

fn record(c: &mut Criterion) {
    let x = sym(1, (2000, 200)).into_shared();
    let loss = || Function::record(shape![200], |w| constant(&x).dot(w).softplus().mean() + 0.5 * w.square().sum());
    c.bench_function("record a logistic loss", |b| b.iter(|| black_box(loss()).is_ok()));
    c.bench_function("record, differentiate and plan a logistic loss", |b| {
        b.iter(|| black_box(loss().and_then(|f| f.wrt(|w| w).gradient().plan())).is_ok());
    });
}

/// Replays of the workloads that take less than a few milliseconds.
fn replay(c: &mut Criterion) {
    for (name, size) in [
        ("tiny_rosen", Size::Small),
        ("tiny_rosen", Size::Large),
        ("tiny_expr20", Size::Small),
        ("logreg_grad", Size::Small),
        ("logreg_hvp_full", Size::Small),
        ("mlp_grad", Size::Small),
        ("ista_lambda", Size::Small),
        ("tv_lambda", Size::Small),
    ] {
        let Ok(mut workload) = make(name, size, "") else { continue };
        c.bench_function(&format!("replay {name} {size}"), |b| b.iter(|| workload.call(&mut |leaf| drop(black_box(leaf))).is_ok()));
    }
}

/// A chain of elementwise operations with dear functions, in cache and beyond it.
fn elementwise(c: &mut Criterion) {
    for n in [1_000, 100_000, 1_000_000] {
        let x = sym(2, n);
        let Ok(f) = Function::record(shape![n], |x| (x.exp() + 1.0).ln() * x.tanh()) else { continue };
        let mut workspace = f.workspace();
        c.bench_function(&format!("elementwise chain of {n}"), |b| b.iter(|| black_box(workspace.run(&x)).is_ok()));
    }
}

criterion_group!(benches, record, replay, elementwise);
criterion_main!(benches);
