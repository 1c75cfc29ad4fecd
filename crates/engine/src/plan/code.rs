//! The code of a plan: blocks of instructions, whose operands lie at fixed places of a few bases.
use super::checkpoints::Spacing;
use super::demand::Demand;
use super::rematerialisation::States;
use crate::kernels::contract::ContractPlan;
use crate::kernels::group::Group;
use crate::kernels::stream::Pass;
use hypertape_ir::array::{Kind, Layout, Shared};
use hypertape_ir::error::Site;
use hypertape_ir::operation::{External, Fold, Kernel};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where an array lies: a base (see [`Block`]), bytes from there to its lowest element, and the layout from that element on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Operand {
    pub(crate) base: usize,
    pub(crate) start: usize,
    pub(crate) kind: Kind,
    pub(crate) layout: Layout,
    /// The root that lies there, by its number in the block: a reader finds what was written as the same root. `usize::MAX` for scratch.
    pub(crate) root: usize,
}

impl Operand {
    /// Elements from the lowest to one past the highest.
    pub(crate) fn reach(&self) -> usize {
        self.layout.span().1
    }
}

/// Whether an instruction reads an operand or writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
    /// Both: a result that is added to.
    Add,
    /// Both: memory that holds nothing before and after.
    Scratch,
}

/// An instruction with its name. Operands are of type `O`: views of roots in a schedule, places in memory in a plan.
#[derive(Debug, Clone)]
pub(crate) struct Step<O> {
    pub(crate) instruction: Instruction<O>,
    /// Name of the operation, for errors and listings.
    pub(crate) name: String,
    /// The user's line.
    pub(crate) site: Option<Site>,
}

/// The machine's instructions.
#[allow(clippy::large_enum_variant, reason = "a plan holds few instructions, and runs them without following a pointer")]
#[derive(Debug, Clone)]
pub(crate) enum Instruction<O> {
    /// Fused elementwise work. Ports: operands, results, fold results.
    Group { group: Box<Group>, loads: Vec<O>, stores: Vec<O>, tails: Vec<O>, partial: Option<O> },
    /// A fold by itself.
    Fold { fold: Fold, axes: Vec<usize>, x: O, out: O },
    /// A product, written to `out` or added to it. `constants` names the constant arrays among the operands by where they lie.
    Contract { plan: Box<ContractPlan>, a: O, b: O, out: O, scratch: Option<O>, constants: [Option<usize>; 2] },
    /// `out`, contiguous, is `x`.
    Copy { x: O, out: O },
    /// `out` is filled with `fill`, then each part is written to its layout in it.
    Place { fill: Option<f64>, parts: Vec<(O, Layout)>, out: O },
    /// A dense kernel.
    Kernel { kernel: Arc<dyn Kernel>, inputs: Vec<O>, outputs: Vec<O>, scratch: Option<O> },
    /// Code with a state: number `state` of the block.
    External { external: Arc<dyn External>, state: usize, inputs: Vec<O>, outputs: Vec<O> },
    /// A matrix read once for several products with elementwise work between them.
    Stream(Box<Stream<O>>),
    /// A loop.
    Scan(Box<Scan<O>>),
    /// A branch.
    Cond(Box<Cond<O>>),
}

/// Rows of a matrix dotted with vectors, a group on the products, rows added up with factors that the group makes.
#[derive(Debug, Clone)]
pub(crate) struct Stream<O> {
    pub(crate) pass: Pass,
    pub(crate) matrix: O,
    /// Where the matrix lies, if it is a constant.
    pub(crate) constant: Option<usize>,
    /// Vectors, and the products.
    pub(crate) heads: Vec<(O, O)>,
    pub(crate) group: Group,
    pub(crate) loads: Vec<Feed<O>>,
    pub(crate) stores: Vec<O>,
    pub(crate) tails: Vec<O>,
    pub(crate) partial: Option<O>,
    /// Numbers of the stores that are factors, and the sums.
    pub(crate) ends: Vec<(usize, O)>,
    /// What the parts hand in for the sums.
    pub(crate) sums: Option<O>,
}

/// An operand of a stream's group.
#[derive(Debug, Clone)]
pub(crate) enum Feed<O> {
    Operand(O),
    /// The product of this head.
    Head(usize),
}

