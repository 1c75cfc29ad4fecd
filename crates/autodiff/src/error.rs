//! What can go wrong, always with the operation, the shapes or values, and the user's line.
use crate::array::LeafType;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

/// A line of user code.
pub type Site = &'static Location<'static>;

/// The result of everything fallible in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong while recording, transforming or running a function.
///
/// `Debug` prints the message too, so that a `main` which returns an error shows what its reader can use.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An operation was given operands it cannot take.
    #[error("`{op}`{}: {problem}{}", Line(*.at), List(.operands))]
    Operands {
        /// The operation.
        op: String,
        /// What does not fit, and what would.
        problem: String,
        /// Shapes and element types of the operands.
        operands: Vec<LeafType>,
        /// The user's line.
        at: Option<Site>,
    },
    /// A variable was used in a recording that it does not belong to.
    #[error("`{op}`{}: a variable of another recording; make it an input of this one", Line(*.at))]
    ForeignVariable {
        /// The operation.
        op: String,
        /// The user's line.
        at: Option<Site>,
    },
    /// A variable was used outside the loop or branch body that made it.
    #[error("`{op}`{}: a variable left the loop body that made it; return it as an output of the loop", Line(*.at))]
    LeftBody {
        /// The operation.
        op: String,
        /// The user's line.
        at: Option<Site>,
    },
    /// A variable was made or used while no recording was open.
    #[error("`{op}`{}: used outside a recording; write it inside the closure given to `Function::record`", Line(*.at))]
    OutsideRecording {
        /// The operation.
        op: String,
        /// The user's line.
        at: Option<Site>,
    },
    /// An operation failed on the values it met.
    #[error("`{op}`{}: {problem}", Line(*.at))]
    Numeric {
        /// The operation.
        op: String,
        /// What happened, with the values.
        problem: String,
        /// The user's line.
        at: Option<Site>,
    },
    /// The values given to a function do not fit its inputs.
    #[error("input {leaf} of {leaves}{}: expected {expected}, given {given}; give an array of that shape and element type", Line(*.at))]
    Input {
        /// Which leaf of the flattened inputs, from 0.
        leaf: usize,
        /// How many leaves there are.
        leaves: usize,
        /// The declared type.
        expected: LeafType,
        /// The type of the given value.
        given: LeafType,
        /// The user's line.
        at: Option<Site>,
    },
    /// A value that must be finite is not.
    #[error("{what}{} is not finite: element {index:?} is {value}; clean the data, or mask it with `select`", Line(*.at))]
    NonFinite {
        /// The input or constant.
        what: String,
        /// Index of the first such element.
        index: Vec<usize>,
        /// Its value.
        value: f64,
        /// The user's line, where there is one.
        at: Option<Site>,
    },
    /// An argument that no shape describes: a step size, a count, an axis list.
    #[error("`{op}`{}: {problem}", Line(*.at))]
    Argument {
        /// The function called.
        op: String,
        /// What does not fit, and what would.
        problem: String,
        /// The user's line.
        at: Option<Site>,
    },
    /// One item of a `map`, one turn of a loop or one of many points failed: the others may be right.
    #[error("{what} {index}: {source}")]
    Within {
        /// What is counted: "item", "turn" or "point".
        what: &'static str,
        /// Which one, from 0.
        index: u64,
        /// What happened there.
        source: Box<Error>,
    },
    /// What is to run needs more memory than there is, or than there are addresses for.
    #[error("`{op}`{}: {}{lacking}; give smaller shapes, keep less of a loop, or work in parts", Line(*.at), Planned(*.bytes))]
    Memory {
        /// The operation that needs the most of it.
        op: String,
        /// Bytes planned in all; `u64::MAX` for more than can be counted.
        bytes: u64,
        /// Whether there are no addresses for so many, or only no memory.
        lacking: Lacking,
        /// The user's line.
        at: Option<Site>,
    },
    /// A user's own code, called from a recorded function, failed.
    #[error("`{op}`{}: {source}", Line(*.at))]
    User {
        /// The operation that called it.
        op: String,
        /// The user's line.
        at: Option<Site>,
        /// What the user's code returned.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
}

