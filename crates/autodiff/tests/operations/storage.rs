//! What loops store for their derivatives: the same derivatives from fewer states, with as few steps made again as there can be.

use crate::support::derivatives::{Check, check};
use crate::support::{array, build, f64s, flat, index, uniform};
use hypertape_autodiff::array::{AnyArray, AnyView, Kind, LeafType};
use hypertape_autodiff::execute::Executor;
use hypertape_autodiff::operation::{Builder, Class, Contraction, Counts, Op, Program, ScanSpec, Storage, Trip, Value};
use hypertape_autodiff::ops::control::Scan;
use hypertape_autodiff::plan::{Memory, Plan};
use hypertape_autodiff::transform::{jvp, simplify, vjp};
use std::sync::Arc;

fn counter() -> LeafType {
    LeafType::new(&[], Kind::U32)
}

/// x ← tanh(A x + u) + y/10, y ← y/2 + sin(k)·x, and a count of steps; gives the product A x too.
fn body(d: usize) -> Program {
    build(&[counter(), f64s(&[d]), f64s(&[d]), counter(), f64s(&[d]), f64s(&[d, d])], |b, v| {
        let (x, y, u, a) = (v[1], v[2], v[4], v[5]);
        let ax = b.contract(a, x, Contraction { sum: [(1, 0)].into_iter().collect(), ..Contraction::default() });
        let s = b.add(ax, u);
        let t = b.tanh(s);
        let y1 = b.scale(y, 0.1);
        let next = b.add(t, y1);
        let k = b.cast(v[3], Kind::F64);
        let k = b.sin(k);
        let k = b.broadcast_to(k, &[d]);
        let kx = b.mul(k, x);
        let y2 = b.scale(y, 0.5);
        let y = b.add(y2, kx);
        let one = b.full_like(v[3], 1.0);
        let count = b.add(v[3], one);
        vec![next, y, count, ax]
    })
}

/// Stops once the count is 7 (or never, if the matrix has a large trace).
fn test(d: usize) -> Program {
    build(&[f64s(&[d]), f64s(&[d]), counter(), f64s(&[d, d])], |b, v| {
        let last = b.full_like(v[2], 7.0);
        vec![b.less_equal(last, v[2])]
    })
}

fn spec(d: usize, trip: Trip, reverse: bool, storage: Storage) -> ScanSpec {
    ScanSpec { body: Arc::new(body(d)), carries: 3, items: 1, constants: 1, stacked: 1, trip, reverse, storage }
}

/// Σ sin of the last x and y, of the loop of a spec, and its inputs at a point.
fn program(d: usize, spec: ScanSpec, last: Option<u32>) -> (Program, Vec<AnyArray>) {
    let n = spec.trip.at_most();
    let mut types = vec![f64s(&[d]), f64s(&[d]), f64s(&[n, d]), f64s(&[d, d])];
    let mut at: Vec<AnyArray> = types.iter().enumerate().map(|(i, t)| uniform(t, 3 + i as u64)).collect();
    if last.is_some() {
        types.push(counter());
        at.extend(last.map(index));
    }
    let p = build(&types, |b, v| {
        let zero = b.constant(index(0).into());
        let given: Vec<Value> = [v[0], v[1], zero].into_iter().chain(v[2..].iter().copied()).collect();
        let made = b.emit(Op::new(Scan(spec)), &given);
        let (x, y) = (b.sin(made[0]), b.sin(made[1]));
        let s = b.add(x, y);
        vec![b.sum_all(s)]
    });
    (p, at)
}

fn trips(n: usize, d: usize) -> Vec<(Trip, Option<u32>)> {
    vec![
        (Trip::Static(n), None),
        (Trip::Until { test: Arc::new(test(d)), at_most: n }, None),
        (Trip::Counted(n), Some(n as u32 - 2)),
        (Trip::Counted(n), Some(1)),
        (Trip::Counted(n), Some(0)),
    ]
}

/// Bytes of a state: two arrays of d numbers and a count, each in cache lines of its own.
fn state(d: usize) -> u64 {
    2 * (8 * d as u64).next_multiple_of(64) + 64
}

#[test]
fn every_derivative_under_every_storage() {
    let d = 3;
    let some = [Storage::Values, Storage::Bytes(1), Storage::Bytes(2 * state(d)), Storage::Bytes(4 * state(d))];
    for storage in some {
        for (trip, last) in trips(9, d) {
            for reverse in [false, true] {
                if reverse && matches!(trip, Trip::Until { .. }) {
                    continue;
                }
                let (p, at) = program(d, spec(d, trip.clone(), reverse, storage), last);
                check(&p, &at, Check::default());
            }
        }
    }
}

