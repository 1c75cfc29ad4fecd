//! Programs made into blocks: scheduled, given slots, and every operand given its place.
use super::accumulate;
use super::beside;
use super::cluster::Cluster;
use super::code::{Block, Feed, Instruction, Operand, Step, Stream};
use super::demand::Demand;
use super::fuse::{self, Result as Made};
use super::item::{Draft, Item};
use super::late;
use super::machine::Expanded;
use super::replace;
use super::roots::{Home, Root, Seen};
use super::schedule::{Given, Schedule};
use super::slots::{self, Slots};
use super::stream;
use crate::array::{Kind, Layout};
use crate::error::{Error, ErrorKind, Lacking, Many, Result};
use crate::kernels::group::Group;

/// Work above which a product is worth two threads: multiplications.
const BIG_PRODUCT: usize = 1 << 18;
/// Elements above which a fold by itself is.
const BIG_FOLD: usize = 1 << 18;

/// The block of a program with these inputs. Its first outputs are the new values of carries; for each, whether it may be written where the old
/// one is, an input after the first.
pub(crate) fn block(program: Expanded, given: Vec<Given>, carries: &[bool]) -> Result<Block> {
    let mut s = Schedule::new(program, given, block)?;
    late::delay(&mut s);
    stream::join(&mut s);
    beside::join(&mut s);
    accumulate::products(&mut s);
    let passing: Vec<usize> = s.items.iter().map(|item| passing(item, &s.roots)).collect();
    let mut slots = slots::assign(&s.items, &s.roots, &passing);
    let most = demand(&s.items, &slots);
    if isize::try_from(slots.bytes).is_err() {
        let all = slots.slots.iter().map(|s| s.bytes as u128).sum::<u128>();
        return Err(most.error(u64::try_from(all).unwrap_or(u64::MAX), Lacking::Addresses));
    }
    let replaces = replace::carries(&s.items, &s.roots, carries, &mut slots);
    let places = Places { roots: &s.roots, slots: &slots, first_constant: 1 + s.inputs + s.outputs, inputs: s.inputs };
    let mut b = Block {
        steps: vec![],
        inputs: s.inputs,
        outputs: s.outputs,
        constants: s.constants.clone(),
        replaces,
        frame: slots.bytes,
        most,
        big: false,
        cost: 0.0,
        external: 0,
    };
    let first_passing = slots.slots.len() - s.items.len();
    for (k, item) in s.items.iter().enumerate() {
        let at = (passing[k] > 0).then_some(slots.slots[first_passing + k].at);
        let step = match item {
            Item::Nothing => continue,
            Item::Cluster(c) => {
                b.cost += 10.0 + fuse::cost(c) * c.len as f64;
                fused(c, item, &places, at)?
            }
            Item::Stream(d) => {
                let work = d.pass.rows.saturating_mul(d.pass.columns).saturating_mul(d.heads.len() + d.ends.len());
                b.cost += 100.0 + 0.1 * work as f64 + fuse::cost(&d.cluster) * d.cluster.len as f64;
                streamed(d, item, &places, at)?
            }
            Item::Step(step) => {
                b.cost += cost(&step.instruction);
                Step {
                    instruction: step.instruction.clone().map(&mut |x: Seen| places.operand(&x)),
                    name: step.name.clone(),
                    site: step.site,
                }
            }
        };
        account(&mut b, &step.instruction);
        b.steps.push(step);
    }
    Ok(b)
}

/// The item that makes the most bytes.
fn demand(items: &[Item], slots: &Slots) -> Demand {
    let mut made = vec![0_usize; items.len()];
    slots.slots.iter().for_each(|s| made[s.from] = made[s.from].saturating_add(s.bytes));
    let Some(k) = (0..items.len()).max_by_key(|k| made[*k]) else { return Demand::default() };
    let (op, site) = match &items[k] {
        Item::Step(step) => (step.name.clone(), step.site),
        item => item.cluster().map_or((String::new(), None), |c| (c.names.join("+"), c.site)),
    };
    Demand { op, site, bytes: made[k] }
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
        Operand { base, start: at + x.start * root.kind.bytes(), kind: root.kind, layout: x.layout.clone() }
    }
}

/// Bytes that an item needs in passing, besides the roots it says.
fn passing(item: &Item, roots: &[Root]) -> usize {
    match item {
        Item::Cluster(c) => fuse::group(c, &[], roots).partials().saturating_mul(8),
        Item::Stream(d) => {
            let group = fuse::rowwise(fuse::group(&d.cluster, &[], roots), d.pass.part());
            let partials = group.partials().saturating_add(7).saturating_mul(8) / 64 * 64;
            partials.saturating_add(sums(d, &group, roots[d.matrix.root].kind).saturating_mul(8))
        }
        Item::Step(_) | Item::Nothing => 0,
    }
}

/// Doubles that the parts of a pass need for its sums.
fn sums(d: &Draft, g: &Group, kind: Kind) -> usize {
    d.pass.sums(kind, d.ends.len(), g.parts)
}