/// What there is not enough of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lacking {
    /// Addresses: no machine has so many bytes.
    Addresses,
    /// Memory that the system would give now.
    Memory,
}

impl fmt::Display for Lacking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Lacking::Addresses => "more than memory has addresses",
            Lacking::Memory => "which the system does not have or does not give",
        })
    }
}

/// Bytes that are planned, in words.
struct Planned(u64);
impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == u64::MAX { write!(f, "more than 2^64 bytes are planned, ") } else { write!(f, "{} bytes are planned, ", self.0) }
    }
}

impl Error {
    /// The user's line that the error is about, where there is one.
    #[must_use]
    pub fn site(&self) -> Option<Site> {
        match self {
            Error::Operands { at, .. }
            | Error::Input { at, .. }
            | Error::ForeignVariable { at, .. }
            | Error::LeftBody { at, .. }
            | Error::OutsideRecording { at, .. }
            | Error::Numeric { at, .. }
            | Error::NonFinite { at, .. }
            | Error::Argument { at, .. }
            | Error::Memory { at, .. }
            | Error::User { at, .. } => *at,
            Error::Within { source, .. } => source.site(),
        }
    }
    /// What happened, without the items, turns and points in which it did.
    #[must_use]
    pub fn innermost(&self) -> &Error {
        match self {
            Error::Within { source, .. } => source.innermost(),
            e => e,
        }
    }
    pub(crate) fn innermost_mut(&mut self) -> &mut Error {
        match self {
            Error::Within { source, .. } => source.innermost_mut(),
            e => e,
        }
    }
    /// The same in one item, turn or point.
    #[must_use]
    pub fn within(self, what: &'static str, index: u64) -> Self {
        Error::Within { what, index, source: Box::new(self) }
    }
    /// The same about this line of the user's, unless it names one already.
    #[must_use]
    pub fn or_at(mut self, line: Site) -> Self {
        self.site_mut().get_or_insert(line);
        self
    }
    pub(crate) fn site_mut(&mut self) -> &mut Option<Site> {
        match self {
            Error::Operands { at, .. }
            | Error::Input { at, .. }
            | Error::ForeignVariable { at, .. }
            | Error::LeftBody { at, .. }
            | Error::OutsideRecording { at, .. }
            | Error::Numeric { at, .. }
            | Error::NonFinite { at, .. }
            | Error::Argument { at, .. }
            | Error::Memory { at, .. }
            | Error::User { at, .. } => at,
            Error::Within { source, .. } => source.site_mut(),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why an operation cannot do what it was asked; the caller adds the operation, operands and line.
#[derive(Debug, Clone)]
pub enum Problem {
    /// Described in words.
    Text(String),
    /// A user's own error.
    User(Arc<dyn std::error::Error + Send + Sync>),
    /// Already complete, from a nested program.
    Nested(Box<Error>),
}

impl Problem {
    /// The error of running the operation `op` written at `at`.
    pub fn running(self, op: &str, at: Option<Site>) -> Error {
        match self {
            Problem::Text(problem) => Error::Numeric { op: op.into(), problem, at },
            Problem::User(source) => Error::User { op: op.into(), at, source },
            Problem::Nested(e) => match at {
                Some(at) => e.or_at(at),
                None => *e,
            },
        }
    }
}

impl From<String> for Problem {
    fn from(s: String) -> Self {
        Problem::Text(s)
    }
}

impl From<&str> for Problem {
    fn from(s: &str) -> Self {
        Problem::Text(s.into())
    }
}

impl From<Error> for Problem {
    fn from(e: Error) -> Self {
        Problem::Nested(Box::new(e))
    }
}

struct Line(Option<Site>);
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(at) => write!(f, " at {at}"),
            None => Ok(()),
        }
    }
}

struct List<'a>(&'a [LeafType]);
impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, t) in self.0.iter().enumerate() {
            write!(f, "{}{t}", if i == 0 { "; operands " } else { ", " })?;
        }
        Ok(())
    }
}