/// A loop. Bases of the body: frame, then counter, carries, items, constants; then carries and stacked outputs that are read.
#[derive(Debug, Clone)]
pub(crate) struct Scan<O> {
    pub(crate) body: Block,
    /// Of (carries, constants), with one output.
    pub(crate) test: Option<Block>,
    /// Number of the nested blocks' runner.
    pub(crate) child: usize,
    pub(crate) at_most: usize,
    pub(crate) reverse: bool,
    /// Parts that may run at the same time; each has a frame and a counter. More than 1 only without carries.
    pub(crate) parts: usize,
    pub(crate) init: Vec<O>,
    pub(crate) items: Vec<Each<O>>,
    pub(crate) constants: Vec<O>,
    /// The operand that says how many steps to take, if one does.
    pub(crate) trip: Option<O>,
    /// Where carries end up.
    pub(crate) finals: Vec<O>,
    /// For each carry the trajectory if it is read, else a second buffer.
    pub(crate) spare: Vec<Buffer<O>>,
    pub(crate) stacked: Vec<Row<O>>,
    /// Whether each of them is stored for a derivative alone.
    pub(crate) shared: Vec<bool>,
    /// How many steps it took.
    pub(crate) steps: Option<O>,
    pub(crate) counter: O,
    /// Frames, one a part, then the test's.
    pub(crate) frames: Vec<O>,
    pub(crate) test_frame: Option<O>,
    pub(crate) verdict: Option<O>,
    /// What it keeps for loops that make its states again.
    pub(crate) keeps: Option<Keeps<O>>,
    /// Loops whose states its items are.
    pub(crate) replays: Vec<Replay<O>>,
}

/// What is different in each step of a loop.
#[derive(Debug, Clone)]
pub(crate) enum Each<O> {
    Row(Row<O>),
    /// Part of a state of another loop: number among the replays, where it begins, bytes.
    State(usize, usize, usize),
}

/// States that a loop keeps: `slots` of them, and the last.
#[derive(Debug, Clone)]
pub(crate) struct Keeps<O> {
    pub(crate) pool: O,
    pub(crate) states: States,
    pub(crate) spacing: Spacing,
    pub(crate) slots: usize,
}

/// States of an earlier loop, computed again from those that it kept.
#[derive(Debug, Clone)]
pub(crate) struct Replay<O> {
    /// One step: inputs as those of the loop's body, outputs the carries that a state has.
    pub(crate) body: Block,
    pub(crate) kept: Keeps<O>,
    pub(crate) reverse: bool,
    pub(crate) items: Vec<Row<O>>,
    pub(crate) constants: Vec<O>,
    /// Whether slots of the pool may be used for other states.
    pub(crate) alone: bool,
    /// Whether the states are read in the order in which the loop went through them.
    pub(crate) along: bool,
    /// Room for states of its own: one or two for the steps between kept states, then `further` that are kept.
    pub(crate) own: O,
    pub(crate) further: usize,
    pub(crate) counter: O,
    pub(crate) frame: O,
}

/// An array of which one row is used in each step.
#[derive(Debug, Clone)]
pub(crate) struct Row<O> {
    pub(crate) whole: O,
    /// Bytes from the lowest element of the whole to that of row 0, and from row to row.
    pub(crate) first: isize,
    pub(crate) step: isize,
}

/// Where a loop keeps a carry besides its final place.
#[derive(Debug, Clone)]
pub(crate) enum Buffer<O> {
    /// Every value before a step, stacked.
    Trajectory(O),
    /// The other of two buffers.
    Spare(O),
    /// Nothing: a step overwrites the old value.
    Same,
}

/// A branch: both blocks have the operands as inputs and the same outputs.
#[derive(Debug, Clone)]
pub(crate) struct Cond<O> {
    pub(crate) yes: Block,
    pub(crate) no: Block,
    pub(crate) child: usize,
    pub(crate) test: O,
    pub(crate) inputs: Vec<O>,
    pub(crate) outputs: Vec<O>,
    pub(crate) frame: O,
}

/// Instructions over bases: 0 is the frame, then inputs, outputs, constants.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    pub(crate) steps: Vec<Step<Operand>>,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) constants: Vec<Shared>,
    /// For each carry, whether its new value takes the place of the old one.
    pub(crate) replaces: Vec<bool>,
    /// Bytes of its frame.
    pub(crate) frame: usize,
    /// What needs the most of them.
    pub(crate) most: Demand,
    /// Whether some instruction, nested ones included, is big enough to split.
    pub(crate) big: bool,
    /// Rough time of one run, in nanoseconds.
    pub(crate) cost: f64,
    /// Bytes of externals' states in it, nested ones included, without what they have in common.
    pub(crate) external: u64,
    /// What they have in common: its address and its bytes, once for each of them.
    pub(crate) common: Vec<(usize, u64)>,
}

