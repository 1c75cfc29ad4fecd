//! Loops and branches: values and all derivatives of every kind of trip, direction and nesting.

use crate::support::derivatives::{Check, check};
use crate::support::{array, build, f64s, index, number, run, uniform};
use hypertape_autodiff::array::{AnyArray, Kind, LeafType};
use hypertape_autodiff::operation::{Builder, CondSpec, Op, Program, ScanSpec, Storage, Trip, Value};
use hypertape_autodiff::ops::control::{Cond, Scan};
use hypertape_autodiff::transform::{jvp, linearize, vjp};
use hypertape_testkit::differences;
use std::sync::Arc;

fn counter() -> LeafType {
    LeafType::new(&[], Kind::U32)
}

/// x ← tanh(a·x + u) + 0.1 x² with output sin(x)·Σu.
fn body() -> Program {
    build(&[counter(), f64s(&[3]), f64s(&[3]), f64s(&[3])], |b, v| {
        let (x, u, a) = (v[1], v[2], v[3]);
        let ax = b.mul(a, x);
        let s = b.add(ax, u);
        let t = b.tanh(s);
        let q = b.mul(x, x);
        let q = b.scale(q, 0.1);
        let next = b.add(t, q);
        let total = b.sum_all(u);
        let total = b.broadcast(total, &[3], &[]);
        let sin = b.sin(x);
        let y = b.mul(sin, total);
        vec![next, y]
    })
}

/// Stops once Σx² is over a.
fn test() -> Program {
    build(&[f64s(&[3]), f64s(&[3])], |b, v| {
        let q = b.mul(v[0], v[0]);
        let q = b.sum_all(q);
        let a = b.sum_all(v[1]);
        vec![b.less(a, q)]
    })
}

fn spec(trip: Trip, reverse: bool) -> ScanSpec {
    ScanSpec { body: Arc::new(body()), carries: 1, items: 1, constants: 1, stacked: 1, trip, reverse, storage: Storage::Iterates }
}

fn program(spec: ScanSpec) -> (Program, Vec<AnyArray>) {
    let n = spec.trip.at_most();
    let counted = matches!(spec.trip, Trip::Counted(_));
    let mut types = vec![f64s(&[3]), f64s(&[n, 3]), f64s(&[3])];
    let mut at: Vec<AnyArray> = types.iter().enumerate().map(|(i, t)| uniform(t, 7 + i as u64)).collect();
    if counted {
        types.push(counter());
        at.push(index(n as u32 - 2));
    }
    (build(&types, |b, v| b.emit(Op::new(Scan(spec)), v).to_vec()), at)
}

#[test]
fn a_loop_of_a_fixed_number_of_steps() {
    for (steps, reverse) in [(5, false), (5, true), (1, false), (0, false)] {
        let (p, at) = program(spec(Trip::Static(steps), reverse));
        check(&p, &at, Check::default());
    }
}

#[test]
fn a_counted_loop() {
    for reverse in [false, true] {
        let (p, at) = program(spec(Trip::Counted(5), reverse));
        check(&p, &at, Check::default());
        let mut at = at;
        at[3] = index(0);
        check(&p, &at, Check::default());
    }
}

fn until() -> (Program, Vec<AnyArray>) {
    let (p, mut at) = program(spec(Trip::Until { test: Arc::new(test()), at_most: 6 }, false));
    at[2] = array(&[3], &[0.5, 0.4, 0.3]);
    at[0] = array(&[3], &[0.1, 0.2, -0.1]);
    (p, at)
}

#[test]
fn a_loop_that_stops() {
    let (p, at) = until();
    let count = run(&p, &at)[3].to_f64()[0];
    assert!(count > 1.0 && count < 6.0, "{count}");
    check(&p, &at, Check::default());
    // At most as many steps as items.
    let mut long = at.clone();
    long[2] = array(&[3], &[1.5, 1.4, 1.3]);
    long[1] = array(&[6, 3], &[0.0; 18]);
    assert_eq!(run(&p, &long)[3].to_f64(), [6.0]);
    check(&p, &long, Check::default());
    // Stops before the first step.
    let mut short = at;
    short[2] = array(&[3], &[-0.5, -0.4, -0.3]);
    assert_eq!(run(&p, &short)[3].to_f64(), [0.0]);
    check(&p, &short, Check::default());
}

