//! Programs in machine instructions: each equation has a lowering, the instruction that it asks for.
use super::verify::lowering;
use hypertape_ir::array::LeafType;
use hypertape_ir::error::{Error, Result};
use hypertape_ir::operation::{Equation, Lowering, Program, Value};
use std::sync::Arc;

/// A program in machine instructions.
#[derive(Clone)]
pub(crate) struct Expanded {
    pub(crate) program: Program,
    /// For each equation, its lowering.
    pub(crate) asked: Vec<Asked>,
    /// What may be done with its loops.
    pub(crate) cuts: Cuts,
}

/// Which loops may be cut into blocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cuts {
    /// How many levels of them, one within the other.
    pub(crate) levels: usize,
    /// Whether loops over items that may fail are tried in blocks.
    pub(crate) attempts: bool,
}

/// The lowering that an equation asks for. A loop also has its body in machine instructions, with all outputs.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) lowering: Lowering,
    pub(crate) body: Option<Arc<Expanded>>,
}

impl Expanded {
    /// A program with only the outputs for which `read` holds. Its equations have no lowerings yet.
    pub(crate) fn new(program: &Program, read: &[bool], cuts: Cuts) -> Self {
        Expanded { program: Program { outputs: chosen(&program.outputs, read), ..program.clone() }, asked: vec![], cuts }
    }
    /// Drops dead equations, and asks the others for their lowerings.
    pub(crate) fn ask(&mut self) -> Result<()> {
        drop_dead(&mut self.program);
        let p = &self.program;
        self.asked = p.equations.iter().map(|e| Ok(Asked { lowering: ask_one(p, e)?, body: None })).collect::<Result<_>>()?;
        Ok(())
    }
    /// The same program with only the outputs for which `read` holds, and without the equations that are then dead.
    pub(crate) fn only(&self, read: &[bool]) -> Self {
        let mut x = self.clone();
        x.program.outputs = chosen(&self.program.outputs, read);
        let keep = live(&x.program);
        retain(&mut x.program.equations, &keep);
        retain(&mut x.asked, &keep);
        x
    }
}

/// The outputs for which `read` holds.
pub(crate) fn chosen(outputs: &[Value], read: &[bool]) -> Vec<Value> {
    outputs.iter().zip(read).filter(|(_, r)| **r).map(|(v, _)| *v).collect()
}

/// Keeps the elements for which `keep` holds.
pub(crate) fn retain<T>(all: &mut Vec<T>, keep: &[bool]) {
    let mut keep = keep.iter();
    all.retain(|_| keep.next().is_none_or(|k| *k));
}

/// The lowering that an equation asks for. It is an error if the lowering does not fit the equation's values.
pub(crate) fn ask_one(p: &Program, e: &Equation) -> Result<Lowering> {
    let inputs: Vec<&LeafType> = e.inputs.iter().map(|v| p.type_of(*v)).collect();
    let outputs: Vec<&LeafType> = e.outputs.iter().map(|v| p.type_of(*v)).collect();
    let l = e.op.lower(&inputs, &outputs);
    match lowering(&l, &inputs, &outputs) {
        Ok(()) => Ok(l),
        Err(problem) => {
            let operands = inputs.into_iter().cloned().collect();
            Err(Error::refused(e.op.name(), problem, operands).or(e.site))
        }
    }
}

/// Drops the equations of which no output is read.
pub(crate) fn drop_dead(p: &mut Program) {
    let keep = live(p);
    retain(&mut p.equations, &keep);
}

/// For each equation, whether an output of it is read.
pub(crate) fn live(p: &Program) -> Vec<bool> {
    let live = live_values(p, p.outputs.iter().copied(), |_| true);
    p.equations.iter().map(|e| e.outputs.iter().any(|v| live[v.index()])).collect()
}

/// Liveness of values: a value is live if it is wanted, or if an equation with a live output reads it. Only equations for which `counts` holds count
/// as readers.
pub(crate) fn live_values(p: &Program, wanted: impl Iterator<Item = Value>, counts: impl Fn(usize) -> bool) -> Vec<bool> {
    let mut live = vec![false; p.types.len()];
    wanted.for_each(|v| live[v.index()] = true);
    for (k, e) in p.equations.iter().enumerate().rev() {
        if counts(k) && e.outputs.iter().any(|v| live[v.index()]) {
            e.inputs.iter().for_each(|v| live[v.index()] = true);
        }
    }
    live
}
