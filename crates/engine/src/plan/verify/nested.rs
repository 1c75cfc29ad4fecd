//! Checks of loops and branches in a finished plan: frames are long enough, and the rows and states of every step lie within their arrays.
use super::geometry::{Extent, is_plain};
use crate::plan::code::{Block, Buffer, Cond, Each, Instruction, Keeps, Operand, Replay, Row, Scan};
use hypertape_ir::array::Kind;

/// A nested block: its role in the instruction, the block, and the bases that it runs with.
type Nested<'a> = (&'static str, &'a Block, Vec<Extent>);

/// Checks a loop or branch, and returns its nested blocks.
pub(super) fn blocks(i: &Instruction<Operand>) -> Result<Vec<Nested<'_>>, String> {
    match i {
        Instruction::Scan(s) => scan(s),
        Instruction::Cond(c) => cond(c),
        _ => Ok(vec![]),
    }
}

/// Both sides of a branch.
fn cond(c: &Cond<Operand>) -> Result<Vec<Nested<'_>>, String> {
    fits(c.test.iter().all(|t| t.layout.len() == 1), "asks more than one element which side to take")?;
    let mut bases = vec![frame(&c.frame)];
    bases.extend(c.inputs.iter().chain(&c.outputs).map(Extent::of));
    Ok(vec![("if so", &c.yes, bases.clone()), ("if not", &c.no, bases)])
}

/// A loop: its body, its test, and the steps that recompute states.
fn scan(s: &Scan<Operand>) -> Result<Vec<Nested<'_>>, String> {
    let carries: Vec<Extent> = s.finals.iter().map(Extent::of).collect();
    fits(carries.len() == s.init.len() && s.spare.len() == carries.len(), "has other numbers of carries")?;
    for (k, (init, last)) in s.init.iter().zip(&s.finals).enumerate() {
        let in_place = s.body.replaces.get(k) == Some(&true);
        let bytes = carries[k].bytes;
        let room = match &s.spare[k] {
            Buffer::Trajectory(o) => {
                !in_place && is_plain(o, o.layout.len()) && o.kind == last.kind && Some(Extent::of(o).bytes) == bytes.checked_mul(s.at_most)
            }
            Buffer::Spare(o) => !in_place && is_plain(o, o.layout.len()) && o.kind == last.kind && Extent::of(o).bytes == bytes,
            Buffer::Same => in_place,
        };
        let begins = init.kind == last.kind && init.layout.len() == last.layout.len() && is_plain(last, last.layout.len());
        fits(room && begins, &format!("has no room for carry {k}"))?;
    }
    let apart = carries.is_empty() && s.test.is_none() && s.replays.is_empty();
    fits(s.parts > 0 && s.frames.len() == s.parts && (s.parts == 1 || apart), "has not one frame for each part")?;
    fits(s.counter.kind == Kind::U32 && s.counter.layout.len() >= 16 * s.parts, "has no room to count")?;
    fits(s.steps.iter().all(|o| o.kind == Kind::U32 && o.layout.len() == 1), "has no room for the number of its steps")?;
    fits(s.trip.iter().all(|o| o.layout.len() == 1), "takes no one number of steps")?;
    let mut bases = vec![Extent::NOTHING, COUNTER];
    bases.extend(&carries);
    for (k, x) in s.items.iter().enumerate() {
        bases.push(match x {
            Each::Row(r) => row(r, s.at_most).ok_or_else(|| format!("leaves item {k}: {r:?}"))?,
            Each::State(of, from, bytes) => {
                let state = s.replays.get(*of).map_or(0, |r| r.kept.states.bytes);
                fits(from.is_multiple_of(8) && from.checked_add(*bytes).is_some_and(|end| end <= state), "leaves a state")?;
                Extent { bytes: *bytes, align: 8 }
            }
        });
    }
    bases.extend(s.constants.iter().map(Extent::of));
    bases.extend(&carries);
    for (k, r) in s.stacked.iter().enumerate() {
        let e =
            row(r, s.at_most).filter(|e| is_plain(&r.whole, r.whole.layout.len()) && (s.at_most < 2 || r.step.unsigned_abs() >= e.bytes));
        bases.push(e.ok_or_else(|| format!("leaves stacked output {k}: {r:?}"))?);
    }
    for f in &s.frames {
        bases[0] = frame(f);
        fits(s.body.frame <= bases[0].bytes, "has a frame that is too short")?;
    }
    let mut inside = vec![("body", &s.body, bases)];
    let first = frame(&s.frames[0]);
    match (&s.test, &s.verdict) {
        (None, None) => {}
        (Some(test), Some(verdict)) => {
            let mut bases = vec![first];
            bases.extend(carries.iter().copied().chain(s.constants.iter().chain([verdict]).map(Extent::of)));
            inside.push(("test", test, bases));
        }
        _ => return Err("has half a test".into()),
    }
    if let Some(k) = &s.keeps {
        kept(k, Some(&carries))?;
    }
    for r in &s.replays {
        inside.push(("again", &r.body, again(r, first, s.at_most)?));
    }
    Ok(inside)
}

