//! Rule: every operation stands in the registry, so that conformance tests run it.
//!
//! An operation is a type under `ops/` that implements `Operation`, `Elementwise` or `Multilinear`, by hand or through a macro of that folder
//! that writes the implementation for it.

use crate::modules;
use crate::sources;
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::collections::BTreeSet;

const FOLDER: &str = "crates/ir/src/ops/";
const TRAITS: [&str; 3] = ["Operation", "Elementwise", "Multilinear"];

/// A family, which is a file or folder of `ops/`, and a type.
type Name = (String, String);

#[test]
fn every_operation_is_registered() {
    let sources: Vec<(String, syn::File)> = modules::all()
        .into_iter()
        .flatten()
        .filter(|module| !module.test_only)
        .filter_map(|module| Some((module.source.path.strip_prefix(FOLDER)?.to_string(), module.ast)))
        .collect();
    let (found, registered) = (operations(&sources), registered(&sources));
    assert!(found.len() > 40 && registered.len() > 40, "the rule no longer sees the operations: {} and {}", found.len(), registered.len());
    let show = |what: &str, names: BTreeSet<&Name>| -> Vec<String> {
        names.into_iter().map(|(family, name)| format!("{family}::{name} {what}")).collect()
    };
    let mut broken = show("is not in ops/registry.rs", found.difference(&registered).collect());
    broken.extend(show("is in ops/registry.rs, but nothing in ops/ implements it", registered.difference(&found).collect()));
    sources::report(
        "Operations and the registry differ.",
        &broken,
        "implement `Probed` for the type, next to it, and add `name: family::Type;` to `each_operation!` in ops/registry.rs.",
    );
}

/// The family of a file by its path under `ops/`.
fn family(path: &str) -> String {
    path.split('/').next().unwrap_or(path).trim_end_matches(".rs").to_string()
}

fn operations(sources: &[(String, syn::File)]) -> BTreeSet<Name> {
    let items = || sources.iter().flat_map(|(path, file)| file.items.iter().map(move |item| (path, item)));
    let writers: BTreeSet<String> = items()
        .filter_map(|(_, item)| match item {
            syn::Item::Macro(m) if implements(m.mac.tokens.clone()) => m.ident.as_ref().map(ToString::to_string),
            _ => None,
        })
        .collect();
    let mut found = BTreeSet::new();
    for (path, item) in items() {
        match item {
            syn::Item::Impl(i) => {
                let of = i.trait_.as_ref().and_then(|(_, path, _)| path.segments.last()).map(|s| s.ident.to_string());
                if let (true, syn::Type::Path(t)) = (of.is_some_and(|of| TRAITS.contains(&of.as_str())), &*i.self_ty)
                    && let Some(name) = t.path.segments.last()
                {
                    found.insert((family(path), name.ident.to_string()));
                }
            }
            syn::Item::Macro(m)
                if m.ident.is_none() && m.mac.path.segments.last().is_some_and(|s| writers.contains(&s.ident.to_string())) =>
            {
                found.extend(documented(m.mac.tokens.clone()).into_iter().map(|name| (family(path), name)));
            }
            _ => {}
        }
    }
    found
}

/// Whether tokens contain `impl Trait for` with one of the traits.
fn implements(tokens: TokenStream) -> bool {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let is = |i: usize, name: &str| matches!(tokens.get(i), Some(TokenTree::Ident(found)) if found == name);
    (0..tokens.len()).any(|i| match &tokens[i] {
        TokenTree::Group(group) => implements(group.stream()),
        _ => is(i, "impl") && TRAITS.iter().any(|name| is(i + 1, name)) && is(i + 2, "for"),
    })
}

/// The names that stand right after doc comments.
fn documented(tokens: TokenStream) -> Vec<String> {
    let mut after_doc = false;
    let mut found = Vec::new();
    for token in tokens {
        match token {
            TokenTree::Punct(p) if p.as_char() == '#' => {}
            TokenTree::Group(g) if g.delimiter() == Delimiter::Bracket && g.stream().to_string().starts_with("doc") => after_doc = true,
            TokenTree::Ident(name) if after_doc => {
                found.push(name.to_string());
                after_doc = false;
            }
            _ => after_doc = false,
        }
    }
    found
}

/// `family::Type` of every line of `each_operation!`.
fn registered(sources: &[(String, syn::File)]) -> BTreeSet<Name> {
    let registry = sources.iter().find(|(path, _)| path == "registry.rs").map(|(_, file)| file);
    let list = registry.into_iter().flat_map(|file| &file.items).find_map(|item| match item {
        syn::Item::Macro(m) if m.ident.as_ref().is_some_and(|name| name == "each_operation") => Some(m.mac.tokens.clone()),
        _ => None,
    });
    list.map(lines).unwrap_or_default()
}

fn lines(tokens: TokenStream) -> BTreeSet<Name> {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let is = |i: usize, c: char| matches!(&tokens[i], TokenTree::Punct(p) if p.as_char() == c);
    let mut found: BTreeSet<Name> = (0..tokens.len().saturating_sub(4))
        .filter(|&i| is(i + 1, ':') && is(i + 2, ':') && is(i + 4, ';'))
        .filter_map(|i| match (&tokens[i], &tokens[i + 3]) {
            (TokenTree::Ident(family), TokenTree::Ident(name)) => Some((family.to_string(), name.to_string())),
            _ => None,
        })
        .collect();
    for token in tokens {
        if let TokenTree::Group(group) = token {
            found.extend(lines(group.stream()));
        }
    }
    found
}

#[test]
fn operations_are_found_by_hand_and_through_macros() {
    let parse = |path: &str, text: &str| (path.to_string(), syn::parse_file(text).expect("the example parses"));
    let sources = [
        parse("declare.rs", "macro_rules! unary { ($name:ident) => { impl Elementwise for $name {} } } macro_rules! other { () => {} }"),
        parse("a.rs", "unary! { /// One.\n/// More.\nExp, exp, |p| p.exp(); /// Two.\nLn, ln, |p| p; } other! { /// Three.\nNo, no }"),
        parse("b/c.rs", "impl Operation for Scan {} impl fmt::Debug for Scan {} impl crate::Multilinear for Take<T> {}"),
        parse(
            "registry.rs",
            "macro_rules! each_operation { ($do:ident) => { $do! { exp: a::Exp; scan: b::Scan; } }; } fn f() { let _ = x::y; }",
        ),
    ];
    let names = |list: &[(&str, &str)]| -> BTreeSet<Name> { list.iter().map(|(f, n)| (f.to_string(), n.to_string())).collect() };
    assert_eq!(operations(&sources), names(&[("a", "Exp"), ("a", "Ln"), ("b", "Scan"), ("b", "Take")]));
    assert_eq!(registered(&sources), names(&[("a", "Exp"), ("b", "Scan")]));
}