#[test]
fn rows_beyond_the_count_are_zero() {
    let (p, at) = until();
    let out = run(&p, &at);
    let count = out[3].to_f64()[0] as usize;
    for k in [1, 2] {
        let v = out[k].to_f64();
        assert!(v[..3 * count].iter().all(|v| *v != 0.0) && v[3 * count..].iter().all(|v| *v == 0.0));
    }
}

#[test]
fn a_loop_of_loops() {
    // Outer: carry x, items u of shape [4, 3]; the inner one runs over u with the carry.
    for (trip, reverse) in [(Trip::Static(4), false), (Trip::Static(4), true), (Trip::Until { test: Arc::new(test()), at_most: 4 }, false)]
    {
        let inner = spec(trip, reverse);
        let outer = build(&[counter(), f64s(&[3]), f64s(&[4, 3]), f64s(&[3])], |b, v| {
            let out = b.emit(Op::new(Scan(inner)), &v[1..]);
            let y = b.sum(out[2], &[0]);
            let s = b.sum(out[1], &[0]);
            let s = b.scale(s, 0.3);
            vec![b.add(out[0], s), y]
        });
        let outer = ScanSpec {
            body: Arc::new(outer),
            carries: 1,
            items: 1,
            constants: 1,
            stacked: 1,
            trip: Trip::Static(3),
            reverse,
            storage: Storage::Iterates,
        };
        let types = [f64s(&[3]), f64s(&[3, 4, 3]), f64s(&[3])];
        let p = build(&types, |b, v| b.emit(Op::new(Scan(outer)), v).to_vec());
        let at = [uniform(&types[0], 1), uniform(&types[1], 2), array(&[3], &[0.5, 0.4, 0.3])];
        check(&p, &at, Check::default());
    }
}

#[test]
fn a_loop_that_finds_a_root() {
    // Newton for x² = a until |x² − a| is small: dx/da = 1/(2x).
    let body = build(&[counter(), f64s(&[]), f64s(&[])], |b, v| {
        let q = b.div(v[2], v[1]);
        let s = b.add(v[1], q);
        vec![b.scale(s, 0.5)]
    });
    let test = build(&[f64s(&[]), f64s(&[])], |b, v| {
        let q = b.mul(v[0], v[0]);
        let r = b.sub(q, v[1]);
        let r = b.abs(r);
        let tolerance = b.full_like(r, 1e-6);
        vec![b.less(r, tolerance)]
    });
    let trip = Trip::Until { test: Arc::new(test), at_most: 30 };
    let spec =
        ScanSpec { body: Arc::new(body), carries: 1, items: 0, constants: 1, stacked: 0, trip, reverse: false, storage: Storage::Iterates };
    let p = build(&[f64s(&[]), f64s(&[])], |b, v| vec![b.emit(Op::new(Scan(spec)), v)[0]]);
    check(&p, &[number(1.0), number(2.0)], Check { roughness: 1e5, ..Check::default() });
}

#[test]
fn a_loop_with_integer_carries_and_no_derivative_through_some() {
    // Carries: x, a count of steps (u32), y that never meets x; constants: a, b unused.
    let body = build(&[counter(), f64s(&[2]), counter(), f64s(&[]), f64s(&[2]), f64s(&[])], |b, v| {
        let k = b.cast(v[0], Kind::F64);
        let n = b.cast(v[2], Kind::F64);
        let k = b.add(k, n);
        let k = b.broadcast(k, &[2], &[]);
        let s = b.mul(v[4], v[1]);
        let s = b.sin(s);
        let x = b.mul(s, k);
        let x = b.sub(v[1], x);
        let one = b.full_like(v[2], 1.0);
        let n = b.add(v[2], one);
        let y = b.cos(v[3]);
        vec![x, n, y, v[2], y]
    });
    let spec = ScanSpec {
        body: Arc::new(body),
        carries: 3,
        items: 0,
        constants: 2,
        stacked: 2,
        trip: Trip::Static(4),
        reverse: false,
        storage: Storage::Iterates,
    };
    let types = [f64s(&[2]), counter(), f64s(&[]), f64s(&[2]), f64s(&[])];
    let p = build(&types, |b, v| b.emit(Op::new(Scan(spec)), v).to_vec());
    let at = [array(&[2], &[0.3, -0.2]), index(2), number(0.4), array(&[2], &[0.2, 0.7]), number(0.1)];
    check(&p, &at, Check { growth: 1e3, roughness: 1e6, ..Check::default() });
}

