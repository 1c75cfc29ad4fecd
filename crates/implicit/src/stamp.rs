//! Which point is which.
use hypertape_autodiff::array::AnyView;
use std::sync::atomic::{AtomicU64, Ordering};

/// The number of a point at which an equation was looked at: no two points of a process have the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp(u64);

impl Stamp {
    /// That of a new point.
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Stamp(NEXT.fetch_add(1, Ordering::Relaxed))
    }
    /// As two indices, the smaller half first.
    pub(crate) fn halves(self) -> [u32; 2] {
        [self.0 as u32, (self.0 >> 32) as u32]
    }
    /// From two indices.
    pub(crate) fn from_halves(v: &AnyView<'_>) -> Option<Self> {
        let AnyView::U32(v) = v else { return None };
        let mut halves = v.iter().map(|v| u64::from(*v));
        Some(Stamp(halves.next()? | halves.next()? << 32))
    }
}
