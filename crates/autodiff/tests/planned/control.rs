//! Loops and branches: static, stopping, counted, reversed, nested, without carries, of no steps.
use super::{check, check_at, inputs, program};
use hypertape_autodiff::array::{AnyArray, Kind, Kind::*, LeafType};
use hypertape_autodiff::operation::{Builder, CondSpec, Op, Program, ScanSpec, Storage, Trip, Value};
use hypertape_autodiff::ops::control::{Cond, Scan};
use hypertape_autodiff::transform;
use std::sync::Arc;

/// (counter, x[3], row[3], w[3,3]) → (tanh(w·x + row + counter), x·row, Σ x).
fn body() -> Program {
    program(&[(&[], U32), (&[3], F64), (&[3], F64), (&[3, 3], F64)], |b, x| {
        let w = b.dot(x[3], x[1]);
        let s = b.add(w, x[2]);
        let c = b.cast(x[0], F64);
        let c = b.scale(c, 0.01);
        let c = b.broadcast_to(c, &[3]);
        let s = b.add(s, c);
        let y = b.tanh(s);
        let p = b.mul(x[1], x[2]);
        vec![y, p, b.sum_all(x[1])]
    })
}

fn scan(trip: Trip, reverse: bool) -> Op {
    Op::new(Scan(ScanSpec {
        body: Arc::new(body()),
        carries: 1,
        items: 1,
        constants: 1,
        stacked: 2,
        trip,
        reverse,
        storage: Storage::Iterates,
    }))
}

fn until(limit: f64) -> Arc<Program> {
    Arc::new(program(&[(&[3], F64), (&[3, 3], F64)], |b, x| {
        let s = b.mul(x[0], x[0]);
        let s = b.sum_all(s);
        let l = b.full_like(s, limit);
        vec![b.less(s, l)]
    }))
}

/// Every choice of outputs that are read.
fn every_choice(types: &[(&[usize], Kind)], op: &Op, n: usize, last: Option<&AnyArray>) {
    for mask in [0b11111_u32, 0b00001, 0b00010, 0b01000, 0b10001, 0b11001, 0b00110] {
        let p = program(types, |b, x| {
            let y = b.emit(op.clone(), x);
            y.iter().enumerate().filter(|(i, _)| mask >> i & 1 == 1).map(|(_, v)| *v).take(n).collect()
        });
        let mut x = inputs(&p, 3);
        if let Some(last) = last {
            *x.last_mut().unwrap() = last.clone();
        }
        check_at(&p, &x);
    }
}

#[test]
fn static_loops() {
    for n in [0, 1, 2, 5] {
        for reverse in [false, true] {
            every_choice(&[(&[3], F64), (&[n, 3], F64), (&[3, 3], F64)], &scan(Trip::Static(n), reverse), 5, None);
        }
    }
}

#[test]
fn loops_that_stop() {
    for limit in [0.0, 0.2, 0.9, 100.0] {
        for reverse in [false, true] {
            let trip = Trip::Until { test: until(limit), at_most: 6 };
            every_choice(&[(&[3], F64), (&[6, 3], F64), (&[3, 3], F64)], &scan(trip, reverse), 5, None);
        }
    }
}

#[test]
fn counted_loops() {
    for count in [0, 1, 4, 5, 9] {
        for reverse in [false, true] {
            let last = AnyArray::full(&LeafType::new(&[], U32), f64::from(count));
            let types: [(&[usize], Kind); 4] = [(&[3], F64), (&[5, 3], F64), (&[3, 3], F64), (&[], U32)];
            every_choice(&types, &scan(Trip::Counted(5), reverse), 5, Some(&last));
        }
    }
}

#[test]
fn rows_and_constants_are_read_through_views() {
    check(&[(&[3], F64), (&[3, 8], F64), (&[3, 3], F64)], |b, x| {
        let items = b.permute(x[1], &[1, 0]);
        let items = b.slice(items, &[7, 2], &[-2, -1], &[4, 3]);
        let w = b.permute(x[2], &[1, 0]);
        let start = b.flip(x[0], &[0]);
        b.emit(scan(Trip::Static(4), true), &[start, items, w]).to_vec()
    });
    check(&[(&[3, 3], F64)], |b, x| {
        let zero = b.full(&LeafType::new(&[3], F64), 0.0);
        let items = b.full(&LeafType::new(&[4, 3], F64), 0.5);
        b.emit(scan(Trip::Static(4), false), &[zero, items, x[0]]).to_vec()
    });
}