fn branch(b: &mut Builder, test: Value, x: Value, a: Value) -> Vec<Value> {
    let types = [b.type_of(x).clone(), b.type_of(a).clone()];
    let yes = build(&types, |b, v| {
        let q = b.mul(v[0], v[1]);
        vec![b.sin(q), v[0]]
    });
    let no = build(&types, |b, v| {
        let e = b.exp(v[1]);
        let s = b.mul(e, v[1]);
        let zero = b.full_like(s, 0.5);
        vec![s, zero]
    });
    b.emit(Op::new(Cond(CondSpec { yes: Arc::new(yes), no: Arc::new(no) })), &[test, x, a]).to_vec()
}

#[test]
fn a_branch() {
    let types = [f64s(&[]), f64s(&[3]), f64s(&[3])];
    let p = build(&types, |b, v| branch(b, v[0], v[1], v[2]));
    for test in [0.0, 1.0, -2.0] {
        let at = [number(test), uniform(&types[1], 1), uniform(&types[2], 2)];
        // Differences move the test; a branch jumps there.
        let fixed = build(&types[1..], |b, v| {
            let t = b.constant(number(test).into());
            branch(b, t, v[0], v[1])
        });
        check(&fixed, &at[1..], Check::default());
        assert_eq!(run(&p, &at), run(&fixed, &at[1..]));
    }
}

#[test]
fn a_branch_in_a_loop() {
    let body = build(&[counter(), f64s(&[3]), f64s(&[3])], |b, v| {
        let k = b.cast(v[0], Kind::F64);
        let two = b.full_like(k, 2.0);
        let odd = b.rem(k, two);
        let out = branch(b, odd, v[1], v[2]);
        let s = b.scale(out[1], 0.5);
        vec![b.add(out[0], s)]
    });
    let spec = ScanSpec {
        body: Arc::new(body),
        carries: 1,
        items: 0,
        constants: 1,
        stacked: 0,
        trip: Trip::Static(5),
        reverse: false,
        storage: Storage::Iterates,
    };
    let types = [f64s(&[3]), f64s(&[3])];
    let p = build(&types, |b, v| b.emit(Op::new(Scan(spec)), v).to_vec());
    check(&p, &[uniform(&types[0], 1), uniform(&types[1], 2)], Check::default());
}

#[test]
fn a_loop_in_a_branch() {
    let body = spec(Trip::Static(4), false);
    let types = [f64s(&[3]), f64s(&[4, 3]), f64s(&[3])];
    let yes = build(&types, |b, v| b.emit(Op::new(Scan(body)), v)[..2].to_vec());
    let no = build(&types, |b, v| vec![b.sin(v[0]), v[1]]);
    for test in [0.0, 1.0] {
        let cond = Cond(CondSpec { yes: Arc::new(yes.clone()), no: Arc::new(no.clone()) });
        let p = build(&types, |b, v| {
            let t = b.constant(number(test).into());
            b.emit(Op::new(cond), &[t, v[0], v[1], v[2]]).to_vec()
        });
        let at: Vec<AnyArray> = types.iter().enumerate().map(|(i, t)| uniform(t, i as u64)).collect();
        check(&p, &at, Check::default());
    }
}

