//! Memory that machine code runs in. It is written first, then made executable; it is never both.
#![allow(unsafe_code)]
use memmap2::{Mmap, MmapMut};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Most mappings of a process: systems allow some ten thousands, and other code needs some too.
const MOST: usize = 8192;
/// Mappings that there are.
static ALIVE: AtomicUsize = AtomicUsize::new(0);

/// A function over the cells, the scalars and the number of elements.
type Entry = unsafe extern "sysv64" fn(*const *mut u8, *const u8, usize);

/// Machine code, ready to run.
#[derive(Debug)]
pub(super) struct Mapping(Mmap);

impl Mapping {
    /// The code in memory of its own, if the system gives any.
    pub(super) fn new(code: &[u8]) -> Option<Self> {
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
    pub(super) fn bytes(&self) -> usize {
        self.0.len().next_multiple_of(4096)
    }
    /// Runs the function that begins at a byte.
    ///
    /// # Safety
    /// A function of `emit::function` begins there, and the processor has its instructions. What the function reads and writes is memory of `n` elements
    /// for each cell, and a scalar for each that it names.
    #[inline]
    pub(super) unsafe fn run(&self, at: usize, cells: *const *mut u8, scalars: *const u8, n: usize) {
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
