//! Rules: libraries neither print nor hold unfinished work, and no test is switched off.

use crate::modules;
use crate::sources::{self, Source};
use crate::tokens::{self, Kind};

const FORBIDDEN: &[&str] = &["todo", "unimplemented", "dbg", "println", "eprintln", "print", "eprint"];

#[test]
fn libraries_hold_no_unfinished_work_and_do_not_print() {
    let broken: Vec<String> = modules::shipped().iter().flat_map(leftovers).collect();
    sources::report(
        "Library code calls macros that are for work in progress or write to the terminal.",
        &broken,
        "finish the work, return an error, or hand the text to the caller (a report, a `Display`); print only in examples and tests.",
    );
}

#[test]
fn no_test_is_ignored() {
    let broken: Vec<String> = sources::all().iter().flat_map(ignored).collect();
    sources::report("These tests are switched off.", &broken, "make the test pass and fast enough to run every time, or delete it.");
}

fn leftovers(source: &Source) -> Vec<String> {
    let tests = tokens::test_lines(&source.path, &source.text);
    tokens::macro_calls(&tokens::flat(&source.path, &source.text))
        .filter(|(name, line)| FORBIDDEN.contains(name) && !tests.iter().any(|lines| lines.contains(line)))
        .map(|(name, line)| format!("{}:{line}: `{name}!` in `{}`", source.path, source.line(line)))
        .collect()
}

/// `#[ignore]`, `#[ignore = ".."]`, and `ignore` inside `#[cfg_attr(..)]`.
fn ignored(source: &Source) -> Vec<String> {
    let tokens = tokens::flat(&source.path, &source.text);
    let mut broken = Vec::new();
    for (index, window) in tokens.windows(3).enumerate() {
        if !(window[0].is(&Kind::Punct('#')) && window[1].is(&Kind::Open('['))) {
            continue;
        }
        let is_ignored = match &window[2].kind {
            Kind::Ident(name) if name == "ignore" => true,
            Kind::Ident(name) if name == "cfg_attr" => {
                tokens[index..].iter().take_while(|token| !token.is(&Kind::Close(']'))).any(|token| token.is_ident("ignore"))
            }
            _ => false,
        };
        if is_ignored {
            broken.push(format!("{}:{}: `{}`", source.path, window[0].line, source.line(window[0].line)));
        }
    }
    broken
}

fn source(text: &str) -> Source {
    Source { path: "a.rs".into(), text: text.into() }
}

#[test]
fn leftovers_are_found_outside_tests_and_comments() {
    let text = "//! println!(1)\nfn f() { todo!() }\n/// dbg!(1)\nfn g() { std::println!(\"todo!()\"); vec![dbg!(1)]; }\n#[cfg(test)]\nmod tests { fn h() { println!(); } }";
    let found = leftovers(&source(text));
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(
        found[0].starts_with("a.rs:2: `todo!`") && found[1].starts_with("a.rs:4: `println!`") && found[2].starts_with("a.rs:4: `dbg!`")
    );
}

#[test]
fn ignored_tests_are_found() {
    let text =
        "#[ignore]\nfn a() {}\n#[ignore = \"slow\"]\nfn b() {}\n#[cfg_attr(debug_assertions, ignore)]\nfn c() {}\n#[test]\nfn ignore() {}";
    assert_eq!(ignored(&source(text)).len(), 3);
}
