//! Emission: items become the instructions of a block, and each operand gets its place in memory.
use super::code::{Block, Feed, Instruction, Operand, Step, Stream};
use super::codegen::{self, Stored};
use super::cost;
use super::frame::{Frame, Slots};
use super::fusion::Fusion;
use super::item::{Draft, Item};
use super::roots::{Home, Root, Seen, Whole};
use super::scratch::sums;
use super::thresholds::{BIG_FOLD, BIG_PRODUCT};
use crate::kernels::compiled;
use crate::kernels::group::Group;
use hypertape_ir::array::{Kind, Layout};
use hypertape_ir::error::{Error, ErrorKind, Many, Result};

/// Makes the block of a frame whose slots are placed.
pub(crate) fn emit(f: Frame) -> Result<Block> {
    let Frame { schedule: s, scratch, slots, replaces, most, .. } = f;
    let places = Places { roots: &s.roots, slots: &slots, first_constant: 1 + s.inputs + s.outputs, inputs: s.inputs };
    let mut b = Block {
        steps: vec![],
        inputs: s.inputs,
        outputs: s.outputs,
        constants: s.constants.clone(),
        copies: s.copies(),
        replaces,
        frame: slots.bytes,
        most,
        big: false,
        cost: 0.0,
        external: 0,
        common: vec![],
        machine_code: 0,
    };
    let first_scratch = slots.slots.len() - s.items.len();
    for (k, item) in s.items.iter().enumerate() {
        let at = (scratch[k] > 0).then_some(slots.slots[first_scratch + k].at);
        let step = match item {
            Item::Nothing => continue,
            Item::Fusion(c) => fused(c, item, &places, at)?,
            Item::Stream(d) => streamed(d, item, &places, at)?,
            Item::Step(step) => Step {
                instruction: step.instruction.clone().map(&mut |x: Seen| places.operand(&x)),
                name: step.name.clone(),
                site: step.site,
            },
        };
        b.cost += cost::item(item);
        account(&mut b, &step.instruction);
        b.steps.push(step);
    }
    b.machine_code = compiled::compile(b.steps.iter_mut().filter_map(|step| match &mut step.instruction {
        Instruction::Group { group, .. } => Some(&mut **group),
        Instruction::Stream(s) => Some(&mut s.group),
        _ => None,
    }));
    Ok(b)
}

/// Where roots lie.
struct Places<'a> {
    roots: &'a [Root],
    slots: &'a Slots,
    inputs: usize,
    first_constant: usize,
}

impl Places<'_> {
    fn whole(&self, root: usize) -> Operand {
        self.operand(&Seen::whole(root, &[self.roots[root].len]))
    }
    fn operand(&self, x: &Seen) -> Operand {
        let root = &self.roots[x.root];
        let (base, at) = match root.home {
            Home::Input(i) => (1 + i, 0),
            Home::Output(k, at) => (1 + self.inputs + k, at * root.kind.bytes()),
            Home::Constant(c) => (self.first_constant + c, 0),
            Home::Slot | Home::Literal(_) | Home::Joined(_) => (0, self.slots.of[x.root].map_or(0, |s| self.slots.slots[s].at)),
        };
        Operand { base, start: at + x.start * root.kind.bytes(), kind: root.kind, layout: x.layout.clone(), root: x.root }
    }
}

/// The results of a fusion that are written to memory.
fn results(c: &Fusion, item: &Item, places: &Places<'_>) -> Vec<Stored> {
    let stored = c.made.iter().filter(|m| places.roots[m.0].stored);
    let mut results: Vec<Stored> = stored.map(|m| Stored { root: m.0, node: m.1, direct: !places.slots.over[m.0] }).collect();
    // A result that is an unchanged operand is written before another result overwrites the operand.
    results.sort_by_key(|r| !item.is_operand(r.node));
    results
}

fn checked(group: Group, c: &Fusion) -> Result<(Group, String)> {
    let op = c.names.join("+");
    if group.fits() {
        return Ok((group, op));
    }
    let kind = ErrorKind::TooMany { of: Many::Instructions, given: c.nodes.len() as u64, most: u64::from(u16::MAX) };
    Err(Error::new(op, kind).or(c.site))
}

