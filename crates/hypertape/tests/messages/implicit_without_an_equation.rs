//! A problem without an equation is not differentiated implicitly.
use hypertape::prelude::*;

fn main() {
    let sampled = Function::record((shape![2], shape![], shape![2]), |(z, a, x)| 0.5 * a * (z - x).square().sum()).unwrap();
    let _ = Sgd::new(&sampled).implicit(Lu);
}
