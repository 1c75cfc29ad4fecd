//! Wrong uses, each a test: an error and no panic, with the operation, the shapes or values, what to do, and the user's own line.
mod functions;
mod implicit_solvers;
mod kinds;
mod loops;
mod operations;
mod own_problems;
mod primitives;
mod recordings;
mod running;
mod solver_settings;
mod solves;

use hypertape::{Error, ErrorKind, Result};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    /// The line of the offending expression that ran last.
    static LINE: Cell<u32> = const { Cell::new(0) };
}

/// Marks an expression, on one line, as the one that an error should name.
macro_rules! here {
    ($e:expr) => {{
        crate::LINE.set(line!());
        $e
    }};
}

/// A test for each wrong use: its name, the kind of error, the operation that it names, what its message holds, and the use.
macro_rules! wrong {
    ($($name:ident: $kind:ident($op:expr, $says:expr) => $use:expr;)*) => { $(
        #[test]
        fn $name() {
            crate::fault(file!(), || $use).$kind($op, &$says);
        }
    )* };
}

pub(crate) use {here, wrong};

/// Whether it is one of the kinds that have tests of their own.
fn has_its_own_kind(e: &Error) -> bool {
    use ErrorKind::{ForeignVariable, Input, LeftBody, Memory, NotFinite, OutsideRecording, User};
    matches!(e.kind(), ForeignVariable | LeftBody | OutsideRecording | Input { .. } | NotFinite { .. } | Memory { .. } | User { .. })
}

/// An error that came back, and the place that it should name.
pub(crate) struct Fault {
    error: Error,
    file: &'static str,
    line: u32,
}

/// Runs a wrong use, which must give an error.
pub(crate) fn fault<T>(file: &'static str, wrong: impl FnOnce() -> Result<T>) -> Fault {
    LINE.set(0);
    match catch_unwind(AssertUnwindSafe(wrong)) {
        Err(_) => panic!("a panic instead of an error"),
        Ok(Ok(_)) => panic!("accepted"),
        Ok(Err(error)) => Fault { error, file, line: LINE.get() },
    }
}

impl Fault {
    /// Whether the error is of the kind expected, names operation, line and what to do, and says what it should.
    fn check(&self, kind: bool, op: Option<&str>, says: &[&str]) {
        let message = self.error.to_string();
        assert!(kind, "another kind of error: {:?}", self.error);
        if let Some(expected) = op {
            assert_eq!(self.error.operation(), expected, "{message}");
        }
        for part in says {
            assert!(message.contains(part), "no `{part}` in: {message}");
        }
        let site = self.error.site().unwrap_or_else(|| panic!("no line in: {message}"));
        assert_eq!((site.file(), site.line()), (self.file, self.line), "the line in: {message}");
        assert!(message.contains(&format!("{}:{}", self.file, self.line)), "no line in: {message}");
        assert!(message.split_once("; ").is_some_and(|(_, advice)| !advice.is_empty()), "no advice in: {message}");
    }
    pub(crate) fn operands(self, op: &str, says: &[&str]) {
        // Of no operands at all there are none to show.
        let nothing = matches!(self.error.kind(), ErrorKind::Empty(_) | ErrorKind::TooMany { of: hypertape::error::Many::Indices, .. });
        let fits = (nothing || !self.error.operands().is_empty()) && !self.error.is_numeric() && self.error.within().is_empty();
        self.check(fits && !has_its_own_kind(&self.error), Some(op), says);
    }
    pub(crate) fn argument(self, op: &str, says: &[&str]) {
        let fits = self.error.operands().is_empty() && !self.error.is_numeric() && self.error.within().is_empty();
        self.check(fits && !has_its_own_kind(&self.error), Some(op), says);
    }
    pub(crate) fn numeric(self, op: &str, says: &[&str]) {
        self.check(self.error.is_numeric() && !has_its_own_kind(&self.error), Some(op), says);
    }
    pub(crate) fn foreign(self, op: &str, says: &[&str]) {
        self.check(matches!(self.error.kind(), ErrorKind::ForeignVariable), Some(op), says);
    }
    pub(crate) fn left_body(self, op: &str, says: &[&str]) {
        self.check(matches!(self.error.kind(), ErrorKind::LeftBody), Some(op), says);
    }
    pub(crate) fn outside(self, op: &str, says: &[&str]) {
        self.check(matches!(self.error.kind(), ErrorKind::OutsideRecording), Some(op), says);
    }
    pub(crate) fn non_finite(self, what: &str, says: &[&str]) {
        let fits = matches!(self.error.kind(), ErrorKind::NotFinite { what: found, .. } if found == what);
        self.check(fits, None, says);
    }
    /// `place` is the leaf and the number of leaves.
    pub(crate) fn input(self, place: (usize, usize), says: &[&str]) {
        let fits = matches!(self.error.kind(), ErrorKind::Input { leaf, leaves, .. } if (*leaf, *leaves) == place);
        self.check(fits, None, says);
    }
    /// The user's own words come as they are, without advice.
    pub(crate) fn user(self, op: &str, says: &[&str]) {
        let ErrorKind::User { source } = self.error.kind() else { panic!("another kind of error: {:?}", self.error) };
        assert_eq!(self.error.operation(), op);
        assert!(says.iter().all(|s| source.to_string().contains(s)), "{source}");
        let site = self.error.site().map(|s| (s.file(), s.line()));
        assert_eq!(site, Some((self.file, self.line)), "{}", self.error);
    }
}