/// The step of a fusion.
fn fused(c: &Fusion, item: &Item, places: &Places<'_>, scratch: Option<usize>) -> Result<Step<Operand>> {
    let results = results(c, item, places);
    let (group, name) = checked(codegen::group(c, &results, places.roots), c)?;
    let instruction = Instruction::Group {
        loads: c.reads().map(|x| places.operand(x)).collect(),
        stores: results.iter().map(|r| places.whole(r.root)).collect(),
        tails: c.endings.iter().map(|e| places.whole(e.root)).collect(),
        partial: scratch.map(|start| in_frame(start, Kind::F64, group.partials())),
        group: Box::new(group),
    };
    Ok(Step { instruction, name, site: c.site })
}

/// The step of a matrix pass.
fn streamed(d: &Draft, item: &Item, places: &Places<'_>, scratch: Option<usize>) -> Result<Step<Operand>> {
    let c = &d.fusion;
    let results = results(c, item, places);
    let (group, name) = checked(codegen::rowwise(codegen::group(c, &results, places.roots), d.pass.part()), c)?;
    let feed = |x: &Seen| match d.heads.iter().position(|h| h.1 == x.root) {
        Some(k) => Feed::Head(k),
        None => Feed::Operand(places.operand(x)),
    };
    let doubles = group.partials();
    let store = |root: usize| results.iter().position(|r| r.root == root);
    let kind = places.roots[d.matrix.root].kind;
    let stream = Stream {
        pass: d.pass,
        matrix: places.operand(&d.matrix),
        constant: places.roots[d.matrix.root].constant.as_ref().map(Whole::address),
        heads: d.heads.iter().map(|(v, out)| (places.operand(v), places.whole(*out))).collect(),
        loads: c.reads().map(feed).collect(),
        stores: results.iter().map(|r| places.whole(r.root)).collect(),
        tails: c.endings.iter().map(|e| places.whole(e.root)).collect(),
        partial: scratch.filter(|_| doubles > 0).map(|start| in_frame(start, Kind::F64, doubles)),
        ends: d.ends.iter().filter_map(|(u, out)| Some((store(*u)?, places.whole(*out)))).collect(),
        sums: scratch.map(|start| in_frame(start + 8 * doubles.next_multiple_of(8), Kind::F64, sums(d, &group, kind))),
        group,
    };
    Ok(Step { instruction: Instruction::Stream(Box::new(stream)), name, site: c.site })
}

fn in_frame(start: usize, kind: Kind, len: usize) -> Operand {
    Operand { base: 0, start, kind, layout: Layout::contiguous(&[len]), root: usize::MAX }
}

/// Adds an instruction to what the block says of itself: whether it is big enough to split, and the bytes of external states.
fn account(b: &mut Block, i: &Instruction<Operand>) {
    match i {
        Instruction::Group { group, .. } => b.big |= group.parts > 1,
        Instruction::Stream(s) => b.big |= s.group.parts > 1,
        Instruction::Fold { x, .. } => b.big |= x.layout.len() >= BIG_FOLD,
        Instruction::Contract { plan, .. } => b.big |= plan.work() >= BIG_PRODUCT,
        Instruction::External { external, .. } => {
            b.external = b.external.saturating_add(external.state_bytes());
            b.common.extend(external.common_bytes());
        }
        Instruction::Scan(s) => {
            let again = s.replays.iter().map(|r| &r.body);
            s.test.iter().chain(again).for_each(|t| holds(b, t));
            if s.parts > 1 {
                // Parts may run at the same time, so each has states of its own.
                b.external = b.external.saturating_add(s.body.states().saturating_mul(s.parts as u64));
            } else {
                holds(b, &s.body);
            }
            b.big |= s.parts > 1 || s.body.big || s.test.as_ref().is_some_and(|t| t.big);
        }
        Instruction::Cond(c) => {
            holds(b, &c.yes);
            holds(b, &c.no);
            b.big |= c.yes.big || c.no.big;
        }
        Instruction::Copy { .. } | Instruction::Place { .. } | Instruction::Kernel { .. } => {}
    }
}

/// Adds the bytes of the external states of a nested block.
fn holds(b: &mut Block, inner: &Block) {
    b.external = b.external.saturating_add(inner.external);
    b.common.extend_from_slice(&inner.common);
}
