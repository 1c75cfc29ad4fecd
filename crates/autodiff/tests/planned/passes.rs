//! Products that share one reading of their matrix.
use super::{check, check_at, inputs, program};
use hypertape_autodiff::array::{AnyArray, Kind, Kind::*, LeafType, Shared};
use hypertape_autodiff::execute::Executor;
use hypertape_autodiff::operation::Class;
use hypertape_autodiff::operation::{Builder, Program, Value};
use hypertape_autodiff::transform;
use hypertape_testkit::random;

fn matrix(n: usize, d: usize, kind: Kind) -> Shared {
    let x = AnyArray::F64(random::normal(1, (n, d)).into_dyn());
    Shared::from(AnyArray::from_f64(&LeafType::new(&[n, d], kind), &x.to_f64()).unwrap())
}

/// Σ softplus(X w) / n + w·w.
fn loss(x: &Shared) -> Program {
    let t = x.leaf_type();
    program(&[(&t.shape[1..], t.kind)], |b, w| {
        let c = b.constant(x.clone());
        let m = b.dot(c, w[0]);
        let s = b.softplus(m);
        let s = b.sum_all(s);
        let s = b.scale(s, 1.0 / t.shape[0] as f64);
        let q = b.dot(w[0], w[0]);
        vec![b.add(s, q)]
    })
}

fn gradient(x: &Shared) -> Program {
    transform::simplify(&transform::vjp(&loss(x), &[true], &[true]).unwrap()).unwrap()
}

fn hvp(x: &Shared) -> Program {
    transform::simplify(&transform::jvp(&gradient(x), &[true, false], &[true, true]).unwrap()).unwrap()
}

/// Passes, dots and sums of rows in two runs.
fn ran(e: &Executor, x: &Shared) -> (u64, u64, u64) {
    let c = e.counts();
    (c.passes, c.products(Class::MatVec, Some(x)), c.products(Class::VecMat, Some(x)))
}

#[test]
fn a_gradient_reads_its_matrix_once() {
    for kind in [F64, F32] {
        for (n, d) in [(32, 2), (33, 7), (100, 40), (3000, 300), (20_000, 3), (131, 1200), (37, 500), (40, 5000)] {
            let x = matrix(n, d, kind);
            let p = gradient(&x);
            let e = check_at(&p, &inputs(&p, 2));
            assert_eq!(ran(&e, &x), (2, 2, 2), "{}", e.plan());
            assert_eq!(e.counts().copies, 0, "{}", e.plan());
        }
    }
}

/// A pass begins where the last one ended: no bit depends on where.
#[test]
fn passes_in_either_order_give_the_same_bits() {
    let x = matrix(3000, 300, F64);
    let p = gradient(&x);
    let inputs = inputs(&p, 2);
    let views: Vec<_> = inputs.iter().map(AnyArray::view).collect();
    let mut seen = vec![];
    for threads in [1, 2, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut e = check_at(&p, &inputs);
        for _ in 0..3 {
            pool.install(|| e.run(&views)).unwrap();
            seen.push(e.output(0).to_owned());
        }
    }
    assert!(seen.iter().all(|g| *g == seen[0]));
}

#[test]
fn a_product_with_the_hessian_reads_its_matrix_once() {
    for (n, d) in [(40, 10), (3000, 300), (131, 1200)] {
        let x = matrix(n, d, F64);
        let p = hvp(&x);
        let e = check_at(&p, &inputs(&p, 2));
        let (passes, dots, sums) = ran(&e, &x);
        assert_eq!((passes, dots), (2, 4), "{}", e.plan());
        assert!(sums <= 4);
        // Without the values beside it, one sum of rows is left.
        let only = transform::select(&p, &[3]).unwrap();
        let e = check_at(&transform::simplify(&only).unwrap(), &inputs(&p, 2));
        assert_eq!(ran(&e, &x), (2, 4, 2), "{}", e.plan());
    }
}

#[test]
fn parts_of_a_matrix_are_matrices() {
    check(&[(&[80, 12], F64), (&[5], F64)], |b, x| {
        let m = b.slice(x[0], &[70, 3], &[-2, 1], &[35, 5]);
        step(b, m, x[1])
    });
    // A matrix in columns is dotted with as sums of rows: nothing to share.
    check(&[(&[12, 80], F64), (&[12], F64)], |b, x| {
        let m = b.permute(x[0], &[1, 0]);
        step(b, m, x[1])
    });
}

fn step(b: &mut Builder, m: Value, v: Value) -> Vec<Value> {
    let y = b.dot(m, v);
    let s = b.sigmoid(y);
    let t = b.permute(m, &[1, 0]);
    let g = b.dot(t, s);
    vec![b.add(g, v), y, b.sum_all(s)]
}

#[test]
fn what_lies_between_stays_in_order() {
    check(&[(&[50, 50], F64), (&[50], F64), (&[50], F64)], |b, x| {
        let y = b.dot(x[0], x[1]);
        // The product is read by another product, of the same matrix, and in reverse.
        let z = b.dot(x[0], y);
        let r = b.flip(y, &[0]);
        let s = b.mul(r, z);
        let u = b.add(s, y);
        let t = b.permute(x[0], &[1, 0]);
        let g = b.dot(t, u);
        let h = b.dot(t, z);
        let again = b.dot(x[0], g);
        let w = b.tanh(again);
        let k = b.dot(t, w);
        vec![g, h, k, z, u]
    });
}

#[test]
fn a_cluster_waits_for_the_products_that_it_can_share() {
    for (n, d) in [(40, 10), (3000, 300)] {
        let x = matrix(n, d, F64);
        let write = |b: &mut Builder, w: &[Value], sums: bool| {
            let c = b.constant(x.clone());
            let y = b.dot(c, w[0]);
            let s = b.sigmoid(y);
            let one = b.full_like(s, 1.0);
            let s = b.sub(one, s);
            // A vector that comes late, but needs nothing of the first product.
            let u = b.exp(w[1]);
            let z = b.dot(c, u);
            let r = b.mul(s, z);
            let t = b.permute(c, &[1, 0]);
            vec![if sums { b.dot(t, r) } else { b.sum_all(r) }]
        };
        for sums in [true, false] {
            let p = program(&[(&[d], F64), (&[d], F64)], |b, w| write(b, w, sums));
            let e = check_at(&p, &inputs(&p, 2));
            assert_eq!(ran(&e, &x), (2, 4, if sums { 2 } else { 0 }), "{}", e.plan());
        }
    }
}

#[test]
fn products_that_need_each_other_do_not_wait() {
    let x = matrix(60, 20, F64);
    let p = program(&[(&[20], F64)], |b, w| {
        let c = b.constant(x.clone());
        let t = b.permute(c, &[1, 0]);
        let y = b.dot(c, w[0]);
        let s = b.sigmoid(y);
        let g = b.dot(t, s);
        let z = b.dot(c, g);
        let r = b.mul(s, z);
        let q = b.mul(r, y);
        vec![b.dot(t, r), b.dot(t, q)]
    });
    let e = check_at(&p, &inputs(&p, 2));
    assert_eq!(ran(&e, &x), (4, 4, 6), "{}", e.plan());
}
