//! Where the data that is not part of the program lies: the folder that `HYPERTAPE_DATA` names.

use std::path::PathBuf;

/// The path of a file in the folder of `HYPERTAPE_DATA`, or in the one given; none where there is no such file.
#[must_use]
pub fn find(given: Option<&PathBuf>, name: &str) -> Option<PathBuf> {
    let folder = given.cloned().or_else(|| std::env::var_os("HYPERTAPE_DATA").map(PathBuf::from))?;
    Some(folder.join(name)).filter(|p| p.is_file())
}

/// Numbers, one a line.
///
/// # Errors
/// A file that cannot be read; a line that is no number.
pub fn numbers(path: &PathBuf) -> Result<Vec<usize>, Box<dyn std::error::Error>> {
    let text = std::fs::read_to_string(path)?;
    text.lines().map(|l| l.trim().parse().map_err(|e| format!("{}: `{l}`: {e}", path.display()).into())).collect()
}
