//! Contractions against loops over all indices.
use super::{Random, indices, on_threads, place};
use crate::kernels::contract::{Class, ContractPlan};
use crate::kernels::isa::on_each;
use hypertape_ir::array::{Element, Layout, Real, Shape};
use hypertape_ir::operation::Contraction;
use ndarray::Array2;

/// The naive contraction, with the sum of magnitudes of each output.
fn naive(spec: &Contraction, a: &[f64], la: &Layout, b: &[f64], lb: &Layout) -> Vec<(f64, f64)> {
    let (fa, fb) = (spec.free(0, la.shape.len()), spec.free(1, lb.shape.len()));
    let lengths = |l: &Layout, axes: &[usize]| axes.iter().map(|i| l.shape[*i]).collect::<Vec<_>>();
    let batch: Vec<usize> = spec.batch.iter().map(|p| la.shape[p.0]).collect();
    let sum: Vec<usize> = spec.sum.iter().map(|p| la.shape[p.0]).collect();
    let mut out = vec![];
    for i in indices(&batch) {
        for p in indices(&lengths(la, &fa)) {
            for q in indices(&lengths(lb, &fb)) {
                let (mut total, mut size) = (0.0, 0.0);
                for k in indices(&sum) {
                    let (mut ia, mut ib) = (vec![0; la.shape.len()], vec![0; lb.shape.len()]);
                    spec.batch.iter().zip(&i).chain(spec.sum.iter().zip(&k)).for_each(|(axes, v)| {
                        ia[axes.0] = *v;
                        ib[axes.1] = *v;
                    });
                    fa.iter().zip(&p).for_each(|(x, v)| ia[*x] = *v);
                    fb.iter().zip(&q).for_each(|(x, v)| ib[*x] = *v);
                    let product = a[place(la, &ia)] * b[place(lb, &ib)];
                    total += product;
                    size += product.abs();
                }
                out.push((total, size));
            }
        }
    }
    out
}

fn check<T: Real>(spec: &Contraction, a: &[f64], la: &Layout, b: &[f64], lb: &Layout) -> Class {
    let typed = |x: &[f64]| x.iter().map(|v| T::from_f64(*v)).collect::<Vec<T>>();
    let (ta, tb) = (typed(a), typed(b));
    let back = |x: &[T]| x.iter().map(|v| Element::to_f64(*v)).collect::<Vec<_>>();
    let expected = naive(spec, &back(&ta), la, &back(&tb), lb);
    let plan = ContractPlan::new(spec, la, lb);
    let mut out = vec![T::nan(); expected.len()];
    let mut scratch = vec![T::nan(); plan.scratch()];
    plan.run(&ta, &tb, &mut out, &mut scratch);
    let terms: usize = spec.sum.iter().map(|p| la.shape[p.0]).product();
    for (o, (e, size)) in out.iter().zip(&expected) {
        let bound = Element::to_f64(T::epsilon()) * (2 + terms) as f64 * size;
        assert!((Element::to_f64(*o) - e).abs() <= bound, "{spec:?} {la:?} {lb:?} {plan:?}: {o} against {e}");
    }
    plan.class()
}

#[test]
fn contracts_any_layout() {
    let mut r = Random::new(5);
    let mut seen = std::collections::HashMap::new();
    for case in 0..3000 {
        let (nb, ns) = (r.below(3).min(r.below(3)), r.below(3));
        let (fa, fb) = (r.below(3).min(r.below(4)), r.below(3).min(r.below(4)));
        let few = if nb + ns + fa + fb > 3 { [0, 1, 2, 3, 4, 5, 7] } else { [1, 1, 2, 3, 9, 17, 40] };
        let lengths = if case % 5 == 0 { &few[..] } else { &few[1..] };
        // Axes of a: shuffled batch, sum and free axes; the same for b.
        let (batch, sum) = (r.shape(nb, lengths), r.shape(ns, lengths));
        let side = |r: &mut Random, free: usize| {
            let mut order: Vec<usize> = (0..nb + ns + free).collect();
            if r.below(2) == 0 {
                for i in (1..order.len()).rev() {
                    order.swap(i, r.below(i + 1));
                }
            }
            let mut shape: Shape = order.iter().map(|_| 0).collect();
            for (role, axis) in order.iter().enumerate() {
                shape[*axis] = if role < nb {
                    batch[role]
                } else if role < nb + ns {
                    sum[role - nb]
                } else {
                    r.pick(lengths)
                };
            }
            (order, shape)
        };
        let ((oa, sa), (ob, sb)) = (side(&mut r, fa), side(&mut r, fb));
        let spec = Contraction { batch: (0..nb).map(|i| (oa[i], ob[i])).collect(), sum: (nb..nb + ns).map(|i| (oa[i], ob[i])).collect() };
        let ((la, na), (lb, nb)) = (r.layout(&sa, true), r.layout(&sb, true));
        let (a, b) = (r.reals(na), r.reals(nb));
        *seen.entry(check::<f64>(&spec, &a, &la, &b, &lb)).or_insert(0) += 1;
        check::<f32>(&spec, &a, &la, &b, &lb);
    }
    for class in [Class::Zero, Class::Dot, Class::MatVec, Class::VecMat, Class::Outer, Class::Gemm] {
        assert!(seen.get(&class).is_some_and(|n| *n > 20), "{class:?} was hardly met: {seen:?}");
    }
}

