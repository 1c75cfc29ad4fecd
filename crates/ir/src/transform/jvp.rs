//! Forward mode: tangents pushed along with values.
use crate::error::Result;
use crate::operation::{Builder, Program, Remember, Value};
use crate::program::Values;

/// A program of (inputs…, tangents of the inputs for which `active` holds…) → (outputs…, tangents of the outputs for which
/// `wanted` holds…). An output that does not depend on an active input has tangent zero.
pub fn jvp(program: &Program, active: &[bool], wanted: &[bool]) -> Result<Program> {
    let _remember = Remember::new();
    let mut b = Builder::new();
    let mut primal: Vec<Value> = vec![Value(0); program.types.len()];
    let mut tangent: Vec<Option<Value>> = vec![None; program.types.len()];
    for v in &program.inputs {
        primal[v.index()] = b.input(program.type_of(*v).clone());
    }
    for (v, a) in program.inputs.iter().zip(active) {
        if *a {
            // The tangent of an index is accepted, and not read.
            let t = b.seed(program.type_of(*v).clone());
            tangent[v.index()] = program.type_of(*v).kind.is_real().then_some(t);
        }
    }
    for e in &program.equations {
        b.at(e.site);
        let x: Values = e.inputs.iter().map(|v| primal[v.index()]).collect();
        let t: Vec<Option<Value>> = e.inputs.iter().map(|v| tangent[v.index()]).collect();
        let (y, ty) = if t.iter().all(Option::is_none) {
            let y = b.emit(e.op.clone(), &x);
            let none = vec![None; y.len()];
            (y, none)
        } else {
            e.op.jvp(&mut b, &e.op, &x, &t)
        };
        for (k, v) in e.outputs.iter().enumerate() {
            primal[v.index()] = y[k];
            tangent[v.index()] = ty[k];
        }
    }
    let mut outputs: Vec<Value> = program.outputs.iter().map(|v| primal[v.index()]).collect();
    for (v, w) in program.outputs.iter().zip(wanted) {
        if *w {
            let zero_like = primal[v.index()];
            outputs.push(b.or_zeros(tangent[v.index()], zero_like));
        }
    }
    super::dead_code(&b.finish(&outputs)?)
}
