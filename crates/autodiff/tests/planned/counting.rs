//! What ran: groups, products and the matrices they read, and whose line an error names.
use super::{check, program};
use hypertape_autodiff::array::{AnyArray, Kind::*, Shared};
use hypertape_autodiff::kernels::contract::Class;
use hypertape_autodiff::transform;
use hypertape_testkit::random;

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
fn a_gradient_reads_its_matrix_twice() {
    let x = Shared::from(AnyArray::F64(random::normal(1, (40, 30)).into_dyn()));
    let loss = program(&[(&[30], F64)], |b, w| {
        let x = b.constant(x.clone());
        let m = b.dot(x, w[0]);
        let s = b.softplus(m);
        vec![b.sum_all(s)]
    });
    let gradient = transform::simplify(&transform::vjp(&loss, &[true], &[true]).unwrap()).unwrap();
    let e = super::check_at(&gradient, &super::inputs(&gradient, 2));
    let c = e.counts();
    assert_eq!(c.products(Class::MatVec, Some(&x)), 2);
    assert_eq!(c.products(Class::VecMat, Some(&x)), 2);
    assert_eq!(c.all_products(), 4);
    assert_eq!(c.copies, 0, "{}", e.plan());
}
