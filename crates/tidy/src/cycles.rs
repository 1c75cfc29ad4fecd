//! Rule: no import cycle between the modules of a crate.
//!
//! An edge leads from the file that names something to the file that defines it. A module may re-export what its children
//! define, so edges from a module to what stands below it do not count; edges upwards do, when the name is defined up there.

use crate::modules::{self, Module};
use crate::resolve::{Leaf, Names, Scopes, Target, leaves};
use crate::sources;
use crate::tokens::{self, Kind};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::RangeInclusive;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// For every pair of files, the first line where one names what the other defines.
pub(crate) type Edges = BTreeMap<(usize, usize), usize>;

#[test]
fn modules_have_no_import_cycles() {
    let broken: Vec<String> = modules::all().iter().flat_map(|modules| describe(modules, &edges(modules))).collect();
    sources::report(
        "Modules import each other in a circle.",
        &broken,
        "move what both sides need into a module below both, or hand it in as an argument or a trait.",
    );
}

/// One shortest cycle for every knot of modules, as lines to read.
fn describe(modules: &[Module], edges: &Edges) -> Vec<String> {
    cycles(modules.len(), edges)
        .into_iter()
        .map(|cycle| {
            let steps = (0..cycle.len()).map(|step| {
                let (from, to) = (cycle[step], cycle[(step + 1) % cycle.len()]);
                let (source, line) = (&modules[from].source, edges[&(from, to)]);
                format!("{}:{line}: `{}` names what is in {}", source.path, source.line(line), modules[to].source.path)
            });
            format!("cycle of {}:\n    {}", cycle.len(), steps.collect::<Vec<_>>().join("\n    "))
        })
        .collect()
}

/// A shortest cycle through the first node of every strongly connected component of more than one node.
fn cycles(nodes: usize, edges: &Edges) -> Vec<Vec<usize>> {
    let mut next = vec![Vec::new(); nodes];
    for (from, to) in edges.keys() {
        next[*from].push(*to);
    }
    let mut done = BTreeSet::new();
    let mut found = Vec::new();
    for start in 0..nodes {
        if done.contains(&start) {
            continue;
        }
        if let Some(cycle) = shortest_cycle(start, &next) {
            let component = |node: &usize| reaches(*node, start, &next) && reaches(start, *node, &next);
            done.extend((0..nodes).filter(component));
            found.push(cycle);
        }
    }
    found
}

fn reaches(from: usize, to: usize, next: &[Vec<usize>]) -> bool {
    from == to || !breadth_first(from, next, |node| node == to).is_empty()
}

fn shortest_cycle(start: usize, next: &[Vec<usize>]) -> Option<Vec<usize>> {
    let mut path = breadth_first(start, next, |node| next[node].contains(&start));
    (!path.is_empty()).then(|| {
        path.insert(0, start);
        path
    })
}

/// The nodes after `start` on a shortest path to a node that passes the test; empty when there is none.
fn breadth_first(start: usize, next: &[Vec<usize>], found: impl Fn(usize) -> bool) -> Vec<usize> {
    let mut before = BTreeMap::from([(start, start)]);
    let mut queue = VecDeque::from([start]);
    while let Some(node) = queue.pop_front() {
        if node != start && found(node) {
            let mut path = vec![node];
            while before[&path[0]] != start {
                path.insert(0, before[&path[0]]);
            }
            return path;
        }
        for &after in &next[node] {
            if let Entry::Vacant(entry) = before.entry(after) {
                entry.insert(node);
                queue.push_back(after);
            }
        }
    }
    Vec::new()
}

pub(crate) fn edges(modules: &[Module]) -> Edges {
    let scopes = Scopes::new(modules);
    let mut edges = Edges::new();
    for (file, module) in modules.iter().enumerate().filter(|(_, module)| !module.test_only) {
        let (path, text) = (&module.source.path, &module.source.text);
        let names = tokens::flat(path, text).into_iter().filter_map(|token| match token.kind {
            Kind::Ident(name) => Some(name),
            _ => None,
        });
        let mut finder = Finder {
            scopes: &scopes,
            scope: module.path.clone(),
            names: names.collect(),
            tests: tokens::test_lines(path, text),
            found: Vec::new(),
        };
        finder.visit_file(&module.ast);
        for (to, line) in finder.found {
            let downwards = modules[to].path.starts_with(&module.path);
            if !downwards && !finder.tests.iter().any(|lines| lines.contains(&line)) {
                let first = edges.entry((file, to)).or_insert(line);
                *first = line.min(*first);
            }
        }
    }
    edges
}

/// Finds the files that a file names, with the lines.
struct Finder<'a> {
    scopes: &'a Scopes,
    /// The module that the visit is in, inline modules included.
    scope: Names,
    /// Every identifier of the file: what a glob import may stand for.
    names: BTreeSet<String>,
    tests: Vec<RangeInclusive<usize>>,
    found: Vec<(usize, usize)>,
}

