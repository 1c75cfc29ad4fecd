//! The three ways in, for every format: a path, a reader, bytes.
use crate::error::Result;
use crate::source::Source;
use std::io::Read;
use std::path::Path;

/// A format: settings that make data of a [`Source`].
///
/// ```
/// use hypertape_data::{Libsvm, Limit, Load};
/// let text = b"+1 1:0.5 3:2\n-1 2:1\n";
/// let loaded = Libsvm::new().load_bytes(text)?;
/// assert_eq!((loaded.rows.rows(), loaded.rows.columns()), (2, 3));
/// // Another limit on the decompressed bytes than 1 GiB:
/// let again = Libsvm::new().parse(&Limit(1000).bytes(text)?)?;
/// assert_eq!(loaded, again);
/// # Ok::<(), hypertape_data::Error>(())
/// ```
pub trait Load {
    /// What it makes.
    type Data;

    /// From content in memory.
    ///
    /// # Errors
    /// What does not fit the format, with its place.
    fn parse(&self, source: &Source<'_>) -> Result<Self::Data>;

    /// From a file, compressed or not.
    ///
    /// # Errors
    /// Those of [`Source::open`] and [`Load::parse`].
    fn load(&self, path: impl AsRef<Path>) -> Result<Self::Data> {
        self.parse(&Source::open(path)?)
    }
    /// From a reader, compressed or not.
    ///
    /// # Errors
    /// Those of [`Source::read`] and [`Load::parse`].
    fn load_reader(&self, reader: impl Read) -> Result<Self::Data> {
        self.parse(&Source::read(reader)?)
    }
    /// From bytes, compressed or not.
    ///
    /// # Errors
    /// Those of [`Source::bytes`] and [`Load::parse`].
    fn load_bytes(&self, bytes: &[u8]) -> Result<Self::Data> {
        self.parse(&Source::bytes(bytes)?)
    }
}
