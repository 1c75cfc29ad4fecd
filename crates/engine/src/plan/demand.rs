//! Demand: the alignment of slots, and the operation that needs the most memory.
use hypertape_ir::error::{Error, ErrorKind, Lacking, Site};

/// Slots begin at multiples of this many bytes.
const ALIGN: usize = 64;

/// Bytes rounded up to whole cache lines. `usize::MAX` if that is too many.
pub(crate) fn aligned(bytes: usize) -> usize {
    bytes.checked_next_multiple_of(ALIGN).unwrap_or(usize::MAX)
}

/// An operation, and the bytes that it needs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Demand {
    pub(crate) op: String,
    pub(crate) site: Option<Site>,
    pub(crate) bytes: usize,
}

impl Demand {
    /// The error that a plan cannot have this many bytes in all. It names this operation.
    pub(crate) fn error(&self, bytes: u64, lacking: Lacking) -> Error {
        Error::new(self.op.clone(), ErrorKind::Memory { bytes, lacking }).or(self.site)
    }
}
