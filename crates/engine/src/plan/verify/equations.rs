//! What must hold between passes over equations: each value is made once and before it is read, nothing is dead, lowerings fit their values.
use super::lowering::lowering;
use crate::plan::machine::{Expanded, live};
use hypertape_ir::array::LeafType;
use hypertape_ir::operation::{Equation, Lowering, Program, ScanSpec, Trip};

/// Checks equations. An error says what is wrong.
pub(crate) fn equations(x: &Expanded) -> Result<(), String> {
    let p = &x.program;
    p.check_values().map_err(|flaw| flaw.to_string())?;
    if x.asked.len() != p.equations.len() {
        return Err(format!("{} equations ask for {} lowerings", p.equations.len(), x.asked.len()));
    }
    if let Some(e) = live(p).iter().zip(&p.equations).find_map(|(live, e)| (!live).then_some(e)) {
        return Err(format!("{} is dead", e.op.name()));
    }
    for (e, asked) in p.equations.iter().zip(&x.asked) {
        equation(p, e, &asked.lowering, asked.body.as_deref()).map_err(|problem| format!("{}: {problem}", e.op.name()))?;
    }
    Ok(())
}

fn equation(p: &Program, e: &Equation, l: &Lowering, body: Option<&Expanded>) -> Result<(), String> {
    match (l, body) {
        (Lowering::Composite(_), _) => Err("written in terms of other operations, which are not there".into()),
        // An expanded body may have hoisted constants beside those of the recorded body. So the loop is held against the expanded body.
        (Lowering::Scan(spec), Some(body)) => loop_body(p, e, spec, body),
        _ => {
            let inputs: Vec<&LeafType> = e.inputs.iter().map(|v| p.type_of(*v)).collect();
            let outputs: Vec<&LeafType> = e.outputs.iter().map(|v| p.type_of(*v)).collect();
            lowering(l, &inputs, &outputs).map_err(|e| e.to_string())
        }
    }
}

/// Checks that a loop and its body agree on carries, items, constants and results.
fn loop_body(p: &Program, e: &Equation, spec: &ScanSpec, body: &Expanded) -> Result<(), String> {
    let inner = &body.program;
    inner.check_values().map_err(|problem| format!("in its body, {problem}"))?;
    let each = spec.carries + spec.items + spec.constants;
    let counts = [e.inputs.len(), e.outputs.len(), inner.inputs.len(), inner.outputs.len(), body.asked.len()];
    if counts != [spec.inputs(), spec.outputs(), 1 + each, spec.carries + spec.stacked, inner.equations.len()] {
        return Err(format!("the loop and its body have {counts:?} inputs, outputs and equations, which do not fit each other"));
    }
    let stacked = spec.carries..spec.carries + spec.items;
    for (i, (v, x)) in inner.inputs[1..].iter().zip(&e.inputs).enumerate() {
        let (inside, outside) = (inner.type_of(*v), p.type_of(*x));
        let fits = if stacked.contains(&i) { *outside == spec.stack(inside) } else { outside == inside };
        if !fits {
            return Err(format!("input {i} of the loop is {outside}, of its body {inside}"));
        }
    }
    match &spec.trip {
        Trip::Until { test, .. } if test.inputs.len() != spec.carries + spec.constants => {
            Err(format!("its test takes {} inputs of {} carries and constants", test.inputs.len(), spec.carries + spec.constants))
        }
        _ => Ok(()),
    }
}
