//! Less to do, the same values: dead code, common subexpressions, constants, algebraic identities.
use crate::error::Result;
use crate::operation::{Builder, Op, Program, Remember, Value, pruned};
use crate::program::{Program as Generic, Values};

/// The program rebuilt with every identity its operations know, equal equations once, and dead code out.
pub fn simplify(program: &Program) -> Result<Program> {
    let mut b = Builder::new();
    let inputs: Vec<Value> = program.inputs.iter().map(|v| b.input(program.type_of(*v).clone())).collect();
    let outputs = b.inline(program, &inputs);
    dead_code(&b.finish(&outputs)?)
}

/// The program with only some of its outputs, by their places.
pub fn select(program: &Program, outputs: &[usize]) -> Result<Program> {
    live(program, program.inputs.iter().copied(), &at(&program.outputs, outputs))
}

/// The program with its inputs in another order and only some of its outputs, by their places. Inputs that these outputs do not need may be left out.
pub fn rearrange(program: &Program, inputs: &[usize], outputs: &[usize]) -> Result<Program> {
    live(program, inputs.iter().map(|i| program.inputs[*i]), &at(&program.outputs, outputs))
}

fn at(values: &[Value], places: &[usize]) -> Vec<Value> {
    places.iter().map(|i| values[*i]).collect()
}

/// The program without equations, loop carries and branch outputs that nobody reads. Inputs stay.
pub fn dead_code(program: &Program) -> Result<Program> {
    live(program, program.inputs.iter().copied(), &program.outputs)
}

/// What these outputs need of a program, as a program of these inputs.
fn live(program: &Program, inputs: impl Iterator<Item = Value>, outputs: &[Value]) -> Result<Program> {
    let _remember = Remember::new();
    // Loops first give up what nobody reads, then plain equations go. One backward pass finds what is read.
    let mut read = vec![false; program.types.len()];
    for v in outputs {
        read[v.index()] = true;
    }
    let mut kept = vec![];
    for (i, e) in program.equations.iter().enumerate().rev() {
        let used: Vec<bool> = e.outputs.iter().map(|v| read[v.index()]).collect();
        if !used.iter().any(|u| *u) {
            continue;
        }
        let pruned = pruned(&e.op, &used);
        for (k, v) in e.inputs.iter().enumerate() {
            if pruned.as_ref().as_ref().is_none_or(|p| p.inputs[k]) {
                read[v.index()] = true;
            }
        }
        kept.push((i, pruned));
    }
    let mut out = Generic::<Op> { types: vec![], inputs: vec![], equations: vec![], outputs: vec![] };
    let mut map = vec![Value(u32::MAX); program.types.len()];
    let carry = |out: &mut Generic<Op>, map: &mut Vec<Value>, v: Value| {
        out.types.push(program.type_of(v).clone());
        map[v.index()] = Value(out.types.len() as u32 - 1);
        map[v.index()]
    };
    for v in inputs {
        let n = carry(&mut out, &mut map, v);
        out.inputs.push(n);
    }
    for (i, pruned) in kept.into_iter().rev() {
        let pruned = pruned.as_ref().as_ref();
        let e = &program.equations[i];
        let keep = |mask: Option<&Vec<bool>>, values: &[Value]| -> Values {
            values.iter().enumerate().filter(|(k, _)| mask.is_none_or(|m| m[*k])).map(|(_, v)| *v).collect()
        };
        let inputs = keep(pruned.map(|p| &p.inputs), &e.inputs).iter().map(|v| map[v.index()]).collect();
        let outputs = keep(pruned.map(|p| &p.outputs), &e.outputs).iter().map(|v| carry(&mut out, &mut map, *v)).collect();
        let op = pruned.map_or_else(|| e.op.clone(), |p| p.op.clone());
        out.equations.push(crate::operation::Equation { op, inputs, outputs, site: e.site });
    }
    out.outputs = outputs.iter().map(|v| map[v.index()]).collect();
    debug_assert_eq!(out.check(), Ok(()), "{out}");
    Ok(out)
}
