//! Where something stands in what was read: the source, and the line, field or byte.
use std::fmt;
use std::sync::Arc;

/// Where something stands in what was read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Place {
    /// The path of the file, or `reader` or `bytes` for what has none.
    pub source: Arc<str>,
    /// Where in it.
    pub at: At,
}

/// Where in a source. Lines, columns and fields are counted from 1, as editors do; bytes from 0, after decompression.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum At {
    /// Nowhere in particular.
    Whole,
    /// A line of text, and the byte in it.
    Line {
        /// The line, from 1.
        line: u64,
        /// The byte in the line, from 1.
        column: usize,
    },
    /// A field of a table.
    Field {
        /// The line, from 1.
        line: u64,
        /// The field in the line, from 1.
        field: usize,
        /// What the header calls it.
        name: Option<Arc<str>>,
    },
    /// A byte, from 0.
    Byte(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.source)?;
        match &self.at {
            At::Whole => Ok(()),
            At::Line { line, column } => write!(f, ", line {line}, column {column}"),
            At::Field { line, field, name: None } => write!(f, ", line {line}, field {field}"),
            At::Field { line, field, name: Some(name) } => write!(f, ", line {line}, field {field} ({name})"),
            At::Byte(byte) => write!(f, ", byte {byte}"),
        }
    }
}

/// Bytes as text for a message: printable, and not too long.
pub(crate) fn quoted(bytes: &[u8]) -> String {
    const MOST: usize = 40;
    let text = bytes[..bytes.len().min(MOST)].escape_ascii().to_string();
    if bytes.len() > MOST { format!("{text}…") } else { text }
}
