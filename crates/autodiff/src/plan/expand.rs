//! Composites written out and dead code left out, so that every equation left asks for one machine instruction.
use crate::array::LeafType;
use crate::error::{Error, Result};
use crate::operation::{Builder, Equation, Lowering, Program, Value};

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
