//! Programs made into blocks: scheduled, given slots, and every operand given its place.
use super::cluster::Cluster;
use super::code::{Block, Instruction, Operand, Step};
use super::fuse::{self, Result as Made};
use super::roots::{Home, Root, Seen};
use super::schedule::{Given, Item, Schedule};
use super::slots::{self, Slots};
use crate::array::Kind;
use crate::error::{Error, Result};
use crate::operation::Program;

/// Work above which a product is worth two threads: multiplications.
const BIG_PRODUCT: usize = 1 << 18;
/// Elements above which a fold by itself is.
const BIG_FOLD: usize = 1 << 18;

/// The block of a program with these inputs and the outputs for which `read` holds.
pub(crate) fn block(program: &Program, given: Vec<Given>, read: &[bool]) -> Result<Block> {
    let s = Schedule::new(program, given, read, block)?;
    // What groups need in passing depends on their loops only.
    let passing: Vec<usize> = s
        .items
        .iter()
        .map(|item| match item {
            Item::Cluster(c) => fuse::group(c, &[], &s.roots).partials() * 8,
            Item::Step(_) => 0,
        })
        .collect();
    let slots = slots::assign(&s.items, &s.roots, &passing);
    let places = Places { roots: &s.roots, slots: &slots, first_constant: 1 + s.inputs + s.outputs, inputs: s.inputs };
    let mut b = Block {
        steps: vec![],
        inputs: s.inputs,
        outputs: s.outputs,
        constants: s.constants.clone(),
        frame: slots.bytes,
        big: false,
        cost: 0.0,
        trajectory: 0,
        external: 0,
    };
    let first_passing = slots.slots.len() - s.items.len();
    for (k, item) in s.items.iter().enumerate() {
        let step = match item {
            Item::Cluster(c) => {
                b.cost += 10.0 + fuse::cost(c) * c.len as f64;
                let bytes = (passing[k] > 0).then_some(slots.slots[first_passing + k].at);
                fused(c, item, &places, bytes)?
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

/// Where roots lie.
struct Places<'a> {
    roots: &'a [Root],
    slots: &'a Slots,
    inputs: usize,
    first_constant: usize,
}

impl Places<'_> {
    fn operand(&self, x: &Seen) -> Operand {
        let root = &self.roots[x.root];
        let (base, at) = match root.home {
            Home::Input(i) => (1 + i, 0),
            Home::Output(k) => (1 + self.inputs + k, 0),
            Home::Constant(c) => (self.first_constant + c, 0),
            Home::Slot | Home::Literal(_) => (0, self.slots.of[x.root].map_or(0, |s| self.slots.slots[s].at)),
        };
        Operand { base, start: at + x.start * root.kind.bytes(), kind: root.kind, layout: x.layout.clone() }
    }
}

/// The step of a cluster.
fn fused(c: &Cluster, item: &Item, places: &Places<'_>, partial: Option<usize>) -> Result<Step<Operand>> {
    let mut results: Vec<Made> = c
        .made
        .iter()
        .filter(|m| places.roots[m.0].stored)
        .map(|m| Made { root: m.0, node: m.1, direct: !places.slots.over[m.0] })
        .collect();
    // What an operand is goes out before anything takes the operand's place.
    results.sort_by_key(|r| !item.is_operand(r.node));
    let group = fuse::group(c, &results, places.roots);
    let name = c.names.join("+");
    if !group.fits() {
        let problem = format!("{} instructions at once, more than fit; write it as several operations", c.nodes.len());
        return Err(Error::Argument { op: name, problem, at: c.site });
    }
    let whole = |root: usize| places.operand(&Seen::whole(root, &[places.roots[root].len]));
    let instruction = Instruction::Group {
        loads: c.loads.iter().map(|x| places.operand(x)).collect(),
        stores: results.iter().map(|r| whole(r.root)).collect(),
        tails: c.endings.iter().map(|e| whole(e.root)).collect(),
        partial: partial.map(|start| Operand {
            base: 0,
            start,
            kind: Kind::F64,
            layout: crate::array::Layout::contiguous(&[group.partials()]),
        }),
        group,
    };
    Ok(Step { instruction, name, site: c.site })
}

/// Rough time of an instruction, in nanoseconds.
fn cost(i: &Instruction<Seen>) -> f64 {
    match i {
        Instruction::Group { .. } => 0.0,
        Instruction::Fold { x, .. } => 20.0 + 0.3 * x.layout.len() as f64,
        Instruction::Contract { plan, .. } => 20.0 + 0.15 * plan.work() as f64,
        Instruction::Copy { out, .. } | Instruction::Place { out, .. } => 20.0 + 0.8 * out.layout.len() as f64,
        Instruction::Kernel { inputs, outputs, .. } => {
            50.0 + 2.0 * inputs.iter().chain(outputs).map(|o| o.layout.len()).sum::<usize>() as f64
        }
        Instruction::External { inputs, .. } => 10_000.0 + 20.0 * inputs.iter().map(|o| o.layout.len()).sum::<usize>() as f64,
        Instruction::Scan(s) => 50.0 + s.at_most as f64 * (20.0 + s.body.cost),
        Instruction::Cond(c) => 20.0 + c.yes.cost.max(c.no.cost),
    }
}

/// Adds an instruction to the block's accounts.
fn account(b: &mut Block, i: &Instruction<Operand>) {
    let bytes = |o: &Operand| o.layout.len() * o.kind.bytes();
    match i {
        Instruction::Group { group, .. } => b.big |= group.parts > 1,
        Instruction::Fold { x, .. } => b.big |= x.layout.len() >= BIG_FOLD,
        Instruction::Contract { plan, .. } => b.big |= plan.work() >= BIG_PRODUCT,
        Instruction::External { external, .. } => b.external += external.state_bytes(),
        Instruction::Scan(s) => {
            let trajectories =
                s.spare.iter().filter_map(|x| if let super::code::Buffer::Trajectory(o) = x { Some(bytes(o)) } else { None });
            b.trajectory += trajectories.chain(s.stacked.iter().map(|r| bytes(&r.whole))).sum::<usize>() + s.body.trajectory * s.parts;
            b.external += s.body.external * s.parts as u64 + s.test.as_ref().map_or(0, |t| t.external);
            b.big |= s.parts > 1 || s.body.big || s.test.as_ref().is_some_and(|t| t.big);
        }
        Instruction::Cond(c) => {
            b.trajectory += c.yes.trajectory.max(c.no.trajectory);
            b.external += c.yes.external + c.no.external;
            b.big |= c.yes.big || c.no.big;
        }
        Instruction::Copy { .. } | Instruction::Place { .. } | Instruction::Kernel { .. } => {}
    }
}
