//! Shape and element type of one array.
use super::element::Kind;
use smallvec::SmallVec;
use std::fmt;

/// Lengths of the axes, outermost first; empty for a number.
pub type Shape = SmallVec<[usize; 4]>;

/// Shape and element type of one array.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LeafType {
    /// Lengths of the axes.
    pub shape: Shape,
    /// Element type.
    pub kind: Kind,
}

impl LeafType {
    /// From lengths and an element type.
    pub fn new(shape: &[usize], kind: Kind) -> Self {
        LeafType { shape: Shape::from_slice(shape), kind }
    }
    /// Number of elements; of a shape that is not addressable, a number beyond what is.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shape.iter().fold(1, |p: usize, n| p.saturating_mul(*n))
    }
    /// Whether memory can have addresses for all elements, whatever the lengths of 0 become.
    #[must_use]
    pub fn is_addressable(&self) -> bool {
        let bytes = self.shape.iter().filter(|n| **n > 0).try_fold(self.kind.bytes(), |p, n| p.checked_mul(*n));
        bytes.is_some_and(|b| isize::try_from(b).is_ok())
    }
    /// Whether there is no element.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Size in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.len().saturating_mul(self.kind.bytes())
    }
}

impl fmt::Display for LeafType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[", self.kind)?;
        for (i, n) in self.shape.iter().enumerate() {
            write!(f, "{}{n}", if i == 0 { "" } else { "," })?;
        }
        write!(f, "]")
    }
}
