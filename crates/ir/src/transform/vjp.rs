//! Reverse mode: cotangents pulled back through the equations in reverse order.
use crate::error::Result;
use crate::operation::{Builder, Program, Remember, Value};
use crate::program::Values;

/// A program of (inputs…, cotangents of the outputs for which `seeded` holds…) → (outputs…, cotangents of the inputs for
/// which `wanted` holds…).
pub fn vjp(program: &Program, wanted: &[bool], seeded: &[bool]) -> Result<Program> {
    let _remember = Remember::new();
    let mut b = Builder::new();
    let mut primal: Vec<Value> = vec![Value(0); program.types.len()];
    for v in &program.inputs {
        primal[v.index()] = b.input(program.type_of(*v).clone());
    }
    let mut seeds = vec![];
    for (v, s) in program.outputs.iter().zip(seeded) {
        if *s {
            seeds.push((*v, b.seed(program.type_of(*v).clone())));
        }
    }
    for e in &program.equations {
        b.at(e.site);
        let x: Values = e.inputs.iter().map(|v| primal[v.index()]).collect();
        for (v, y) in e.outputs.iter().zip(b.emit(e.op.clone(), &x)) {
            primal[v.index()] = y;
        }
    }
    let active = program.depends_on(wanted);
    let mut cotangent: Vec<Option<Value>> = vec![None; program.types.len()];
    b.at(None);
    for (v, seed) in seeds {
        if active[v.index()] {
            cotangent[v.index()] = b.plus(cotangent[v.index()], Some(seed));
        }
    }
    for e in program.equations.iter().rev() {
        if e.outputs.iter().all(|v| cotangent[v.index()].is_none()) {
            continue;
        }
        b.at(e.site);
        let asked: Vec<bool> = e.inputs.iter().map(|v| active[v.index()] && program.type_of(*v).kind.is_real()).collect();
        if !asked.iter().any(|a| *a) {
            continue;
        }
        let x: Values = e.inputs.iter().map(|v| primal[v.index()]).collect();
        let y: Values = e.outputs.iter().map(|v| primal[v.index()]).collect();
        let c: Vec<Option<Value>> = e.outputs.iter().map(|v| cotangent[v.index()]).collect();
        let parts = e.op.vjp(&mut b, &x, &y, &c, &asked);
        for ((v, part), asked) in e.inputs.iter().zip(parts).zip(asked) {
            if asked {
                cotangent[v.index()] = b.plus(cotangent[v.index()], part);
            }
        }
    }
    let mut outputs: Vec<Value> = program.outputs.iter().map(|v| primal[v.index()]).collect();
    for (v, w) in program.inputs.iter().zip(wanted) {
        if *w {
            outputs.push(b.or_zeros(cotangent[v.index()], primal[v.index()]));
        }
    }
    super::dead_code(&b.finish(&outputs)?)
}
