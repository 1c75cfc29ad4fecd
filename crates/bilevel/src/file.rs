//! The file that keeps the state of a run: complete at any time, and with what it takes to know a file of another run or a damaged one.
use crate::error::Error;
use crate::state::State;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a file says it is.
const FORMAT: &str = "hypertape bilevel run 2";

/// What makes a run the same: its settings in words, and its sizes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) algorithm: String,
    pub(crate) estimator: String,
    /// Entries of x.
    pub(crate) outer_variables: usize,
    /// Entries of z, where that is one vector.
    pub(crate) inner_variables: Option<usize>,
}

impl Identity {
    /// What is not the same of another one, in words.
    fn differs(&self, saved: &Identity) -> Option<String> {
        let entries = |n: Option<usize>| n.map_or_else(|| "several parts".to_string(), |n| n.to_string());
        let all = [
            ("loop", saved.algorithm.clone(), self.algorithm.clone()),
            ("estimator", saved.estimator.clone(), self.estimator.clone()),
            ("number of outer variables", saved.outer_variables.to_string(), self.outer_variables.to_string()),
            ("number of inner variables", entries(saved.inner_variables), entries(self.inner_variables)),
        ];
        let (what, theirs, own) = all.into_iter().find(|(_, theirs, own)| theirs != own)?;
        Some(format!("its {what} is `{theirs}`, and that of this run is `{own}`"))
    }
}

#[derive(Serialize, Deserialize)]
struct Saved<'a> {
    format: Cow<'a, str>,
    /// Of `content` as it is written.
    checksum: u64,
    content: Content<'a>,
}

#[derive(Serialize, Deserialize)]
struct Content<'a> {
    run: Cow<'a, Identity>,
    state: Cow<'a, State>,
}

/// FNV-1a of 64 bits (Fowler, Noll and Vo): every changed byte changes it.
pub(crate) fn checksum(bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

/// The checksum of a vector's bits, in words: for settings that are vectors.
pub(crate) fn in_short(v: &[f64]) -> String {
    if v.iter().all(|v| v.to_bits() == 0) {
        return "0".into();
    }
    format!("{} numbers {:016x}", v.len(), checksum(v.iter().flat_map(|v| v.to_bits().to_le_bytes())))
}

/// Writes a state to a file. The file is complete at any time: what was there before is replaced in one step, after the new one is on the disk.
pub(crate) fn save(path: &Path, run: &Identity, state: &State) -> Result<(), Error> {
    let failed = |source: std::io::Error| Error::File {
        path: path.display().to_string(),
        action: "written",
        source,
        state: Some(Box::new(state.clone())),
    };
    let content = Content { run: Cow::Borrowed(run), state: Cow::Borrowed(state) };
    let text = serde_json::to_vec(&content).map_err(|e| failed(e.into()))?;
    let head = format!(r#"{{"format":"{FORMAT}","checksum":{},"content":"#, checksum(text.iter().copied()));
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    // Another one for each write: several runs may have one file.
    static WRITES: AtomicU64 = AtomicU64::new(0);
    name.push(format!(".{}.{}.new", std::process::id(), WRITES.fetch_add(1, Ordering::Relaxed)));
    let beside = path.with_file_name(name);
    let write = || {
        let mut file = std::fs::File::create(&beside)?;
        // As `Saved` would be written, without writing the state twice.
        for part in [head.as_bytes(), &text, b"}"] {
            file.write_all(part)?;
        }
        file.sync_all()?;
        std::fs::rename(&beside, path)
    };
    write().map_err(|e| {
        let _ = std::fs::remove_file(&beside);
        failed(e)
    })
}

/// Reads a file whole and undamaged: the state, and of which run it is.
fn read(path: &Path) -> Result<(Identity, State), Error> {
    let shown = path.display().to_string();
    let text = std::fs::read(path).map_err(|source| Error::File { path: shown.clone(), action: "read", source, state: None })?;
    let wrong = |problem: String| Error::NoState { path: shown.clone(), problem };
    let said = serde_json::from_slice::<Format>(&text).map_err(|e| wrong(format!("it is damaged or of another kind ({e})")))?;
    if said.format != FORMAT {
        return Err(wrong(format!("its format is `{}` and not `{FORMAT}`", said.format)));
    }
    let damaged = |e: serde_json::Error| wrong(format!("it is damaged ({e})"));
    let saved: Saved<'_> = serde_json::from_slice(&text).map_err(damaged)?;
    let found = checksum(serde_json::to_vec(&saved.content).map_err(damaged)?);
    if found != saved.checksum {
        return Err(wrong(format!("it is damaged (its checksum is {found:016x}, and {:016x} was written)", saved.checksum)));
    }
    // What a run writes has one text: nothing was added, left out or called otherwise.
    if serde_json::to_vec(&saved).map_err(damaged)? != text {
        return Err(wrong("it is damaged (its text is not the one that is written for what it holds)".into()));
    }
    Ok((saved.content.run.into_owned(), saved.content.state.into_owned()))
}

#[derive(Deserialize)]
struct Format {
    format: String,
}

/// Reads a state that this run has saved.
pub(crate) fn load(path: &Path, run: &Identity) -> Result<State, Error> {
    let (saved, state) = read(path)?;
    match run.differs(&saved) {
        Some(problem) => Err(Error::NoState { path: path.display().to_string(), problem }),
        None => Ok(state),
    }
}

impl State {
    /// Reads the state that a run has saved, whatever its settings were: for [`Run::go_on`](crate::Run::go_on) with other ones. [`Run::resume`](crate::Run::resume) holds a run to its own.
    ///
    /// # Errors
    /// [`Error::File`] where the file cannot be read, [`Error::NoState`] where it is no such file or damaged.
    pub fn load(file: impl AsRef<Path>) -> Result<Self, Error> {
        read(file.as_ref()).map(|(_, state)| state)
    }
}
