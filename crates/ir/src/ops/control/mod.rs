//! Loops and branches as operations.
mod cond;
mod deferred;
mod items;
mod probes;
mod scan;
mod scan_rules;
mod widened;

pub use cond::Cond;
pub use scan::Scan;

use crate::operation::{Equation, Program, Value, pruned};

/// Extends the marks in `seeds` through the steps of a loop: carry i is marked if its new value is real and depends on a marked input.
///
/// `first` is the place of the first carry among the inputs, and `carries` the number of carries. The first `carries` outputs are their new values.
fn close_forward(body: &Program, seeds: &mut [bool], first: usize, carries: usize) {
    // Each value is visited once. It leads to the equations that read it, and to the carries whose new value it is.
    let mut readers = vec![vec![]; body.types.len()];
    for (k, e) in body.equations.iter().enumerate() {
        e.inputs.iter().for_each(|v| readers[v.index()].push(k));
    }
    let mut carry_of = vec![vec![]; body.types.len()];
    (0..carries).for_each(|i| carry_of[body.outputs[i].index()].push(i));
    let mut active = vec![false; body.types.len()];
    let mut left: Vec<Value> = body.inputs.iter().zip(&*seeds).filter(|(_, s)| **s).map(|(v, _)| *v).collect();
    while let Some(v) = left.pop() {
        if std::mem::replace(&mut active[v.index()], true) {
            continue;
        }
        if body.type_of(v).kind.is_real() {
            for i in &carry_of[v.index()] {
                seeds[first + i] = true;
                left.push(body.inputs[first + i]);
            }
        }
        left.extend(readers[v.index()].iter().flat_map(|k| &body.equations[*k].outputs));
    }
}

/// For each input, whether an output for which `read` holds depends on it.
fn reaches(body: &Program, read: &[bool]) -> Vec<bool> {
    reaches_through(body, read, 0, &[])
}

/// The same for the body of a loop, through all steps: if the carry at input `first + i` is needed and `through[i]` holds, its new value, output i,
/// counts as read.
fn reaches_through(body: &Program, read: &[bool], first: usize, through: &[bool]) -> Vec<bool> {
    let mut maker = vec![None; body.types.len()];
    for (k, e) in body.equations.iter().enumerate() {
        e.outputs.iter().for_each(|v| maker[v.index()] = Some(k));
    }
    let mut carry = vec![None; body.types.len()];
    through.iter().enumerate().filter(|(_, may)| **may).for_each(|(i, _)| carry[body.inputs[first + i].index()] = Some(i));
    let mut live = vec![false; body.types.len()];
    let mut left: Vec<Value> = body.outputs.iter().zip(read).filter(|(_, r)| **r).map(|(v, _)| *v).collect();
    while let Some(v) = left.pop() {
        if std::mem::replace(&mut live[v.index()], true) {
            continue;
        }
        left.extend(carry[v.index()].map(|i: usize| body.outputs[i]));
        let Some(k) = maker[v.index()] else { continue };
        let e: &Equation = &body.equations[k];
        let used: Vec<bool> = e.outputs.iter().map(|v| live[v.index()]).collect();
        let pruned = pruned(&e.op, &used);
        let kept = |k: usize| pruned.as_ref().as_ref().is_none_or(|p| p.inputs[k]);
        left.extend(e.inputs.iter().enumerate().filter(|(k, _)| kept(*k)).map(|(_, v)| *v));
    }
    body.inputs.iter().map(|v| live[v.index()]).collect()
}
