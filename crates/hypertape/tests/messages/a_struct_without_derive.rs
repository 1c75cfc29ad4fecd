//! A struct of leaves without `#[derive(Tree)]`.
use hypertape::prelude::*;

#[derive(Clone, Debug)]
struct Weights<L> {
    matrix: L,
    bias: L,
}

fn main() {
    let shapes = Weights { matrix: shape![3, 3], bias: shape![3] };
    let _ = Function::record(shapes, |w| w.matrix.sum() + w.bias.sum());
}
