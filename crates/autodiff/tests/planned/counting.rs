//! What ran: groups, folds, copies.
use super::{check, check_at, inputs, program};
use hypertape_autodiff::array::Kind::*;
use hypertape_autodiff::operation::{Builder, Contraction, Value};

#[test]
fn an_elementwise_chain_is_one_group() {
    let e = check(&[(&[100], F64), (&[100], F64)], |b, x| {
        let s = b.add(x[0], x[1]);
        let t = b.tanh(s);
        let q = b.mul(t, t);
        vec![q, b.sum_all(q)]
    });
    let c = e.counts();
    assert_eq!((c.groups, c.folds, c.copies, c.all_products()), (2, 0, 0, 0), "{}", e.plan());
}

#[test]
fn signs_and_powers_of_two_in_a_group_take_no_step() {
    let one = |steps: usize, write: fn(&mut Builder, &[Value]) -> Value| {
        for kind in [F64, F32] {
            for n in [1, 100] {
                let e = check(&[(&[n], kind), (&[n], kind)], |b, x| vec![write(b, x)]);
                let text = e.plan().to_string();
                assert!(text.contains(&format!("group of {steps} [{n}]")), "{text}");
            }
        }
    };
    // What is left is a sum with a product, one step.
    one(1, |b, x| {
        let n = b.neg(x[0]);
        let m = b.mul(n, x[1]);
        b.sub(x[1], m)
    });
    one(1, |b, x| {
        let (m, n) = (b.neg(x[0]), b.neg(x[1]));
        let p = b.mul(m, n);
        b.add(p, m)
    });
    one(1, |b, x| {
        let t = b.scale(x[0], 2.0);
        let t = b.neg(t);
        let t = b.scale(t, 0.1);
        b.scale(t, -0.5)
    });
    // Two roundings stay two.
    one(2, |b, x| {
        let t = b.scale(x[0], 0.3);
        b.scale(t, 0.1)
    });
    // Factors at the ends of the range stay apart.
    one(2, |b, x| {
        let t = b.scale(x[0], 1e-30);
        b.scale(t, 2.0f64.powi(100))
    });
}

/// A product that one sum reads is an instruction with it, and both roundings stay: the bits of a product that others read too.
#[test]
fn sums_with_a_product_round_twice() {
    for kind in [F64, F32] {
        for n in [1, 100] {
            let types: [(&[usize], _); 4] = [(&[n], kind), (&[n], kind), (&[n], kind), (&[], kind)];
            let run = |shared: bool| {
                let program = program(&types, |b, x| {
                    let number = b.broadcast_to(x[3], &[n]);
                    let products = [b.mul(x[0], x[1]), b.mul(x[0], x[0]), b.mul(x[1], number), b.scale(x[1], 0.3)];
                    let [p, q, r, s] = products;
                    let mut made = vec![b.add(p, x[2]), b.sub(x[2], q), b.sub(r, x[2]), b.sub(number, s)];
                    let other = b.mul(x[2], number);
                    made.push(b.sub(other, x[0]));
                    made.extend(if shared { products.to_vec() } else { vec![] });
                    made
                });
                let e = check_at(&program, &inputs(&program, 7));
                (0..5).map(|i| e.output(i).to_owned()).collect::<Vec<_>>()
            };
            assert_eq!(run(true), run(false), "{kind} {n}");
        }
    }
}

/// A product that is wanted transposed is made so, unless something else reads it too.
#[test]
fn a_transposed_product_is_not_copied() {
    for kind in [F64, F32] {
        for (m, k, n) in [(20, 30, 40), (3, 1, 5), (64, 64, 64)] {
            let types: [(&[usize], _); 2] = [(&[m, k], kind), (&[k, n], kind)];
            let e = check(&types, |b, x| {
                let p = b.dot(x[0], x[1]);
                vec![b.permute(p, &[1, 0])]
            });
            assert_eq!((e.counts().copies, e.counts().all_products()), (0, 2), "{}", e.plan());
            let e = check(&types, |b, x| {
                let p = b.dot(x[0], x[1]);
                vec![b.permute(p, &[1, 0]), p]
            });
            assert_eq!((e.counts().copies, e.counts().all_products()), (2, 2), "{}", e.plan());
        }
    }
    // Batches stay in front.
    let e = check(&[(&[4, 20, 30], F64), (&[4, 30, 10], F64)], |b, x| {
        let spec = Contraction { batch: vec![(0, 0)].into(), sum: vec![(2, 1)].into() };
        let p = b.contract(x[0], x[1], spec);
        vec![b.permute(p, &[0, 2, 1])]
    });
    assert_eq!(e.counts().copies, 0, "{}", e.plan());
}

/// What a derivative reads through a view is the value itself, not a copy in another order.
#[test]
fn views_are_not_kept_beside_what_they_show() {
    let p = program(&[(&[5, 8], F64), (&[6, 8], F64)], |b, x| {
        let t = b.permute(x[1], &[1, 0]);
        let y = b.dot(x[0], t);
        vec![b.tanh(y)]
    });
    let parts = hypertape_autodiff::transform::linearize(&p, &[true, false], &[true]).unwrap();
    // The value, the second input as it is, and 1 − y².
    let kept: Vec<_> = parts.primal.output_types().into_iter().map(|t| t.shape.to_vec()).collect();
    assert_eq!(kept, [vec![5, 6], vec![6, 8], vec![5, 6]], "{}", parts.primal);
    assert_eq!(parts.primal.outputs[1], parts.primal.inputs[1]);
}
