//! A variable on another thread than its recording's.
use hypertape::prelude::*;

fn main() {
    let _ = Function::record(shape![2], |x| {
        std::thread::scope(|s| s.spawn(move || x.exp()).join().unwrap())
    });
}
