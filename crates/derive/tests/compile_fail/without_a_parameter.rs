use hypertape_derive::Tree;

#[derive(Tree, Clone, Debug)]
struct Weights {
    w: Vec<f64>,
    b: f64,
}

#[derive(Tree, Clone, Debug)]
struct Sizes<const N: usize>([f64; N]);

#[derive(Tree, Clone, Debug)]
struct Nothing;

fn main() {}
