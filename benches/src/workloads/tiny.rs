//! Gradients of a few numbers: what a replay costs besides arithmetic.
use super::{Ready, Size, call, ready};
use hypertape::prelude::*;
use hypertape_testkit::random::sym;

/// Σ 100 (x_{i+1} − x_i²)² + (1 − x_i)² (Rosenbrock 1960) in 10, 100 or 1000 variables.
pub(super) fn rosenbrock(size: Size) -> Ready {
    let n = size.of(10, 100, 1000);
    let at = sym(100, n);
    ready(move || {
        let f = Function::record(shape![n], |x| {
            let (here, next) = (x.slice_axis(0, 0, n - 1), x.slice_axis(0, 1, n));
            (100.0 * (next - here.square()).square() + (1.0 - here).square()).sum()
        })?;
        call(f.wrt(|x| x).gradient(), at)
    })
}

/// Twenty scalar operations on two numbers.
pub(super) fn expression() -> Ready {
    let at = sym(100, 2);
    ready(move || {
        let f = Function::record(shape![2], |v| {
            let [x, y] = [0, 1].map(|i| v.slice_axis(0, i, i + 1).reshape(&[]));
            let a = x * y;
            let d = x + a.sin().exp();
            let h = 1.0 + y.cos().powi(2);
            let l = (1.0 + d * d / h).ln().tanh();
            let m = l * x;
            let q = (1.0 + m * m).sqrt() - y;
            q * q * q + a
        })?;
        call(f.wrt(|v| v).gradient(), at)
    })
}
