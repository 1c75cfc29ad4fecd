//! Recording, planning and replaying: small programs, elementwise groups, generalised linear models, matrix products, loops.
use criterion::{Criterion, criterion_group, criterion_main};
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use hypertape::prelude::*;
use hypertape_benches::workloads::{Size, make};
use hypertape_testkit::random::sym;
use multiversion::multiversion;
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

/// Groups of N cheap operations, beside the same loop written by hand for the same instruction set.
fn groups(c: &mut Criterion) {
    group_of::<4>(c);
    group_of::<12>(c);
    group_of::<42>(c);
}

fn group_of<const N: usize>(c: &mut Criterion) {
    let n = 2048;
    let [x, y, z] = [5, 6, 7].map(|seed| sym(seed, n));
    let chain = |x: Var, y: Var, z: Var| (0..N / 2).fold(x, |v, k| if k % 2 == 0 { v * y - x } else { v * z + y });
    let Ok(f) = Function::record((shape![n], shape![n], shape![n]), |(x, y, z)| chain(x, y, z)) else { return };
    // The loop by hand looks at no input for numbers that are not finite.
    let mut workspace = f.allow(Allow::Everything).workspace();
    c.bench_function(&format!("group of {N} operations"), |b| b.iter(|| black_box(workspace.run((&x, &y, &z))).is_ok()));
    let mut out = vec![0.0; n];
    let [x, y, z] = [x, y, z].map(|a| a.to_vec());
    c.bench_function(&format!("group of {N} operations, by hand"), |b| {
        b.iter(|| {
            by_hand::<N>(&x, &y, &z, &mut out);
            black_box(&mut out);
        });
    });
}

/// The loop of `group_of`, for the instruction sets that groups are compiled for.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
fn by_hand<const N: usize>(x: &[f64], y: &[f64], z: &[f64], out: &mut [f64]) {
    for (out, (x, (y, z))) in out.iter_mut().zip(x.iter().zip(y.iter().zip(z))) {
        let mut v = *x;
        for k in 0..N / 2 {
            v = if k % 2 == 0 { v * y - x } else { v * z + y };
        }
        *out = v;
    }
}

/// Many small problems: one after the other in one workspace, as one function over a leading axis, and on all threads.
fn batches(c: &mut Criterion) {
    let (many, n) = (1000, 10);
    let rosenbrock = |x: Var| {
        let (here, next) = (x.slice_axis(0, 0, n - 1), x.slice_axis(0, 1, n));
        (100.0 * (next - here.square()).square() + (1.0 - here).square()).sum()
    };
    let (one, mapped, axis) = (
        Function::record(shape![n], rosenbrock),
        Function::record(shape![many, n], |x| map(x, rosenbrock).sum()),
        Function::record(shape![many, n], |x: Var| {
            let (here, next) = (x.slice_axis(1, 0, n - 1), x.slice_axis(1, 1, n));
            (100.0 * (next - here.square()).square() + (1.0 - here).square()).sum()
        }),
    );
    let (Ok(one), Ok(mapped), Ok(axis)) = (one, mapped, axis) else { return };
    let at = sym(100, (many, n));
    let points: Vec<_> = at.outer_iter().map(|x| x.to_owned()).collect();
    let gradient = one.wrt(|x| x).gradient();
    let mut workspace = gradient.workspace();
    c.bench_function("1000 gradients, one workspace", |b| {
        b.iter(|| points.iter().all(|x| workspace.run_each(x, &mut |g| drop(black_box(g))).is_ok()));
    });
    c.bench_function("1000 gradients, eval_each", |b| b.iter(|| black_box(gradient.eval_each(&points)).is_ok()));
    for (name, f) in [("map", mapped), ("a leading axis", axis)] {
        let mut workspace = f.wrt(|x| x).gradient().workspace();
        c.bench_function(&format!("1000 gradients, {name}"), |b| b.iter(|| black_box(workspace.run(&at)).is_ok()));
    }
}

/// Products of square matrices, and of one with a vector.
fn products(c: &mut Criterion) {
    for n in [64, 512] {
        let (a, v) = (sym(3, (n, n)), sym(4, n));
        let both = (
            Function::record((shape![n, n], shape![n, n]), |(a, b)| a.dot(b)),
            Function::record((shape![n, n], shape![n]), |(a, v)| a.dot(v)),
        );
        let (Ok(square), Ok(vector)) = both else { continue };
        let (mut square, mut vector) = (square.workspace(), vector.workspace());
        c.bench_function(&format!("matrix times matrix, {n}"), |b| b.iter(|| black_box(square.run((&a, &a))).is_ok()));
        c.bench_function(&format!("matrix times vector, {n}"), |b| b.iter(|| black_box(vector.run((&a, &v))).is_ok()));
    }
}

/// Products of matrices in rows, or transposed, beside those of `faer` on one thread. Run it with `RAYON_NUM_THREADS=1`.
fn products_beside_faer(c: &mut Criterion) {
    let shapes = [
        ([32, 256, 784], [false, false]),
        ([32, 200, 200], [false, true]),
        ([32, 1000, 1000], [false, true]),
        ([784, 256, 2048], [true, false]),
        ([2048, 256, 784], [false, false]),
        ([512, 512, 512], [false, false]),
        ([512, 512, 512], [true, false]),
    ];
    for ([m, n, k], [turned_a, turned_b]) in shapes {
        let stored = |turned: bool, [r, c]: [usize; 2]| if turned { (c, r) } else { (r, c) };
        let (a, b) = (sym(3, stored(turned_a, [m, k])), sym(4, stored(turned_b, [k, n])));
        let of = |v: Var, turned: bool| if turned { v.t() } else { v };
        let shapes = (Leaf::new([a.nrows(), a.ncols()]), Leaf::new([b.nrows(), b.ncols()]));
        let Ok(f) = Function::record(shapes, |(a, b)| of(a, turned_a).dot(of(b, turned_b))) else { continue };
        let mut workspace = f.workspace();
        let name = |way: &str| {
            let side = |turned: bool| if turned { "transposed" } else { "rows" };
            format!("product {m} x {n} x {k}, {} times {}, {way}", side(turned_a), side(turned_b))
        };
        c.bench_function(&name("ours"), |bench| bench.iter(|| black_box(workspace.run((&a, &b))).is_ok()));
        let (Some(left), Some(right)) = (a.as_slice(), b.as_slice()) else { continue };
        let view = |x, [r, c]: [usize; 2], turned: bool| {
            if turned { MatRef::from_row_major_slice(x, c, r).transpose() } else { MatRef::from_row_major_slice(x, r, c) }
        };
        let (left, right) = (view(left, [m, k], turned_a), view(right, [k, n], turned_b));
        let mut out = vec![0.0; m * n];
        c.bench_function(&name("faer"), |bench| {
            bench.iter(|| matmul(MatMut::from_row_major_slice_mut(&mut out, m, n), Accum::Replace, left, right, 1.0, Par::Seq));
        });
    }
}

/// The reverse of a loop under each storage.
fn loops(c: &mut Criterion) {
    for variant in ["", "sqrt", "half", "eighth", "values"] {
        let Ok(mut workload) = make("unroll_vec", Size::Small, variant) else { continue };
        c.bench_function(&format!("unroll 100 steps {variant}"), |b| b.iter(|| workload.call(&mut |leaf| drop(black_box(leaf))).is_ok()));
    }
}

criterion_group!(benches, record, replay, elementwise, groups, batches, products, products_beside_faer, loops);
criterion_main!(benches);
