//! Composites written out and dead code left out, so that every equation left asks for one machine instruction.
use crate::array::LeafType;
use crate::error::{Error, Result};
use crate::operation::{Builder, Equation, Lowering, Program, Value};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Rounds of expansion at the most: composites of composites.
const DEPTH: usize = 64;

/// What an equation asks for.
pub(crate) fn lowering(p: &Program, e: &Equation) -> Lowering {
    let inputs: Vec<&LeafType> = e.inputs.iter().map(|v| p.type_of(*v)).collect();
    let outputs: Vec<&LeafType> = e.outputs.iter().map(|v| p.type_of(*v)).collect();
    e.op.lower(&inputs, &outputs)
}

/// The same program in machine instructions, with the outputs for which `read` holds.
pub(crate) fn expand(program: &Program, read: &[bool]) -> Result<Program> {
    let mut p = Program {
        types: program.types.clone(),
        inputs: program.inputs.clone(),
        equations: program.equations.clone(),
        outputs: program.outputs.iter().zip(read).filter(|(_, r)| **r).map(|(v, _)| *v).collect(),
    };
    drop_dead(&mut p);
    for _ in 0..DEPTH {
        let lowered: Vec<Lowering> = p.equations.iter().map(|e| lowering(&p, e)).collect();
        if !lowered.iter().any(|l| matches!(l, Lowering::Composite(_))) {
            hoist(&mut p, &lowered);
            return Ok(p);
        }
        p = rewrite(&p, &lowered)?;
        drop_dead(&mut p);
    }
    let culprit = p.equations.iter().find(|e| matches!(lowering(&p, e), Lowering::Composite(_)));
    let (op, at) = culprit.map_or(("program".into(), None), |e| (e.op.name().to_string(), e.site));
    Err(Error::Argument { op, problem: format!("written in terms of itself more than {DEPTH} times over"), at })
}

fn rewrite(p: &Program, lowered: &[Lowering]) -> Result<Program> {
    let mut b = Builder::new();
    let mut map = vec![Value(0); p.types.len()];
    for v in &p.inputs {
        map[v.index()] = b.input(p.type_of(*v).clone());
    }
    for (e, l) in p.equations.iter().zip(lowered) {
        let inputs: Vec<Value> = e.inputs.iter().map(|v| map[v.index()]).collect();
        b.at(e.site);
        let made = match l {
            Lowering::Composite(f) => f(&mut b, &inputs),
            _ => b.emit(e.op.clone(), &inputs),
        };
        for (v, m) in e.outputs.iter().zip(made) {
            map[v.index()] = m;
        }
    }
    let outputs: Vec<Value> = p.outputs.iter().map(|v| map[v.index()]).collect();
    b.finish(&outputs)
}

/// Elements of results that are worth no thought where they are kept.
const FEW: usize = 64;

/// Moves views, numbers, short arrays, and products whose result is small beside an operand to where their operands are there, so that
/// what follows them in one group is not cut in two. All else keeps its order.
fn hoist(p: &mut Program, lowered: &[Lowering]) {
    let small = |e: &Equation| {
        let out = p.type_of(e.outputs[0]).len();
        e.inputs.iter().any(|v| p.type_of(*v).len() / 8 >= out)
    };
    // The first rank that is ready comes next; among equals, the first in the program.
    let rank: Vec<u32> = p
        .equations
        .iter()
        .zip(lowered)
        .map(|(e, l)| match l {
            Lowering::View(_) | Lowering::Fill(_) | Lowering::Constant(_) => 0,
            Lowering::Contract(_) if small(e) => 0,
            Lowering::Pointwise(_) if p.type_of(e.outputs[0]).len() <= FEW => 1 + p.type_of(e.outputs[0]).len() as u32,
            _ => u32::MAX,
        })
        .collect();
    let mut maker = vec![usize::MAX; p.types.len()];
    for (i, e) in p.equations.iter().enumerate() {
        e.outputs.iter().for_each(|v| maker[v.index()] = i);
    }
    // Equations that wait, by what they wait for; and how many each still waits for.
    let mut readers: Vec<Vec<usize>> = vec![vec![]; p.equations.len()];
    let mut waits = vec![0; p.equations.len()];
    for (i, e) in p.equations.iter().enumerate() {
        for m in e.inputs.iter().map(|v| maker[v.index()]).filter(|m| *m != usize::MAX) {
            readers[m].push(i);
            waits[i] += 1;
        }
    }
    let mut ready: BinaryHeap<Reverse<(u32, usize)>> = (0..waits.len()).filter(|i| waits[*i] == 0).map(|i| Reverse((rank[i], i))).collect();
    let mut order = vec![];
    while let Some(Reverse((_, i))) = ready.pop() {
        order.push(i);
        for &r in &readers[i] {
            waits[r] -= 1;
            if waits[r] == 0 {
                ready.push(Reverse((rank[r], r)));
            }
        }
    }
    p.equations = order.into_iter().map(|i| p.equations[i].clone()).collect();
}

/// Leaves out equations of which no output is read.
fn drop_dead(p: &mut Program) {
    let mut live = vec![false; p.types.len()];
    for v in &p.outputs {
        live[v.index()] = true;
    }
    let mut keep: Vec<bool> = p
        .equations
        .iter()
        .rev()
        .map(|e| {
            let used = e.outputs.iter().any(|v| live[v.index()]);
            if used {
                e.inputs.iter().for_each(|v| live[v.index()] = true);
            }
            used
        })
        .collect();
    p.equations.retain(|_| keep.pop().unwrap_or(true));
}
