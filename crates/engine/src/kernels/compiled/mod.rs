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
mod assembler;
#[cfg(target_arch = "x86_64")]
mod emit;
#[cfg(target_arch = "x86_64")]
mod micro;
#[cfg(target_arch = "x86_64")]
mod target;
#[cfg(target_arch = "x86_64")]
mod trace;
#[cfg(target_arch = "x86_64")]
mod twin;
#[cfg(target_arch = "x86_64")]
mod writer;

use super::codes;
use super::group::Group;
#[cfg(target_arch = "x86_64")]
use super::machine_code::Piece;
use super::machine_code::Shifted;
use hypertape_ir::array::Real;

#[cfg(target_arch = "x86_64")]
mod machine {
    use super::super::group::{CELLS, Group, Load, SCALARS, Target as Place};
    use super::super::machine_code::{Compiled, Mapping, Part, Piece, Shifted};
    use super::target::Target;
    use super::{emit, micro, writer};
    use std::ops::Range;
    use std::sync::{Arc, OnceLock};

    /// Fewest elements of a group that is compiled.
    const LEN: usize = 16;
    /// Fewest instructions in a row that are compiled: a single one reads and writes as much as machine code would, unless it reads a join.
    const RUN: usize = 2;
    /// Most micro-instructions: machine code of so many still fits the nearest cache of instructions.
    const MICROS: usize = 4096;
    /// Most lengths of rows that machine code follows: each takes a register.
    const ROWS: usize = 3;

