//! A certificate is of a problem, not of a method.
use hypertape::implicit::certify;
use hypertape::prelude::*;

fn main() {
    let f = Function::record((shape![2], shape![]), |(z, a)| (a * z.square() - z).sum()).unwrap();
    let outer = Function::record((shape![2], shape![]), |(z, _)| z.sum()).unwrap();
    let method = GradientDescent::new(&f);
    let _ = certify(&method, &outer);
}
