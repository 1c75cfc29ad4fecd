//! Programs of which every equation asks for one machine instruction.
use crate::operation::{Lowering, Program, Value};
use std::sync::Arc;

/// A program in machine instructions.
#[derive(Clone)]
pub(crate) struct Expanded {
    pub(crate) program: Program,
    /// For each equation, what it asks for.
    pub(crate) asked: Vec<Asked>,
}

/// What an equation asks for; of a loop also the body in machine instructions, with all outputs.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) lowering: Lowering,
    pub(crate) body: Option<Arc<Expanded>>,
}

impl Expanded {
    /// The same with the outputs for which `read` holds.
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

/// Keeps what `keep` says.
pub(crate) fn retain<T>(all: &mut Vec<T>, keep: &[bool]) {
    let mut keep = keep.iter();
    all.retain(|_| keep.next().is_none_or(|k| *k));
}

/// For each equation, whether some output is read.
pub(crate) fn live(p: &Program) -> Vec<bool> {
    let mut live = vec![false; p.types.len()];
    for v in &p.outputs {
        live[v.index()] = true;
    }
    let mut keep = vec![false; p.equations.len()];
    for (k, e) in p.equations.iter().enumerate().rev() {
        keep[k] = e.outputs.iter().any(|v| live[v.index()]);
        if keep[k] {
            e.inputs.iter().for_each(|v| live[v.index()] = true);
        }
    }
    keep
}
