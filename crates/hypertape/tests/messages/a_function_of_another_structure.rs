//! A function of one array, where a solver takes one of (state, parameters).
use hypertape::prelude::*;

fn solver(f: &Function<Leaf, Leaf>) {
    let _ = GradientDescent::new(f);
}

fn keep(f: Function<Leaf, Leaf>) -> Function<(Leaf, Leaf), Leaf> {
    f
}

fn main() {}