fn gradient(p: &Program) -> Program {
    let wanted: Vec<bool> = p.input_types().iter().map(|t| t.kind.is_real()).collect();
    simplify(&vjp(p, &wanted, &[true]).unwrap()).unwrap()
}

fn executed(p: &Program, at: &[AnyArray]) -> (Vec<f64>, Counts, Memory) {
    let mut e = Executor::new(Arc::new(Plan::new(p).unwrap()));
    let views: Vec<AnyView<'_>> = at.iter().map(AnyArray::view).collect();
    let mut made = vec![];
    // The second run finds what the first left behind.
    for _ in 0..2 {
        e.reset_counts();
        e.run(&views).unwrap();
        made = (0..p.outputs.len()).flat_map(|i| e.output(i).to_owned().to_f64()).collect();
    }
    (made, e.counts(), e.plan().memory())
}

/// The gradient by all but the matrix with d numbers a carry, n steps, and the storage.
fn run(d: usize, trip: Trip, last: Option<u32>, storage: Storage) -> (Vec<f64>, Counts, Memory) {
    let (p, mut at) = program(d, spec(d, trip, false, storage), last);
    at.push(array(&[], &[1.0]));
    let wanted: Vec<bool> = p.input_types().iter().map(|t| t.kind.is_real() && t.shape[..] != [d, d]).collect();
    executed(&simplify(&vjp(&p, &wanted, &[true]).unwrap()).unwrap(), &at)
}

#[test]
fn binomial_checkpoints_make_as_few_steps_again_as_there_can_be() {
    let d = 64;
    for (n, slots, t) in [(10, 3, 15), (50, 5, 122), (100, 5, 316), (100, 10, 222)] {
        let (expected, all, _) = run(d, Trip::Static(n), None, Storage::Iterates);
        let (made, counts, memory) = run(d, Trip::Static(n), None, Storage::Bytes(slots * state(d)));
        close(&made, &expected);
        assert_eq!((all.again, all.steps, counts.steps), (0, 2 * n as u64, 2 * n as u64));
        // The first sweep makes n − 1 steps to the state before the last step, which the derivative begins with.
        assert_eq!(n as u64 - 1 + counts.again, t, "t({n}, {slots})");
        // The slots, the last state, and one in passing.
        assert_eq!(memory.checkpoints, (slots + 2) * state(d));
        assert_eq!(memory.trajectory, 0);
    }
}

#[test]
fn loops_of_unknown_length_keep_their_budget() {
    let d = 64;
    let (expected, _, all) = run(d, Trip::Until { test: Arc::new(test(d)), at_most: 1000 }, None, Storage::Iterates);
    assert!(all.trajectory >= 1000 * 8 * d as u64);
    for slots in [1, 2, 3, 6, 7, 20] {
        let until = Trip::Until { test: Arc::new(test(d)), at_most: 1000 };
        let (made, counts, memory) = run(d, until, None, Storage::Bytes(slots * state(d)));
        close(&made, &expected);
        assert_eq!(memory.checkpoints, (slots + 2) * state(d));
        assert_eq!((memory.trajectory, counts.steps), (0, 14));
        assert_eq!(counts.again == 0, slots >= 7, "{slots} slots, {} again", counts.again);
    }
}

#[test]
fn a_budget_that_holds_all_states_makes_no_step_again() {
    let (n, d) = (20, 8);
    let trajectory = run(d, Trip::Static(n), None, Storage::Iterates).2.trajectory;
    let (_, counts, memory) = run(d, Trip::Static(n), None, Storage::Bytes(trajectory));
    assert_eq!((counts.again, memory.trajectory, memory.checkpoints), (0, trajectory, 0));
}

