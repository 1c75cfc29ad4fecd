//! Arrays put together from pieces, shifted arrays and stacks of planes, read where they lie.
use super::{check, check_at, inputs, program};
use hypertape_autodiff::array::Kind::{self, *};
use hypertape_autodiff::operation::{Builder, Value};
use hypertape_autodiff::ops::difference::Edge;

#[test]
fn differences_are_shifted_reads() {
    let shapes: [&[usize]; 7] = [&[2], &[7], &[3000], &[4, 5], &[40, 70], &[3, 20, 33], &[700, 3]];
    for shape in shapes {
        for (axis, kind) in (0..shape.len()).flat_map(|a| [(a, F64), (a, F32)]) {
            for (edge, adjoint) in [(Edge::Zero, false), (Edge::Zero, true), (Edge::Periodic, false), (Edge::Periodic, true)] {
                let e = check(&[(shape, kind)], |b, x| {
                    let y = b.exp(x[0]);
                    let d = if adjoint { b.difference_adjoint(y, axis, edge) } else { b.difference(y, axis, edge) };
                    let s = b.mul(d, y);
                    // A sum of differences cancels: single precision keeps nothing of it.
                    vec![s, if kind == F64 { b.sum_all(d) } else { d }]
                });
                if shape[axis + 1..].iter().product::<usize>() * shape[axis] >= 16 || axis == 0 {
                    assert_eq!((e.counts().groups, e.counts().copies), (4, 0), "{}", e.plan());
                }
            }
        }
    }
}

#[test]
fn differences_of_other_orders_of_elements() {
    check(&[(&[30, 40], F64)], |b, x| {
        let t = b.permute(x[0], &[1, 0]);
        let d = b.difference(t, 0, Edge::Zero);
        let e = b.difference(t, 1, Edge::Periodic);
        let f = b.difference(d, 0, Edge::Zero);
        vec![d, e, b.difference_adjoint(f, 1, Edge::Zero)]
    });
}

/// One step of total-variation denoising: x, u, the image → x⁺, u⁺.
fn condat_vu(b: &mut Builder, v: &[Value]) -> Vec<Value> {
    let (x, u, image) = (v[0], v[1], v[2]);
    let shape = b.shape(x).to_vec();
    let (one, stack) = ([1, shape[0], shape[1]], [2, shape[0], shape[1]]);
    let adjoint = |b: &mut Builder, axis: usize| {
        let part = b.slice(u, &[axis, 0, 0], &[1, 1, 1], &one);
        let part = b.reshape(part, &shape);
        b.difference_adjoint(part, axis, Edge::Zero)
    };
    let (down, across) = (adjoint(b, 0), adjoint(b, 1));
    let back = b.add(down, across);
    let gap = b.sub(x, image);
    let g = b.add(gap, back);
    let step = b.scale(g, 0.25);
    let next = b.sub(x, step);
    let twice = b.scale(next, 2.0);
    let over = b.sub(twice, x);
    let parts: Vec<Value> = (0..2)
        .map(|axis| {
            let d = b.difference(over, axis, Edge::Zero);
            b.reshape(d, &one)
        })
        .collect();
    let d = b.concatenate(&parts, 0);
    let d = b.scale(d, 0.4);
    let w = b.add(u, d);
    let squares = b.mul(w, w);
    let norm = b.sum(squares, &[0]);
    let one = b.full_like(norm, 1.0);
    let norm = b.add(norm, one);
    let norm = b.sqrt(norm);
    let norm = b.broadcast(norm, &stack, &[1, 2]);
    vec![next, b.div(w, norm)]
}

#[test]
fn a_step_of_condat_vu_is_two_groups() {
    for (h, w) in [(64, 64), (30, 20), (200, 301), (5, 50)] {
        for kind in [F64, F32] {
            let e = check(&[(&[h, w], kind), (&[2, h, w], kind), (&[h, w], kind)], condat_vu);
            let c = e.counts();
            assert_eq!((c.groups, c.copies, c.kernels), (4, 0, 0), "{}", e.plan());
        }
    }
}

#[test]
fn pieces_are_read_where_they_lie() {
    let part = |shape: &[usize], axis: usize, n: usize| {
        let mut s = shape.to_vec();
        s[axis] = n;
        s
    };
    for shape in [vec![40], vec![6, 30], vec![3, 4, 50], vec![2, 3], vec![1, 900]] {
        for axis in 0..shape.len() {
            let (a, c) = (part(&shape, axis, 3), part(&shape, axis, 1));
            check(&[(&shape, F64), (&a, F64), (&c, F64)], |b, x| {
                let e = b.exp(x[1]);
                let j = b.concatenate(&[e, x[0], x[2], x[0]], axis);
                let y = b.sin(j);
                let z = b.mul(y, j);
                // Read as it is, in another order, and by something that needs memory.
                let shape = b.shape(j).to_vec();
                let f = b.flip(j, &[axis]);
                let s = b.sum(j, &[axis]);
                let back = b.slice(z, &vec![0; shape.len()], &vec![1; shape.len()], &shape);
                vec![z, f, s, b.add(back, f), j]
            });
        }
    }
}

#[test]
fn outputs_are_written_piece_by_piece() {
    let e = check(&[(&[20, 30], F64), (&[10, 30], F64)], |b, x| {
        let (p, q) = (b.exp(x[0]), b.sin(x[1]));
        let s = b.sum(p, &[0]);
        vec![b.concatenate(&[q, p], 0), s]
    });
    assert_eq!(e.counts().copies, 0, "{}", e.plan());
    // One piece twice, an input, a piece that is an output of its own: some are copied.
    check(&[(&[20, 30], F64)], |b, x| {
        let p = b.exp(x[0]);
        let twice = b.concatenate(&[p, p], 0);
        vec![twice, p, b.concatenate(&[p, x[0]], 0), twice]
    });
}

#[test]
fn stacks_are_taken_apart() {
    for (m, kind) in [(2, F64), (3, F32), (4, F64), (5, F64)] {
        let shape = [m, 8, 9];
        let types: [(&[usize], Kind); 3] = [(&shape, kind), (&[8, 9], kind), (&[m, 9], kind)];
        let p = program(&types, |b, x| {
            let over = b.broadcast(x[1], &shape, &[1, 2]);
            let other = b.broadcast(x[2], &shape, &[0, 2]);
            let y = b.mul(x[0], over);
            let z = b.add(y, other);
            let half = b.full_like(z, 0.5);
            let z = b.mul(z, half);
            let s = b.sum(z, &[0]);
            let all = b.sum_all(z);
            let rows = b.sum(z, &[2]);
            let t = b.permute(z, &[1, 0, 2]);
            let middle = b.slice(z, &[1, 7, 0], &[1, -2, 3], &[1, 4, 3]);
            let none = b.slice(z, &[1, 0, 0], &[1, 1, 1], &[1, 0, 9]);
            vec![s, all, rows, t, middle, none, z]
        });
        check_at(&p, &inputs(&p, 5));
    }
}
