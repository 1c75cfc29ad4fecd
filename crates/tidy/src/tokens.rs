//! Tokens with their lines, macro bodies included, and which lines are compiled for tests only.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use std::ops::RangeInclusive;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, Meta, Token};

/// A token as the rules see it; a group is its opening, its content, its closing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Ident(String),
    Punct(char),
    /// The text of a literal as it is written.
    Literal(String),
    Open(char),
    Close(char),
}

/// A token and its line, counted from 1.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) line: usize,
    /// Whether the next token is a punctuation that belongs to this one, as in `!=`.
    pub(crate) joint: bool,
}

impl Token {
    pub(crate) fn is_ident(&self, name: &str) -> bool {
        matches!(&self.kind, Kind::Ident(ident) if ident == name)
    }

    pub(crate) fn is(&self, kind: &Kind) -> bool {
        self.kind == *kind
    }
}

/// All tokens of a file in order. Comments are no tokens; doc comments are string literals.
pub(crate) fn flat(path: &str, text: &str) -> Vec<Token> {
    // A shebang or a byte order mark never stands in this workspace, so the text is all tokens.
    let stream: TokenStream = text.parse().unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut tokens = Vec::new();
    flatten(stream, &mut tokens);
    tokens
}

fn flatten(stream: TokenStream, tokens: &mut Vec<Token>) {
    for tree in stream {
        let line = tree.span().start().line;
        match tree {
            TokenTree::Ident(ident) => tokens.push(Token { kind: Kind::Ident(ident.to_string()), line, joint: false }),
            TokenTree::Literal(literal) => tokens.push(Token { kind: Kind::Literal(literal.to_string()), line, joint: false }),
            TokenTree::Punct(punct) => {
                tokens.push(Token { kind: Kind::Punct(punct.as_char()), line, joint: punct.spacing() == Spacing::Joint });
            }
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ('(', ')'),
                    Delimiter::Brace => ('{', '}'),
                    Delimiter::Bracket => ('[', ']'),
                    Delimiter::None => (' ', ' '),
                };
                tokens.push(Token { kind: Kind::Open(open), line, joint: false });
                flatten(group.stream(), tokens);
                tokens.push(Token { kind: Kind::Close(close), line: group.span_close().start().line, joint: false });
            }
        }
    }
}

/// The macros called in a run of tokens, with their lines: `name!(..)`, `name![..]`, `name!{..}`.
pub(crate) fn macro_calls(tokens: &[Token]) -> impl Iterator<Item = (&str, usize)> {
    tokens.windows(3).filter_map(|window| match &window[0].kind {
        Kind::Ident(name) if window[1].is(&Kind::Punct('!')) && !window[1].joint && matches!(window[2].kind, Kind::Open(_)) => {
            Some((name.as_str(), window[0].line))
        }
        _ => None,
    })
}

/// The lines of items that are compiled for tests only: `#[test]`, `#[cfg(test)]` and what implies it.
pub(crate) fn test_lines(path: &str, text: &str) -> Vec<RangeInclusive<usize>> {
    let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{path}: {error}"));
    if is_test_only(&file.attrs) {
        return vec![1..=usize::MAX];
    }
    let mut visitor = TestLines { lines: Vec::new() };
    visitor.visit_file(&file);
    visitor.lines
}

struct TestLines {
    lines: Vec<RangeInclusive<usize>>,
}

impl TestLines {
    fn add(&mut self, attributes: &[Attribute], node: &impl Spanned) {
        if is_test_only(attributes) {
            let span = node.span();
            self.lines.push(span.start().line..=span.end().line);
        }
    }
}

impl<'ast> Visit<'ast> for TestLines {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        self.add(item_attributes(item), item);
        visit::visit_item(self, item);
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        let attributes: &[Attribute] = match item {
            syn::ImplItem::Const(item) => &item.attrs,
            syn::ImplItem::Fn(item) => &item.attrs,
            syn::ImplItem::Type(item) => &item.attrs,
            syn::ImplItem::Macro(item) => &item.attrs,
            _ => &[],
        };
        self.add(attributes, item);
        visit::visit_impl_item(self, item);
    }
}

/// The attributes of an item.
pub(crate) fn item_attributes(item: &syn::Item) -> &[Attribute] {
    use syn::Item::*;
    match item {
        Const(item) => &item.attrs,
        Enum(item) => &item.attrs,
        ExternCrate(item) => &item.attrs,
        Fn(item) => &item.attrs,
        ForeignMod(item) => &item.attrs,
        Impl(item) => &item.attrs,
        Macro(item) => &item.attrs,
        Mod(item) => &item.attrs,
        Static(item) => &item.attrs,
        Struct(item) => &item.attrs,
        Trait(item) => &item.attrs,
        TraitAlias(item) => &item.attrs,
        Type(item) => &item.attrs,
        Union(item) => &item.attrs,
        Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Whether attributes keep an item out of every build but a test build.
pub(crate) fn is_test_only(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) if list.path.is_ident("cfg") => list.parse_args::<Meta>().is_ok_and(|meta| implies_test(&meta)),
        _ => false,
    })
}

fn implies_test(meta: &Meta) -> bool {
    let children = |list: &syn::MetaList| -> Vec<Meta> {
        list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated).map(|metas| metas.into_iter().collect()).unwrap_or_default()
    };
    match meta {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) if list.path.is_ident("all") => children(list).iter().any(implies_test),
        Meta::List(list) if list.path.is_ident("any") => {
            let children = children(list);
            !children.is_empty() && children.iter().all(implies_test)
        }
        _ => false,
    }
}

#[test]
fn lines_of_test_items_are_found() {
    let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n#[cfg(all(test, unix))]\nfn c() {}\n#[cfg(not(test))]\nfn d() {}\n";
    assert_eq!(test_lines("text", text), [2..=5, 6..=7]);
}

#[test]
fn macro_calls_are_told_from_comparisons() {
    let tokens = flat("text", "fn f() { panic!(\"a\"); if panic != 1 {} let x = vec![todo!()]; } // dbg!(1)\n/// dbg!(2)\nfn g() {}");
    assert_eq!(macro_calls(&tokens).map(|call| call.0).collect::<Vec<_>>(), ["panic", "vec", "todo"]);
}
