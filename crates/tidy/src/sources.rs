//! The files that the rules look at, and how a broken rule is reported.

use std::fs;
use std::path::{Path, PathBuf};

/// One Rust file: its path from the root of the workspace, with forward slashes, and its text.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    /// The text of a line, counted from 1, without the white space around it.
    pub(crate) fn line(&self, number: usize) -> &str {
        self.text.lines().nth(number.saturating_sub(1)).unwrap_or("").trim()
    }
}

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the workspace root exists")
}

/// Every Rust file of the workspace: crates, examples, benches.
pub(crate) fn all() -> Vec<Source> {
    let root = root();
    let mut sources = Vec::new();
    for folder in ["crates", "examples", "benches"] {
        collect(&root, &root.join(folder), &mut sources);
    }
    assert!(!sources.is_empty(), "no Rust file found under {}", root.display());
    sources
}

/// The folders of all crates under `crates/`, by name.
pub(crate) fn crates() -> Vec<String> {
    entries(&root().join("crates"))
        .into_iter()
        .filter(|path| path.join("Cargo.toml").is_file())
        .map(|path| path.file_name().expect("an entry of a folder has a name").to_string_lossy().into_owned())
        .collect()
}

/// The manifest at a path from the root of the workspace.
pub(crate) fn manifest(path: &str) -> toml::Table {
    let text = fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    text.parse().unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The sources under `src/` of every crate that is published: what must neither panic nor print.
pub(crate) fn libraries() -> Vec<Source> {
    let published: Vec<String> = crates()
        .into_iter()
        .filter(|name| {
            let manifest = manifest(&format!("crates/{name}/Cargo.toml"));
            manifest["package"].get("publish").and_then(toml::Value::as_bool) != Some(false)
        })
        .map(|name| format!("crates/{name}/src/"))
        .collect();
    all().into_iter().filter(|source| published.iter().any(|folder| source.path.starts_with(folder))).collect()
}

/// Fails the test when a rule is broken: lists where, and says what to do.
#[track_caller]
pub(crate) fn report(rule: &str, broken: &[String], remedy: &str) {
    assert!(broken.is_empty(), "\n{rule}\n\n  {}\n\nWhat to do: {remedy}\n", broken.join("\n  "));
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths
}

fn collect(root: &Path, folder: &Path, sources: &mut Vec<Source>) {
    for path in entries(folder) {
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                collect(root, &path, sources);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let relative = path.strip_prefix(root).expect("a collected file is under the root");
            sources.push(Source { path: relative.to_string_lossy().replace('\\', "/"), text });
        }
    }
}
