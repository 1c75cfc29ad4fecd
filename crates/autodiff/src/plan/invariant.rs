//! What a loop's body computes from the loop's constants alone, so that it can be computed once, before the loop.
//!
//! Only arithmetic, which cannot fail, moves, and checks of settings, which fail for a loop without steps too; and only where its result is no larger than what it is computed from, or is small.
use super::machine::Expanded;
use crate::operation::{Lowering, Program, Value};

/// Elements of a result that are worth no memory's thought.
const SMALL: usize = 64;

/// What moves out of a body.
#[derive(Debug, Default)]
pub(crate) struct Invariant {
    /// Equations that the results need, in order: those that move, and views and numbers, which stay besides.
    pub(crate) needed: Vec<usize>,
    /// Whether an equation moves.
    pub(crate) moves: Vec<bool>,
    /// Results that what stays reads: the new constants.
    pub(crate) results: Vec<Value>,
}

/// Whether what asks for this may be computed before a loop.
fn may_move(l: &Lowering) -> bool {
    match l {
        Lowering::Pointwise(_) | Lowering::Fold { .. } | Lowering::Contract(_) | Lowering::Place { .. } => true,
        Lowering::Kernel(k) => k.is_check(),
        _ => false,
    }
}

/// What of a body with these constants among its inputs moves, if its outputs are read as `read` says.
pub(crate) fn of(x: &Expanded, constants: &[Value], read: &[bool]) -> Invariant {
    let body = &x.program;
    // Elements of memory behind each value that is the same in every step.
    let mut size: Vec<Option<usize>> = vec![None; body.types.len()];
    constants.iter().for_each(|v| size[v.index()] = Some(body.type_of(*v).len()));
    let mut live = vec![false; body.types.len()];
    body.outputs.iter().zip(read).filter(|r| *r.1).for_each(|(v, _)| live[v.index()] = true);
    for e in body.equations.iter().rev() {
        if e.outputs.iter().any(|v| live[v.index()]) {
            e.inputs.iter().for_each(|v| live[v.index()] = true);
        }
    }
    let mut i = Invariant { moves: vec![false; x.asked.len()], ..Invariant::default() };
    for (k, (e, asked)) in body.equations.iter().zip(&x.asked).enumerate() {
        let Some(operands) = e.inputs.iter().map(|v| size[v.index()]).collect::<Option<Vec<usize>>>() else { continue };
        let len = body.type_of(e.outputs[0]).len();
        let largest = operands.iter().copied().max().unwrap_or(0);
        let made = match &asked.lowering {
            Lowering::Fill(_) => Some(1),
            Lowering::Constant(_) => Some(len),
            Lowering::View(_) => Some(len.min(largest)),
            l if may_move(l) && len <= largest.max(SMALL) => {
                i.moves[k] = live[e.outputs[0].index()];
                i.moves[k].then_some(len)
            }
            _ => None,
        };
        size[e.outputs[0].index()] = made;
    }
    i.settle(body);
    i
}

impl Invariant {
    /// Finds the results that what stays reads, and what they need.
    fn settle(&mut self, body: &Program) {
        let mut wanted = vec![false; body.types.len()];
        body.outputs.iter().for_each(|v| wanted[v.index()] = true);
        for (e, _) in body.equations.iter().zip(&self.moves).rev().filter(|(_, m)| !**m) {
            if e.outputs.iter().any(|v| wanted[v.index()]) {
                e.inputs.iter().for_each(|v| wanted[v.index()] = true);
            }
        }
        let made = |k: usize| body.equations[k].outputs[0];
        self.results = (0..body.equations.len()).filter(|k| self.moves[*k] && wanted[made(*k).index()]).map(made).collect();
        let mut need = vec![false; body.types.len()];
        self.results.iter().for_each(|v| need[v.index()] = true);
        for k in (0..body.equations.len()).rev() {
            if need[made(k).index()] {
                body.equations[k].inputs.iter().for_each(|v| need[v.index()] = true);
                self.needed.push(k);
            }
        }
        self.needed.reverse();
    }
}