#[test]
fn third_derivatives_of_a_loop() {
    // g(a) = Σ of everything the loop makes; third derivative along (v, v, v) against differences of the second.
    for trip in [Trip::Static(4), Trip::Until { test: Arc::new(test()), at_most: 4 }, Trip::Counted(4)] {
        let (p, mut at) = program(spec(trip, false));
        at[2] = array(&[3], &[0.5, 0.4, 0.3]);
        let n = at.len();
        let only_a = |extra: usize| -> Vec<bool> { (0..n + extra).map(|i| i == 2).collect() };
        let v = uniform(&f64s(&[3]), 5);
        let scalar = build(&p.input_types(), |b, x| {
            let y = b.inline(&p, x);
            let parts: Vec<Value> = y[..3].iter().map(|y| b.sum_all(*y)).collect();
            let s = b.add(parts[0], parts[1]);
            vec![b.add(s, parts[2])]
        });
        let gradient = vjp(&scalar, &only_a(0), &[true]).unwrap();
        let hessian = jvp(&gradient, &only_a(1), &[false, true]).unwrap();
        let third = jvp(&hessian, &only_a(2), &[false, false, true]).unwrap();
        let mixed = vjp(&hessian, &only_a(2), &[false, false, true]).unwrap();
        let given = |a: &AnyArray, more: &[&AnyArray]| -> Vec<AnyArray> {
            let mut g = at.clone();
            g[2] = a.clone();
            g.push(number(1.0));
            g.extend(more.iter().map(|m| (*m).clone()));
            g
        };
        let found = run(&third, &given(&at[2], &[&v, &v])).pop().unwrap();
        let expected =
            differences::jvp(|a| run(&hessian, &given(&array(&[3], a), &[&v])).pop().unwrap().to_f64(), &at[2].to_f64(), &v.to_f64());
        let tolerance = differences::tolerance(100, 1.0 + crate::support::largest(std::slice::from_ref(&found)), differences::STEP);
        differences::assert_close("third derivative", &found.to_f64(), &expected, tolerance * 100.0);
        let w = uniform(&f64s(&[3]), 6);
        let back = run(&mixed, &given(&at[2], &[&v, &w])).pop().unwrap();
        let (a, b) = (crate::support::inner(&[w], &[found]).0, crate::support::inner(&[v], &[back]).0);
        differences::assert_close("reverse over third", &[a], &[b], differences::rounding(1000, 1.0 + a.abs()));
    }
}

/// The linear part of a loop's derivative runs what is linear, and nothing else: the rest ran once per point.
#[test]
fn linearize_divides_loops() {
    let nested = build(&[counter(), f64s(&[3]), f64s(&[4, 3]), f64s(&[3])], |b, v| {
        let out = b.emit(Op::new(Scan(spec(Trip::Static(4), false))), &v[1..]);
        let y = b.sum(out[1], &[0]);
        vec![out[0], y]
    });
    let nested = ScanSpec { body: Arc::new(nested), trip: Trip::Static(5), ..spec(Trip::Static(5), false) };
    let stopping = spec(Trip::Until { test: Arc::new(test()), at_most: 5 }, false);
    for (spec, items) in [
        (spec(Trip::Static(5), false), f64s(&[5, 3])),
        (spec(Trip::Counted(5), true), f64s(&[5, 3])),
        (stopping, f64s(&[5, 3])),
        (nested, f64s(&[5, 4, 3])),
    ] {
        let mut types = vec![f64s(&[3]), items, f64s(&[3])];
        types.extend(matches!(spec.trip, Trip::Counted(_)).then(counter));
        let p = build(&types, |b, v| b.emit(Op::new(Scan(spec)), v).to_vec());
        let active: Vec<bool> = types.iter().map(|t| t.kind.is_real()).collect();
        let parts = linearize(&p, &active, &[true, true, true, false]).unwrap();
        let listing = parts.linear.to_string();
        assert!(listing.contains("scan"), "{listing}");
        for name in ["tanh", "sin", "cos", "less", "until"] {
            assert!(!listing.contains(name), "`{name}` in\n{listing}");
        }
    }
}
