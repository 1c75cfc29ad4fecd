//! A pair of parameters for a solver that takes one array.
use hypertape::prelude::*;

fn record(solver: &GradientDescent<Objective<Leaf, Leaf>>) {
    let _ = Function::record(shape![], |a| solver.unroll(3).solve(zeros(shape![2]), (a, a)));
}

fn main() {}
