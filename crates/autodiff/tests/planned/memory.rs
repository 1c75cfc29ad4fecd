//! Bytes: what the plan says, and that slots are shared.
use super::check;
use hypertape_autodiff::array::Kind::*;

#[test]
fn slots_are_shared() {
    let n = 1000;
    let e = check(&[(&[n, n], F64)], |b, x| {
        let mut y = x[0];
        for _ in 0..10 {
            let t = b.permute(y, &[1, 0]);
            let s = b.add(y, t);
            y = b.sin(s);
        }
        vec![y]
    });
    let m = e.plan().memory();
    assert_eq!(m.outputs, 8_000_000);
    assert!(m.workspace <= 2 * 8_000_064, "two buffers by turns: {m}");
    assert_eq!(m.total(), m.workspace + m.outputs);
}
