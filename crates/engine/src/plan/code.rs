//! The code of a plan: blocks of instructions. Each operand lies at a fixed place, counted from one of a few bases.
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

/// Where an array lies: its base (see [`Block`]), the bytes from the base to its lowest element, and the layout from that element on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Operand {
    pub(crate) base: usize,
    pub(crate) start: usize,
    pub(crate) kind: Kind,
    pub(crate) layout: Layout,
    /// The number of the root that lies there. The check of a plan compares it with the root that was last written there. `usize::MAX` for scratch.
    pub(crate) root: usize,
}

impl Operand {
    /// The number of elements from the lowest to one past the highest.
    pub(crate) fn reach(&self) -> usize {
        self.layout.span().1
    }
}

/// Whether an instruction reads an operand or writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
    /// Both: the instruction adds to a result.
    Add,
    /// Both: memory whose content means nothing before and after the instruction.
    Scratch,
}

/// An instruction with its name. Operands are of type `O`: views of roots in a schedule, places in memory in a plan.
#[derive(Debug, Clone)]
pub(crate) struct Step<O> {
    pub(crate) instruction: Instruction<O>,
    /// The name of the operation, for errors and listings.
    pub(crate) name: String,
    /// The line of the user's code.
    pub(crate) site: Option<Site>,
}

/// The machine's instructions.
#[allow(clippy::large_enum_variant, reason = "a plan holds few instructions, and runs them without following a pointer")]
#[derive(Debug, Clone)]
pub(crate) enum Instruction<O> {
    /// Fused elementwise work. Its ports are operands (`loads`), results (`stores`) and fold results (`tails`).
    Group { group: Box<Group>, loads: Vec<O>, stores: Vec<O>, tails: Vec<O>, partial: Option<O> },
    /// A fold by itself.
    Fold { fold: Fold, axes: Vec<usize>, x: O, out: O },
    /// A product, written to `out` or added to it. `constants` holds the addresses of the operands that are constant arrays.
    Contract { plan: Box<ContractPlan>, a: O, b: O, out: O, scratch: Option<O>, constants: [Option<usize>; 2] },
    /// `x` is copied to `out`, which is contiguous.
    Copy { x: O, out: O },
    /// `out` is filled with `fill`, then each part is written to its place in it.
    Place { fill: Option<f64>, parts: Vec<(O, Layout)>, out: O },
    /// A dense kernel.
    Kernel { kernel: Arc<dyn Kernel>, inputs: Vec<O>, outputs: Vec<O>, scratch: Option<O> },
    /// External code, with the state of this number in the block.
    External { external: Arc<dyn External>, state: usize, inputs: Vec<O>, outputs: Vec<O> },
    /// A matrix pass: one reading of a matrix for several products with elementwise work between them.
    Stream(Box<Stream<O>>),
    /// A loop.
    Scan(Box<Scan<O>>),
    /// A branch.
    Cond(Box<Cond<O>>),
}

/// A matrix pass: the rows of a matrix are dotted with vectors, a group works on these products, and the rows are added up, each times a factor that
/// the group makes.
#[derive(Debug, Clone)]
pub(crate) struct Stream<O> {
    pub(crate) pass: Pass,
    pub(crate) matrix: O,
    /// The address of the matrix, if it is a constant array.
    pub(crate) constant: Option<usize>,
    /// The products that the group reads: for each, its vector and its result.
    pub(crate) heads: Vec<(O, O)>,
    pub(crate) group: Group,
    pub(crate) loads: Vec<Feed<O>>,
    pub(crate) stores: Vec<O>,
    pub(crate) tails: Vec<O>,
    pub(crate) partial: Option<O>,
    /// The sums of rows: for each, the number of the store that holds its factors, and its result.
    pub(crate) ends: Vec<(usize, O)>,
    /// Scratch, in which parts leave their shares of the sums.
    pub(crate) sums: Option<O>,
}

/// An operand of a stream's group.
#[derive(Debug, Clone)]
pub(crate) enum Feed<O> {
    Operand(O),
    /// The product with this number among the heads.
    Head(usize),
}

/// A loop. The bases of its body are the frame; the inputs counter, carries, items and constants; then the outputs: new carries, and the stacked
/// outputs that are read.
#[derive(Debug, Clone)]
pub(crate) struct Scan<O> {
    pub(crate) body: Block,
    /// The test that ends the loop. Its inputs are carries and constants, and it has one output.
    pub(crate) test: Option<Block>,
    /// The number of the runner of the nested blocks.
    pub(crate) child: usize,
    pub(crate) at_most: usize,
    pub(crate) reverse: bool,
    /// Whether steps take nothing from each other: there are no carries, or all are sums, to which each step adds.
    pub(crate) independent: bool,
    /// The number of parts, which may run at the same time. Each has a frame and a counter. It is 1 if there are carries.
    pub(crate) parts: usize,
    pub(crate) init: Vec<O>,
    pub(crate) items: Vec<Each<O>>,
    pub(crate) constants: Vec<O>,
    /// The trip count, if an operand says how many steps to take.
    pub(crate) trip: Option<O>,
    /// Where the carries lie after the last step.
    pub(crate) finals: Vec<O>,
    /// For each carry, its memory besides its final place.
    pub(crate) spare: Vec<Buffer<O>>,
    pub(crate) stacked: Vec<Row<O>>,
    /// For each stacked output, whether it is stored only for a derivative.
    pub(crate) shared: Vec<bool>,
    /// The number of steps that were taken, if it is read.
    pub(crate) steps: Option<O>,
    pub(crate) counter: O,
    /// The frames of the body: one for each part. The test and the steps that are taken again use the first: at any time one of them runs.
    pub(crate) frames: Vec<O>,
    pub(crate) verdict: Option<O>,
    /// The states that the loop keeps, if later loops recompute the others.
    pub(crate) keeps: Option<Keeps<O>>,
    /// The earlier loops whose states are items of this loop, and are recomputed.
    pub(crate) replays: Vec<Replay<O>>,
}

