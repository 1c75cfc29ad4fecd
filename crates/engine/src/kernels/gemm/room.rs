//! Memory of a thread for packed operands. It is allocated at the thread's first product that packs, and kept.
use std::cell::Cell;

/// Columns of a whose products are summed in registers before they are added to the result: the depth of a block and of a panel.
pub(super) const DEPTH: usize = 128;
/// Rows of a block of a: whole strips of 4, of 6 and of 8 rows.
pub(super) const TALL: usize = 240;

/// A cache line.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(super) struct Line {
    _bytes: [u8; 64],
}

/// Bytes of a row of the widest panel: three vectors of 512 bits.
const WIDEST: usize = 192;
/// Lines of a block of doubles, of `TALL` rows and `DEPTH` columns.
const BLOCK: usize = TALL * DEPTH * 8 / 64;
/// Lines of a panel of `DEPTH` rows.
const PANEL: usize = DEPTH * WIDEST / 64;

thread_local! {
    static ROOM: Cell<Vec<Line>> = const { Cell::new(Vec::new()) };
}

/// The room of this thread, until it is dropped.
pub(super) struct Room(Vec<Line>);

impl Room {
    pub(super) fn take() -> Self {
        let mut lines = ROOM.try_with(Cell::take).unwrap_or_default();
        lines.resize(BLOCK + PANEL, Line { _bytes: [0; 64] });
        Room(lines)
    }
    /// Where a block and a panel may be packed; they are apart, and no element needs more than 8 bytes.
    pub(super) fn places<T>(&mut self) -> [*mut T; 2] {
        let (block, panel) = self.0.split_at_mut(BLOCK);
        [block.as_mut_ptr().cast(), panel.as_mut_ptr().cast()]
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let lines = std::mem::take(&mut self.0);
        // A thread that is ending keeps nothing.
        let _ = ROOM.try_with(|room| room.set(lines));
    }
}

/// Makes the memory for packed operands of matrix products, on the calling thread and on every thread of the pool.
///
/// A thread allocates 264 KiB at its first product of matrices that are not small. For who counts allocations, or wants none later.
pub fn make_packing_buffers() {
    let make = || drop(Room::take());
    make();
    rayon::broadcast(|_| make());
}
