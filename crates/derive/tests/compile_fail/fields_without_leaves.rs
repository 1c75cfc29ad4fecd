use hypertape_derive::Tree;

#[derive(Tree, Clone, Debug)]
struct Settings<L> {
    w: L,
    name: String,
    sizes: Vec<usize>,
}

#[derive(Tree, Clone, Debug)]
struct Pair<X, Y>(X, Vec<Y>, f64);

fn main() {}
