//! How kinds of errors are made: short names for call sites, and conversions.
use super::{Convolved, Counted, Elements, Error, ErrorKind, Malformed, Matrix, Misfit, Site, Typed};
use crate::array::LeafType;
use crate::outcome::Failed;
use std::sync::Arc;

impl ErrorKind {
    /// The error that a user's own code returned.
    pub fn user(e: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        ErrorKind::User { source: Arc::from(e.into()) }
    }
    /// A mistake in applying an operation that none of its own emitters makes.
    #[must_use]
    pub fn misuse(what: &'static str) -> Self {
        ErrorKind::Malformed(Malformed::Use(what))
    }
    /// A setting that cannot work, and what to do: "give …".
    #[must_use]
    pub fn setting(what: &str, value: f64, allowed: &'static str) -> Self {
        ErrorKind::Setting { what: what.into(), value, element: None, allowed }
    }
    /// An element type that does not fit.
    #[must_use]
    pub fn elements(needs: Elements, given: &[&LeafType]) -> Self {
        ErrorKind::ElementType { needs, given: given.iter().map(|t| (*t).clone()).collect() }
    }
    /// A type that differs from another.
    #[must_use]
    pub fn types(of: Typed, expected: &LeafType, given: &LeafType) -> Self {
        ErrorKind::Types { of, expected: vec![expected.clone()], given: vec![given.clone()] }
    }
    /// The wrong number of something.
    #[must_use]
    pub fn count(of: Counted, expected: usize, given: usize) -> Self {
        ErrorKind::Count { of, expected, given }
    }
    /// An axis that an array of this rank does not have.
    #[must_use]
    pub fn axis(axis: usize, rank: usize) -> Self {
        ErrorKind::AxisOutOfRange { axis, rank, of: None, advice: "name one below it" }
    }
    /// An axis that this array does not have.
    #[must_use]
    pub fn axis_of(of: &LeafType, axis: usize) -> Self {
        let (rank, of) = (of.shape.len(), Some(of.clone().into()));
        ErrorKind::AxisOutOfRange { axis, rank, of, advice: "name one below its rank" }
    }
    /// The same of the operation `op` that met these values, with a name of its own.
    #[must_use]
    pub fn of(self, op: &str) -> Self {
        ErrorKind::Nested(Error::numeric(op, self))
    }
    /// The error of running the operation `op` written at `at`.
    #[must_use]
    pub fn running(self, op: &str, at: Option<Site>) -> Error {
        Error::numeric(op, self).or(at)
    }
}

impl From<Error> for ErrorKind {
    fn from(e: Error) -> Self {
        ErrorKind::Nested(e)
    }
}

/// A linear system that a user solves without a derivative.
impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        Error::new("solve", ErrorKind::Solve { solver: "linear system".into(), failed })
    }
}

impl From<Misfit> for ErrorKind {
    fn from(e: Misfit) -> Self {
        ErrorKind::Shape(e)
    }
}

impl From<Matrix> for ErrorKind {
    fn from(e: Matrix) -> Self {
        ErrorKind::Matrix(e)
    }
}

impl From<Malformed> for ErrorKind {
    fn from(e: Malformed) -> Self {
        ErrorKind::Malformed(e)
    }
}

impl From<Convolved> for ErrorKind {
    fn from(e: Convolved) -> Self {
        ErrorKind::Convolution(e)
    }
}

impl From<String> for ErrorKind {
    fn from(s: String) -> Self {
        ErrorKind::Other(s)
    }
}

impl From<&str> for ErrorKind {
    fn from(s: &str) -> Self {
        ErrorKind::Other(s.into())
    }
}
