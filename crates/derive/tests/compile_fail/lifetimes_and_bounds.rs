use hypertape_derive::Tree;

#[derive(Tree, Clone, Debug)]
struct Borrowed<'a, L> {
    w: &'a L,
}

#[derive(Tree, Clone, Debug)]
struct Bounded<L: Clone + Copy> {
    w: L,
}

#[derive(Tree, Clone, Debug)]
struct Where<L>
where
    L: Clone,
{
    w: L,
}

fn main() {}