/// The bases of a step that recomputes a state.
fn again(r: &Replay<Operand>, frame: Extent, steps: usize) -> Result<Vec<Extent>, String> {
    kept(&r.kept, None)?;
    let own = (r.further + if r.alone { 1 } else { 2 }).saturating_mul(r.kept.states.bytes);
    fits(own <= Extent::of(&r.own).bytes, "has no room for its own states")?;
    fits(r.counter.kind == Kind::U32 && r.counter.layout.len() >= 16, "has no room to count")?;
    let carries = &r.kept.states.carries;
    let mut bases = vec![frame, COUNTER];
    bases.extend(carries.iter().map(|c| c.map_or(Extent::NOTHING, |(_, bytes)| Extent { bytes, align: 8 })));
    for (k, x) in r.items.iter().enumerate() {
        bases.push(row(x, steps).ok_or_else(|| format!("leaves item {k}: {x:?}"))?);
    }
    bases.extend(r.constants.iter().map(Extent::of));
    bases.extend(carries.iter().flatten().map(|(_, bytes)| Extent { bytes: *bytes, align: 8 }));
    Ok(bases)
}

/// Checks that the pool has room for the kept states and the last state, and that carries lie within a state without overlaps.
fn kept(k: &Keeps<Operand>, carries: Option<&[Extent]>) -> Result<(), String> {
    let room = k.slots.saturating_add(1).saturating_mul(k.states.bytes);
    fits(room <= Extent::of(&k.pool).bytes, "has no room for the states that it keeps")?;
    let mut end = 0;
    for (i, c) in k.states.carries.iter().enumerate() {
        let Some((at, bytes)) = c else { continue };
        let same = carries.is_none_or(|all| all.get(i).is_some_and(|e| e.bytes == *bytes));
        fits(*at >= end && at.is_multiple_of(8) && same, &format!("has no room for carry {i} in a state"))?;
        end = at.saturating_add(*bytes);
    }
    fits(end <= k.states.bytes && k.states.bytes.is_multiple_of(8), "has carries that leave their state")
}

const COUNTER: Extent = Extent { bytes: 4, align: 4 };

/// The extent of one row of a stacked operand, if the rows of all steps lie within the operand.
fn row(r: &Row<Operand>, steps: usize) -> Option<Extent> {
    let (l, whole, size) = (&r.whole.layout, Extent::of(&r.whole).bytes, r.whole.kind.bytes());
    let (rows, rest) = l.shape.split_first().zip(l.strides.get(1..)).map(|((n, shape), strides)| (*n, shape.iter().zip(strides)))?;
    let reach: usize = rest.clone().map(|(n, s)| n.saturating_sub(1).saturating_mul(s.unsigned_abs())).fold(1, usize::saturating_add);
    let bytes = if rest.clone().any(|(n, _)| *n == 0) { 0 } else { reach.saturating_mul(size) };
    let inside = |i: usize| {
        let from = r.step.checked_mul(i as isize).and_then(|s| s.checked_add(r.first));
        let end = from.and_then(|from| usize::try_from(from).ok()).and_then(|from| from.checked_add(bytes));
        bytes == 0 || steps == 0 || end.is_some_and(|end| end <= whole)
    };
    let aligned = r.first.unsigned_abs().is_multiple_of(size) && r.step.unsigned_abs().is_multiple_of(size);
    (rows >= steps && inside(0) && inside(steps.saturating_sub(1)) && aligned).then_some(Extent { bytes, align: size })
}

/// The extent of a nested frame.
fn frame(o: &Operand) -> Extent {
    Extent { align: if o.start.is_multiple_of(64) { 64 } else { 8 }, ..Extent::of(o) }
}

fn fits(yes: bool, what: &str) -> Result<(), String> {
    if yes { Ok(()) } else { Err(what.into()) }
}
