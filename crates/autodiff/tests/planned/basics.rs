//! Straight-line programs: views, groups, folds, products, element types, empty arrays, hazards of reuse.
use super::{check, check_at, program};
use hypertape_autodiff::array::{AnyArray, AnyView, Kind::*, LeafType, Shared};
use hypertape_autodiff::execute::Executor;
use hypertape_autodiff::operation::{Contraction, Part};
use hypertape_autodiff::plan::Plan;
use ndarray::{Array, Axis, Slice};
use std::sync::Arc;

#[test]
fn chains_of_elementwise_operations() {
    for n in [0, 1, 2, 17, 300, 1000, 5000] {
        let e = check(&[(&[n], F64), (&[n], F64)], |b, x| {
            let s = b.mul(x[0], x[1]);
            let e = b.exp(s);
            let one = b.full_like(e, 1.0);
            let f = b.add(e, one);
            let g = b.div(x[0], f);
            let h = b.sub(one, g);
            vec![h, e]
        });
        assert!(e.counts().groups <= 2, "one group");
    }
}

#[test]
fn numbers() {
    check(&[(&[], F64), (&[], F64)], |b, x| {
        let s = b.add(x[0], x[1]);
        let p = b.mul(s, x[0]);
        let q = b.sin(p);
        vec![q, s, x[0]]
    });
}

#[test]
fn outputs_that_are_inputs_constants_and_repeated() {
    check(&[(&[3, 2], F64)], |b, x| {
        let c = b.constant(Shared::from(AnyArray::F64(Array::from_elem(vec![2, 2], 3.0))));
        let f = b.full(&LeafType::new(&[4], F32), 2.5);
        let y = b.neg(x[0]);
        let t = b.permute(y, &[1, 0]);
        vec![x[0], x[0], c, f, y, y, t]
    });
}

#[test]
fn views_of_views() {
    check(&[(&[4, 6], F64), (&[6], F64)], |b, x| {
        let t = b.permute(x[0], &[1, 0]);
        let s = b.slice(t, &[5, 0], &[-2, 3], &[3, 2]);
        let r = b.reshape(t, &[3, 8]);
        let f = b.flip(r, &[0, 1]);
        let square = b.slice(x[0], &[0, 1], &[1, 1], &[4, 4]);
        let d = b.diagonal(square);
        let w = b.broadcast(x[1], &[2, 6, 4], &[1]);
        let e = b.exp(w);
        let tw = b.permute(e, &[2, 0, 1]);
        let g = b.add(tw, tw);
        vec![s, r, f, d, g]
    });
}

#[test]
fn what_is_read_otherwise_is_not_overwritten() {
    for n in [1, 3, 40, 300] {
        check(&[(&[n, n], F64)], |b, x| {
            // A value plus its transpose, which is the last reader of both.
            let y = b.exp(x[0]);
            let t = b.permute(y, &[1, 0]);
            let z = b.add(y, t);
            // y = x, and a function of x, with both alive.
            let w = b.sin(z);
            let v = b.stop_gradient(w);
            let u = b.mul(v, w);
            // Reversed in place.
            let p = b.cos(u);
            let q = b.flip(p, &[0]);
            let r = b.sub(p, q);
            let o = b.neg(r);
            vec![o, v]
        });
    }
}

#[test]
fn folds() {
    for shape in [[3, 4, 5], [1, 7, 1], [40, 30, 20], [2, 1, 900], [600, 2, 2]] {
        for axes in [vec![0], vec![1], vec![2], vec![0, 1], vec![1, 2], vec![0, 2], vec![0, 1, 2]] {
            check(&[(&shape, F64)], |b, x| {
                let e = b.exp(x[0]);
                let s = b.sum(e, &axes);
                let t = b.sum(x[0], &axes);
                let back = b.unsum(s, &shape, &axes);
                let d = b.div(e, back);
                vec![s, t, d]
            });
        }
    }
}

#[test]
fn folds_of_big_arrays_are_split() {
    check(&[(&[1 << 20], F64)], |b, x| {
        let e = b.exp(x[0]);
        let s = b.sum_all(e);
        let q = b.mul(x[0], x[0]);
        let t = b.sum_all(q);
        vec![s, t, e]
    });
    check(&[(&[700, 1000], F64), (&[1000], F64)], |b, x| {
        let w = b.broadcast(x[1], &[700, 1000], &[1]);
        let p = b.sub(x[0], w);
        let e = b.exp(p);
        let rows = b.sum(e, &[1]);
        let columns = b.sum(e, &[0]);
        vec![rows, columns]
    });
}

