//! The body of a loop that returns its carry alone.
use hypertape::prelude::*;

fn main() {
    let _ = Function::record(shape![2], |x| scan(x, 3, |c, _k| 2.0 * c).0);
}
