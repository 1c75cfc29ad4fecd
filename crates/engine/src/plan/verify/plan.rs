//! The check of a finished plan, in every build, before it may run. The unsafe code of the arena and the kernels relies on this check.
//!
//! The check follows the instructions of a block, and records which root lies in which bytes. It does not rely on what the passes concluded. It
//! checks that
//! - every operand lies within its base and is aligned;
//! - an instruction does not use the bytes that it writes for anything else;
//! - an instruction reads what the maker of the root wrote, and nothing overwrote it since;
//! - every byte of the outputs is written.
//!
//! It takes the time of one search for each operand.
use super::geometry::{self, Extent};
use super::nested;
use crate::plan::Plan;
use crate::plan::code::{Access, Block, Instruction, Operand};
use crate::plan::demand::aligned;
use hypertape_ir::error::{Error, ErrorKind, Site};
use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::ops::Range;

/// What is wrong, and the line of the user's code that the instruction comes from.
#[derive(Debug)]
struct Fault {
    problem: String,
    site: Option<Site>,
}

/// Checks a plan. It is an error if the plan is not fit to run.
pub(crate) fn plan(p: &Plan) -> Result<(), Error> {
    let whole = whole(p).and_then(|outer| block(&p.block, &outer));
    whole.map_err(|Fault { problem, site }| {
        let problem = format!("the plan is not fit to run: {problem}; this is a fault of the planner, not of the program");
        Error::new("plan", ErrorKind::Plan(problem)).or(site)
    })
}

/// The extents of a plan's frame, inputs and outputs. The frame and the outputs must not overlap in the arena.
fn whole(p: &Plan) -> Result<Vec<Extent>, Fault> {
    let mut outer = vec![Extent { bytes: p.block.frame, align: 64 }];
    outer.extend(p.inputs.iter().map(|t| Extent { bytes: t.bytes(), align: t.kind.bytes() }));
    let mut end = p.block.frame;
    for (k, (t, at)) in p.outputs.iter().zip(&p.places).enumerate() {
        if *at < end || *at != aligned(*at) {
            return Err(wrong(format!("output {k} lies at byte {at}, what comes before ends at {end}")));
        }
        end = at.saturating_add(t.bytes());
        outer.push(Extent { bytes: t.bytes(), align: 64 });
    }
    if end > p.bytes || p.places.len() != p.outputs.len() {
        return Err(wrong(format!("outputs end at byte {end} of an arena of {}", p.bytes)));
    }
    Ok(outer)
}

fn wrong(problem: String) -> Fault {
    Fault { problem, site: None }
}

/// Checks a block whose frame, inputs and outputs have these extents.
fn block(b: &Block, outer: &[Extent]) -> Result<(), Fault> {
    if outer.len() != 1 + b.inputs + b.outputs {
        return Err(wrong(format!("a block of {} inputs and {} outputs is run with {} bases", b.inputs, b.outputs, outer.len())));
    }
    if b.frame > outer[0].bytes {
        return Err(wrong(format!("a frame of {} bytes lies in {}", b.frame, outer[0].bytes)));
    }
    let mut bases = outer.to_vec();
    bases[0].bytes = b.frame;
    bases.extend(b.constants.iter().map(Extent::of_constant));
    let mut m = Memory { block: b, bases, owners: BTreeMap::new() };
    let (mut states, mut children) = (0, 0);
    for (k, step) in b.steps.iter().enumerate() {
        let i = &step.instruction;
        let own = geometry::instruction(i).and_then(|()| m.step(i)).and_then(|()| numbered(i, &mut states, &mut children));
        own.map_err(|problem| Fault { problem: format!("instruction {k}, {}, {problem}", step.name), site: step.site })?;
        let at = |f: Fault| Fault { problem: format!("{}: {}", step.name, f.problem), site: f.site.or(step.site) };
        for (name, inner, bases) in nested::blocks(i).map_err(|problem| at(wrong(problem)))? {
            block(inner, &bases).map_err(|f| at(Fault { problem: format!("{name}: {}", f.problem), site: f.site }))?;
        }
    }
    m.outputs().map_err(wrong)
}

/// Checks that states and nested blocks are numbered in their order.
fn numbered(i: &Instruction<Operand>, states: &mut usize, children: &mut usize) -> Result<(), String> {
    let (number, next) = match i {
        Instruction::External { state, .. } => (*state, states),
        Instruction::Scan(s) => (s.child, children),
        Instruction::Cond(c) => (c.child, children),
        _ => return Ok(()),
    };
    *next += 1;
    if number + 1 == *next { Ok(()) } else { Err(format!("is number {number} where {} is next", *next - 1)) }
}

/// An operand's bytes, and how they are used.
struct Used<'a> {
    o: &'a Operand,
    base: usize,
    range: Range<usize>,
    access: Access,
}

/// What lies where, after the instructions that were checked so far.
struct Memory<'a> {
    block: &'a Block,
    bases: Vec<Extent>,
    /// By base and first byte: one past the last byte, and the root that was written there.
    owners: BTreeMap<(usize, usize), (usize, usize)>,
}