#[test]
fn softmax_with_views_between() {
    check(&[(&[20, 10], F64), (&[20, 10], F64)], |b, x| {
        let e = b.exp(x[0]);
        let s = b.sum(e, &[1]);
        let s = b.unsum(s, &[20, 10], &[1]);
        let p = b.div(e, s);
        let d = b.sub(p, x[1]);
        let t = b.permute(d, &[1, 0]);
        let q = b.mul(t, t);
        let l = b.sum_all(q);
        vec![p, l]
    });
}

#[test]
fn products() {
    let k = |batch: &[(usize, usize)], sum: &[(usize, usize)]| Contraction { batch: batch.into(), sum: sum.into() };
    for kind in [F64, F32] {
        check(&[(&[30, 20], kind), (&[20], kind), (&[30], kind), (&[20, 7], kind)], |b, x| {
            let xv = b.dot(x[0], x[1]);
            let e = b.exp(xv);
            let xt = b.permute(x[0], &[1, 0]);
            let g = b.dot(xt, e);
            let m = b.dot(x[0], x[3]);
            let o = b.contract(x[2], x[1], k(&[], &[]));
            let s = b.add(x[0], o);
            let d = b.dot(x[1], g);
            let r = b.contract(x[0], s, k(&[(0, 0)], &[(1, 1)]));
            let t = b.contract(x[0], m, k(&[], &[(0, 0)]));
            vec![xv, g, m, s, d, r, t]
        });
        check(&[(&[5, 4, 3], kind), (&[5, 3, 2], kind)], |b, x| {
            let y = b.contract(x[0], x[1], k(&[(0, 0)], &[(2, 1)]));
            let z = b.contract(x[0], x[0], k(&[(1, 1)], &[(0, 0), (2, 2)]));
            vec![y, z]
        });
        check(&[(&[3, 0], kind), (&[0], kind)], |b, x| vec![b.dot(x[0], x[1]), b.sum_all(x[1]), b.exp(x[1])]);
    }
}

#[test]
fn element_types_mix() {
    check(&[(&[50], F32), (&[50], U32), (&[50], F64)], |b, x| {
        let i = b.cast(x[1], F32);
        let p = b.mul(i, x[0]);
        let d = b.cast(p, F64);
        let q = b.add(d, x[2]);
        let ten = b.full_like(q, 10.0);
        let m = b.mul(q, ten);
        let m = b.abs(m);
        let k = b.cast(m, U32);
        let back = b.cast(k, F64);
        let single = b.cast(back, F32);
        let s = b.sum_all(p);
        let two = b.add(x[1], x[1]);
        vec![p, d, q, k, back, single, s, two]
    });
    // In place between elements of the same size.
    check(&[(&[50], F32)], |b, x| {
        let a = b.exp(x[0]);
        let i = b.cast(a, U32);
        let f = b.cast(i, F32);
        let s = b.sum_all(f);
        let s = b.broadcast_to(s, &[50]);
        vec![b.mul(f, s)]
    });
}

#[test]
fn parts_are_placed() {
    check(&[(&[3, 4], F64), (&[4, 3], F64)], |b, x| {
        let t = b.permute(x[1], &[1, 0]);
        let part = |s: [usize; 2], p: [usize; 2]| Part { start: s.as_slice().into(), step: p.as_slice().into() };
        let p = b.place(&[8, 9], &[(x[0], part([0, 0], [1, 1])), (t, part([3, 1], [2, 2]))]);
        let c = b.concatenate(&[x[0], t, x[0]], 0);
        let square = b.slice(x[0], &[0, 0], &[1, 1], &[3, 3]);
        let d = b.diagonal(square);
        let m = b.diagonal_matrix(d);
        vec![p, c, m]
    });
}

#[test]
fn constants_of_any_strides() {
    let mut a = Array::from_shape_fn((6, 4), |(i, j)| (10 * i + j) as f64);
    a.swap_axes(0, 1);
    a.invert_axis(Axis(0));
    a.slice_axis_inplace(Axis(1), Slice::new(0, None, 2));
    let shared = Shared::F64(a.into_dyn().into_shared());
    check(&[(&[4, 3], F64), (&[3], F64)], |b, x| {
        let c = b.constant(shared.clone());
        let d = b.dot(c, x[1]);
        let s = b.sum(c, &[0]);
        vec![b.add(c, x[0]), c, d, s]
    });
}

