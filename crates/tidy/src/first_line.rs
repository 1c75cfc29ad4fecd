//! Rule: the first line of every Rust file says what the file is about.

use crate::sources;

/// Cases for the compiler's own messages, where the first line is part of the message.
const EXEMPT: &str = "/tests/compile_fail/";

#[test]
fn every_file_says_in_its_first_line_what_it_is_about() {
    let broken: Vec<String> = sources::all()
        .iter()
        .filter(|source| !source.path.contains(EXEMPT) && !says_what_it_is(&source.text))
        .map(|source| format!("{}:1: {:?}", source.path, source.line(1)))
        .collect();
    sources::report("These files do not begin with `//!`.", &broken, "begin the file with `//! ` and one sentence: the one idea it holds.");
}

fn says_what_it_is(text: &str) -> bool {
    text.lines().next().and_then(|line| line.strip_prefix("//!")).is_some_and(|rest| !rest.trim().is_empty())
}

#[test]
fn a_first_line_needs_words() {
    assert!(says_what_it_is("//! Words.\nfn f() {}"));
    assert!(!says_what_it_is("//!\n//! Words."));
    assert!(!says_what_it_is("// Words."));
    assert!(!says_what_it_is(""));
}
