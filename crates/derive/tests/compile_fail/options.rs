use hypertape_derive::Tree;

#[derive(Tree, Clone, Debug)]
#[tree(path = hypertape)]
struct Unknown<L>(L);

#[derive(Tree, Clone, Debug)]
#[tree(crate = "hypertape")]
struct Text<L>(L);

#[derive(Tree, Clone, Debug)]
#[tree(crate = hypertape)]
#[tree(crate = hypertape)]
struct Twice<L>(L);

#[derive(Tree, Clone, Debug)]
#[tree]
struct Empty<L>(L);

#[derive(Tree, Clone, Debug)]
struct Inside<L>(#[tree(skip)] L);

fn main() {}
