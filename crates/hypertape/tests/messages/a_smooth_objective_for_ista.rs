//! A smooth objective has no proximal term.
use hypertape::prelude::*;

fn main() {
    let f = Function::record((shape![2], shape![]), |(z, a)| (a * z).sum()).unwrap();
    let _ = Ista::new(&f);
}
