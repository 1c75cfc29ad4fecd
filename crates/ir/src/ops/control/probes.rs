//! Small loops and branches for tests: every kind of trip, both directions, integer carries, a branch of either outcome.
use super::{Cond, Scan};
use crate::array::{AnyArray, Kind, LeafType};
use crate::operation::{Builder, CondSpec, Probe, Probed, Program, ScanSpec, Trip, Value};
use std::sync::Arc;

/// A program with inputs of these types, made by `f`.
fn program(types: &[LeafType], f: impl FnOnce(&mut Builder, &[Value]) -> Vec<Value>) -> Option<Arc<Program>> {
    let mut b = Builder::new();
    let x = b.inputs(types);
    let y = f(&mut b, &x);
    b.finish(&y).ok().map(Arc::new)
}

const INDEX: &[usize] = &[];

/// x ← tanh(a·x + u)/2 + x², n ← n + counter, with output sin(x)·Σu: carries x and an index n, items u, constants a.
fn body(kind: Kind) -> Option<Arc<Program>> {
    let index = LeafType::new(INDEX, Kind::U32);
    let vector = LeafType::new(&[2], kind);
    program(&[index.clone(), vector.clone(), index, vector.clone(), vector], |b, v| {
        let (counter, x, n, u, a) = (v[0], v[1], v[2], v[3], v[4]);
        let s = b.mul(a, x);
        let s = b.add(s, u);
        let s = b.tanh(s);
        let s = b.scale(s, 0.5);
        let q = b.square(x);
        let next = b.add(s, q);
        let total = b.sum(u, &[0]);
        let total = b.broadcast(total, &[2], &[]);
        let y = b.sin(x);
        let y = b.mul(y, total);
        let n = b.add(n, counter);
        vec![next, n, y]
    })
}

/// Stops once Σx² < 0.3.
fn test(kind: Kind) -> Option<Arc<Program>> {
    let vector = LeafType::new(&[2], kind);
    program(&[vector.clone(), LeafType::new(INDEX, Kind::U32), vector], |b, v| {
        let q = b.square(v[0]);
        let q = b.sum(q, &[0]);
        let bound = b.full_like(q, 0.3);
        vec![b.less(q, bound)]
    })
}

impl Probed for Scan {
    fn probes(kind: Kind) -> Vec<Probe> {
        let make = |trip: Trip, reverse: bool, count: Option<u32>| -> Option<Probe> {
            let steps = trip.at_most();
            let spec = ScanSpec {
                body: body(kind)?,
                carries: 2,
                items: 1,
                constants: 1,
                stacked: 1,
                trip,
                reverse,
                storage: crate::operation::Storage::Iterates,
            };
            let mut inputs: Vec<AnyArray> = vec![
                Probe::array(&[2], kind, 1),
                Probe::indices(&[], &[3]),
                Probe::array(&[steps, 2], kind, 2),
                Probe::array(&[2], kind, 3),
            ];
            inputs.extend(count.map(|n| Probe::indices(&[], &[n])));
            Some(Probe::new(Scan(spec), inputs).within(0.25).growing(8.0))
        };
        let until = || test(kind).map(|test| Trip::Until { test, at_most: 6 });
        [
            make(Trip::Static(4), false, None),
            make(Trip::Static(4), true, None),
            make(Trip::Static(1), false, None),
            make(Trip::Static(0), false, None),
            make(Trip::Counted(5), false, Some(3)),
            make(Trip::Counted(5), true, Some(3)),
            make(Trip::Counted(3), false, Some(0)),
            until().and_then(|trip| make(trip, false, None)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl Probed for Cond {
    fn probes(kind: Kind) -> Vec<Probe> {
        let types = [LeafType::new(&[2], kind), LeafType::new(&[2], kind)];
        let yes = program(&types, |b, v| {
            let p = b.mul(v[0], v[1]);
            vec![b.sin(p), v[0]]
        });
        let no = program(&types, |b, v| {
            let e = b.exp(v[1]);
            let half = b.full_like(e, 0.5);
            vec![b.mul(e, v[1]), half]
        });
        let (Some(yes), Some(no)) = (yes, no) else { return vec![] };
        let make = |test: AnyArray| {
            let spec = CondSpec { yes: yes.clone(), no: no.clone() };
            Probe::new(Cond(spec), vec![test, Probe::array(&[2], kind, 1), Probe::array(&[2], kind, 2)])
        };
        let number = |v: f64| AnyArray::full(&LeafType::new(&[], kind), v);
        vec![make(Probe::indices(&[], &[1])), make(Probe::indices(&[], &[0])), make(number(-2.0))]
    }
}
