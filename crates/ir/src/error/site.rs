//! A line of user code, of any language.
use std::collections::HashSet;
use std::fmt;
use std::panic::Location;
use std::sync::{Mutex, PoisonError};

/// A line of user code: what an error names, and what an equation comes from.
///
/// ```
/// use hypertape_ir::Site;
/// let here = Site::caller();
/// assert!(here.line() > 0);
/// assert_eq!(Site::new("model.py", 12, 0).to_string(), "model.py:12");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Site {
    file: &'static str,
    line: u32,
    column: u32,
}

impl Site {
    /// A line of another language, such as of the script that calls through a binding. `column` counts from 1; 0 where it is not known.
    ///
    /// The name of each file is kept for as long as the process lives, once.
    #[must_use]
    pub fn new(file: &str, line: u32, column: u32) -> Self {
        Site { file: interned(file), line, column }
    }
    /// The line that calls the function in which this stands, if that is `#[track_caller]`; else the line itself.
    #[must_use]
    #[track_caller]
    pub fn caller() -> Self {
        Location::caller().into()
    }
    /// The file, as the compiler or the other language names it.
    #[must_use]
    pub fn file(&self) -> &'static str {
        self.file
    }
    /// The line, from 1.
    #[must_use]
    pub fn line(&self) -> u32 {
        self.line
    }
    /// The column, from 1; 0 where it is not known.
    #[must_use]
    pub fn column(&self) -> u32 {
        self.column
    }
}

impl From<&'static Location<'static>> for Site {
    fn from(l: &'static Location<'static>) -> Self {
        Site { file: l.file(), line: l.line(), column: l.column() }
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)?;
        if self.column > 0 { write!(f, ":{}", self.column) } else { Ok(()) }
    }
}

/// The one copy of a file's name.
fn interned(file: &str) -> &'static str {
    static NAMES: Mutex<Option<HashSet<&'static str>>> = Mutex::new(None);
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    let names = names.get_or_insert_default();
    if let Some(name) = names.get(file) {
        return name;
    }
    let name: &'static str = Box::leak(file.into());
    names.insert(name);
    name
}

#[cfg(test)]
mod tests {
    use super::Site;

    #[test]
    fn names_of_files_are_kept_once() {
        let (a, b) = (Site::new("model.py", 1, 0), Site::new(&["model", "py"].join("."), 2, 3));
        assert!(std::ptr::eq(a.file(), b.file()));
        assert_eq!(b.to_string(), "model.py:2:3");
        let here = std::panic::Location::caller();
        assert_eq!(Site::from(here).to_string(), here.to_string());
    }
}
