use hypertape_derive::Tree;

#[derive(Tree)]
union Either<L: Copy> {
    one: L,
    two: (L, L),
}

fn main() {}
