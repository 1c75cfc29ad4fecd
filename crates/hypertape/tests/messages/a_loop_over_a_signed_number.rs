//! A loop over a signed number.
use hypertape::prelude::*;

fn main() {
    let _ = Function::record(shape![2], |x| scan(x, 3_i32, |c, _k| (2.0 * c, ())).0);
}
