//! The module tree of a crate, found by following `mod` declarations from its root file; every file in `src/` belongs to one.

use crate::sources::{self, Source};
use crate::tokens;
use std::collections::{BTreeMap, BTreeSet};
use syn::ext::IdentExt;

/// A module that has a file of its own.
pub(crate) struct Module {
    /// The names from the root of the crate; empty for the root itself.
    pub(crate) path: Vec<String>,
    pub(crate) source: Source,
    pub(crate) ast: syn::File,
    /// Whether it is compiled for tests only.
    pub(crate) test_only: bool,
}

/// The modules with files of their own that are reached from a root file, the root first.
pub(crate) fn tree(root: &str, files: &BTreeMap<String, String>) -> Vec<Module> {
    let mut modules = Vec::new();
    let folder = parent(root).to_string();
    add(root, &folder, Vec::new(), false, files, &mut modules);
    modules
}

/// The module trees of every crate under `crates/`: its library and its binaries.
pub(crate) fn all() -> Vec<Vec<Module>> {
    let files: BTreeMap<String, String> = sources::all().into_iter().map(|source| (source.path, source.text)).collect();
    files.keys().filter(|path| is_root(path)).map(|path| tree(path, &files)).collect()
}

/// The sources of the published crates that are compiled into what a user gets.
pub(crate) fn shipped() -> Vec<Source> {
    let tests: BTreeSet<String> = all().into_iter().flatten().filter(|module| module.test_only).map(|module| module.source.path).collect();
    sources::libraries().into_iter().filter(|source| !tests.contains(&source.path)).collect()
}

#[test]
fn every_source_file_is_declared_as_a_module() {
    let reached: BTreeSet<String> = all().into_iter().flatten().map(|module| module.source.path).collect();
    let broken: Vec<String> =
        sources::all().into_iter().map(|source| source.path).filter(|path| in_src(path) && !reached.contains(path)).collect();
    sources::report("These files belong to no module, so nothing compiles them.", &broken, "declare the file with `mod`, or delete it.");
}

fn in_src(path: &str) -> bool {
    path.starts_with("crates/") && path.split('/').nth(2) == Some("src")
}

fn is_root(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    matches!(
        parts[..],
        ["crates", _, "src", "lib.rs" | "main.rs"] | ["crates", _, "src", "bin", _] | ["crates", _, "src", "bin", _, "main.rs"]
    )
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_string() } else { format!("{folder}/{name}") }
}

/// Adds the module in `file`, whose children's files are in `folder`, and its children.
fn add(file: &str, folder: &str, path: Vec<String>, test_only: bool, files: &BTreeMap<String, String>, modules: &mut Vec<Module>) {
    // A missing file is the compiler's to report.
    let Some(text) = files.get(file) else { return };
    let ast = syn::parse_file(text).unwrap_or_else(|error| panic!("{file}:{}: {error}", error.span().start().line));
    let test_only = test_only || tokens::is_test_only(&ast.attrs);
    let mut children = Vec::new();
    declared(&ast.items, file, folder, &path, test_only, files, &mut children);
    modules.push(Module { path, source: Source { path: file.to_string(), text: text.clone() }, ast, test_only });
    for child in children {
        add(&child.file, &child.folder, child.path, child.test_only, files, modules);
    }
}

struct Child {
    file: String,
    folder: String,
    path: Vec<String>,
    test_only: bool,
}

/// The children in files of their own that items declare, those inside inline modules too.
fn declared(
    items: &[syn::Item],
    file: &str,
    folder: &str,
    path: &[String],
    test_only: bool,
    files: &BTreeMap<String, String>,
    children: &mut Vec<Child>,
) {
    for item in items {
        let syn::Item::Mod(module) = item else { continue };
        let name = module.ident.unraw().to_string();
        let mut path = path.to_vec();
        path.push(name.clone());
        let test_only = test_only || tokens::is_test_only(&module.attrs);
        let inner = join(folder, &name);
        if let Some((_, items)) = &module.content {
            declared(items, file, &inner, &path, test_only, files, children);
        } else if let Some(given) = given_path(&module.attrs) {
            let file = join(parent(file), &given);
            children.push(Child { folder: parent(&file).to_string(), file, path, test_only });
        } else {
            let flat = format!("{inner}.rs");
            let file = if files.contains_key(&flat) { flat } else { format!("{inner}/mod.rs") };
            children.push(Child { file, folder: inner, path, test_only });
        }
    }
}

/// The file of `#[path = ".."] mod x;`.
fn given_path(attributes: &[syn::Attribute]) -> Option<String> {
    attributes.iter().find_map(|attribute| match &attribute.meta {
        syn::Meta::NameValue(syn::MetaNameValue { path, value: syn::Expr::Lit(literal), .. }) if path.is_ident("path") => {
            match &literal.lit {
                syn::Lit::Str(text) => Some(text.value()),
                _ => None,
            }
        }
        _ => None,
    })
}

#[test]
fn modules_are_found_where_the_compiler_finds_them() {
    let files = [
        ("s/lib.rs", "mod a; mod b; mod inline { mod c; } #[cfg(test)] mod t; #[path = \"other.rs\"] mod d; mod missing;"),
        ("s/a.rs", "mod x;"),
        ("s/a/x.rs", ""),
        ("s/b/mod.rs", "mod x;"),
        ("s/b/x.rs", ""),
        ("s/inline/c.rs", ""),
        ("s/t.rs", "mod u;"),
        ("s/t/u.rs", ""),
        ("s/other.rs", ""),
        ("s/orphan.rs", ""),
    ];
    let files = files.iter().map(|(path, text)| (path.to_string(), text.to_string())).collect();
    let found: Vec<_> = tree("s/lib.rs", &files).into_iter().map(|m| (m.path.join("::"), m.source.path, m.test_only)).collect();
    let expected = [
        ("", "s/lib.rs", false),
        ("a", "s/a.rs", false),
        ("a::x", "s/a/x.rs", false),
        ("b", "s/b/mod.rs", false),
        ("b::x", "s/b/x.rs", false),
        ("inline::c", "s/inline/c.rs", false),
        ("t", "s/t.rs", true),
        ("t::u", "s/t/u.rs", true),
        ("d", "s/other.rs", false),
    ];
    assert_eq!(found, expected.map(|(path, file, test)| (path.to_string(), file.to_string(), test)));
}
