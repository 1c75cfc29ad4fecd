//! The gradient of a function with two outputs.
use hypertape::prelude::*;

fn run(f: &Function<(Leaf, Leaf), (Leaf, Leaf)>) {
    let _ = f.value_and_gradient((1.0, 2.0));
}

fn main() {}
