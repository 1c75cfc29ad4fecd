//! Mini-batches: every row once an epoch, in an order of its own.
use super::halves::permutation;
use crate::error::{Error, Result};
use crate::random::Stream;

/// Rows in batches, an order for each epoch.
///
/// ```
/// use hypertape_data::splits::Batches;
/// let batches = Batches::new(10, 4, 1)?;
/// let sizes: Vec<usize> = batches.epoch(0).iter().map(Vec::len).collect();
/// assert_eq!(sizes, [4, 4, 2]);
/// assert_ne!(batches.epoch(0), batches.epoch(1));
/// # Ok::<(), hypertape_data::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batches {
    rows: usize,
    size: usize,
    key: u64,
}

impl Batches {
    /// Batches of so many rows; the last of an epoch may have fewer.
    ///
    /// # Errors
    /// [`Error::Setting`] for a size of 0.
    pub fn new(rows: usize, size: usize, key: u64) -> Result<Self> {
        if size == 0 {
            return Err(Error::Setting { of: "Batches::new", what: "the size", value: 0.0, range: "at least 1" });
        }
        Ok(Batches { rows, size, key })
    }
    /// The batches of an epoch, which depend on the key and the number of the epoch alone.
    #[must_use]
    pub fn epoch(&self, epoch: u64) -> Vec<Vec<usize>> {
        permutation(self.rows, Stream::key_of(self.key, epoch)).chunks(self.size).map(<[usize]>::to_vec).collect()
    }
}
