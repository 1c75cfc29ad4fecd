//! Carries that are written where they are read, and carries that must not be.
use super::{check, program};
use hypertape_autodiff::array::Kind::*;
use hypertape_autodiff::operation::{Builder, Op, ScanSpec, Storage, Trip, Value};
use hypertape_autodiff::ops::control::Scan;
use std::sync::Arc;

const N: usize = 1000;
const STEPS: usize = 5;

/// A loop over carries of N numbers; the body gets them and gives their next values. Bytes of workspace, with the result checked.
fn workspace(carries: usize, next: impl Fn(&mut Builder, &[Value]) -> Vec<Value>) -> u64 {
    let vector = (&[N][..], F64);
    let types: Vec<_> = [(&[][..], U32)].into_iter().chain((0..carries).map(|_| vector)).collect();
    let spec = ScanSpec {
        body: Arc::new(program(&types, |b, x| next(b, &x[1..]))),
        carries,
        items: 0,
        constants: 0,
        stacked: 0,
        trip: Trip::Static(STEPS),
        reverse: false,
        storage: Storage::Iterates,
    };
    let op = Op::new(Scan(spec));
    let e = check(&types[1..], |b, x| b.emit(op.clone(), x)[..carries].to_vec());
    e.plan().memory().workspace
}

const BYTES: u64 = 8 * N as u64;

fn step(b: &mut Builder, x: Value, by: Value) -> Value {
    let s = b.scale(by, 0.1);
    let s = b.add(x, s);
    b.sin(s)
}

#[test]
fn index_by_index() {
    let one = workspace(1, |b, x| vec![step(b, x[0], x[0])]);
    assert!(one < BYTES, "no second buffer: {one}");
    let two = workspace(2, |b, x| vec![step(b, x[0], x[1]), step(b, x[1], x[0])]);
    assert!(two < BYTES, "both are read before either is written: {two}");
}

#[test]
fn read_again_after_it_is_made() {
    // The new x is there before the last reading of the old one, or after it, or made by the instruction that reads it last.
    for shared in [false, true] {
        let two = workspace(2, |b, x| {
            let (s, c) = (b.sin(x[1]), b.cos(x[0]));
            let p = b.mul(s, c);
            let q = if shared { b.add(x[0], p) } else { b.mul(p, p) };
            let last = b.sub(if shared { p } else { x[0] }, q);
            vec![q, last]
        });
        assert!(two < BYTES, "shared: {shared}, {two}");
    }
}

#[test]
fn halves_of_a_carry() {
    // Each half is read at the index at which it is written, whichever half is written there.
    for exchanged in [false, true] {
        let bytes = workspace(1, |b, x| {
            let [p, q] = [0, N / 2].map(|from| b.slice(x[0], &[from], &[1], &[N / 2]));
            let mut halves = [step(b, p, q), step(b, q, p)];
            if exchanged {
                halves.reverse();
            }
            vec![b.concatenate(&halves, 0)]
        });
        assert!(bytes < BYTES, "exchanged: {exchanged}, {bytes}");
    }
    let turned = workspace(1, |b, x| {
        let (low, high) = (b.slice(x[0], &[0], &[1], &[1]), b.slice(x[0], &[1], &[1], &[N - 1]));
        let other = b.concatenate(&[high, low], 0);
        vec![step(b, other, x[0])]
    });
    assert!(turned >= BYTES, "each is read beside where it is written: {turned}");
}

#[test]
fn not_what_is_read_elsewhere() {
    let flipped = workspace(1, |b, x| {
        let other = b.flip(x[0], &[0]);
        vec![step(b, x[0], other)]
    });
    assert!(flipped >= BYTES, "the other end is read later: {flipped}");
    // The sum of the first is wanted by the second, whose flipped self the first wants.
    workspace(2, |b, x| {
        let (sum, other) = (b.sum_all(x[0]), b.flip(x[1], &[0]));
        let sum = b.broadcast_to(sum, &[N]);
        vec![step(b, x[0], other), step(b, x[1], sum)]
    });
    // Carries that stay or change places.
    workspace(3, |b, x| vec![x[1], x[0], step(b, x[2], x[0])]);
}