impl Memory<'_> {
    /// The base that stands for the memory of a base. Where the new value of a carry is written over the old one, both have the base of the old
    /// value.
    fn canonical(&self, base: usize) -> usize {
        let carry = base.checked_sub(1 + self.block.inputs).filter(|k| self.block.replaces.get(*k) == Some(&true));
        carry.map_or(base, |k| 2 + k)
    }
    /// The bytes of an operand. They must lie within its base and be aligned.
    fn range(&self, o: &Operand) -> Result<Range<usize>, String> {
        let Some(base) = self.bases.get(o.base) else { return Err(format!("has an operand at base {}, which there is not", o.base)) };
        if o.layout.is_empty() {
            return Ok(0..0);
        }
        let (size, (low, high)) = (o.kind.bytes(), o.layout.span());
        let end = high.checked_mul(size).and_then(|bytes| bytes.checked_add(o.start)).filter(|end| low < high && *end <= base.bytes);
        let Some(end) = end else { return Err(format!("leaves base {} of {} bytes: {o:?}", o.base, base.bytes)) };
        if !o.start.is_multiple_of(size) || size > base.align {
            return Err(format!("has an operand that is not aligned: {o:?}"));
        }
        Ok(o.start..end)
    }
    /// Checks an instruction, and notes what it writes.
    fn step<'a>(&mut self, i: &'a Instruction<Operand>) -> Result<(), String> {
        let mut used: SmallVec<[Used<'a>; 12]> = SmallVec::new();
        let mut problem = None;
        i.visit(&mut |o, access| match self.range(o) {
            Ok(range) if range.is_empty() => {}
            Ok(range) => used.push(Used { o, base: self.canonical(o.base), range, access }),
            Err(p) => problem = problem.take().or(Some(p)),
        });
        if let Some(p) = problem {
            return Err(p);
        }
        // A loop that recomputes states reads the kept states, even if it may then use their memory for other states.
        let pools = match i {
            Instruction::Scan(s) => s.replays.iter().map(|r| &r.kept.pool).collect(),
            _ => vec![],
        };
        for u in &used {
            if matches!(u.access, Access::Read | Access::Add) || pools.iter().any(|p| std::ptr::eq(*p, u.o)) {
                self.holds(u)?;
            }
        }
        apart(&mut used, i)?;
        for u in used.iter().filter(|u| u.access != Access::Read) {
            self.write(u);
        }
        Ok(())
    }
    /// Checks that the root that is read lies there.
    fn holds(&self, u: &Used<'_>) -> Result<(), String> {
        let before = self.owners.range(..(u.base, u.range.end)).next_back().filter(|((base, _), _)| *base == u.base);
        let over = before.filter(|(_, (end, _))| *end > u.range.start);
        let outside = (1..=self.block.inputs).contains(&u.o.base) || u.o.base > self.block.inputs + self.block.outputs;
        let place = || format!("bytes {:?} of base {}", u.range, u.o.base);
        match over {
            None if outside => Ok(()),
            Some(_) if outside => Err(format!("reads the old value of a carry at {}, where part of the new one lies", place())),
            None => Err(format!("reads root {} at {}, where nothing was written", u.o.root, place())),
            Some(((_, from), (end, root))) if *from <= u.range.start && u.range.end <= *end && *root == u.o.root => Ok(()),
            Some((_, (_, root))) => Err(format!("reads root {} at {}, where root {root} lies by now", u.o.root, place())),
        }
    }
    fn write(&mut self, u: &Used<'_>) {
        while let Some((&at, &(end, _))) = self.owners.range(..(u.base, u.range.end)).next_back() {
            if at.0 != u.base || end <= u.range.start {
                break;
            }
            self.owners.remove(&at);
        }
        self.owners.insert((u.base, u.range.start), (u.range.end, u.o.root));
    }
    /// Checks that every byte of the outputs is written.
    fn outputs(&self) -> Result<(), String> {
        let mut written = vec![0; self.bases.len()];
        self.owners.iter().for_each(|((base, from), (to, _))| written[*base] += to - from);
        for k in 0..self.block.outputs {
            let base = 1 + self.block.inputs + k;
            let (bytes, done) = (self.bases[base].bytes, written[self.canonical(base)]);
            if done != bytes {
                return Err(format!("{done} of {bytes} bytes of output {k} are written"));
            }
        }
        Ok(())
    }
}

/// Checks that no operand of an instruction overlaps one that the instruction writes. A group may overwrite an operand index by index.
fn apart(used: &mut SmallVec<[Used<'_>; 12]>, i: &Instruction<Operand>) -> Result<(), String> {
    // Among operands that begin at the same byte, writes come first.
    used.sort_unstable_by_key(|u| (u.base, u.range.start, u.access == Access::Read));
    // The written operand and the read operand that reach furthest so far.
    let mut furthest: [Option<&Used<'_>>; 2] = [None, None];
    for u in used.iter() {
        let read = u.access == Access::Read;
        for (was_read, other) in [(false, furthest[0]), (true, furthest[1])] {
            let Some(o) = other.filter(|o| o.base == u.base && o.range.end > u.range.start && !(read && was_read)) else { continue };
            let (write, operand) = if read { (o, u) } else { (u, o) };
            let replaces = write.access == Access::Write && operand.access == Access::Read && write.range == operand.range;
            if !(replaces && geometry::may_overwrite(i, write.o, operand.o)) {
                return Err(format!("has operands that overlap: {:?} and {:?}", o.o, u.o));
            }
        }
        let slot = &mut furthest[usize::from(read)];
        if slot.is_none_or(|o| o.base != u.base || o.range.end < u.range.end) {
            *slot = Some(u);
        }
    }
    Ok(())
}
