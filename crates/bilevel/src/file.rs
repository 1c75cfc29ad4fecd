//! The file that keeps the state of a run: complete at any time, and read only by the run that wrote it.
use crate::error::Error;
use crate::state::State;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// The first line of what a file says it is.
const FORMAT: &str = "hypertape bilevel run 1";

#[derive(Serialize, Deserialize)]
struct Saved {
    format: String,
    /// The loop and the estimator.
    run: String,
    state: State,
}

/// Writes a state to a file. The file is complete at any time: what was there before is replaced in one step, after the new one is on the disk.
pub(crate) fn save(path: &Path, run: &str, state: &State) -> Result<(), Error> {
    let failed = |source: std::io::Error| Error::File {
        path: path.display().to_string(),
        action: "written",
        source,
        state: Some(Box::new(state.clone())),
    };
    let saved = Saved { format: FORMAT.into(), run: run.into(), state: state.clone() };
    let text = serde_json::to_vec(&saved).map_err(|e| failed(e.into()))?;
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    // Another one for each write: several runs may have one file.
    static WRITES: AtomicU64 = AtomicU64::new(0);
    name.push(format!(".{}.{}.new", std::process::id(), WRITES.fetch_add(1, Ordering::Relaxed)));
    let beside = path.with_file_name(name);
    let write = || {
        let mut file = std::fs::File::create(&beside)?;
        file.write_all(&text)?;
        file.sync_all()?;
        std::fs::rename(&beside, path)
    };
    write().map_err(|e| {
        let _ = std::fs::remove_file(&beside);
        failed(e)
    })
}

/// Reads a state that a run of this name has saved.
pub(crate) fn load(path: &Path, run: &str) -> Result<State, Error> {
    let shown = path.display().to_string();
    let text = std::fs::read(path).map_err(|source| Error::File { path: shown.clone(), action: "read", source, state: None })?;
    let saved: Saved = serde_json::from_slice(&text).map_err(|e| Error::NoState { path: shown.clone(), problem: e.to_string() })?;
    if saved.format != FORMAT {
        return Err(Error::NoState { path: shown, problem: format!("its format is `{}` and not `{FORMAT}`", saved.format) });
    }
    if saved.run != run {
        return Err(Error::NoState { path: shown, problem: format!("it is of the run `{}`, and this one is `{run}`", saved.run) });
    }
    Ok(saved.state)
}
