//! A body that returns a number.
use hypertape::prelude::*;

fn main() {
    let _ = Function::record(shape![2], |_x| 3.0);
}