/// An item of a loop, which differs from step to step.
#[derive(Debug, Clone)]
pub(crate) enum Each<O> {
    Row(Row<O>),
    /// Part of a state of an earlier loop: the number of that loop among the replays, the first byte in the state, and the number of bytes.
    State(usize, usize, usize),
}

/// The states that a loop keeps. The pool has room for `slots` of them and for the last state.
#[derive(Debug, Clone)]
pub(crate) struct Keeps<O> {
    pub(crate) pool: O,
    pub(crate) states: States,
    pub(crate) spacing: Spacing,
    pub(crate) slots: usize,
}

/// The states of an earlier loop, recomputed from those that it kept.
#[derive(Debug, Clone)]
pub(crate) struct Replay<O> {
    /// One step: its inputs are those of the earlier loop's body, its outputs the carries that a state holds.
    pub(crate) body: Block,
    pub(crate) kept: Keeps<O>,
    pub(crate) reverse: bool,
    pub(crate) items: Vec<Row<O>>,
    pub(crate) constants: Vec<O>,
    /// Whether the slots of the pool may be used for other states.
    pub(crate) alone: bool,
    /// Whether the states are read in the order in which the earlier loop made them.
    pub(crate) along: bool,
    /// Room for recomputed states: one slot if `alone`, else two, for states in passing; then `further` slots for states to keep.
    pub(crate) own: O,
    pub(crate) further: usize,
    pub(crate) counter: O,
}

/// A stacked array, of which each step uses one row.
#[derive(Debug, Clone)]
pub(crate) struct Row<O> {
    pub(crate) whole: O,
    /// The bytes from the lowest element of the whole to that of row 0, and from each row to the next.
    pub(crate) first: isize,
    pub(crate) step: isize,
}

/// Where a loop keeps a carry besides its final place.
#[derive(Debug, Clone)]
pub(crate) enum Buffer<O> {
    /// The trajectory: the values before each step, stacked.
    Trajectory(O),
    /// A second buffer. Steps write to it and to the final place by turns.
    Spare(O),
    /// No other memory: a step overwrites the old value.
    Same,
}

/// A branch. Both blocks have the same inputs and the same outputs. Without a test the first is tried, and the second runs where that fails or reports
/// something.
#[derive(Debug, Clone)]
pub(crate) struct Cond<O> {
    pub(crate) yes: Block,
    pub(crate) no: Block,
    pub(crate) child: usize,
    pub(crate) test: Option<O>,
    pub(crate) inputs: Vec<O>,
    pub(crate) outputs: Vec<O>,
    pub(crate) frame: O,
}

/// Instructions over numbered bases: base 0 is the frame, then come inputs, outputs and constants.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    pub(crate) steps: Vec<Step<Operand>>,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) constants: Vec<Shared>,
    /// Which of them are copies in row-major order.
    pub(crate) copies: Vec<usize>,
    /// For each carry, whether its new value is written over the old one.
    pub(crate) replaces: Vec<bool>,
    /// The bytes of the frame.
    pub(crate) frame: usize,
    /// The operation that needs the most of these bytes.
    pub(crate) most: Demand,
    /// Whether an instruction, nested ones included, is big enough to split for threads.
    pub(crate) big: bool,
    /// Rough time of one run, in nanoseconds.
    pub(crate) cost: f64,
    /// The bytes of the states of external code, nested blocks included, without the parts that states have in common.
    pub(crate) external: u64,
    /// Bytes of the machine code of its own groups.
    pub(crate) machine_code: usize,
    /// The parts that states have in common, as (address, bytes), with one entry for each state.
    pub(crate) common: Vec<(usize, u64)>,
}

impl Block {
    /// The bytes of the states of external code, with each common part counted once.
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
    /// Calls `f` with every operand, and with how the instruction uses it.
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
                    [&r.own, &r.counter].into_iter().for_each(|o| f(o, Scratch));
                }
                s.finals.iter().chain(s.stacked.iter().map(|r| &r.whole)).chain(&s.steps).for_each(|o| f(o, Write));
                s.spare.iter().for_each(|b| match b {
                    Buffer::Trajectory(o) => f(o, Write),
                    Buffer::Spare(o) => f(o, Scratch),
                    Buffer::Same => {}
                });
                s.frames.iter().chain(&s.verdict).chain([&s.counter]).for_each(|o| f(o, Scratch));
            }
            Instruction::Cond(c) => {
                c.inputs.iter().chain(&c.test).for_each(|o| f(o, Read));
                c.outputs.iter().for_each(|o| f(o, Write));
                f(&c.frame, Scratch);
            }
        }
    }
}