    /// Compiles those of the groups for which that is possible and worth it; the bytes of the machine code.
    pub(crate) fn compile<'a>(groups: impl Iterator<Item = &'a mut Group>) -> usize {
        static OFF: OnceLock<bool> = OnceLock::new();
        let off = *OFF.get_or_init(|| std::env::var_os("HYPERTAPE_GROUPS").is_some_and(|v| v == "interpreted"));
        if cfg!(miri) || off { 0 } else { all(groups.filter(|g| g.len >= LEN)) }
    }

    /// Compiles those of the groups for which that is possible.
    pub(crate) fn all<'a>(groups: impl Iterator<Item = &'a mut Group>) -> usize {
        let mut code = vec![];
        let written: Vec<_> = groups.filter_map(|g| write(g, &mut code).map(|pieces| (g, pieces))).collect();
        if code.is_empty() {
            return 0;
        }
        let Some(mapping) = Mapping::new(&code).map(Arc::new) else { return 0 };
        for (group, (pieces, shifted)) in written {
            let whole = whole(group, &pieces, &shifted);
            group.compiled = Some(Compiled { code: mapping.clone(), pieces, shifted, whole, compared: Arc::default() });
        }
        mapping.bytes()
    }

    /// Whether nothing of a group passes through registers in memory.
    fn whole(g: &Group, pieces: &[Piece], shifted: &[Shifted]) -> bool {
        matches!(pieces, [Piece::Machine(_)])
            && g.tails.is_empty()
            && g.stores.iter().all(|s| s.direct)
            && g.loads.iter().all(|l| !matches!(l.target, Place::Gather(..)))
            && (0..g.joins.len()).all(|k| shifted.iter().any(|s| s.join == k))
    }

    /// Appends the machine code of a group.
    fn write(g: &Group, code: &mut Vec<u8>) -> Option<(Vec<Piece>, Vec<Shifted>)> {
        let target = Target::of(g.single)?;
        let runs = runs(g);
        let shifted = shifted(g, target, &runs);
        let mut pieces = vec![];
        for (range, compiles) in runs {
            if !compiles {
                pieces.push(Piece::Interpreted(range));
                continue;
            }
            let ends = |cell: u16| {
                let read = g.code[range.end..].iter().any(|c| c.operands().contains(&cell));
                read || g.stores.iter().any(|s| s.cell == cell) || g.tails.iter().any(|t| t.cell == cell)
            };
            let micros = micro::without_dead(&writer::Writer::write(&g.code[range.clone()], g.single, &shifted, ends));
            if micros.len() > MICROS {
                return None;
            }
            pieces.push(Piece::Machine(emit::function(target, &micros, code).ok()?));
        }
        pieces.iter().any(|p| matches!(p, Piece::Machine(_))).then_some((pieces, shifted))
    }

    /// Instructions in runs, each with whether it compiles.
    fn runs(g: &Group) -> Vec<(Range<usize>, bool)> {
        let mut runs: Vec<(Range<usize>, bool)> = vec![];
        for (i, c) in g.code.iter().enumerate() {
            let compiles = writer::compiles(c);
            match runs.last_mut() {
                Some((range, same)) if *same == compiles => range.end = i + 1,
                _ => runs.push((i..i + 1, compiles)),
            }
        }
        for (range, compiles) in &mut runs {
            *compiles &= range.len() >= RUN || g.joins.iter().any(|j| g.code[range.clone()].iter().any(|c| c.operands().contains(&j.cell)));
        }
        runs
    }

    /// The joins that machine code alone reads, and whose rows it can follow.
    fn shifted(g: &Group, target: Target, runs: &[(Range<usize>, bool)]) -> Vec<Shifted> {
        let loads = |wanted: fn(&Load) -> bool| g.loads.iter().filter(|l| wanted(l)).count();
        let direct = g.stores.iter().filter(|s| s.direct).count();
        let mut cells = g.registers + g.joins.len() + direct + loads(|l| matches!(l.target, Place::Direct(_)));
        let first = g.constants.len() + loads(|l| matches!(l.target, Place::Scalar(_)));
        let mut scalars = first;
        let mut shifted: Vec<Shifted> = vec![];
        let longest = if g.single { 1 << 24 } else { 1 << 53 };
        for (number, j) in g.joins.iter().enumerate() {
            let elsewhere = |(range, compiles): &(Range<usize>, bool)| {
                !compiles && g.code[range.clone()].iter().any(|c| c.operands().contains(&j.cell))
            };
            let read = runs.iter().any(elsewhere) || g.stores.iter().any(|s| s.cell == j.cell) || g.tails.iter().any(|t| t.cell == j.cell);
            let follows = (target.lanes() as usize..longest).contains(&j.row) && j.pieces.iter().all(|p| p.stride == j.row as isize);
            let known = shifted.iter().find(|s| s.row == j.row).map(|s| s.column);
            let room = known.is_some() || scalars < (first + ROWS).min(SCALARS);
            if read || !follows || !room || cells + j.pieces.len() > CELLS {
                continue;
            }
            let column = known.unwrap_or_else(|| {
                scalars += 1;
                scalars as u16 - 1
            });
            let pieces = j.pieces.iter().map(|p| {
                cells += 1;
                Part { cell: cells as u16 - 1, load: p.load, from: p.from, to: p.to }
            });
            let pieces = pieces.collect();
            shifted.push(Shifted { join: number, cell: j.cell, column, row: j.row, fill: j.fill, pieces });
        }
        shifted
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod machine {
    use super::super::group::Group;

    /// Compiles nothing.
    pub(crate) fn compile<'a>(_: impl Iterator<Item = &'a mut Group>) -> usize {
        0
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
pub(crate) use machine::all;
pub(crate) use machine::compile;

/// The joins that machine code reads where their pieces lie.
#[inline]
pub(super) fn shifted(g: &Group) -> &[Shifted] {
    #[cfg(target_arch = "x86_64")]
    if let Some(compiled) = &g.compiled {
        return &compiled.shifted;
    }
    let _ = g;
    &[]
}

/// The most elements of a tile.
#[inline]
pub(super) fn tile(g: &Group) -> usize {
    #[cfg(target_arch = "x86_64")]
    if g.compiled.as_ref().is_some_and(|c| c.whole) {
        return usize::MAX;
    }
    g.tile
}

/// Runs the instructions of a group on `n` elements of the cells. `gather` fills a cell with the elements of a join, for builds that compare machine code
/// with the interpreter.
///
/// # Safety
/// As `codes::run`, for the instructions of the group.
#[inline]
pub(super) unsafe fn run<T: Real>(g: &Group, cells: *const *mut T, scalars: *const T, n: usize, gather: impl Fn(usize, &mut [T])) {
    // SAFETY: the caller's promise. The code was made from these instructions, for this processor.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        if let Some(compiled) = &g.compiled {
            let twin = twin::Twin::of(g, cells, n, gather);
            for piece in &compiled.pieces {
                match piece {
                    Piece::Machine(at) => compiled.code.run(*at, cells.cast(), scalars.cast(), n),
                    Piece::Interpreted(range) => codes::run(&g.code[range.clone()], cells, scalars, n),
                }
            }
            if let Some(mut twin) = twin {
                twin.compare(g, cells, scalars);
            }
            return;
        }
        let _ = gather;
        codes::run(&g.code, cells, scalars, n);
    }
}
