//! Content from a path, a reader or bytes: decompressed where it is gzip, and no more than a limit.
use crate::error::{Error, Result};
use crate::place::{At, Place};
use flate2::bufread::MultiGzDecoder;
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;
use std::sync::Arc;

/// The most bytes that a source may have once decompressed: 1 GiB by default.
///
/// A small compressed file can unfold to any size. More bytes than this are [`Error::Limit`], and are never held in memory.
///
/// ```
/// use hypertape_data::{Error, Limit};
/// assert!(Limit(3).bytes(b"abc").is_ok());
/// assert!(matches!(Limit(2).bytes(b"abc"), Err(Error::Limit { limit: 2, .. })));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(pub u64);

impl Default for Limit {
    fn default() -> Self {
        Limit(1 << 30)
    }
}

/// Content in memory, decompressed, with the name that errors call it by.
///
/// Gzip (RFC 1952) is seen by its first two bytes, whatever the file is called. A file of several members is read to its end.
#[derive(Debug, Clone)]
pub struct Source<'a> {
    name: Arc<str>,
    bytes: Cow<'a, [u8]>,
    limit: u64,
}

impl Limit {
    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Open`], [`Error::Read`], [`Error::Gzip`], [`Error::Limit`].
    pub fn open(self, path: impl AsRef<Path>) -> Result<Source<'static>> {
        let name = path.as_ref().display().to_string();
        let file = File::open(&path).map_err(|error| Error::Open { path: name.clone(), error })?;
        self.fill(name.into(), file)
    }
    /// Reads a reader to its end. It may be slow with small reads: what is behind it is asked for a buffer at a time.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Gzip`], [`Error::Limit`].
    pub fn read(self, reader: impl Read) -> Result<Source<'static>> {
        self.fill("reader".into(), reader)
    }
    /// Takes bytes as they are, without a copy, or decompresses them.
    ///
    /// # Errors
    /// [`Error::Gzip`], [`Error::Limit`].
    pub fn bytes(self, bytes: &[u8]) -> Result<Source<'_>> {
        let name: Arc<str> = "bytes".into();
        if is_gzip(bytes) {
            return self.fill(name, bytes);
        }
        if bytes.len() as u64 > self.0 {
            return Err(self.passed(name));
        }
        Ok(Source { name, bytes: Cow::Borrowed(bytes), limit: self.0 })
    }

    fn fill(self, name: Arc<str>, mut reader: impl Read) -> Result<Source<'static>> {
        let at = |bytes: &[u8]| Place { source: name.clone(), at: At::Byte(bytes.len() as u64) };
        let mut bytes = vec![];
        let mut head = vec![];
        // A reader may give less than what is asked for: two bytes, or the end.
        reader.by_ref().take(2).read_to_end(&mut head).map_err(|error| Error::Read { place: at(&bytes), error })?;
        let compressed = is_gzip(&head);
        let whole = BufReader::new(Cursor::new(head).chain(reader));
        let most = self.0.saturating_add(1);
        let read = if compressed {
            MultiGzDecoder::new(whole).take(most).read_to_end(&mut bytes)
        } else {
            whole.take(most).read_to_end(&mut bytes)
        };
        if let Err(error) = read {
            let place = at(&bytes);
            let damaged = matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof);
            return Err(if compressed && damaged { Error::Gzip { place, error } } else { Error::Read { place, error } });
        }
        if bytes.len() as u64 > self.0 {
            return Err(self.passed(name));
        }
        Ok(Source { name, bytes: Cow::Owned(bytes), limit: self.0 })
    }

    fn passed(self, name: Arc<str>) -> Error {
        Error::Limit { place: Place { source: name, at: At::Byte(self.0) }, limit: self.0 }
    }
}

fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

impl<'a> Source<'a> {
    /// Reads a file, of at most the default [`Limit`].
    ///
    /// # Errors
    /// Those of [`Limit::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Source<'static>> {
        Limit::default().open(path)
    }
    /// Reads a reader to its end, of at most the default [`Limit`].
    ///
    /// # Errors
    /// Those of [`Limit::read`].
    pub fn read(reader: impl Read) -> Result<Source<'static>> {
        Limit::default().read(reader)
    }
    /// Takes bytes, of at most the default [`Limit`].
    ///
    /// # Errors
    /// Those of [`Limit::bytes`].
    pub fn bytes(bytes: &'a [u8]) -> Result<Source<'a>> {
        Limit::default().bytes(bytes)
    }
    /// What errors call it: the path, `reader` or `bytes`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
    /// The decompressed bytes.
    #[must_use]
    pub fn content(&self) -> &[u8] {
        &self.bytes
    }
    /// The most bytes that what is made of it may have.
    #[must_use]
    pub fn limit(&self) -> Limit {
        Limit(self.limit)
    }
    /// A place in it, for the errors of a format of one's own.
    #[must_use]
    pub fn place(&self, at: At) -> Place {
        Place { source: self.name.clone(), at }
    }
}
