//! Rule: crates depend only downwards.

use crate::sources;
use std::collections::BTreeMap;
use toml::{Table, Value};

/// Every crate, and the crates of this workspace that it may depend on.
pub(crate) const LAYERS: &[(&str, &[&str])] = &[
    ("data", &[]),
    ("derive", &[]),
    ("ir", &[]),
    ("engine", &["ir"]),
    ("autodiff", &["engine", "ir", "derive"]),
    ("linear", &["autodiff", "derive"]),
    ("solvers", &["linear", "autodiff", "derive"]),
    ("implicit", &["solvers", "linear", "autodiff", "derive"]),
    ("bilevel", &["implicit", "solvers", "linear", "autodiff", "derive"]),
    ("hypertape", &["bilevel", "implicit", "solvers", "linear", "autodiff", "derive", "data"]),
    ("testkit", &["autodiff", "derive"]),
    ("generator", &["hypertape", "testkit"]),
    ("tidy", &[]),
];

#[test]
fn crates_depend_only_downwards() {
    let workspace = sources::manifest("Cargo.toml");
    let manifests: BTreeMap<String, Table> =
        sources::crates().into_iter().map(|name| (name.clone(), sources::manifest(&format!("crates/{name}/Cargo.toml")))).collect();
    sources::report(
        "Crates depend upwards: ir <- engine <- autodiff <- linear <- solvers <- implicit <- bilevel <- hypertape; derive and data stand alone; testkit stands on autodiff, generator on hypertape.",
        &upward(&workspace, &manifests),
        "move what is needed into the lower crate, or hand it in as an argument or a trait; a new crate gets a line in LAYERS in \
         crates/tidy/src/layers.rs. Dev-dependencies are free.",
    );
}

fn upward(workspace: &Table, manifests: &BTreeMap<String, Table>) -> Vec<String> {
    let folders: BTreeMap<&str, &str> = manifests
        .iter()
        .filter_map(|(folder, manifest)| Some((manifest.get("package")?.get("name")?.as_str()?, folder.as_str())))
        .collect();
    let mut broken = Vec::new();
    for (folder, manifest) in manifests {
        let Some((_, allowed)) = LAYERS.iter().find(|layer| layer.0 == folder) else {
            broken.push(format!("crates/{folder}: has no place in the layers"));
            continue;
        };
        for package in dependencies(workspace, manifest) {
            if let Some(below) = folders.get(package.as_str()).filter(|below| !allowed.contains(below)) {
                broken.push(format!("crates/{folder}/Cargo.toml: depends on {package} (crates/{below})"));
            }
        }
    }
    broken
}

/// The packages that a crate needs to be built; its tests may need more.
fn dependencies(workspace: &Table, manifest: &Table) -> Vec<String> {
    let shared = workspace.get("workspace").and_then(|table| table.get("dependencies"));
    let targets = manifest.get("target").and_then(Value::as_table).into_iter().flat_map(|targets| targets.values());
    let tables = targets.filter_map(Value::as_table).chain([manifest]);
    let sections = tables.flat_map(|table| ["dependencies", "build-dependencies"].map(|section| table.get(section)));
    let entries = sections.flatten().filter_map(Value::as_table).flatten();
    entries
        .map(|(key, value)| {
            let renamed = |value: &Value| value.get("package").and_then(Value::as_str).map(str::to_string);
            let inherited = || shared?.get(key).and_then(renamed);
            renamed(value).or_else(inherited).unwrap_or_else(|| key.clone())
        })
        .collect()
}

fn tables(manifests: &[(&str, &str)]) -> BTreeMap<String, Table> {
    let parse = |(folder, rest): &(&str, &str)| {
        let text = format!("[package]\nname = \"hypertape-{folder}\"\n{rest}");
        (folder.to_string(), text.parse().expect("the manifest is well formed"))
    };
    manifests.iter().map(parse).collect()
}

#[test]
fn upward_dependencies_are_found() {
    let workspace: Table =
        "[workspace.dependencies]\nup = { package = \"hypertape-implicit\", path = \"x\" }".parse().expect("it is well formed");
    let count = |rest: &str| {
        let manifests = tables(&[("autodiff", ""), ("implicit", ""), ("solvers", rest), ("testkit", "")]);
        upward(&workspace, &manifests).len()
    };
    assert_eq!(count("[dependencies]\nhypertape-autodiff.workspace = true\nrayon = \"1\""), 0);
    assert_eq!(count("[dev-dependencies]\nhypertape-implicit.workspace = true"), 0);
    assert_eq!(count("[dependencies]\nhypertape-implicit.workspace = true"), 1);
    assert_eq!(count("[dependencies]\nup.workspace = true"), 1);
    assert_eq!(count("[dependencies]\nother = { path = \"x\", package = \"hypertape-implicit\" }"), 1);
    assert_eq!(count("[build-dependencies]\nhypertape-testkit.workspace = true"), 1);
    assert_eq!(count("[target.'cfg(unix)'.dependencies]\nhypertape-implicit.workspace = true"), 1);
}

#[test]
fn a_crate_without_a_place_is_found() {
    assert_eq!(upward(&Table::new(), &tables(&[("attic", "")])).len(), 1);
}
