//! An owned array by reference, which would be copied.
use hypertape::prelude::*;
use ndarray::Array2;

fn record(x: &Array2<f64>) {
    let _ = Function::record(shape![2], |a| constant(x).dot(a));
}

fn main() {}
