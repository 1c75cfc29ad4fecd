use hypertape_derive::Tree;

#[derive(Tree, Clone, Debug)]
enum Choice<L> {
    One(L),
    Two(L, L),
}

fn main() {}
