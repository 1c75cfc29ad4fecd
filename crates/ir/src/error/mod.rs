//! What can go wrong, always with the operation, the shapes or values, and the user's line.
mod fits;
mod images;
mod kind;
mod limits;
mod made;
mod malformed;
mod misfit;
mod numbers;
mod origin;
mod site;
mod words;

pub use fits::{Counted, Elements, Scalar, Typed, Vectors};
pub use images::{Compressed, Convolved};
pub use kind::ErrorKind;
pub use limits::{Choice, IndexRange, Many, Nothing, Order, Stretch};
pub use malformed::Malformed;
pub use misfit::Misfit;
pub use numbers::{Fed, Matrix};
pub use origin::Origin;
pub use site::Site;

use crate::array::LeafType;
use crate::outcome::Failed;
use std::fmt;

/// The result of everything fallible in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong while recording, transforming or running a function: a [kind](Error::kind) with its numbers, and where.
///
/// `Debug` prints the message too, so that a `main` which returns an error shows what its reader can use.
///
/// ```
/// use hypertape_autodiff::{ErrorKind, Function, shape};
/// let f = Function::record(shape![2], |x| x.sum())?;
/// let e = f.eval(&ndarray::arr1(&[1.0, 2.0, 3.0])).unwrap_err();
/// assert!(matches!(e.kind(), ErrorKind::Input { leaf: 0, given, .. } if given.shape[..] == [3]));
/// # Ok::<(), hypertape_autodiff::Error>(())
/// ```
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    operation: String,
    site: Option<Site>,
    operands: Option<Vec<LeafType>>,
    within: Vec<Within>,
    numeric: bool,
}

/// One of many in which something happened: an item of a `map`, a turn of a loop, one of many points. The others may be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Within {
    /// What is counted: "item", "turn" or "point".
    pub what: &'static str,
    /// Which one, from 0.
    pub index: u64,
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

