//! Products that add to the memory of what they are summed with.
use super::{check, check_at, inputs, program};
use hypertape_autodiff::array::{Kind, Kind::*};
use hypertape_autodiff::execute::Executor;
use hypertape_autodiff::operation::Class;
use hypertape_autodiff::operation::{Builder, Value};

/// Rows and columns of results, and the inner length.
const SIZES: [(usize, usize, usize); 4] = [(2, 3, 2), (7, 5, 6), (40, 30, 20), (129, 70, 65)];

/// Matrices of these shapes; what is made of their first product, m × n, and second, of the given shape.
fn of_two(
    kind: Kind,
    (m, n, k): (usize, usize, usize),
    turned: [bool; 2],
    sum: impl Fn(&mut Builder, Value, Value) -> Vec<Value>,
) -> Executor {
    let sides = turned.map(|t| if t { (n, m) } else { (m, n) });
    let [(p, q), (r, s)] = sides;
    check(&[(&[p, k], kind), (&[k, q], kind), (&[r, k], kind), (&[k, s], kind)], |b, x| {
        let products = [b.dot(x[0], x[1]), b.dot(x[2], x[3])];
        let at = |b: &mut Builder, i: usize| if turned[i] { b.permute(products[i], &[1, 0]) } else { products[i] };
        let (y, z) = (at(b, 0), at(b, 1));
        sum(b, y, z)
    })
}

/// Groups in two runs, products in two runs, and bytes besides outputs.
fn ran(e: &Executor) -> (u64, u64, u64) {
    let m = e.plan().memory();
    (e.counts().groups, e.counts().products.iter().filter(|p| p.class == Class::Gemm).map(|p| p.times).sum(), m.total() - m.outputs)
}

#[test]
fn two_products_in_one_memory() {
    for kind in [F64, F32] {
        for size in SIZES {
            for turned in [[false, false], [true, false], [false, true], [true, true]] {
                let e = of_two(kind, size, turned, |b, y, z| vec![b.add(y, z)]);
                assert_eq!(ran(&e), (0, 4, 0), "{kind} {size:?} {turned:?}\n{}", e.plan());
            }
        }
    }
}

#[test]
fn the_rest_of_a_group_stays() {
    for turned in [[false, false], [true, false], [false, true]] {
        let e = of_two(F64, (40, 30, 20), turned, |b, y, z| {
            let s = b.add(z, y);
            let t = b.sin(s);
            vec![b.mul(t, s)]
        });
        assert_eq!(ran(&e), (2, 4, 9600), "one buffer besides the result\n{}", e.plan());
    }
}

#[test]
fn many_products() {
    for kind in [F64, F32] {
        let e = check(&[(&[30, 20], kind), (&[20, 40], kind)], |b, x| {
            let (xt, yt) = (b.permute(x[0], &[1, 0]), b.permute(x[1], &[1, 0]));
            let first = b.dot(x[0], x[1]);
            let second = b.dot(yt, xt);
            let second = b.permute(second, &[1, 0]);
            let third = b.dot(x[0], x[1]);
            let s = b.add(first, second);
            vec![b.add(third, s)]
        });
        assert_eq!(ran(&e), (0, 6, 0), "{}", e.plan());
    }
}

#[test]
fn a_product_added_to_what_a_kernel_made() {
    let e = check(&[(&[30, 30], F64), (&[30, 30], F64)], |b, x| {
        let f = b.finite(x[0], "a test");
        let p = b.dot(x[0], x[1]);
        vec![b.add(p, f)]
    });
    assert_eq!(ran(&e), (0, 2, 0), "{}", e.plan());
}

#[test]
fn what_something_else_reads_is_left_alone() {
    // An output.
    let e = of_two(F64, (40, 30, 20), [false, false], |b, y, z| vec![b.add(y, z), y]);
    assert_eq!((e.counts().groups, e.counts().products.len()), (2, 2), "{}", e.plan());
    let e = of_two(F64, (40, 30, 20), [false, false], |b, y, z| vec![b.add(y, z), z]);
    assert_eq!(e.counts().groups, 2, "{}", e.plan());
    // The sum itself twice, and one side twice.
    of_two(F64, (40, 30, 20), [false, true], |b, y, z| {
        let s = b.add(y, z);
        let t = b.add(s, y);
        vec![t, s]
    });
    // A product of products.
    let e = check(&[(&[30, 30], F64), (&[30, 30], F64)], |b, x| {
        let p = b.dot(x[0], x[1]);
        let q = b.dot(p, x[1]);
        let s = b.add(p, q);
        let t = b.permute(q, &[1, 0]);
        let u = b.add(q, t);
        vec![s, u]
    });
    assert!(e.counts().groups > 0, "{}", e.plan());
    // Inputs are never written.
    let e = check(&[(&[30, 30], F64), (&[30, 30], F64)], |b, x| {
        let p = b.dot(x[0], x[1]);
        vec![b.add(p, x[0])]
    });
    assert_eq!(e.counts().groups, 2, "{}", e.plan());
}

#[test]
fn products_of_another_class_are_left_alone() {
    check(&[(&[4, 9, 8], F64), (&[4, 8, 7], F64), (&[9, 8], F64), (&[8], F64)], |b, x| {
        let spec = |batch: &[(usize, usize)], sum: &[(usize, usize)]| hypertape_autodiff::operation::Contraction {
            batch: batch.iter().copied().collect(),
            sum: sum.iter().copied().collect(),
        };
        let p = b.contract(x[0], x[1], spec(&[(0, 0)], &[(2, 1)]));
        let q = b.contract(x[0], x[1], spec(&[(0, 0)], &[(2, 1)]));
        let v = b.dot(x[2], x[3]);
        let w = b.dot(x[2], x[3]);
        vec![b.add(p, q), b.add(v, w)]
    });
}

#[test]
fn threads_change_no_bits() {
    let p = program(&[(&[300, 200], F64), (&[200, 300], F64)], |b, x| {
        let (p, t) = (b.dot(x[0], x[1]), b.permute(x[0], &[1, 0]));
        let u = b.permute(x[1], &[1, 0]);
        let q = b.dot(u, t);
        vec![b.add(p, q)]
    });
    let x = inputs(&p, 3);
    let results = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| check_at(&p, &x).output(0).to_owned())
    };
    assert_eq!(results(1), results(2));
}