impl Block {
    /// Bytes of externals' states in it, what they have in common counted once.
    pub(crate) fn states(&self) -> u64 {
        let mut parts: BTreeMap<usize, u64> = BTreeMap::new();
        for (of, bytes) in &self.common {
            let most = parts.entry(*of).or_default();
            *most = (*bytes).max(*most);
        }
        parts.values().fold(self.external, |sum, bytes| sum.saturating_add(*bytes))
    }
}

impl<O> Instruction<O> {
    /// Calls `f` with every operand.
    pub(crate) fn visit<'a>(&'a self, f: &mut dyn FnMut(&'a O, Access)) {
        use Access::{Add, Read, Scratch, Write};
        match self {
            Instruction::Group { loads, stores, tails, partial, .. } => {
                loads.iter().for_each(|o| f(o, Read));
                stores.iter().chain(tails).for_each(|o| f(o, Write));
                partial.iter().for_each(|o| f(o, Scratch));
            }
            Instruction::Fold { x, out, .. } | Instruction::Copy { x, out } => {
                f(x, Read);
                f(out, Write);
            }
            Instruction::Contract { plan, a, b, out, scratch, .. } => {
                f(a, Read);
                f(b, Read);
                f(out, if plan.adds() { Add } else { Write });
                scratch.iter().for_each(|o| f(o, Scratch));
            }
            Instruction::Place { parts, out, .. } => {
                parts.iter().for_each(|(o, _)| f(o, Read));
                f(out, Write);
            }
            Instruction::Kernel { inputs, outputs, scratch, .. } => {
                inputs.iter().for_each(|o| f(o, Read));
                outputs.iter().for_each(|o| f(o, Write));
                scratch.iter().for_each(|o| f(o, Scratch));
            }
            Instruction::External { inputs, outputs, .. } => {
                inputs.iter().for_each(|o| f(o, Read));
                outputs.iter().for_each(|o| f(o, Write));
            }
            Instruction::Stream(s) => {
                f(&s.matrix, Read);
                s.heads.iter().for_each(|h| f(&h.0, Read));
                s.loads.iter().for_each(|l| match l {
                    Feed::Operand(o) => f(o, Read),
                    Feed::Head(_) => {}
                });
                s.heads.iter().for_each(|h| f(&h.1, Write));
                s.stores.iter().chain(&s.tails).chain(s.ends.iter().map(|e| &e.1)).for_each(|o| f(o, Write));
                s.partial.iter().chain(&s.sums).for_each(|o| f(o, Scratch));
            }
            Instruction::Scan(s) => {
                let rows = s.items.iter().filter_map(|x| if let Each::Row(r) = x { Some(&r.whole) } else { None });
                s.init.iter().chain(rows).chain(&s.constants).chain(&s.trip).for_each(|o| f(o, Read));
                s.keeps.iter().for_each(|k| f(&k.pool, Write));
                for r in &s.replays {
                    r.items.iter().map(|r| &r.whole).chain(&r.constants).for_each(|o| f(o, Read));
                    f(&r.kept.pool, if r.alone { Scratch } else { Read });
                    [&r.own, &r.counter, &r.frame].into_iter().for_each(|o| f(o, Scratch));
                }
                s.finals.iter().chain(s.stacked.iter().map(|r| &r.whole)).chain(&s.steps).for_each(|o| f(o, Write));
                s.spare.iter().for_each(|b| match b {
                    Buffer::Trajectory(o) => f(o, Write),
                    Buffer::Spare(o) => f(o, Scratch),
                    Buffer::Same => {}
                });
                s.frames.iter().chain(&s.test_frame).chain(&s.verdict).chain([&s.counter]).for_each(|o| f(o, Scratch));
            }
            Instruction::Cond(c) => {
                c.inputs.iter().chain([&c.test]).for_each(|o| f(o, Read));
                c.outputs.iter().for_each(|o| f(o, Write));
                f(&c.frame, Scratch);
            }
        }
    }
}