#[test]
fn carries_that_stay_swap_and_repeat() {
    let body = program(&[(&[], U32), (&[2], F64), (&[2], F64), (&[2], F64), (&[2], F64)], |b, x| {
        let s = b.add(x[1], x[4]);
        vec![x[2], x[1], s]
    });
    let op = Op::new(Scan(ScanSpec {
        body: Arc::new(body),
        carries: 3,
        items: 0,
        constants: 1,
        stacked: 0,
        trip: Trip::Static(5),
        reverse: false,
        storage: Storage::Iterates,
    }));
    check(&[(&[2], F64), (&[2], F64), (&[2], F64), (&[2], F64)], |b, x| b.emit(op.clone(), x).to_vec());
}

#[test]
fn nested_loops() {
    let outer = program(&[(&[], U32), (&[3], F64), (&[4, 3], F64), (&[3, 3], F64)], |b, x| {
        let y = b.emit(scan(Trip::Static(4), false), &[x[1], x[2], x[3]]);
        let h = b.scale(y[0], 0.5);
        vec![h, y[3], y[4]]
    });
    let op = Op::new(Scan(ScanSpec {
        body: Arc::new(outer),
        carries: 1,
        items: 1,
        constants: 1,
        stacked: 2,
        trip: Trip::Static(3),
        reverse: true,
        storage: Storage::Iterates,
    }));
    check(&[(&[3], F64), (&[3, 4, 3], F64), (&[3, 3], F64)], |b, x| b.emit(op.clone(), x).to_vec());
}

/// A loop without carries: items are independent.
fn map(n: usize, m: usize) -> Op {
    let body = program(&[(&[], U32), (&[m], F64), (&[m], F64)], |b, x| {
        let e = b.exp(x[1]);
        let s = b.sum_all(e);
        let s = b.broadcast_to(s, &[m]);
        let p = b.div(e, s);
        let q = b.mul(p, x[2]);
        let t = b.tanh(q);
        vec![q, b.sum_all(t)]
    });
    Op::new(Scan(ScanSpec {
        body: Arc::new(body),
        carries: 0,
        items: 1,
        constants: 1,
        stacked: 2,
        trip: Trip::Static(n),
        reverse: n % 2 == 1,
        storage: Storage::Iterates,
    }))
}

#[test]
fn independent_items() {
    for (n, m) in [(0, 3), (1, 4), (7, 5), (300, 1000), (61, 3000)] {
        let e = check(&[(&[n, m], F64), (&[m], F64)], |b, x| b.emit(map(n, m), x).to_vec());
        // Large items run one after another, small ones in blocks.
        let steps = e.counts().steps / 2;
        assert!(if m >= 3000 || n < 2 { steps == n as u64 } else { steps < n as u64 }, "{steps} steps for {n} items of {m}");
    }
}

#[test]
fn branches() {
    let yes = program(&[(&[3], F64), (&[3], F64)], |b, x| vec![b.add(x[0], x[1]), x[0]]);
    let no = program(&[(&[3], F64), (&[3], F64)], |b, x| {
        let e = b.exp(x[1]);
        let p = b.mul(e, x[0]);
        vec![p, b.sub(p, x[0])]
    });
    let op = Op::new(Cond(CondSpec { yes: Arc::new(yes), no: Arc::new(no) }));
    for kind in [F64, F32, U32] {
        for test in [0.0, 1.0, -2.0] {
            let p = program(&[(&[], kind), (&[6], F64), (&[3], F64)], |b, x| {
                let every_other = b.slice(x[1], &[5], &[-2], &[3]);
                b.emit(op.clone(), &[x[0], every_other, x[2]]).to_vec()
            });
            let mut x = inputs(&p, 5);
            x[0] = AnyArray::full(&LeafType::new(&[], kind), test);
            check_at(&p, &x);
        }
    }
}

