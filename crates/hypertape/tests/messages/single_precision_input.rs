//! An array in single precision for a function in double precision.
use hypertape::prelude::*;

fn run(f: &Function<Leaf, Leaf>) {
    let _ = f.eval(&ndarray::arr1(&[1.0f32, 2.0]));
}

fn main() {}
