//! Rule: no file over 500 lines, unless it is listed here with the reason.

use crate::sources;

const MOST: usize = 500;

/// Files that may be longer, each with the reason why splitting would make it harder to read.
const EXCEPTIONS: &[(&str, &str)] = &[];

#[test]
fn no_file_is_longer_than_500_lines() {
    let lengths: Vec<(String, usize)> = sources::all().into_iter().map(|source| (source.path, source.text.lines().count())).collect();
    sources::report(
        "These files are too long, or excused without need.",
        &broken(&lengths, EXCEPTIONS),
        "split the file by ideas; if it holds one idea and cannot be split, list it with the reason in EXCEPTIONS in crates/tidy/src/length.rs.",
    );
}

fn broken(lengths: &[(String, usize)], exceptions: &[(&str, &str)]) -> Vec<String> {
    let excused = |path: &str| exceptions.iter().any(|exception| exception.0 == path);
    let long = lengths.iter().filter(|(path, lines)| *lines > MOST && !excused(path));
    let mut broken: Vec<String> = long.map(|(path, lines)| format!("{path}: {lines} lines")).collect();
    for (path, reason) in exceptions {
        if reason.split_whitespace().count() < 3 {
            broken.push(format!("{path}: excused without a reason"));
        }
        match lengths.iter().find(|length| length.0 == *path) {
            None => broken.push(format!("{path}: excused, but no such file")),
            Some((_, lines)) if *lines <= MOST => broken.push(format!("{path}: excused, but has only {lines} lines")),
            Some(_) => {}
        }
    }
    broken
}

#[test]
fn exceptions_need_a_reason_and_a_long_file() {
    let lengths = [("long.rs".to_string(), 501), ("short.rs".to_string(), 500)];
    assert_eq!(broken(&lengths, &[]), ["long.rs: 501 lines"]);
    assert!(broken(&lengths, &[("long.rs", "a table of constants")]).is_empty());
    assert_eq!(broken(&lengths, &[("long.rs", "")]), ["long.rs: excused without a reason"]);
    assert_eq!(broken(&lengths[1..], &[("short.rs", "one two three")]), ["short.rs: excused, but has only 500 lines"]);
    assert_eq!(broken(&lengths[1..], &[("gone.rs", "one two three")]), ["gone.rs: excused, but no such file"]);
}
