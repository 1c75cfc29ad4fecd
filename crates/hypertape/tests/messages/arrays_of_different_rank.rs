//! Arrays of different rank in brackets, where the function takes a tuple.
use hypertape::prelude::*;
use ndarray::{Array1, Array2};

fn run(f: &Function<(Leaf, Leaf), Leaf>, theta: &Array1<f64>, alpha: &Array2<f64>) {
    let _ = f.eval([theta, alpha]);
}

fn main() {}
