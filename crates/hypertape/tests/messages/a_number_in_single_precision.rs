//! A number in single precision: numbers in operators are f64, converted to the variable's type.
use hypertape::prelude::*;

fn main() {
    let c: f32 = 0.1;
    let _ = Function::record(shape![f32; 2], |a| (c * a).sum());
}
