//! A residual is no objective.
use hypertape::prelude::*;

fn main() {
    let residual = Function::record((shape![2], shape![]), |(z, a)| a * z).unwrap();
    let _ = GradientDescent::new(&residual);
}
