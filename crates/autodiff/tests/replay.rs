//! Running a plan again allocates nothing, and a plan says how much memory running takes.
use hypertape_autodiff::array::{AnyArray, AnyView, Kind, LeafType, Shared};
use hypertape_autodiff::execute::Executor;
use hypertape_autodiff::operation::{Builder, Op, Program, ScanSpec, Storage, Trip, Value};
use hypertape_autodiff::ops::control::Scan;
use hypertape_autodiff::plan::Plan;
use hypertape_autodiff::transform;
use hypertape_testkit::allocations::Counting;
use hypertape_testkit::random;
use std::sync::Arc;

#[global_allocator]
static MEMORY: Counting = Counting::new();

fn program(types: &[(&[usize], Kind)], write: impl Fn(&mut Builder, &[Value]) -> Vec<Value>) -> Program {
    let mut b = Builder::new();
    let x: Vec<Value> = types.iter().map(|(s, k)| b.input(LeafType::new(s, *k))).collect();
    let y = write(&mut b, &x);
    b.finish(&y).unwrap()
}

/// The gradient of a regularised logistic loss of the result of some steps of gradient descent.
fn unrolled(n: usize, d: usize, steps: usize) -> Program {
    let x = Shared::from(AnyArray::F64(random::normal(1, (n, d)).into_dyn()));
    let loss = program(&[(&[d], Kind::F64), (&[], Kind::F64)], |b, p| {
        let c = b.constant(x.clone());
        let m = b.dot(c, p[0]);
        let s = b.softplus(m);
        let s = b.sum_all(s);
        let s = b.scale(s, 1.0 / n as f64);
        let q = b.mul(p[0], p[0]);
        let q = b.sum_all(q);
        let q = b.mul(q, p[1]);
        vec![b.add(s, q)]
    });
    let gradient = transform::simplify(&transform::vjp(&loss, &[true, false], &[true]).unwrap()).unwrap();
    let body = program(&[(&[], Kind::U32), (&[d], Kind::F64), (&[], Kind::F64)], |b, p| {
        let one = b.full(&LeafType::new(&[], Kind::F64), 1.0);
        let g = b.inline(&gradient, &[p[1], p[2], one]);
        let g = b.scale(g[1], -0.5);
        vec![b.add(p[1], g)]
    });
    let scan = Op::new(Scan(ScanSpec {
        body: Arc::new(body),
        carries: 1,
        items: 0,
        constants: 1,
        stacked: 0,
        trip: Trip::Static(steps),
        reverse: false,
        storage: Storage::Iterates,
    }));
    let outer = program(&[(&[d], Kind::F64), (&[], Kind::F64)], |b, p| {
        let y = b.emit(scan.clone(), p);
        vec![b.inline(&loss, &[y[0], p[1]])[0]]
    });
    transform::simplify(&transform::vjp(&outer, &[false, true], &[true]).unwrap()).unwrap()
}

#[test]
fn replays_allocate_nothing() {
    for (n, d, steps) in [(30, 10, 7), (300, 100, 20)] {
        let p = unrolled(n, d, steps);
        let plan = Arc::new(Plan::new(&p).unwrap());
        let (mut e, made) = MEMORY.measure(|| Executor::new(plan.clone()));
        let x = [AnyArray::F64(random::normal(2, d).into_dyn()), AnyArray::full(&LeafType::new(&[], Kind::F64), 0.1)];
        let seed = AnyArray::full(&LeafType::new(&[], Kind::F64), 1.0);
        let views: Vec<AnyView<'_>> = x.iter().chain([&seed]).map(AnyArray::view).collect();
        e.run(&views).unwrap();
        let (result, again) = MEMORY.measure(|| e.run(&views));
        result.unwrap();
        assert_eq!(again.on_this_thread, 0, "{}", e.plan());
        // Besides the arena there are tables: small, and as long as the plan.
        let planned = plan.memory().total() as usize;
        assert!(made.peak >= planned && made.peak <= planned + 100_000, "planned {planned}, measured {}", made.peak);
    }
}
