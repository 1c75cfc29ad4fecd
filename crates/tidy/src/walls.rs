//! Rule: within a crate, folders use what stands below them; a crate names of another one only what it may.
//!
//! An arrow leads from the folder that names something to the one that defines it, also through a re-export; and from the folder that calls a method to
//! the one that adds it to a type of a third one by an inherent `impl`. `cargo test -p hypertape-tidy walls -- --nocapture` prints the graph.

use crate::cycles::edges;
use crate::layers::LAYERS;
use crate::modules::{self, Module};
use crate::resolve::{Leaf, Names, Scopes, leaves};
use crate::sources;
use crate::tokens;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// The folders and files at the top of a crate's sources, from the lowest up; the root file is above all.
const ORDER: &[(&str, &[&str])] = &[
    ("ir", &["array", "outcome", "error", "program", "operation", "transform", "reference", "ops"]),
    ("engine", &["kernels", "plan", "execute"]),
    ("autodiff", &["tape", "tree", "record", "primitive", "function"]),
    (
        "solvers",
        &[
            "handles",
            "operators",
            "prox",
            "keep",
            "limits",
            "report",
            "step",
            "problem",
            "method",
            "drive",
            "prepared",
            "unrolled",
            "solve",
            "methods",
            "optimiser",
            "inner",
            "compare",
        ],
    ),
];

/// Arrows against the order, and why each one stays.
const AGAINST: &[(&str, &str, &str, &str)] = &[
    (
        "ir",
        "operation",
        "ops",
        "derivatives are sums, and zeros where there are none: the builder asks for addition and for numbers by the emitters that stand with these operations",
    ),
    (
        "ir",
        "transform",
        "ops",
        "a restriction gathers, spreads, and emits views and products of other shapes, by the emitters that stand with these operations",
    ),
];

/// What a crate or a folder may not name, though it could.
const FORBIDDEN: &[(&str, &str)] = &[
    ("autodiff/src/record/", "hypertape_engine"),
    ("autodiff/src/record/", "crate::plan"),
    ("autodiff/src/record/", "crate::execute"),
    ("autodiff/src/tape/", "hypertape_engine"),
    ("autodiff/src/tree/", "hypertape_engine"),
    ("linear/", "hypertape_autodiff::plan"),
    ("linear/", "hypertape_autodiff::execute"),
    ("linear/", "hypertape_autodiff::kernels"),
    ("solvers/", "hypertape_autodiff::plan"),
    ("solvers/", "hypertape_autodiff::kernels"),
    ("solvers/", "hypertape_autodiff::transform"),
    ("implicit/", "hypertape_autodiff::plan"),
    ("implicit/", "hypertape_autodiff::kernels"),
    ("implicit/", "hypertape_ir"),
    ("implicit/", "hypertape_engine"),
    ("solvers/", "hypertape_ir"),
    ("solvers/", "hypertape_engine"),
    ("linear/", "hypertape_ir"),
    ("linear/", "hypertape_engine"),
];

/// What is named across a wall all the same, and why.
const NAMED: &[(&str, &str, &str)] = &[("solvers/src/compare/mod.rs", "hypertape_autodiff::plan::Memory", "what `Function::memory` gives")];

/// Names of methods that standard types have too: a call of one says nothing.
const STANDARD: &[&str] = &[
    "abs",
    "add",
    "cast",
    "concatenate",
    "cos",
    "diagonal",
    "div",
    "exp",
    "fill",
    "ln",
    "max",
    "min",
    "mul",
    "neg",
    "not",
    "pow",
    "product",
    "select",
    "slice",
    "sqrt",
    "sub",
    "sum",
    "swap",
    "take",
];

/// Arrows between folders of one crate: how many pairs of files, and the first of them.
type Arrows = BTreeMap<(String, String), (usize, String)>;

