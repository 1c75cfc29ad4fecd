//! Indices and numbers in one operator.
use hypertape::prelude::*;

fn main() {
    let _ = Function::record((shape![2], index![2]), |(x, i)| x + i);
}
