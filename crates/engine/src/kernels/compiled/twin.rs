//! The twin of machine code, in builds with debug assertions: the interpreter runs the first elements of a group once more, and both must agree to the bit.
#![allow(unsafe_code)]
use super::super::codes;
use super::super::group::{CELLS, Group};
use hypertape_ir::array::{Element, Real};
use std::sync::atomic::Ordering;

/// Elements that are compared.
const ELEMENTS: usize = 16;
/// Tiles of a group that are compared.
const TILES: u32 = 2;

/// The first elements of every cell that the instructions read, as they were before machine code ran. It lies on the stack: replays allocate nothing.
pub(super) struct Twin<T> {
    cells: [[T; ELEMENTS]; CELLS],
    n: usize,
}

impl<T: Real> Twin<T> {
    /// Copies the operands of a group whose machine code is still to be compared. `gather` fills the cells of joins that machine code reads in pieces.
    ///
    /// # Safety
    /// Cells that an instruction reads before any writes to them hold `n` elements, but for those that `gather` fills.
    pub(super) unsafe fn of(g: &Group, cells: *const *mut T, n: usize, gather: impl Fn(usize, &mut [T])) -> Option<Self> {
        let compiled = g.compiled.as_ref()?;
        if !cfg!(debug_assertions) || compiled.compared.load(Ordering::Relaxed) >= TILES {
            return None;
        }
        compiled.compared.fetch_add(1, Ordering::Relaxed);
        let mut twin = Twin { cells: [[T::zero(); ELEMENTS]; CELLS], n: n.min(ELEMENTS) };
        let mut written = [false; CELLS];
        for code in &g.code {
            for cell in code.operands() {
                let to = &mut twin.cells[cell as usize][..n.min(ELEMENTS)];
                if let Some(s) = compiled.shifted.iter().find(|s| s.cell == cell) {
                    gather(s.join, to);
                } else if !written[cell as usize] {
                    // SAFETY: the caller's promise.
                    let from = unsafe { std::slice::from_raw_parts(*cells.add(cell as usize), to.len()) };
                    to.copy_from_slice(from);
                }
            }
            written[code.result() as usize] = true;
        }
        Some(twin)
    }
    /// Runs the interpreter, and compares what stores and folds read.
    ///
    /// # Safety
    /// Machine code has run on these cells and scalars.
    pub(super) unsafe fn compare(&mut self, g: &Group, cells: *const *mut T, scalars: *const T) {
        let own: [*mut T; CELLS] = std::array::from_fn(|k| self.cells[k].as_mut_ptr());
        // SAFETY: every cell has this many elements, and the scalars are the caller's.
        unsafe { codes::run(&g.code, own.as_ptr(), scalars, self.n) };
        let made = |cell: u16| g.code.iter().any(|c| c.result() == cell);
        for cell in g.stores.iter().map(|s| s.cell).chain(g.tails.iter().map(|t| t.cell)).filter(|c| made(*c)) {
            // SAFETY: machine code has written these elements.
            let found = unsafe { std::slice::from_raw_parts(*cells.add(cell as usize), self.n) };
            for (i, (f, w)) in found.iter().zip(&self.cells[cell as usize]).enumerate() {
                let (f, w) = (Element::to_f64(*f), Element::to_f64(*w));
                assert!(
                    f.to_bits() == w.to_bits() || f.is_nan() && w.is_nan(),
                    "machine code gives {f} for element {i} of cell {cell}, the interpreter {w}: {:?}",
                    g.code
                );
            }
        }
    }
}