impl Finder<'_> {
    fn add(&mut self, target: Option<Target>, line: usize) {
        if let Some(file) = target.and_then(|target| self.scopes.file(&target)) {
            self.found.push((file, line));
        }
    }

    /// A glob stands for the names it brings in that the file uses; for the module itself when none is known.
    fn add_glob(&mut self, path: &[String], line: usize) {
        let target = self.scopes.resolve(&self.scope, path);
        let named: Vec<Target> = match &target {
            Some(Target::Scope(module)) => self.names.iter().filter_map(|name| self.scopes.lookup(module, name)).collect(),
            _ => Vec::new(),
        };
        if named.is_empty() {
            self.add(target, line);
        }
        for target in named {
            self.add(Some(target), line);
        }
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        self.scope.push(module.ident.unraw().to_string());
        visit::visit_item_mod(self, module);
        self.scope.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        for (line, leaf) in leaves(item) {
            match leaf {
                Leaf::Name(_, path) => self.add(self.scopes.resolve(&self.scope, &path), line),
                Leaf::Glob(path) => self.add_glob(&path, line),
            }
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() && path.segments.len() > 1 {
            let names: Names = path.segments.iter().map(|segment| segment.ident.unraw().to_string()).collect();
            self.add(self.scopes.resolve(&self.scope, &names), path.span().start().line);
        }
        visit::visit_path(self, path);
    }

    // `pub(in crate::a)` imports nothing.
    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {}
}

fn found(files: &[(&str, &str)]) -> Vec<String> {
    let files = files.iter().map(|(path, text)| (path.to_string(), text.to_string())).collect();
    let modules = modules::tree("lib.rs", &files);
    describe(&modules, &edges(&modules))
}

#[test]
fn a_cycle_is_reported_with_its_lines() {
    let report = found(&[
        ("lib.rs", "mod a; mod b; mod c; mod d;"),
        ("a.rs", "\nuse crate::b::B;\npub struct A;"),
        ("b.rs", "pub struct B; fn f() {\n let _ = crate::c::C; }"),
        ("c.rs", "use super::{d::D, a::A}; pub struct C;"),
        ("d.rs", "pub struct D;"),
    ]);
    assert_eq!(report.len(), 1);
    let lines: Vec<&str> = report[0].lines().map(str::trim).collect();
    assert_eq!(
        lines,
        [
            "cycle of 3:",
            "a.rs:2: `use crate::b::B;` names what is in b.rs",
            "b.rs:2: `let _ = crate::c::C; }` names what is in c.rs",
            "c.rs:1: `use super::{d::D, a::A}; pub struct C;` names what is in a.rs",
        ]
    );
}

#[test]
fn parents_may_re_export_and_children_may_use_what_a_parent_defines() {
    assert!(found(&[("lib.rs", "mod a; pub use a::A; pub trait T {}"), ("a.rs", "use crate::T; pub struct A;")]).is_empty());
    // A name that the parent only re-exports is the sibling's.
    let files = [
        ("lib.rs", "mod a; mod b; pub use a::A; pub use b::B;"),
        ("a.rs", "use crate::B; pub struct A;"),
        ("b.rs", "use super::A; pub struct B;"),
    ];
    assert_eq!(found(&files).len(), 1);
    let files = [
        ("lib.rs", "mod a; mod b; pub use {a::*, b::*};"),
        ("a.rs", "use super::*; pub struct A(B);"),
        ("b.rs", "use super::*; pub struct B(A);"),
    ];
    assert_eq!(found(&files).len(), 1);
    let files = [
        ("lib.rs", "mod a; mod b; pub use {a::*, b::*};"),
        ("a.rs", "use super::*; pub struct A(B);"),
        ("b.rs", "use super::*; pub struct B;"),
    ];
    assert!(found(&files).is_empty());
}

#[test]
fn a_way_round_through_a_parent_is_a_cycle() {
    let files = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "mod child; pub struct A(crate::b::B);"),
        ("a/child.rs", "use super::A; pub struct Child;"),
        ("b.rs", "use crate::a::child::Child; pub struct B;"),
    ];
    assert_eq!(found(&files).len(), 1);
}

#[test]
fn tests_comments_and_visibilities_import_nothing() {
    let files = [
        ("lib.rs", "mod a; mod b; #[cfg(test)] mod t;"),
        ("a.rs", "use crate::b::B; pub struct A;"),
        ("b.rs", "// use crate::a::A;\npub struct B { pub(in crate::a) x: u8 } #[cfg(test)]\nmod tests { use crate::a::A; }"),
        ("t.rs", "use crate::a::A; pub struct T;"),
    ];
    assert!(found(&files).is_empty());
}

#[test]
fn names_of_modules_lead_on() {
    let files = [("lib.rs", "mod a; mod b;"), ("a.rs", "use crate::b; pub fn f() { b::g() }"), ("b.rs", "pub fn g() { crate::a::f() }")];
    assert_eq!(found(&files).len(), 1);
}

#[test]
fn separate_knots_are_reported_separately() {
    let edges: Edges = [(0, 1), (1, 0), (1, 2), (2, 3), (3, 4), (4, 2), (5, 0)].map(|edge| (edge, 1)).into();
    assert_eq!(cycles(6, &edges), [vec![0, 1], vec![2, 3, 4]]);
}
