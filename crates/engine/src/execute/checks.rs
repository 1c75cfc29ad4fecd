//! Checks of debug builds: every operand lies inside its base, and no written operand overlaps another operand.
use super::arena::Bases;
use crate::plan::code::{Access, Instruction, Operand};
use std::ops::Range;

/// Most operands of which all pairs are compared; of longer lists, only the first ones are.
const MOST: usize = 256;

/// Panics if the operands of an instruction do not fit.
pub(crate) fn instruction(bases: &Bases, i: &Instruction<Operand>) {
    let mut seen: [(Range<usize>, Access); MOST] = [const { (0..0, Access::Read) }; MOST];
    let mut n = 0;
    let may_replace = matches!(i, Instruction::Group { .. });
    i.visit(&mut |o, access| {
        let range = bases.find(o).range();
        let home = bases.all()[o.base].range();
        assert!(range.is_empty() || home.start <= range.start && range.end <= home.end, "{o:?} leaves its base {home:?}");
        assert!(range.start.is_multiple_of(o.kind.bytes()) || range.is_empty(), "{o:?} is not aligned");
        if range.is_empty() || n == MOST {
            return;
        }
        for (other, how) in &seen[..n] {
            let apart = range.end <= other.start || other.end <= range.start;
            let replaces = may_replace && access == Access::Write && *how == Access::Read && *other == range;
            assert!(apart || access == Access::Read && *how == Access::Read || replaces, "{o:?} overlaps another operand");
        }
        seen[n] = (range, access);
        n += 1;
    });
}
