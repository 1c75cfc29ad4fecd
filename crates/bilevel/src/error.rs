//! What ends a run, and what is left then.
use crate::state::State;
use hypertape_autodiff::Site;

/// Why a run could not go on.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Settings, functions or inputs that cannot work.
    #[error(transparent)]
    Refused(#[from] hypertape_autodiff::Error),
    /// An outer step that failed. Nothing is lost: the state before it is here.
    #[error(
        "outer step {step}: {source}; the run stands before this step: `state` holds it, and `Run::go_on` goes on from there with other settings"
    )]
    Step {
        /// The step, counted from 0.
        step: u64,
        /// What failed.
        source: hypertape_autodiff::Error,
        /// The last good state.
        state: Box<State>,
    },
    /// A file that could not be read or written.
    #[error("the state of the run could not be {action}: `{path}`: {source}")]
    File {
        /// The file.
        path: String,
        /// Read or written.
        action: &'static str,
        /// Why.
        source: std::io::Error,
        /// Where the run stands, if it had begun.
        state: Option<Box<State>>,
    },
    /// A file that is damaged, or holds no state of this run.
    #[error(
        "`{path}` holds no state of this run: {problem}; give the file that this run has saved, or go on from `State::load(file)` by `go_on`, whose settings may be others"
    )]
    NoState {
        /// The file.
        path: String,
        /// What does not fit.
        problem: String,
    },
    /// A run that was not given where to start.
    #[error("the run has no start; give one by `start(x)`, or go on with `resume(file)`")]
    NoStart,
}

/// One line that a person can read, as `main() -> Result<..>` prints it.
impl std::fmt::Debug for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// The starts of the paths of files whose lines are not a user's: of this crate, and of those that it records with.
const SOURCES: [&str; 3] = [file!().split_at(file!().len() - "error.rs".len()).0, hypertape_implicit::SOURCES, hypertape_solvers::SOURCES];

/// An error about a line of the user's: the one given, where the error names none or one of the library.
pub(crate) fn about(e: hypertape_autodiff::Error, user: Site) -> hypertape_autodiff::Error {
    match e.site() {
        Some(at) if !SOURCES.iter().any(|own| at.file().starts_with(own)) => e,
        _ => e.at(user),
    }
}