#[test]
fn several_readers_share_evenly_spaced_states() {
    let (n, d) = (60, 64);
    let second = |storage: Storage| {
        let (p, mut at) = program(d, spec(d, Trip::Static(n), false, storage), None);
        let first = gradient(&p);
        // The derivative of the gradient by x along a direction, in reverse mode: several loops read the states.
        let outputs: Vec<bool> = (0..first.outputs.len()).map(|i| i == 1).collect();
        let wanted: Vec<bool> = (0..first.inputs.len()).map(|i| i < 2).collect();
        let g = vjp(&first, &wanted, &outputs).unwrap();
        at.push(array(&[], &[1.0]));
        at.push(uniform(&f64s(&[d]), 99));
        executed(&simplify(&g).unwrap(), &at)
    };
    let (expected, all, whole) = second(Storage::Iterates);
    let (made, counts, memory) = second(Storage::Bytes(16 * state(d)));
    close(&made, &expected);
    assert_eq!(all.again, 0);
    assert!(counts.again > 0);
    assert!(memory.checkpoints <= 23 * state(d), "{memory}");
    assert!(memory.total() < whole.total(), "{memory}\n{whole}");
}

#[test]
fn forward_over_reverse_keeps_the_budget_for_both() {
    let (n, d) = (40, 64);
    let product = |storage: Storage| {
        let (p, mut at) = program(d, spec(d, Trip::Static(n), false, storage), None);
        let first = gradient(&p);
        let active: Vec<bool> = (0..first.inputs.len()).map(|i| i == 0).collect();
        let hvp = simplify(&jvp(&first, &active, &vec![true; first.outputs.len()]).unwrap()).unwrap();
        at.push(array(&[], &[1.0]));
        at.push(uniform(&f64s(&[d]), 98));
        executed(&hvp, &at)
    };
    let (expected, ..) = product(Storage::Iterates);
    let (made, counts, memory) = product(Storage::Bytes(8 * state(d)));
    close(&made, &expected);
    // A state has the tangents of both carries too: four slots.
    assert!(counts.again > 0 && memory.checkpoints <= 6 * (2 * state(d) - 64), "{memory}");
}

#[test]
fn dear_values_are_read_again_instead_of_computed() {
    let (n, d) = (12, 40);
    let (expected, again, _) = run(d, Trip::Static(n), None, Storage::Iterates);
    let (made, stored, memory) = run(d, Trip::Static(n), None, Storage::Values);
    close(&made, &expected);
    let products = |c: &Counts| c.products(Class::MatVec, None);
    assert_eq!(products(&again) - products(&stored), n as u64, "the product A x is not made twice");
    assert_eq!(memory.values, (n * d * 8) as u64);
}

fn close(a: &[f64], b: &[f64]) {
    let size = flat(&[array(&[b.len()], b)]).iter().fold(1.0_f64, |m, v| m.max(v.abs()));
    assert_eq!(a.len(), b.len());
    for (x, y) in a.iter().zip(b) {
        assert!((x - y).abs() <= 1e3 * f64::EPSILON * size, "{x} and {y}");
    }
}

/// A builder's loop in another one: what it is inside does not matter.
#[test]
fn a_loop_inside_a_loop_keeps_its_budget() {
    let d = 4;
    let (inner, _) = program(d, spec(d, Trip::Static(20), false, Storage::Bytes(3 * state(d))), None);
    let (whole, _) = program(d, spec(d, Trip::Static(20), false, Storage::Iterates), None);
    let outer = |inner: &Program| {
        let types = inner.input_types();
        let mut b = Builder::literal();
        b.input(counter());
        let carry = b.input(types[0].clone());
        let constants: Vec<Value> = types[1..].iter().map(|t| b.input(t.clone())).collect();
        let y = b.inline(inner, &[&[carry], &constants[..]].concat())[0];
        let y = b.broadcast_to(y, &[d]);
        let x = b.add(carry, y);
        let body = b.finish(&[x]).unwrap();
        let spec = ScanSpec {
            body: Arc::new(body),
            carries: 1,
            items: 0,
            constants: 3,
            stacked: 0,
            trip: Trip::Static(3),
            reverse: false,
            storage: Storage::Iterates,
        };
        build(&types, |b, v| {
            let x = b.emit(Op::new(Scan(spec)), v)[0];
            vec![b.sum_all(x)]
        })
    };
    let at: Vec<AnyArray> = inner.input_types().iter().enumerate().map(|(i, t)| uniform(t, 3 + i as u64)).collect();
    check(&outer(&inner), &at, Check::default());
    let seeded: Vec<AnyArray> = at.into_iter().chain([array(&[], &[1.0])]).collect();
    let (made, counts, _) = executed(&gradient(&outer(&inner)), &seeded);
    let (expected, all, _) = executed(&gradient(&outer(&whole)), &seeded);
    close(&made, &expected);
    assert!(counts.again > 0 && all.again == 0);
}
