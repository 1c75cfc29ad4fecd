//! Untyped handles: `Copy`, without lifetime, meaningful only while their recording is open.
use crate::array::Kind;

/// A variable of the open recording, of an element type known at run time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DynVar {
    pub(super) tape: u32,
    pub(super) region: u32,
    pub(super) index: u32,
    pub(super) kind: Kind,
}

impl DynVar {
    /// What an operation gives when it cannot be recorded; the recording keeps the error.
    pub const POISON: DynVar = DynVar { tape: 0, region: 0, index: u32::MAX, kind: Kind::F64 };
    /// Element type.
    #[must_use]
    pub fn kind(self) -> Kind {
        self.kind
    }
    /// Whether both are the same variable of the same recording.
    #[must_use]
    pub fn same_value(self, other: DynVar) -> bool {
        (self.tape, self.region, self.index) == (other.tape, other.region, other.index)
    }
}