#[test]
fn folders_use_what_stands_below_them() {
    let mut broken = vec![];
    let mut graph = String::new();
    let all = modules::all();
    for modules in &all {
        let name = crate_of(modules);
        let Some((_, order)) = ORDER.iter().find(|o| o.0 == name) else { continue };
        let below = LAYERS.iter().find(|l| l.0 == name).map_or(&[][..], |l| l.1);
        let used = all.iter().filter(|m| below.contains(&crate_of(m).as_str()));
        let arrows = arrows(modules, &used.flat_map(|m| methods(m)).map(|(_, name, _)| name).collect());
        let mut excepted: BTreeSet<(&str, &str)> = BTreeSet::new();
        for ((from, to), (count, first)) in &arrows {
            let at = |folder: &str| order.iter().position(|o| *o == folder);
            let against = match (at(from), at(to)) {
                (Some(a), Some(b)) => a < b,
                _ => {
                    broken.push(format!("{name}: `{from}` or `{to}` has no place in the order"));
                    continue;
                }
            };
            let _ = writeln!(graph, "{name}: {from} -> {to} ({count}){}", if against { "  AGAINST" } else { "" });
            if against {
                match AGAINST.iter().find(|a| (a.0, a.1, a.2) == (name.as_str(), from.as_str(), to.as_str())) {
                    Some(a) => {
                        excepted.insert((a.1, a.2));
                    }
                    None => broken.push(format!("{name}: {from} uses {to}, which stands above it, {count} times, first at {first}")),
                }
            }
        }
        broken.extend(
            AGAINST
                .iter()
                .filter(|a| a.0 == name && !excepted.contains(&(a.1, a.2)))
                .map(|a| format!("{name}: {} no longer uses {}; take the exception out", a.1, a.2)),
        );
    }
    println!("{graph}");
    sources::report(
        "A folder uses what stands above it.",
        &broken,
        "move what is needed down, or hand it in as an argument or a trait. The order and its exceptions are in crates/tidy/src/walls.rs; an exception \
         needs its reason there.",
    );
}

#[test]
fn nothing_is_named_across_a_wall() {
    let mut broken = vec![];
    for module in modules::all().iter().flatten().filter(|m| !m.test_only) {
        let walls: Vec<&str> =
            FORBIDDEN.iter().filter(|f| module.source.path.starts_with(&format!("crates/{}", f.0))).map(|f| f.1).collect();
        if walls.is_empty() {
            continue;
        }
        let tests = tokens::test_lines(&module.source.path, &module.source.text);
        let mut named = Named::default();
        named.visit_file(&module.ast);
        for (path, line) in named.0 {
            let excepted = NAMED.iter().any(|(file, name, _)| module.source.path.ends_with(file) && path == *name);
            let over = walls.iter().find(|w| !excepted && (path == **w || path.starts_with(&format!("{w}::"))));
            if let Some(wall) = over.filter(|_| !tests.iter().any(|t| t.contains(&line))) {
                broken.push(format!("{}:{line}: names {path}, beyond the wall {wall}", module.source.path));
            }
        }
    }
    sources::report("Something is named across a wall.", &broken, "use what the crate or folder in between offers, or extend that.");
}

fn crate_of(modules: &[Module]) -> String {
    modules.first().and_then(|m| m.source.path.split('/').nth(1)).unwrap_or_default().to_string()
}

/// The folder, or file, at the top of the crate; none for the root file.
fn top(module: &Module) -> Option<&str> {
    module.path.first().map(String::as_str)
}

/// Arrows of a crate. Methods of crates that it uses, by name, tell nothing of its own.
fn arrows(modules: &[Module], foreign: &BTreeSet<String>) -> Arrows {
    let mut found = Arrows::new();
    let calls = calls(modules, foreign);
    for ((from, to), line) in edges(modules).iter().map(|(k, l)| (*k, *l)).chain(calls) {
        let (Some(a), Some(b)) = (top(&modules[from]), top(&modules[to])) else { continue };
        if a != b {
            let source = &modules[from].source;
            let arrow =
                found.entry((a.into(), b.into())).or_insert_with(|| (0, format!("{}:{line}: `{}`", source.path, source.line(line))));
            arrow.0 += 1;
        }
    }
    found
}

/// Every method of a crate: the file that has it, its name, and where it is of an inherent `impl`, the file that defines the type.
fn methods(modules: &[Module]) -> Vec<(usize, String, Option<usize>)> {
    let scopes = Scopes::new(modules);
    let mut all = vec![];
    for (file, module) in modules.iter().enumerate().filter(|(_, m)| !m.test_only) {
        let mut methods = Methods { scopes: &scopes, scope: module.path.clone(), found: vec![] };
        methods.visit_file(&module.ast);
        all.extend(methods.found.into_iter().map(|(name, owner)| (file, name, owner)));
    }
    all
}

