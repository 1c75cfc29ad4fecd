//! List scheduling: orders equations so that those that can share a loop stand side by side.
use super::machine::Expanded;
use super::thresholds::{SHORT, SMALLER};
use hypertape_ir::error::Result;
use hypertape_ir::operation::{Equation, Lowering, Program, Value};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Puts equations, with their lowerings, in order.
///
/// Views, constants, short elementwise results, and products whose result is much smaller than an operand move up to where their operands are made.
/// Then they do not stand between equations that can share a loop. All other equations keep their order.
pub(crate) fn sort(x: &mut Expanded) -> Result<()> {
    let Expanded { program: p, asked, .. } = x;
    let mut maker = vec![usize::MAX; p.types.len()];
    for (i, e) in p.equations.iter().enumerate() {
        e.outputs.iter().for_each(|v| maker[v.index()] = i);
    }
    let made = |v: &Value| Some(maker[v.index()]).filter(|m| *m != usize::MAX);
    let waits: Vec<Vec<usize>> = p.equations.iter().map(|e| e.inputs.iter().filter_map(made).collect()).collect();
    let ranks: Vec<u32> = p.equations.iter().zip(asked.iter()).map(|(e, a)| rank(p, e, &a.lowering)).collect();
    let order = first_ready(&waits, |i| ranks[i]);
    debug_assert_eq!(order.len(), waits.len(), "nothing waits for itself");
    p.equations = order.iter().map(|i| p.equations[*i].clone()).collect();
    *asked = order.iter().map(|i| asked[*i].clone()).collect();
    Ok(())
}

/// The rank of an equation. Among the equations that are ready, the one of lowest rank comes next.
fn rank(p: &Program, e: &Equation, lowering: &Lowering) -> u32 {
    let out = p.type_of(e.outputs[0]).len();
    match lowering {
        Lowering::View(_) | Lowering::Fill(_) | Lowering::Constant(_) => 0,
        Lowering::Contract(_) if e.inputs.iter().any(|v| p.type_of(*v).len() / SMALLER >= out) => 0,
        Lowering::Pointwise(_) if out <= SHORT => 1 + out as u32,
        _ => u32::MAX,
    }
}

/// A topological order. `waits` lists for each equation those that make its operands. Among the equations that are ready, the one of lowest rank
/// comes next; of equal ranks, the first in the program.
fn first_ready(waits: &[Vec<usize>], rank: impl Fn(usize) -> u32) -> Vec<usize> {
    let mut readers: Vec<Vec<usize>> = vec![vec![]; waits.len()];
    for (i, w) in waits.iter().enumerate() {
        w.iter().for_each(|m| readers[*m].push(i));
    }
    let mut left: Vec<usize> = waits.iter().map(Vec::len).collect();
    let mut ready: BinaryHeap<Reverse<(u32, usize)>> = (0..waits.len()).filter(|i| left[*i] == 0).map(|i| Reverse((rank(i), i))).collect();
    let mut order = vec![];
    while let Some(Reverse((_, i))) = ready.pop() {
        order.push(i);
        for &r in &readers[i] {
            left[r] -= 1;
            if left[r] == 0 {
                ready.push(Reverse((rank(r), r)));
            }
        }
    }
    order
}
