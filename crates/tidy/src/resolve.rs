//! Which file defines what a path names: scopes, their `use` declarations, and the files they lead to.

use crate::modules::Module;
use crate::tokens;
use std::collections::{BTreeMap, BTreeSet};
use syn::ext::IdentExt;

/// The names of a path, or of a module from the root of its crate.
pub(crate) type Names = Vec<String>;

/// What a path names: a module, or an item in the file with an index.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Target {
    Scope(Names),
    Item(usize),
}

/// A module, with a file of its own or inline.
#[derive(Debug, Default)]
struct Scope {
    file: usize,
    defined: BTreeSet<String>,
    /// The names that `use` brings in, and their paths.
    used: Vec<(String, Names)>,
    globs: Vec<Names>,
}

/// The scopes of a crate. What is compiled for tests only is left out.
#[derive(Debug)]
pub(crate) struct Scopes {
    scopes: BTreeMap<Names, Scope>,
    /// Macros that `#[macro_export]` puts at the root, and their files.
    exported: BTreeMap<String, usize>,
}

/// A leaf of a `use` declaration.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Leaf {
    /// The name it brings into the scope, and the path.
    Name(String, Names),
    Glob(Names),
}

type Seen = BTreeSet<(Names, String)>;

impl Scopes {
    pub(crate) fn new(modules: &[Module]) -> Scopes {
        let mut scopes = Scopes { scopes: BTreeMap::new(), exported: BTreeMap::new() };
        for (file, module) in modules.iter().enumerate().filter(|(_, module)| !module.test_only) {
            scopes.add(file, module.path.clone(), &module.ast.items);
        }
        scopes
    }

    fn add(&mut self, file: usize, path: Names, items: &[syn::Item]) {
        let mut scope = Scope { file, ..Scope::default() };
        for item in items {
            if tokens::is_test_only(tokens::item_attributes(item)) {
                continue;
            }
            match item {
                syn::Item::Use(item) => {
                    for (_, leaf) in leaves(item) {
                        match leaf {
                            Leaf::Name(name, path) => scope.used.push((name, path)),
                            Leaf::Glob(path) => scope.globs.push(path),
                        }
                    }
                }
                syn::Item::Mod(module) => {
                    if let Some((_, items)) = &module.content {
                        let mut path = path.clone();
                        path.push(module.ident.unraw().to_string());
                        self.add(file, path, items);
                    }
                }
                syn::Item::Macro(item) => {
                    if let Some(name) = &item.ident {
                        if item.attrs.iter().any(|attribute| attribute.path().is_ident("macro_export")) {
                            self.exported.insert(name.unraw().to_string(), file);
                        }
                        scope.defined.insert(name.unraw().to_string());
                    }
                }
                _ => scope.defined.extend(defined_name(item)),
            }
        }
        self.scopes.insert(path, scope);
    }

    /// The index of the file that holds a target.
    pub(crate) fn file(&self, target: &Target) -> Option<usize> {
        match target {
            Target::Item(file) => Some(*file),
            Target::Scope(path) => self.scopes.get(path).map(|scope| scope.file),
        }
    }

    /// What a path names, seen from a scope. `None` is another crate's, a local variable's, or unknown.
    pub(crate) fn resolve(&self, scope: &[String], path: &[String]) -> Option<Target> {
        self.path(scope, path, &mut Seen::new())
    }

    /// What a name means in a scope: defined there, brought in, or re-exported.
    pub(crate) fn lookup(&self, scope: &[String], name: &str) -> Option<Target> {
        self.name(scope, name, &mut Seen::new())
    }

    fn path(&self, scope: &[String], path: &[String], seen: &mut Seen) -> Option<Target> {
        let (first, mut rest) = path.split_first()?;
        let mut here = match first.as_str() {
            "crate" => Names::new(),
            "self" => scope.to_vec(),
            "super" => scope.split_last()?.1.to_vec(),
            name => match self.name(scope, name, seen)? {
                Target::Scope(path) => path,
                item => return Some(item),
            },
        };
        while let Some((name, after)) = rest.split_first() {
            if name == "super" {
                here.pop()?;
            } else {
                match self.name(&here, name, seen) {
                    Some(Target::Scope(path)) => here = path,
                    Some(item) => return Some(item),
                    // The longest prefix that is a module: a macro or another crate's item brings the rest.
                    None => return self.scopes.get(&here).map(|scope| Target::Item(scope.file)),
                }
            }
            rest = after;
        }
        self.scopes.contains_key(&here).then_some(Target::Scope(here))
    }

    fn name(&self, scope: &[String], name: &str, seen: &mut Seen) -> Option<Target> {
        if !seen.insert((scope.to_vec(), name.to_string())) {
            return None;
        }
        let found = self.name_once(scope, name, seen);
        seen.remove(&(scope.to_vec(), name.to_string()));
        found
    }

