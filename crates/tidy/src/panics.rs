//! Rule: library code returns errors. It has no `unwrap`, no `panic!`, and an `expect` states the invariant that it relies on.

use crate::modules;
use crate::sources::{self, Source};
use crate::tokens::{self, Kind, Token};

/// The least number of words that can state an invariant.
const WORDS: usize = 3;

#[test]
fn libraries_do_not_panic() {
    let broken: Vec<String> = modules::shipped().iter().flat_map(panics).collect();
    sources::report(
        "Library code can panic.",
        &broken,
        "return an error that names the operation, its shapes or values, and what to do; where the type system cannot see that it never \
         happens, write `.expect(\"..\")` with a string literal of at least three words that states the invariant.",
    );
}

fn panics(source: &Source) -> Vec<String> {
    let tests = tokens::test_lines(&source.path, &source.text);
    let tokens = tokens::flat(&source.path, &source.text);
    let calls = tokens::macro_calls(&tokens).filter(|(name, _)| *name == "panic").map(|(_, line)| (line, "`panic!`"));
    let methods = (1..tokens.len()).filter_map(|index| method(&tokens, index).map(|what| (tokens[index].line, what)));
    let mut found: Vec<_> = calls.chain(methods).filter(|(line, _)| !tests.iter().any(|lines| lines.contains(line))).collect();
    found.sort_unstable();
    found.into_iter().map(|(line, what)| format!("{}:{line}: {what} in `{}`", source.path, source.line(line))).collect()
}

/// What is wrong with the name at `index` as a method (`.name(`) or a path (`::name`); a definition `fn name` is no call.
fn method(tokens: &[Token], index: usize) -> Option<&'static str> {
    let Kind::Ident(name) = &tokens[index].kind else { return None };
    let called = tokens[index - 1].is(&Kind::Punct('.'));
    let named = tokens[index - 1].is(&Kind::Punct(':'));
    match name.as_str() {
        "unwrap" | "unwrap_err" if called || named => Some("`unwrap`"),
        "expect" | "expect_err" if named => Some("`expect` as a function, which hides its message,"),
        "expect" | "expect_err" if called && !states_an_invariant(&tokens[index + 1..]) => Some("`expect` that states no invariant"),
        _ => None,
    }
}

/// Whether tokens begin with a call on a single string literal of several words.
fn states_an_invariant(tokens: &[Token]) -> bool {
    match tokens {
        [open, Token { kind: Kind::Literal(text), .. }, close, ..] => {
            let message = text.trim_matches(|c: char| c == 'r' || c == '#' || c == '"');
            open.is(&Kind::Open('(')) && close.is(&Kind::Close(')')) && text.contains('"') && message.split_whitespace().count() >= WORDS
        }
        _ => false,
    }
}

#[test]
fn panics_are_found_in_code_and_in_macro_bodies() {
    let broken = |body: &str| panics(&Source { path: "a.rs".into(), text: format!("fn f() {{ {body} }}") }).len();
    for bad in [
        "x.unwrap();",
        "x.map(Option::unwrap);",
        "vec![x.unwrap()];",
        "macro_rules! m { ($x:expr) => { $x.unwrap() } }",
        "panic!(\"a b c\");",
        "std::panic!();",
        "x.expect(\"oh no\");",
        "x.expect(&format!(\"a b c\"));",
        "x.expect(MESSAGE);",
        "Option::expect(x, \"one two three\");",
        "x.unwrap_err();",
    ] {
        assert_eq!(broken(bad), 1, "{bad}");
    }
    for good in [
        "x.expect(\"the plan checked the range\");",
        "x.unwrap_or(1);",
        "std::panic::catch_unwind(g);",
        "// x.unwrap()\n",
        "\"x.unwrap()\";",
        "fn unwrap() {}",
    ] {
        assert_eq!(broken(good), 0, "{good}");
    }
}

#[test]
fn tests_may_panic() {
    let text = "#[cfg(test)]\nmod tests {\n    fn f() { x.unwrap() }\n}\n#[test]\nfn g() { panic!() }";
    assert!(panics(&Source { path: "a.rs".into(), text: text.into() }).is_empty());
}
