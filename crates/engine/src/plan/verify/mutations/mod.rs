//! Mutations: a good plan, frame, schedule or program is broken in one way, and the check names it.
mod passes;
mod plans;

use hypertape_ir::array::{Kind, Kind::*, LeafType};
use hypertape_ir::operation::{Builder, CondSpec, Op, Program, ScanSpec, Storage, Trip, Value};
use hypertape_ir::ops::control::{Cond, Scan};
use std::sync::Arc;

const N: usize = 40;

fn program(types: &[(&[usize], Kind)], write: impl Fn(&mut Builder, &[Value]) -> Vec<Value>) -> Program {
    let mut b = Builder::literal();
    let x: Vec<Value> = types.iter().map(|(s, k)| b.input(LeafType::new(s, *k))).collect();
    let y = write(&mut b, &x);
    b.finish(&y).unwrap()
}

/// Products in a row, the first of which is read again at the end: p = W x, q = W p, r = W q, tanh(p + r), W tanh(p + r), Σ (p + r).
fn straight() -> Program {
    program(&[(&[N], F64), (&[N, N], F64)], |b, x| {
        let p = b.dot(x[1], x[0]);
        let q = b.dot(x[1], p);
        let r = b.dot(x[1], q);
        let s = b.add(p, r);
        let t = b.tanh(s);
        vec![b.dot(x[1], t), b.sum_all(s)]
    })
}

/// A loop with two carries, items, a constant and a stacked output, in whose body the old carry is read last of all.
fn looped(storage: Storage) -> Program {
    let vector = (&[N][..], F64);
    let body = program(&[(&[], U32), vector, vector, vector, (&[N, N], F64)], |b, x| {
        let p = b.dot(x[4], x[1]);
        let p = b.add(p, x[3]);
        let p = b.tanh(p);
        let q = b.dot(x[4], p);
        let q = b.mul(q, x[2]);
        let q = b.sin(q);
        let s = b.dot(x[1], q);
        vec![p, q, s]
    });
    let spec =
        ScanSpec { body: Arc::new(body), carries: 2, items: 1, constants: 1, stacked: 1, trip: Trip::Static(6), reverse: false, storage };
    let op = Op::new(Scan(spec));
    program(&[vector, vector, (&[6, N], F64), (&[N, N], F64)], |b, x| b.emit(op.clone(), x)[..3].to_vec())
}

/// A branch, on whose one side a product is read after another.
fn branched() -> Program {
    let side = |twice: bool| {
        Arc::new(program(&[(&[N], F64), (&[N, N], F64)], |b, x| {
            let p = b.dot(x[1], x[0]);
            vec![if twice { b.dot(x[1], p) } else { p }]
        }))
    };
    let op = Op::new(Cond(CondSpec { yes: side(true), no: side(false) }));
    program(&[(&[], U32), (&[N], F64), (&[N, N], F64)], |b, x| b.emit(op.clone(), x).to_vec())
}
