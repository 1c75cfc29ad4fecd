//! Compiled groups: machine code for the instructions of a fused group, made when it is planned.
//!
//! The interpreter runs one instruction after the other on a tile, so that every value between two instructions is written to the nearest cache and read
//! again. Machine code runs all instructions on one vector after the other, with those values in registers. What stands around the instructions (operands
//! that are gathered, folds, the loops over tiles) is the same for both, and so is every bit of the results.
//!
//! Instructions that are not made of micro-instructions are interpreted: then machine code and interpreter take turns on a tile. Where there is no machine
//! code (another processor, a system that forbids it, `HYPERTAPE_GROUPS=interpreted` in the environment), all instructions are interpreted.
#![allow(unsafe_code)]
#[cfg(target_arch = "x86_64")]
mod emit;
#[cfg(target_arch = "x86_64")]
mod mapping;
#[cfg(target_arch = "x86_64")]
mod micro;
#[cfg(target_arch = "x86_64")]
mod target;

use super::codes;
use super::group::Group;
use hypertape_ir::array::Real;

#[cfg(target_arch = "x86_64")]
mod machine {
    use super::super::group::{Code, Group};
    use super::mapping::Mapping;
    use super::target::Target;
    use super::{emit, micro};
    use std::ops::Range;
    use std::sync::{Arc, OnceLock};

    /// Fewest elements of a group that is compiled.
    const LEN: usize = 16;
    /// Fewest instructions in a row that are compiled: a single one reads and writes as much as machine code would.
    const RUN: usize = 2;

    /// Some instructions of a group, in their order.
    #[derive(Debug, Clone)]
    pub(super) enum Piece {
        /// The machine code that begins at this byte.
        Machine(usize),
        Interpreted(Range<usize>),
    }

    /// The machine code of a group. It shares its memory with other groups.
    #[derive(Debug, Clone)]
    pub(crate) struct Compiled {
        pub(super) code: Arc<Mapping>,
        pub(super) pieces: Vec<Piece>,
    }

    impl PartialEq for Compiled {
        fn eq(&self, other: &Self) -> bool {
            Arc::ptr_eq(&self.code, &other.code)
        }
    }

    /// Compiles those of the groups for which that is possible and worth it; the bytes of the machine code.
    pub(crate) fn compile<'a>(groups: impl Iterator<Item = &'a mut Group>) -> usize {
        static OFF: OnceLock<bool> = OnceLock::new();
        let off = *OFF.get_or_init(|| std::env::var_os("HYPERTAPE_GROUPS").is_some_and(|v| v == "interpreted"));
        if cfg!(miri) || off { 0 } else { all(groups.filter(|g| g.len >= LEN)) }
    }

    /// Compiles those of the groups for which that is possible.
    pub(crate) fn all<'a>(groups: impl Iterator<Item = &'a mut Group>) -> usize {
        let mut code = vec![];
        let written: Vec<(&mut Group, Vec<Piece>)> = groups.filter_map(|g| write(g, &mut code).map(|pieces| (g, pieces))).collect();
        if code.is_empty() {
            return 0;
        }
        let Some(mapping) = Mapping::new(&code).map(Arc::new) else { return 0 };
        for (group, pieces) in written {
            group.compiled = Some(Compiled { code: mapping.clone(), pieces });
        }
        mapping.bytes()
    }

    /// Appends the machine code of a group.
    fn write(g: &Group, code: &mut Vec<u8>) -> Option<Vec<Piece>> {
        let target = Target::of(g.single)?;
        let (mut pieces, mut at) = (vec![], 0);
        while at < g.code.len() {
            let compiles = |c: &Code| micro::compiles(c);
            let run = g.code[at..].iter().take_while(|c| compiles(c)).count();
            let skipped = g.code[at + run..].iter().take_while(|c| !compiles(c)).count();
            let next = at + run + skipped;
            if run >= RUN {
                let ends = |cell: u16| {
                    let read = g.code[at + run..].iter().any(|c| c.operands().contains(&cell));
                    read || g.stores.iter().any(|s| s.cell == cell) || g.tails.iter().any(|t| t.cell == cell)
                };
                let micros = micro::Writer::write(&g.code[at..at + run], g.single, ends);
                pieces.push(Piece::Machine(emit::function(target, &micro::without_dead(&micros), code).ok()?));
            } else if run > 0 {
                pieces.push(Piece::Interpreted(at..at + run));
            }
            if skipped > 0 {
                pieces.push(Piece::Interpreted(at + run..next));
            }
            at = next;
        }
        pieces.iter().any(|p| matches!(p, Piece::Machine(_))).then_some(pieces)
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod machine {
    use super::super::group::Group;

    /// There is no machine code for this processor.
    #[derive(Debug, Clone, PartialEq)]
    pub(crate) enum Compiled {}

    /// Compiles nothing.
    pub(crate) fn compile<'a>(_: impl Iterator<Item = &'a mut Group>) -> usize {
        0
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
pub(crate) use machine::all;
pub(crate) use machine::{Compiled, compile};

/// Runs the instructions of a group on `n` elements of the cells.
///
/// # Safety
/// As `codes::run`, for the instructions of the group.
#[inline]
pub(super) unsafe fn run<T: Real>(g: &Group, cells: *const *mut T, scalars: *const T, n: usize) {
    // SAFETY: the caller's promise. The code was made from these instructions, for this processor.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        if let Some(compiled) = &g.compiled {
            for piece in &compiled.pieces {
                match piece {
                    machine::Piece::Machine(at) => compiled.code.run(*at, cells.cast(), scalars.cast(), n),
                    machine::Piece::Interpreted(range) => codes::run(&g.code[range.clone()], cells, scalars, n),
                }
            }
            return;
        }
        codes::run(&g.code, cells, scalars, n);
    }
}