impl Error {
    /// The error that `operation` cannot be done as it is asked for. One that is complete already stays as it is.
    #[must_use]
    pub fn new(operation: impl Into<String>, kind: impl Into<ErrorKind>) -> Self {
        match kind.into() {
            ErrorKind::Nested(e) => e,
            kind => {
                let (operation, site) = (operation.into(), None);
                Error(Box::new(Inner { kind, operation, site, operands: None, within: vec![], numeric: false }))
            }
        }
    }
    /// The error that `operation` failed on the values that it met, where others may do.
    #[must_use]
    pub fn numeric(operation: impl Into<String>, kind: impl Into<ErrorKind>) -> Self {
        match kind.into() {
            ErrorKind::Nested(e) => e,
            kind => {
                let mut e = Error::new(operation, kind);
                e.0.numeric = true;
                e
            }
        }
    }
    /// The same about this line of the user's.
    #[must_use]
    pub fn at(mut self, line: impl Into<Site>) -> Self {
        self.0.site = Some(line.into());
        self
    }
    /// The same about this line of the user's, unless it names one already.
    #[must_use]
    pub fn or_at(mut self, line: impl Into<Site>) -> Self {
        self.0.site.get_or_insert(line.into());
        self
    }
    /// The same about this line, where there is one, unless it names one already.
    #[must_use]
    pub fn or(mut self, line: Option<Site>) -> Self {
        self.0.site = self.0.site.or(line);
        self
    }
    /// The same about operands of these types.
    #[must_use]
    pub fn with_operands(mut self, operands: Vec<LeafType>) -> Self {
        self.0.operands = Some(operands);
        self
    }
    /// The error that operands of these types do not fit; one that is complete already stays as it is.
    pub fn refused(operation: &str, kind: impl Into<ErrorKind>, operands: Vec<LeafType>) -> Self {
        match kind.into() {
            ErrorKind::Nested(e) => e,
            kind => Error::new(operation, kind).with_operands(operands),
        }
    }
    /// The same in one item, turn or point, around those that it names already.
    #[must_use]
    pub fn within_one(mut self, what: &'static str, index: u64) -> Self {
        self.0.within.insert(0, Within { what, index });
        self
    }
    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }
    /// The operation or method that it is about.
    #[must_use]
    pub fn operation(&self) -> &str {
        &self.0.operation
    }
    /// The user's line that it is about, where there is one.
    #[must_use]
    pub fn site(&self) -> Option<Site> {
        self.0.site
    }
    /// Shapes and element types of the operands that do not fit; empty where it is not about operands.
    #[must_use]
    pub fn operands(&self) -> &[LeafType] {
        self.0.operands.as_deref().unwrap_or_default()
    }
    /// Whether it is about operands, though there may be none.
    pub fn is_about_operands(&self) -> bool {
        self.0.operands.is_some()
    }
    /// The items, turns and points in which it happened, outermost first.
    #[must_use]
    pub fn within(&self) -> &[Within] {
        &self.0.within
    }
    /// Whether an operation failed on the values that it met while running: the program is right, and another point may do.
    #[must_use]
    pub fn is_numeric(&self) -> bool {
        self.0.numeric
    }
    /// The same of another kind.
    #[must_use]
    pub fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self
    }
    /// The same of another operation.
    #[must_use]
    pub fn with_operation(mut self, operation: impl Into<String>) -> Self {
        self.0.operation = operation.into();
        self
    }
    /// An error about the inputs of a derivative, of which the first `points` are the point and the others were given as a direction, or another role.
    #[must_use]
    pub fn after_point(mut self, points: usize, other: &'static str) -> Self {
        match &mut self.0.kind {
            ErrorKind::Input { role, leaf, leaves, .. } => {
                let rest = leaves.saturating_sub(points);
                if *leaf < points {
                    *leaves = points;
                } else {
                    (*role, *leaf, *leaves) = (other, *leaf - points, rest);
                }
            }
            ErrorKind::NotFinite { what, .. } => {
                let place = what.strip_prefix("input ").and_then(|rest| rest.split_once(" of "));
                if let Some((Ok(leaf), Ok(leaves))) = place.map(|(a, b)| (a.parse::<usize>(), b.parse::<usize>())) {
                    *what = if leaf < points {
                        format!("input {leaf} of {points}")
                    } else {
                        format!("{other} {} of {}", leaf - points, leaves.saturating_sub(points))
                    };
                }
            }
            _ => {}
        }
        self
    }
    /// Changes the line, where one is known.
    pub fn set_site(&mut self, change: impl FnOnce(Site) -> Site) {
        self.0.site = self.0.site.map(change);
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, operation, site, within, .. } = &*self.0;
        let operands = self.operands();
        for w in within {
            write!(f, "{} {}: ", w.what, w.index)?;
        }
        match kind {
            ErrorKind::Input { role, leaf, leaves, expected, given } => {
                return write!(f, "{role} {leaf} of {leaves}{}: {}", Line(*site), words::input(expected, given));
            }
            ErrorKind::NotFinite { what, index, value } => {
                return write!(f, "{what}{} {}", Line(*site), words::not_finite(index, *value));
            }
            kind => write!(f, "`{operation}`{}: {kind}", Line(*site))?,
        }
        if operands.is_empty() { Ok(()) } else { write!(f, "; operands {}", fits::List(operands)) }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self.kind() {
            ErrorKind::User { source } => Some(&**source),
            ErrorKind::Solve { failed: Failed::Operator(e), .. } => Some(&**e),
            kind => std::error::Error::source(kind),
        }
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

#[cfg(test)]
mod tests {
    use super::{Error, ErrorKind};

    #[test]
    fn an_error_is_small_and_may_cross_threads() {
        fn crosses<T: Send + Sync + Clone + std::error::Error + 'static>(_: T) {}
        assert!(size_of::<Error>() <= 16, "{}", size_of::<Error>());
        assert!(size_of::<ErrorKind>() <= 112, "{}", size_of::<ErrorKind>());
        crosses(Error::new("sum", ErrorKind::TestIsNan));
    }
}