    fn name_once(&self, at: &[String], name: &str, seen: &mut Seen) -> Option<Target> {
        let scope = self.scopes.get(at)?;
        let mut child = at.to_vec();
        child.push(name.to_string());
        if self.scopes.contains_key(&child) {
            return Some(Target::Scope(child));
        }
        if scope.defined.contains(name) {
            return Some(Target::Item(scope.file));
        }
        let used = scope.used.iter().filter(|used| used.0 == name).find_map(|used| self.path(at, &used.1, seen));
        let mut in_glob = |glob: &Names| match self.path(at, glob, seen)? {
            Target::Scope(path) => self.name(&path, name, seen),
            Target::Item(_) => None,
        };
        used.or_else(|| scope.globs.iter().find_map(&mut in_glob))
            .or_else(|| self.exported.get(name).filter(|_| at.is_empty()).map(|file| Target::Item(*file)))
    }
}

/// The leaves of a `use` declaration, with their lines. A path from another crate's root (`::x`) has none.
pub(crate) fn leaves(item: &syn::ItemUse) -> Vec<(usize, Leaf)> {
    let mut found = Vec::new();
    if item.leading_colon.is_none() {
        walk(&item.tree, &mut Names::new(), &mut found);
    }
    found
}

fn walk(tree: &syn::UseTree, prefix: &mut Names, found: &mut Vec<(usize, Leaf)>) {
    let named = |prefix: &Names, name: &syn::Ident, as_name: &syn::Ident| {
        let mut path = prefix.clone();
        if *name != "self" {
            path.push(name.unraw().to_string());
        }
        // `use a::b::{self}` brings in `b`.
        let as_name = if *as_name == "self" { path.last().cloned().unwrap_or_default() } else { as_name.unraw().to_string() };
        (name.span().start().line, Leaf::Name(as_name, path))
    };
    match tree {
        syn::UseTree::Path(tree) => {
            prefix.push(tree.ident.unraw().to_string());
            walk(&tree.tree, prefix, found);
            prefix.pop();
        }
        syn::UseTree::Name(tree) => found.push(named(prefix, &tree.ident, &tree.ident)),
        syn::UseTree::Rename(tree) => found.push(named(prefix, &tree.ident, &tree.rename)),
        syn::UseTree::Glob(tree) => found.push((tree.star_token.span.start().line, Leaf::Glob(prefix.clone()))),
        syn::UseTree::Group(group) => group.items.iter().for_each(|tree| walk(tree, prefix, found)),
    }
}

fn defined_name(item: &syn::Item) -> Option<String> {
    use syn::Item::*;
    let ident = match item {
        Const(item) => &item.ident,
        Enum(item) => &item.ident,
        Fn(item) => &item.sig.ident,
        Static(item) => &item.ident,
        Struct(item) => &item.ident,
        Trait(item) => &item.ident,
        TraitAlias(item) => &item.ident,
        Type(item) => &item.ident,
        Union(item) => &item.ident,
        _ => return None,
    };
    Some(ident.unraw().to_string())
}

#[test]
fn paths_resolve_to_the_file_that_defines_the_name() {
    let files = [
        ("lib.rs", "mod ops; mod shape; pub use ops::Add; pub use ops::*; use std::fmt; pub fn top() {}"),
        (
            "ops.rs",
            "mod add; mod mul; pub use self::add::Add as Plus; pub use mul::*; pub use add::Add; pub trait Op {} pub mod inline { pub fn f() {} }",
        ),
        ("ops/add.rs", "use super::Op; pub struct Add; use crate::ops as family;"),
        ("ops/mul.rs", "use super::*; pub struct Mul; #[macro_export] macro_rules! muls { () => {} }"),
        ("shape.rs", "pub struct Shape; #[cfg(test)] mod tests { pub struct Hidden; }"),
    ];
    let files = files.iter().map(|(path, text)| (path.to_string(), text.to_string())).collect();
    let modules = crate::modules::tree("lib.rs", &files);
    let scopes = Scopes::new(&modules);
    let names = |path: &str| -> Names { path.split("::").filter(|name| !name.is_empty()).map(str::to_string).collect() };
    let file = |from: &str, path: &str| {
        let target = scopes.resolve(&names(from), &names(path))?;
        Some(modules[scopes.file(&target)?].source.path.as_str())
    };
    assert_eq!(file("shape", "crate::ops::Op"), Some("ops.rs"));
    assert_eq!(file("shape", "crate::ops::Plus"), Some("ops/add.rs"));
    assert_eq!(file("shape", "crate::ops::Add::new"), Some("ops/add.rs"));
    assert_eq!(file("shape", "crate::ops::Mul"), Some("ops/mul.rs"));
    assert_eq!(file("shape", "crate::Add"), Some("ops/add.rs"));
    assert_eq!(file("shape", "crate::Mul"), Some("ops/mul.rs"));
    assert_eq!(file("shape", "crate::muls"), Some("ops/mul.rs"));
    assert_eq!(file("shape", "crate::top"), Some("lib.rs"));
    assert_eq!(file("shape", "crate::ops::Unknown"), Some("ops.rs"));
    assert_eq!(file("shape", "crate::ops::inline::f"), Some("ops.rs"));
    assert_eq!(file("shape", "crate::ops"), Some("ops.rs"));
    assert_eq!(file("ops::add", "super::super::shape::Shape"), Some("shape.rs"));
    assert_eq!(file("ops::add", "family::Mul"), Some("ops/mul.rs"));
    assert_eq!(file("ops::mul", "Op"), Some("ops.rs"));
    assert_eq!(file("shape", "ndarray::ArrayD"), None);
    assert_eq!(file("", "fmt::Debug"), None);
}
