//! Machine code of fused groups, in memory that is written first and made executable then; it is never both.
#![allow(unsafe_code)]
use smallvec::SmallVec;

/// A join that machine code reads where its pieces lie: rows of all pieces are as far apart as its own.
#[derive(Debug, Clone)]
pub(crate) struct Shifted {
    /// Its number, and its cell.
    pub(crate) join: usize,
    pub(crate) cell: u16,
    /// The scalar that holds the column of the first element of a tile.
    pub(crate) column: u16,
    /// Elements in a row.
    pub(crate) row: usize,
    pub(crate) fill: f64,
    pub(crate) pieces: SmallVec<[Part; 2]>,
}

/// The columns from..to of a join: an operand, and the cell that points to where its element of column 0 would lie.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    pub(crate) cell: u16,
    pub(crate) load: usize,
    pub(crate) from: usize,
    pub(crate) to: usize,
}

#[cfg(target_arch = "x86_64")]
mod machine {
    use super::Shifted;
    use memmap2::{Mmap, MmapMut};
    use std::ops::Range;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

    /// Most mappings of a process: systems allow some ten thousands, and other code needs some too.
    const MOST: usize = 8192;
    /// Mappings that there are.
    static ALIVE: AtomicUsize = AtomicUsize::new(0);

    /// A function over the cells, the scalars and the number of elements.
    type Entry = unsafe extern "sysv64" fn(*const *mut u8, *const u8, usize);

    /// Machine code, ready to run.
    #[derive(Debug)]
    pub(crate) struct Mapping(Mmap);

    impl Mapping {
        /// The code in memory of its own, if the system gives any.
        pub(crate) fn new(code: &[u8]) -> Option<Self> {
            if ALIVE.load(Ordering::Relaxed) >= MOST {
                return None;
            }
            let mut memory = MmapMut::map_anon(code.len()).ok()?;
            memory.copy_from_slice(code);
            let mapping = memory.make_exec().ok().map(Mapping);
            ALIVE.fetch_add(usize::from(mapping.is_some()), Ordering::Relaxed);
            mapping
        }
        /// Its bytes, in whole pages of 4 KiB.
        pub(crate) fn bytes(&self) -> usize {
            self.0.len().next_multiple_of(4096)
        }
        /// Runs the function that begins at a byte.
        ///
        /// # Safety
        /// A function of `emit::function` begins there, and the processor has its instructions. What the function reads and writes is memory of `n` elements
        /// for each cell, and a scalar for each that it names.
        #[inline]
        pub(crate) unsafe fn run(&self, at: usize, cells: *const *mut u8, scalars: *const u8, n: usize) {
            // SAFETY: the caller's promise; a pointer to the first byte of a function is that function.
            unsafe {
                let entry: Entry = std::mem::transmute::<*const u8, Entry>(self.0.as_ptr().add(at));
                entry(cells, scalars, n);
            }
        }
    }

    impl Drop for Mapping {
        fn drop(&mut self) {
            ALIVE.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Some instructions of a group, in their order.
    #[derive(Debug, Clone)]
    pub(crate) enum Piece {
        /// The machine code that begins at this byte.
        Machine(usize),
        Interpreted(Range<usize>),
    }

    /// The machine code of a group. It shares its memory with other groups.
    #[derive(Debug, Clone)]
    pub(crate) struct Compiled {
        pub(crate) code: Arc<Mapping>,
        pub(crate) pieces: Vec<Piece>,
        pub(crate) shifted: Vec<Shifted>,
        /// Whether machine code alone reads and writes what the group does: then a tile may have any length.
        pub(crate) whole: bool,
        /// How many tiles its twin has compared.
        pub(crate) compared: Arc<AtomicU32>,
    }

    impl PartialEq for Compiled {
        fn eq(&self, other: &Self) -> bool {
            Arc::ptr_eq(&self.code, &other.code)
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod machine {
    /// There is no machine code for this processor.
    #[derive(Debug, Clone, PartialEq)]
    pub(crate) enum Compiled {}
}

pub(crate) use machine::Compiled;
#[cfg(target_arch = "x86_64")]
pub(crate) use machine::{Mapping, Piece};
