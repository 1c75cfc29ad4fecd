//! Loop-invariant code motion: what a loop's body computes from the loop's constants alone is computed once, before the loop.
//!
//! Two kinds of equations move: arithmetic, which cannot fail, and checks of settings, which then fail even if the loop takes no step. A result moves
//! only if it is small, or no larger than its largest operand.
use super::machine::{Expanded, live_values, retain};
use super::thresholds::HOISTED;
use hypertape_ir::error::Result;
use hypertape_ir::operation::{Equation, Lowering, Program, ScanSpec, Trip, Value};
use std::sync::Arc;

/// Moves loop-invariant equations out of the bodies of loops.
pub(crate) fn hoist(x: &mut Expanded) -> Result<()> {
    let read = x.program.read();
    let (equations, asked) = (std::mem::take(&mut x.program.equations), std::mem::take(&mut x.asked));
    for (mut e, mut asked) in equations.into_iter().zip(asked) {
        if let (Lowering::Scan(spec), Some(body)) = (&mut asked.lowering, &mut asked.body)
            && spec.trip.at_most() > 1
        {
            let body = Arc::make_mut(body);
            // Carries are always read. A stacked output of the body is read if that of the loop is.
            let read: Vec<bool> = (0..body.program.outputs.len()).map(|k| k < spec.carries || read[e.outputs[k].index()]).collect();
            hoist_from(spec, body, &mut e, &read, x);
        }
        x.program.equations.push(e);
        x.asked.push(asked);
    }
    Ok(())
}

/// Moves the loop-invariant equations of a body to `out`, and makes their results constants of the loop.
fn hoist_from(spec: &mut ScanSpec, body: &mut Expanded, e: &mut Equation, read: &[bool], out: &mut Expanded) {
    let first = spec.carries + spec.items;
    let constants = &body.program.inputs[1 + first..];
    let found = Invariant::of(body, constants, read);
    if found.results.is_empty() {
        return;
    }
    let mut outside = vec![None; body.program.types.len()];
    for (v, x) in constants.iter().zip(&e.inputs[first..]) {
        outside[v.index()] = Some(*x);
    }
    for &k in &found.needed {
        let inner = &body.program.equations[k];
        out.program.types.push(body.program.type_of(inner.outputs[0]).clone());
        let made = Value(out.program.types.len() as u32 - 1);
        outside[inner.outputs[0].index()] = Some(made);
        let inputs = inner.inputs.iter().filter_map(|v| outside[v.index()]).collect();
        out.program.equations.push(Equation { op: inner.op.clone(), inputs, outputs: [made].into_iter().collect(), site: inner.site });
        out.asked.push(body.asked[k].clone());
    }
    // The equations that move leave the body, and so do the views and numbers that only they read.
    let live = live_values(&body.program, body.program.outputs.iter().copied(), |k| !found.moves[k]);
    let stays = |k: usize| !found.moves[k] && body.program.equations[k].outputs.iter().any(|v| live[v.index()]);
    let stays: Vec<bool> = (0..found.moves.len()).map(stays).collect();
    retain(&mut body.program.equations, &stays);
    retain(&mut body.asked, &stays);
    let place = first + spec.constants;
    e.inputs.insert_many(place, found.results.iter().filter_map(|v| outside[v.index()]));
    body.program.inputs.extend(&found.results);
    spec.constants += found.results.len();
    if let Trip::Until { test, .. } = &mut spec.trip {
        let mut longer = Program::clone(test);
        for v in &found.results {
            longer.types.push(body.program.type_of(*v).clone());
            longer.inputs.push(Value(longer.types.len() as u32 - 1));
        }
        *test = Arc::new(longer);
    }
}

/// The equations that move out of a body.
#[derive(Debug, Default)]
struct Invariant {
    /// The equations that `results` need, in order: equations that move, and views and numbers, which are copied.
    needed: Vec<usize>,
    /// For each equation of the body, whether it moves.
    moves: Vec<bool>,
    /// The results of these equations that the rest of the body reads: the new constants of the loop.
    results: Vec<Value>,
}

/// Whether an equation with this lowering may move.
fn may_move(l: &Lowering) -> bool {
    match l {
        Lowering::Pointwise(_) | Lowering::Fold { .. } | Lowering::Contract(_) | Lowering::Place { .. } => true,
        Lowering::Kernel(k) => k.is_check(),
        _ => false,
    }
}

impl Invariant {
    /// Finds what moves out of a body that has these constants among its inputs. `read` says which of its outputs are read.
    fn of(x: &Expanded, constants: &[Value], read: &[bool]) -> Self {
        let body = &x.program;
        // For each loop-invariant value, the number of elements that it takes in memory.
        let mut size: Vec<Option<usize>> = vec![None; body.types.len()];
        constants.iter().for_each(|v| size[v.index()] = Some(body.type_of(*v).len()));
        let live = live_values(body, body.outputs.iter().zip(read).filter(|r| *r.1).map(|r| *r.0), |_| true);
        let mut i = Invariant { moves: vec![false; x.asked.len()], ..Invariant::default() };
        for (k, (e, asked)) in body.equations.iter().zip(&x.asked).enumerate() {
            let Some(operands) = e.inputs.iter().map(|v| size[v.index()]).collect::<Option<Vec<usize>>>() else { continue };
            let len = body.type_of(e.outputs[0]).len();
            let largest = operands.iter().copied().max().unwrap_or(0);
            let made = match &asked.lowering {
                Lowering::Fill(_) => Some(1),
                Lowering::Constant(_) => Some(len),
                Lowering::View(_) => Some(len.min(largest)),
                l if may_move(l) && len <= largest.max(HOISTED) => {
                    i.moves[k] = live[e.outputs[0].index()];
                    i.moves[k].then_some(len)
                }
                _ => None,
            };
            size[e.outputs[0].index()] = made;
        }
        i.find_results(body);
        i
    }
    /// Finds the results that the rest of the body reads, and the equations that they need.
    fn find_results(&mut self, body: &Program) {
        let wanted = live_values(body, body.outputs.iter().copied(), |k| !self.moves[k]);
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
