//! Plans: the order in which a program computes, and the memory that it uses, decided before it runs. `passes.rs` lists the passes.
mod accumulate;
mod batching;
mod carry_donation;
pub(crate) mod checkpoints;
pub(crate) mod code;
mod codegen;
mod control;
mod cost;
pub(crate) mod demand;
mod emission;
mod expand;
mod frame;
mod fusion;
mod greedy_fusion;
mod item;
mod liveness;
mod loop_invariant;
mod machine;
mod map_operands;
mod matrix_passes;
mod memory;
mod order;
mod ordered_constants;
mod packing;
mod passes;
mod peephole;
mod pieces;
pub(crate) mod rematerialisation;
mod roots;
mod schedule;
mod scratch;
mod sinking;
mod slots;
mod thresholds;
mod transposed_products;
mod unstacking;
mod uses;
mod vectorisation;
mod verify;

pub use memory::Memory;

use code::Block;
use demand::{Demand, aligned};
use hypertape_ir::array::{Layout, LeafType};
use hypertape_ir::error::{Error, ErrorKind, Lacking, Result};
use hypertape_ir::operation::Program;
use schedule::Given;
use std::cell::Cell;

/// A program ready to run: instructions over one arena.
#[derive(Debug, Clone)]
pub struct Plan {
    pub(crate) inputs: Vec<LeafType>,
    pub(crate) outputs: Vec<LeafType>,
    pub(crate) block: Block,
    /// For each output, the byte of the arena at which it begins. The frame lies before all outputs.
    pub(crate) places: Vec<usize>,
    pub(crate) bytes: usize,
    /// The operation that needs the most bytes.
    pub(crate) most: Demand,
}

thread_local! {
    /// The number of plans that this thread has made.
    static MADE: Cell<u64> = const { Cell::new(0) };
}

impl Plan {
    /// How many plans this thread has made so far. A function keeps its plan, so using the function again makes none.
    #[must_use]
    pub fn made() -> u64 {
        MADE.get()
    }
    /// Plans a program.
    pub fn new(program: &Program) -> Result<Self> {
        MADE.set(MADE.get() + 1);
        if let Some(f) = program.fault(true) {
            return Err(Error::new("plan", ErrorKind::Program(f.problem)).or(f.site));
        }
        let (inputs, outputs) = (program.input_types(), program.output_types());
        let given = |t: &LeafType| Given { kind: t.kind, layout: Layout::contiguous(&t.shape), literal: None, constant: None };
        let expanded = passes::expand(program, &vec![true; outputs.len()])?;
        let block = passes::block(expanded, inputs.iter().map(given).collect(), &[])?;
        let mut most = block.most.clone();
        let mut bytes = block.frame;
        let mut places = vec![];
        for (t, v) in outputs.iter().zip(&program.outputs) {
            places.push(bytes);
            bytes = bytes.saturating_add(aligned(t.bytes()));
            if t.bytes() > most.bytes {
                let maker = program.equations.iter().find(|e| e.outputs.contains(v));
                let op = maker.map_or("output".into(), |e| e.op.name().to_string());
                most = Demand { op, site: maker.and_then(|e| e.site), bytes: t.bytes() };
            }
        }
        if isize::try_from(bytes).is_err() {
            let all = outputs.iter().map(|t| t.bytes() as u128).sum::<u128>() + block.frame as u128;
            return Err(most.error(u64::try_from(all).unwrap_or(u64::MAX), Lacking::Addresses));
        }
        let plan = Plan { inputs, outputs, block, places, bytes, most };
        verify::plan(&plan)?;
        Ok(plan)
    }
    /// Types of the inputs.
    #[must_use]
    pub fn inputs(&self) -> &[LeafType] {
        &self.inputs
    }
    /// Types of the outputs.
    #[must_use]
    pub fn outputs(&self) -> &[LeafType] {
        &self.outputs
    }
    /// The bytes that the plan needs, by purpose.
    #[must_use]
    pub fn memory(&self) -> Memory {
        memory::of(self)
    }
}

impl std::fmt::Display for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        memory::write(self, f)
    }
}
