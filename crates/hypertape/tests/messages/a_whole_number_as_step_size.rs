//! A whole number as step size.
use hypertape::prelude::*;

fn solver(s: GradientDescent<Objective<Leaf, Leaf>>) {
    let _ = s.step_size(1);
}

fn main() {}
