//! Rules: `unsafe` stands only in a few files, and every use of it says why it is sound.

use crate::sources::{self, Source};
use crate::tokens::{self, Kind};

/// Where `unsafe` may stand, and why. A `*` stands for any run of characters without a slash, `**` for any run.
const ALLOWED: &[(&str, &str)] = &[
    (
        "crates/engine/src/kernels/machine_code.rs",
        "machine code is mapped, then made executable, and called: bytes become a function here and nowhere else",
    ),
    ("crates/engine/src/kernels/*.rs", "loops over memory of the arena, for instruction sets that are found at run time"),
    ("crates/engine/src/kernels/vector/*.rs", "vectors as wide as the processor's registers"),
    ("crates/engine/src/kernels/gemm/*.rs", "products of matrices from packed memory"),
    ("crates/engine/src/kernels/dense/*.rs", "factorisations in place"),
    ("crates/engine/src/kernels/named/*.rs", "kernels on memory of the arena"),
    ("crates/engine/src/kernels/tests/*.rs", "the tests of kernels call them"),
    ("crates/engine/src/kernels/compiled/mod.rs", "calls that code on memory of the arena"),
    ("crates/engine/src/kernels/compiled/twin.rs", "compares it with the interpreter on that memory"),
    ("crates/engine/src/execute/arena*.rs", "one allocation is lent in parts"),
    ("crates/testkit/src/allocations.rs", "an allocator that counts"),
];

#[test]
fn unsafe_stands_only_in_listed_files() {
    let broken: Vec<String> = sources::all()
        .iter()
        .filter(|source| !ALLOWED.iter().any(|(pattern, _)| matches(pattern, &source.path)))
        .flat_map(|source| {
            let lines =
                tokens::flat(&source.path, &source.text).into_iter().filter(|token| token.is_ident("unsafe")).map(|token| token.line);
            lines.map(|line| format!("{}:{line}: `{}`", source.path, source.line(line))).collect::<Vec<_>>()
        })
        .collect();
    sources::report(
        "`unsafe` outside the kernels and the arena.",
        &broken,
        "write it in safe Rust, or move it into a kernel or the arena, where it is reviewed and tested; \
         a new kind of unsafe file is listed in ALLOWED in crates/tidy/src/unsafety.rs.",
    );
}

#[test]
fn every_unsafe_block_says_why_it_is_sound() {
    let broken: Vec<String> = sources::all().iter().flat_map(unexplained).collect();
    sources::report(
        "`unsafe` without a reason.",
        &broken,
        "write `// SAFETY: ` and why the requirements hold on the lines directly above the unsafe block or impl.",
    );
}

/// The unsafe blocks and impls that have no `// SAFETY:` comment above them.
fn unexplained(source: &Source) -> Vec<String> {
    let tokens = tokens::flat(&source.path, &source.text);
    let lines: Vec<&str> = source.text.lines().map(str::trim).collect();
    tokens
        .windows(2)
        .filter(|pair| pair[0].is_ident("unsafe") && (pair[1].is(&Kind::Open('{')) || pair[1].is_ident("impl")))
        .map(|pair| pair[0].line)
        .filter(|line| !is_explained(&lines, *line))
        .map(|line| format!("{}:{line}: `{}`", source.path, source.line(line)))
        .collect()
}

/// Looks upwards from a line (counted from 1) through comments, attributes and the lines of the same statement.
fn is_explained(lines: &[&str], line: usize) -> bool {
    for above in lines[..line - 1].iter().rev() {
        if above.starts_with("// SAFETY:") {
            return true;
        }
        let goes_on = above.starts_with("//") || above.starts_with("#[") || !(above.is_empty() || above.ends_with([';', '{', '}', ',']));
        if !goes_on {
            return false;
        }
    }
    false
}

fn matches(pattern: &str, path: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == path,
        Some((head, tail)) => {
            let Some(rest) = path.strip_prefix(head) else { return false };
            let (tail, any) = tail.strip_prefix('*').map_or((tail, false), |tail| (tail, true));
            let ends = rest.char_indices().map(|(index, _)| index).chain([rest.len()]);
            ends.take_while(|end| any || !rest[..*end].contains('/')).any(|end| matches(tail, &rest[end..]))
        }
    }
}

#[test]
fn patterns_match_whole_paths() {
    assert!(matches("a/kernels/**", "a/kernels/dot.rs") && matches("a/kernels/**", "a/kernels/x86/dot.rs"));
    assert!(matches("a/arena*.rs", "a/arena.rs") && matches("a/arena*.rs", "a/arena_checks.rs"));
    assert!(!matches("a/arena*.rs", "a/arena/mod.rs") && !matches("a/kernels/**", "b/a/kernels/dot.rs") && !matches("a.rs", "a.rs.rs"));
}

#[test]
fn a_reason_stands_directly_above() {
    let count = |text: &str| unexplained(&Source { path: "a.rs".into(), text: text.into() }).len();
    assert_eq!(count("fn f() {\n    // SAFETY: it is.\n    unsafe { g() }\n}"), 0);
    assert_eq!(count("fn f() {\n    // SAFETY: it is,\n    // really.\n    let x =\n        unsafe { g() };\n}"), 0);
    assert_eq!(count("// SAFETY: it is.\n#[allow(unsafe_code)]\nunsafe impl Send for A {}"), 0);
    assert_eq!(count("fn f() {\n    unsafe { g() }\n}"), 1);
    assert_eq!(count("fn f() {\n    // SAFETY: of another.\n    h();\n    unsafe { g() }\n}"), 1);
    assert_eq!(count("unsafe impl Send for A {}"), 1);
    assert_eq!(count("macro_rules! m { () => { unsafe { g() } } }"), 1);
    assert_eq!(count("unsafe fn f() {}\n// unsafe { g() }"), 0);
}
