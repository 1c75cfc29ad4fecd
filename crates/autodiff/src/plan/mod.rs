//! Plans: what a program does, in which order and where, decided before it runs.
mod accumulate;
mod beside;
mod block;
pub(crate) mod checkpoints;
mod cluster;
pub(crate) mod code;
mod control;
mod expand;
mod fuse;
mod invariant;
mod item;
mod late;
mod machine;
mod memory;
mod order;
mod packing;
mod pairs;
mod place;
mod planes;
pub(crate) mod recompute;
mod replace;
mod roots;
mod schedule;
mod slots;
mod stream;
mod turn;
mod uses;

pub use memory::Memory;

use crate::array::{Layout, LeafType};
use crate::error::Result;
use crate::operation::Program;
use code::Block;
use schedule::Given;

/// A program ready to run: instructions over one arena.
#[derive(Debug, Clone)]
pub struct Plan {
    pub(crate) inputs: Vec<LeafType>,
    pub(crate) outputs: Vec<LeafType>,
    pub(crate) block: Block,
    /// Where each output lies in the arena, after the frame, and the bytes of the arena.
    pub(crate) places: Vec<usize>,
    pub(crate) bytes: usize,
}

impl Plan {
    /// Plans a program.
    pub fn new(program: &Program) -> Result<Self> {
        let (inputs, outputs) = (program.input_types(), program.output_types());
        let given = |t: &LeafType| Given { kind: t.kind, layout: Layout::contiguous(&t.shape), literal: None, constant: None };
        let expanded = expand::expand(program, &vec![true; outputs.len()])?;
        let block = block::block(expanded, inputs.iter().map(given).collect(), &[])?;
        let mut bytes = block.frame;
        let mut places = vec![];
        for t in &outputs {
            places.push(bytes);
            bytes += t.bytes().next_multiple_of(slots::ALIGN);
        }
        Ok(Plan { inputs, outputs, block, places, bytes })
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
    /// What it needs in memory, by purpose.
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
