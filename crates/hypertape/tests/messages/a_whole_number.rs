//! A whole number in an operator.
use hypertape::prelude::*;

fn main() {
    let _ = Function::record(shape![2], |a| 2 * a);
}