/// Programs from the transforms, which is what runs in the end.
#[test]
fn derivatives_of_loops() {
    let write = |b: &mut Builder, x: &[Value]| {
        let y = b.emit(scan(Trip::Static(6), false), x);
        let q = b.mul(y[0], y[0]);
        let l = b.sum_all(q);
        let p = b.sum_all(y[1]);
        vec![b.add(l, p)]
    };
    let p = program(&[(&[3], F64), (&[6, 3], F64), (&[3, 3], F64)], write);
    let gradient = transform::vjp(&p, &[true, true, true], &[true]).unwrap();
    check_at(&gradient, &inputs(&gradient, 11));
    let gradient = transform::simplify(&gradient).unwrap();
    check_at(&gradient, &inputs(&gradient, 11));
    let active = vec![true; gradient.inputs.len()];
    let hvp = transform::jvp(&gradient, &active, &vec![true; gradient.outputs.len()]).unwrap();
    let hvp = transform::simplify(&hvp).unwrap();
    check_at(&hvp, &inputs(&hvp, 13));
    let again = transform::vjp(&hvp, &vec![true; hvp.inputs.len()], &vec![true; hvp.outputs.len()]).unwrap();
    check_at(&again, &inputs(&again, 17));
}

/// (counter, x[d], w[d], m[d,d], big[1]) → tanh(x·exp(w) + m·w) + big outer products, which stay.
fn with_invariants(d: usize) -> Program {
    program(&[(&[], U32), (&[d], F64), (&[d], F64), (&[d, d], F64)], |b, x| {
        let scale = b.exp(x[2]);
        let y = b.mul(x[1], scale);
        let shift = b.dot(x[3], x[2]);
        let z = b.add(y, shift);
        let outer = b.contract(x[2], x[2], hypertape_autodiff::operation::Contraction::default());
        let s = b.sum_all(outer);
        let s = b.broadcast_to(s, &[d]);
        let z = b.add(z, s);
        vec![b.tanh(z), x[2], shift]
    })
}

#[test]
fn what_is_the_same_in_every_step_is_computed_before_the_loop() {
    for (d, trip) in [(100, Trip::Static(7)), (3, Trip::Static(7)), (100, Trip::Static(0)), (100, Trip::Static(1))] {
        let n = trip.at_most();
        let op = Op::new(Scan(ScanSpec {
            body: Arc::new(with_invariants(d)),
            carries: 1,
            items: 0,
            constants: 2,
            stacked: 2,
            trip,
            reverse: false,
            storage: Storage::Iterates,
        }));
        let p = program(&[(&[d], F64), (&[d], F64), (&[d, d], F64)], |b, x| b.emit(op.clone(), x).to_vec());
        let e = check_at(&p, &inputs(&p, 3));
        let products = if n > 1 { 2 } else { 2 * n as u64 };
        assert_eq!(e.counts().products(hypertape_autodiff::operation::Class::MatVec, None), products, "{}", e.plan());
    }
}

#[test]
fn a_test_of_a_loop_does_not_mind_new_constants() {
    let test = program(&[(&[100], F64), (&[100], F64), (&[100, 100], F64)], |b, x| {
        let s = b.mul(x[0], x[1]);
        let s = b.sum_all(s);
        let l = b.full_like(s, -1e9);
        vec![b.less(s, l)]
    });
    let trip = Trip::Until { test: Arc::new(test), at_most: 6 };
    let inner = Op::new(Scan(ScanSpec {
        body: Arc::new(with_invariants(100)),
        carries: 1,
        items: 0,
        constants: 2,
        stacked: 2,
        trip,
        reverse: false,
        storage: Storage::Iterates,
    }));
    // And through two loops.
    let body = program(&[(&[], U32), (&[100], F64), (&[100], F64), (&[100, 100], F64)], |b, x| {
        let y = b.emit(inner.clone(), &x[1..]);
        vec![y[0]]
    });
    let outer = ScanSpec {
        body: Arc::new(body),
        carries: 1,
        items: 0,
        constants: 2,
        stacked: 0,
        trip: Trip::Static(4),
        reverse: true,
        storage: Storage::Iterates,
    };
    let p = program(&[(&[100], F64), (&[100], F64), (&[100, 100], F64)], |b, x| b.emit(Op::new(Scan(outer.clone())), x).to_vec());
    let e = check_at(&p, &inputs(&p, 3));
    assert_eq!(e.counts().products(hypertape_autodiff::operation::Class::MatVec, None), 2, "{}", e.plan());
}