/// What of a cluster goes to memory.
fn results(c: &Cluster, item: &Item, places: &Places<'_>) -> Vec<Made> {
    let stored = c.made.iter().filter(|m| places.roots[m.0].stored);
    let mut results: Vec<Made> = stored.map(|m| Made { root: m.0, node: m.1, direct: !places.slots.over[m.0] }).collect();
    // What an operand is goes out before anything takes the operand's place.
    results.sort_by_key(|r| !item.is_operand(r.node));
    results
}

fn checked(group: Group, c: &Cluster) -> Result<(Group, String)> {
    let op = c.names.join("+");
    if group.fits() {
        return Ok((group, op));
    }
    let kind = ErrorKind::TooMany { of: Many::Instructions, given: c.nodes.len() as u64, most: u64::from(u16::MAX) };
    Err(Error::new(op, kind).or(c.site))
}

/// The step of a cluster.
fn fused(c: &Cluster, item: &Item, places: &Places<'_>, passing: Option<usize>) -> Result<Step<Operand>> {
    let results = results(c, item, places);
    let (group, name) = checked(fuse::group(c, &results, places.roots), c)?;
    let instruction = Instruction::Group {
        loads: c.reads().map(|x| places.operand(x)).collect(),
        stores: results.iter().map(|r| places.whole(r.root)).collect(),
        tails: c.endings.iter().map(|e| places.whole(e.root)).collect(),
        partial: passing.map(|start| in_frame(start, Kind::F64, group.partials())),
        group: Box::new(group),
    };
    Ok(Step { instruction, name, site: c.site })
}

/// The step of a pass over a matrix.
fn streamed(d: &Draft, item: &Item, places: &Places<'_>, passing: Option<usize>) -> Result<Step<Operand>> {
    let c = &d.cluster;
    let results = results(c, item, places);
    let (group, name) = checked(fuse::rowwise(fuse::group(c, &results, places.roots), d.pass.part()), c)?;
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
        constant: places.roots[d.matrix.root].constant,
        heads: d.heads.iter().map(|(v, out)| (places.operand(v), places.whole(*out))).collect(),
        loads: c.reads().map(feed).collect(),
        stores: results.iter().map(|r| places.whole(r.root)).collect(),
        tails: c.endings.iter().map(|e| places.whole(e.root)).collect(),
        partial: passing.filter(|_| doubles > 0).map(|start| in_frame(start, Kind::F64, doubles)),
        ends: d.ends.iter().filter_map(|(u, out)| Some((store(*u)?, places.whole(*out)))).collect(),
        sums: passing.map(|start| in_frame(start + 8 * doubles.next_multiple_of(8), Kind::F64, sums(d, &group, kind))),
        group,
    };
    Ok(Step { instruction: Instruction::Stream(Box::new(stream)), name, site: c.site })
}

fn in_frame(start: usize, kind: Kind, len: usize) -> Operand {
    Operand { base: 0, start, kind, layout: Layout::contiguous(&[len]) }
}

/// Rough time of an instruction, in nanoseconds.
fn cost(i: &Instruction<Seen>) -> f64 {
    match i {
        Instruction::Group { .. } | Instruction::Stream(_) => 0.0,
        Instruction::Fold { x, .. } => 20.0 + 0.3 * x.layout.len() as f64,
        Instruction::Contract { plan, .. } => 20.0 + 0.15 * plan.work() as f64,
        Instruction::Copy { out, .. } | Instruction::Place { out, .. } => 20.0 + 0.8 * out.layout.len() as f64,
        Instruction::Kernel { inputs, outputs, .. } => {
            50.0 + 2.0 * inputs.iter().chain(outputs).map(|o| o.layout.len() as f64).sum::<f64>()
        }
        Instruction::External { inputs, .. } => 10_000.0 + 20.0 * inputs.iter().map(|o| o.layout.len() as f64).sum::<f64>(),
        Instruction::Scan(s) => 50.0 + s.at_most as f64 * (20.0 + s.body.cost),
        Instruction::Cond(c) => 20.0 + c.yes.cost.max(c.no.cost),
    }
}

/// Adds an instruction to the block's accounts.
fn account(b: &mut Block, i: &Instruction<Operand>) {
    match i {
        Instruction::Group { group, .. } => b.big |= group.parts > 1,
        Instruction::Stream(s) => b.big |= s.group.parts > 1,
        Instruction::Fold { x, .. } => b.big |= x.layout.len() >= BIG_FOLD,
        Instruction::Contract { plan, .. } => b.big |= plan.work() >= BIG_PRODUCT,
        Instruction::External { external, .. } => b.external = b.external.saturating_add(external.state_bytes()),
        Instruction::Scan(s) => {
            let again = s.replays.iter().map(|r| &r.body);
            let others = s.test.iter().chain(again).map(|t| t.external);
            b.external = others.fold(b.external.saturating_add(s.body.external.saturating_mul(s.parts as u64)), u64::saturating_add);
            b.big |= s.parts > 1 || s.body.big || s.test.as_ref().is_some_and(|t| t.big);
        }
        Instruction::Cond(c) => {
            b.external = b.external.saturating_add(c.yes.external.saturating_add(c.no.external));
            b.big |= c.yes.big || c.no.big;
        }
        Instruction::Copy { .. } | Instruction::Place { .. } | Instruction::Kernel { .. } => {}
    }
}