/// Calls of methods that another folder adds to a type which it does not define.
fn calls(modules: &[Module], foreign: &BTreeSet<String>) -> Vec<((usize, usize), usize)> {
    let (mut added, mut others) = (BTreeMap::<String, BTreeSet<usize>>::new(), foreign.clone());
    for (file, name, owner) in methods(modules) {
        let of = owner.and_then(|o| top(&modules[o]));
        if of.is_some() && of != top(&modules[file]) {
            added.entry(name).or_default().insert(file);
        } else {
            others.insert(name);
        }
    }
    // A name that has another owner too says nothing.
    added.retain(|name, files| files.len() == 1 && !others.contains(name) && !STANDARD.contains(&name.as_str()));
    let mut found: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for (file, module) in modules.iter().enumerate().filter(|(_, m)| !m.test_only) {
        let tests = tokens::test_lines(&module.source.path, &module.source.text);
        let mut calls = Calls::default();
        calls.visit_file(&module.ast);
        for (name, line) in calls.0.into_iter().filter(|(_, line)| !tests.iter().any(|t| t.contains(line))) {
            for to in added.get(&name).into_iter().flatten().filter(|to| **to != file) {
                let first = found.entry((file, *to)).or_insert(line);
                *first = line.min(*first);
            }
        }
    }
    found.into_iter().collect()
}

/// Methods, with the file that defines the type of an inherent `impl`.
struct Methods<'a> {
    scopes: &'a Scopes,
    scope: Names,
    found: Vec<(String, Option<usize>)>,
}

impl<'ast> Visit<'ast> for Methods<'_> {
    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let owner = match (&item.trait_, &*item.self_ty) {
            (None, syn::Type::Path(p)) => {
                let names: Names = p.path.segments.iter().map(|s| s.ident.unraw().to_string()).collect();
                self.scopes.resolve(&self.scope, &names).and_then(|t| self.scopes.file(&t))
            }
            _ => None,
        };
        for i in &item.items {
            if let syn::ImplItem::Fn(f) = i {
                self.found.push((f.sig.ident.unraw().to_string(), owner));
            }
        }
    }
    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        for i in &item.items {
            if let syn::TraitItem::Fn(f) = i {
                self.found.push((f.sig.ident.unraw().to_string(), None));
            }
        }
    }
}

/// Names of methods that are called.
#[derive(Default)]
struct Calls(Vec<(String, usize)>);

impl<'ast> Visit<'ast> for Calls {
    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        self.0.push((call.method.unraw().to_string(), call.method.span().start().line));
        visit::visit_expr_method_call(self, call);
    }
}

/// Paths that are named, imports as whole paths.
#[derive(Default)]
struct Named(Vec<(String, usize)>);

impl<'ast> Visit<'ast> for Named {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        for (line, leaf) in leaves(item) {
            let (Leaf::Name(_, path) | Leaf::Glob(path)) = leaf;
            self.0.push((path.join("::"), line));
        }
    }
    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Names = path.segments.iter().map(|segment| segment.ident.unraw().to_string()).collect();
        self.0.push((names.join("::"), path.span().start().line));
        visit::visit_path(self, path);
    }
}

fn found(files: &[(&str, &str)]) -> Vec<String> {
    let files = files.iter().map(|(path, text)| (path.to_string(), text.to_string())).collect();
    arrows(&modules::tree("lib.rs", &files), &BTreeSet::new()).into_iter().map(|((a, b), (n, _))| format!("{a} -> {b} ({n})")).collect()
}

#[test]
fn imports_re_exports_and_added_methods_are_arrows() {
    let report = found(&[
        ("lib.rs", "mod a; mod b; mod c; mod d;"),
        ("a.rs", "pub struct A;\nimpl A { pub fn own(&self) {} }"),
        ("b.rs", "use crate::a::A;\nimpl A { pub fn added(&self) {} }"),
        ("c.rs", "pub use crate::a::A;"),
        ("d.rs", "use crate::c::A;\npub fn f(a: &A) { a.own(); a.added() }"),
    ]);
    assert_eq!(report, ["b -> a (1)", "c -> a (1)", "d -> a (1)", "d -> b (1)"]);
}

#[test]
fn a_method_that_others_have_too_says_nothing() {
    let report = found(&[
        ("lib.rs", "mod a; mod b; mod c;"),
        ("a.rs", "pub struct A;\npub trait Sum { fn sum(&self); }"),
        ("b.rs", "use crate::a::A;\nimpl A { pub fn sum(&self) {} }"),
        ("c.rs", "pub fn f(v: &[f64]) -> f64 { v.iter().sum() }"),
    ]);
    assert_eq!(report, ["b -> a (1)"]);
}
