//! What ran: groups, folds, copies.
use super::check;
use hypertape_autodiff::array::Kind::*;

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
