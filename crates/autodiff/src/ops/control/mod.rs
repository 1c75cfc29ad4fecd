//! Loops and branches as operations.
mod cond;
mod deferred;
mod probes;
mod scan;
mod scan_rules;

pub use cond::Cond;
pub use scan::Scan;

use crate::error::Result;
use crate::operation::{Builder, Program, Value};

/// Input flags that hold, closed under the loop: carry i is marked where its new value depends on a marked input.
///
/// `first` is the place of the first carry among the inputs, `carries` their number; the first `carries` outputs are their new values.
fn close_forward(body: &Program, seeds: &mut [bool], first: usize, carries: usize) {
    loop {
        let active = body.depends_on(seeds);
        let mut changed = false;
        for i in 0..carries {
            let v = body.outputs[i];
            if active[v.index()] && body.type_of(v).kind.is_real() && !seeds[first + i] {
                seeds[first + i] = true;
                changed = true;
            }
        }
        if !changed {
            return;
        }
    }
}

/// For each input, whether an output for which `read` holds depends on it.
fn reaches(body: &Program, read: &[bool]) -> Vec<bool> {
    let mut live = vec![false; body.types.len()];
    for (v, r) in body.outputs.iter().zip(read) {
        live[v.index()] |= r;
    }
    for e in body.equations.iter().rev() {
        let used: Vec<bool> = e.outputs.iter().map(|v| live[v.index()]).collect();
        if used.iter().any(|u| *u) {
            let pruned = e.op.prune(&used);
            for (k, v) in e.inputs.iter().enumerate() {
                live[v.index()] |= pruned.as_ref().is_none_or(|p| p.inputs[k]);
            }
        }
    }
    body.inputs.iter().map(|v| live[v.index()]).collect()
}

/// A program of the inputs that `order` names (places among the inputs of `body`; others are not read) with the outputs that `outputs` names.
fn rearrange(body: &Program, order: &[usize], outputs: &[usize]) -> Result<Program> {
    let mut b = Builder::literal();
    let mut given = vec![Value(0); body.inputs.len()];
    for place in order {
        given[*place] = b.input(body.type_of(body.inputs[*place]).clone());
    }
    let selected = crate::transform::select(body, outputs)?;
    let made = b.inline(&selected, &given);
    b.finish(&made)
}