/// Operations that read rows in order get one copy, made with the plan: nothing of it is done at a run.
#[test]
fn constants_in_another_order_are_copied_once() {
    let a = Array::from_shape_fn((4, 6), |(i, j)| (10 * i + j) as f64);
    let mut turned = a.clone().reversed_axes();
    turned.invert_axis(Axis(1));
    let gaps = a.slice(ndarray::s![.., ..;2]).to_shared().slice(ndarray::s![..;-1, ..2]).to_shared();
    let columns = Array::from_shape_fn((6, 5), |(i, j)| (7 * i + j) as f64).into_shared().slice_move(ndarray::s![.., 1..4]);
    for (c, copied) in
        [(turned.into_shared().into_dyn(), 24 * 8), (gaps.into_dyn(), 0), (columns.into_dyn(), 0), (a.into_shared().into_dyn(), 0)]
    {
        let (rows, c) = (c.shape()[0], Shared::F64(c));
        let row = c.leaf_type().shape[1];
        let e = check(&[(&[row], F64)], |b, x| {
            let c = b.constant(c.clone());
            let i = b.constant(Shared::U32(Array::from_shape_fn(3, |k| ((k * 2 + 1) % rows) as u32).into_dyn().into_shared()));
            let taken = b.take(c, i, 0);
            let again = b.take(c, i, 0);
            let both = b.add(taken, again);
            vec![both, b.dot(c, x[0])]
        });
        let m = e.plan().memory();
        if copied > 0 {
            assert_eq!(m.ordered, copied, "{m}");
            assert!(m.total() >= copied && e.plan().to_string().contains("ordered copies"), "{m}");
        }
    }
}

#[test]
fn inputs_of_any_strides() {
    let p = program(&[(&[4, 3], F64)], |b, x| vec![b.neg(x[0])]);
    let mut e = Executor::new(Arc::new(Plan::new(&p).unwrap()));
    let a = Array::from_shape_fn((3, 8), |(i, j)| (i + 10 * j) as f64);
    let view = a.slice(ndarray::s![.., ..;-2]).reversed_axes();
    for _ in 0..2 {
        e.run(&[AnyView::F64(view.view().into_dyn())]).unwrap();
        assert_eq!(e.output(0).to_owned().to_f64(), view.iter().map(|v| -v).collect::<Vec<_>>());
    }
    assert_eq!(e.memory().door, 12 * 8);
    let wrong = e.run(&[AnyView::F64(a.view().into_dyn())]).unwrap_err();
    assert_eq!(wrong.to_string(), "input 0 of 1: expected f64[4,3], given f64[3,8]; give an array of that shape and element type");
    assert!(e.run(&[]).is_err());
}

#[test]
fn long_groups_are_cut() {
    check(&[(&[100], F64)], |b, x| {
        let mut y = x[0];
        let mut outputs = vec![];
        for k in 0..200 {
            let z = b.scale(y, 1.0 - 0.001 * f64::from(k));
            y = if k % 3 == 0 { b.sin(z) } else { b.add(z, x[0]) };
            if k % 7 == 0 {
                outputs.push(y);
            }
        }
        outputs
    });
}

#[test]
fn shifted_loads() {
    for (n, m) in [(4, 5), (40, 700), (3, 2)] {
        check(&[(&[n, m], F64)], |b, x| {
            let lower = b.slice(x[0], &[1, 0], &[1, 1], &[n - 1, m]);
            let upper = b.slice(x[0], &[0, 0], &[1, 1], &[n - 1, m]);
            let d = b.sub(lower, upper);
            let left = b.slice(x[0], &[0, 0], &[1, 1], &[n, m - 1]);
            let right = b.slice(x[0], &[0, 1], &[1, 1], &[n, m - 1]);
            let h = b.sub(right, left);
            let q = b.mul(h, h);
            vec![d, h, b.sum_all(q)]
        });
    }
}

#[test]
fn numbers_at_the_edge_of_folds() {
    let p = program(&[(&[4], F64)], |b, x| {
        let s = b.sqrt(x[0]);
        vec![s, b.sum_all(s)]
    });
    check_at(&p, &[AnyArray::F64(Array::from(vec![0.0, f64::INFINITY, f64::NAN, -1.0]).into_dyn())]);
}