fn plain(sum: (usize, usize)) -> Contraction {
    Contraction { batch: Default::default(), sum: [sum].into_iter().collect() }
}

#[test]
fn products_of_matrices_have_the_class_their_layouts_say() {
    let (x, t) = (Layout::contiguous(&[40, 30]), Layout::contiguous(&[30, 40]).permute(&[1, 0]));
    let (u, v) = (Layout::contiguous(&[40]), Layout::contiguous(&[30]));
    let class = |s, a: &Layout, b: &Layout| ContractPlan::new(&plain(s), a, b).class();
    assert_eq!(class((1, 0), &x, &v), Class::MatVec);
    assert_eq!(class((0, 0), &u, &x), Class::VecMat);
    assert_eq!(class((0, 0), &x, &u), Class::VecMat);
    assert_eq!(class((1, 0), &t, &v), Class::VecMat);
    assert_eq!(class((0, 0), &v, &v), Class::Dot);
    assert_eq!(class((1, 1), &x, &x), Class::Gemm);
    // A matrix that is the same for a whole batch of vectors makes one product of matrices.
    let many = Contraction { batch: [(0, 0)].into_iter().collect(), sum: [(2, 1)].into_iter().collect() };
    let (xs, vs) = (x.broadcast(&[20, 40, 30], &[1, 2]), Layout::contiguous(&[20, 30]));
    let plan = ContractPlan::new(&many, &xs, &vs);
    assert_eq!((plan.class(), plan.batches()), (Class::Gemm, 1));
    let mut r = Random::new(6);
    let (a, b) = (r.reals(1200), r.reals(600));
    check::<f64>(&many, &a, &xs, &b, &vs);
}

#[test]
fn many_small_products_on_each_instruction_set() {
    on_each(|| {
        let mut r = Random::new(8);
        for (rows, columns) in indices(&[22, 22]).into_iter().map(|at| (at[0], at[1])) {
            let matrices = Layout::contiguous(&[3, rows, columns]);
            let a = r.reals(matrices.len());
            for (axis, len) in [(2, columns), (1, rows)] {
                let spec = Contraction { batch: [(0, 0)].into_iter().collect(), sum: [(axis, 1)].into_iter().collect() };
                let (vectors, v) = (Layout::contiguous(&[3, len]), r.reals(3 * len));
                check::<f64>(&spec, &a, &matrices, &v, &vectors);
                check::<f32>(&spec, &a, &matrices, &v, &vectors);
            }
        }
    });
}

#[test]
fn big_products_do_not_depend_on_threads() {
    let mut r = Random::new(7);
    for (shape, other, sum) in [
        (vec![1500, 301], vec![301], (1, 0)),
        (vec![1500, 301], vec![1500], (0, 0)),
        (vec![101, 4003], vec![101], (0, 0)),
        (vec![301, 203], vec![203, 297], (1, 0)),
        (vec![203, 301], vec![297, 203], (0, 1)),
        (vec![3001, 57], vec![3001, 61], (0, 0)),
    ] {
        let (la, lb) = (Layout::contiguous(&shape), Layout::contiguous(&other));
        let (a, b) = (r.reals(la.len()), r.reals(lb.len()));
        let plan = ContractPlan::new(&plain(sum), &la, &lb);
        let out = on_threads(|| {
            let mut out = vec![0.0; plan.out_len()];
            plan.run(&a, &b, &mut out, &mut vec![0.0; plan.scratch()]);
            out
        });
        let matrix = |x: &[f64], shape: &[usize], sum: usize, last: bool| {
            let (m, n) = (shape[0], shape.get(1).copied().unwrap_or(1));
            let x = Array2::from_shape_vec((m, n), x.to_vec()).expect("as many elements as the shape says");
            if last == (sum == 1) { x } else { x.reversed_axes() }
        };
        let (p, q) = (matrix(&a, &shape, sum.0, true), matrix(&b, &other, sum.1, false));
        let (expected, size) = (p.dot(&q), p.abs().dot(&q.abs()));
        let bound = f64::EPSILON * shape[sum.0] as f64;
        assert!(out.iter().zip(expected.iter().zip(&size)).all(|(o, (e, s))| (o - e).abs() <= bound * s), "{shape:?} {other:?}");
    }
}
