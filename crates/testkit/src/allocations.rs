//! A global allocator that counts: live bytes, their peak, and the number of allocations.
//!
//! ```
//! use hypertape_testkit::allocations::Counting;
//!
//! #[global_allocator]
//! static MEMORY: Counting = Counting::new();
//!
//! let (bytes, usage) = MEMORY.measure(|| vec![0u8; 1000]);
//! assert_eq!((bytes.len(), usage.on_this_thread), (1000, 1));
//! assert!(usage.peak >= 1000);
//! ```
// A global allocator is an unsafe trait; every method hands on to the system's.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

thread_local! {
    // Constant and without a destructor, so that reading it allocates nothing.
    static ON_THIS_THREAD: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator with counters, for `#[global_allocator]`.
///
/// The counters see every thread of the process. The test runner's threads allocate too: count in a test binary that holds a single test,
/// or count [what one thread does](Counting::allocations_on_this_thread).
#[derive(Debug, Default)]
pub struct Counting {
    live: AtomicUsize,
    peak: AtomicUsize,
    allocations: AtomicUsize,
}

/// What [`Counting::measure`] saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The largest number of bytes that were live at once, above those that were live before.
    pub peak: usize,
    /// The bytes that are still live, above those that were live before; negative when more was freed.
    pub kept: isize,
    /// Allocations by any thread, reallocations included.
    pub allocations: usize,
    /// Allocations by the thread that measured.
    pub on_this_thread: usize,
}

impl Counting {
    /// Counters at zero.
    #[must_use]
    pub const fn new() -> Counting {
        Counting { live: AtomicUsize::new(0), peak: AtomicUsize::new(0), allocations: AtomicUsize::new(0) }
    }

    /// The bytes that are allocated and not yet freed.
    pub fn live(&self) -> usize {
        self.live.load(Relaxed)
    }

    /// The largest number of live bytes since the start, or since [`reset_peak`](Counting::reset_peak).
    pub fn peak(&self) -> usize {
        self.peak.load(Relaxed)
    }

    /// Begins a new peak at the bytes that are live now.
    pub fn reset_peak(&self) {
        self.peak.store(self.live(), Relaxed);
    }

    /// How often memory was allocated or reallocated, by all threads.
    pub fn allocations(&self) -> usize {
        self.allocations.load(Relaxed)
    }

    /// How often the calling thread allocated or reallocated, through any `Counting`.
    pub fn allocations_on_this_thread(&self) -> usize {
        ON_THIS_THREAD.get()
    }

    /// Runs a closure; returns its result and what it used. Begins a new peak; other threads count as well, but for `on_this_thread`.
    pub fn measure<R>(&self, work: impl FnOnce() -> R) -> (R, Usage) {
        self.reset_peak();
        let (live, allocations, on_this_thread) = (self.live(), self.allocations(), self.allocations_on_this_thread());
        let result = work();
        let usage = Usage {
            peak: self.peak().saturating_sub(live),
            kept: self.live() as isize - live as isize,
            allocations: self.allocations() - allocations,
            on_this_thread: self.allocations_on_this_thread() - on_this_thread,
        };
        (result, usage)
    }

    fn grew(&self, bytes: usize) {
        let live = self.live.fetch_add(bytes, Relaxed) + bytes;
        self.peak.fetch_max(live, Relaxed);
    }

    fn shrank(&self, bytes: usize) {
        self.live.fetch_sub(bytes, Relaxed);
    }

    fn counted(&self) {
        self.allocations.fetch_add(1, Relaxed);
        // A thread that is ending may have no thread-locals any more.
        let _ = ON_THIS_THREAD.try_with(|count| count.set(count.get() + 1));
    }
}

// SAFETY: every method hands its arguments on to `System` unchanged and returns what `System` returned; counting neither allocates nor panics.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `GlobalAlloc::alloc`, which is that of `System`.
        let pointer = unsafe { System.alloc(layout) };
        if !pointer.is_null() {
            self.grew(layout.size());
            self.counted();
        }
        pointer
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as in `alloc`.
        let pointer = unsafe { System.alloc_zeroed(layout) };
        if !pointer.is_null() {
            self.grew(layout.size());
            self.counted();
        }
        pointer
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `System` with this layout, because every allocation here does.
        unsafe { System.dealloc(pointer, layout) };
        self.shrank(layout.size());
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the pointer came from `System` with this layout, and the caller keeps the contract on the new size.
        let moved = unsafe { System.realloc(pointer, layout, new_size) };
        if !moved.is_null() {
            // Both blocks may have been live while the content moved, but the system's allocator mostly grows in place.
            self.grew(new_size.saturating_sub(layout.size()));
            self.shrank(layout.size().saturating_sub(new_size));
            self.counted();
        }
        moved
    }
}
