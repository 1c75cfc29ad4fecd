//! Composites written out and dead code left out, so that every equation left asks for one machine instruction.
use super::machine::{Asked, Expanded, chosen, live, retain};
use super::{invariant, order, planes, turn, verify};
use crate::array::LeafType;
use crate::error::{Error, ErrorKind, Malformed, Result, Typed};
use crate::operation::{Builder, Equation, Lowering, Program, ScanSpec, Trip, Value};
use std::sync::Arc;

/// Rounds of expansion at the most: composites of composites.
const DEPTH: usize = 64;

/// What an equation asks for, which must fit its values.
fn lowering(p: &Program, e: &Equation) -> Result<Lowering> {
    let inputs: Vec<&LeafType> = e.inputs.iter().map(|v| p.type_of(*v)).collect();
    let outputs: Vec<&LeafType> = e.outputs.iter().map(|v| p.type_of(*v)).collect();
    let l = e.op.lower(&inputs, &outputs);
    match verify::lowering(&l, &inputs, &outputs) {
        Ok(()) => Ok(l),
        Err(problem) => {
            let operands = inputs.into_iter().cloned().collect();
            Err(Error::refused(e.op.name(), problem, operands).or(e.site))
        }
    }
}

fn lowerings(p: &Program) -> Result<Vec<Lowering>> {
    p.equations.iter().map(|e| lowering(p, e)).collect()
}

/// The same program in machine instructions, with the outputs for which `read` holds.
pub(crate) fn expand(program: &Program, read: &[bool]) -> Result<Expanded> {
    if let Some(f) = program.fault(false) {
        return Err(Error::new("plan", ErrorKind::Program(f.problem)).or(f.site));
    }
    let mut p = Program { outputs: chosen(&program.outputs, read), ..program.clone() };
    drop_dead(&mut p);
    for _ in 0..DEPTH {
        let lowered = lowerings(&p)?;
        if !lowered.iter().any(|l| matches!(l, Lowering::Composite(_))) {
            let (mut p, mut lowered) = match planes::apart(&p, &lowered)? {
                Some(mut p) => {
                    drop_dead(&mut p);
                    let lowered = lowerings(&p)?;
                    (p, lowered)
                }
                None => (p, lowered),
            };
            turn::products(&mut p, &mut lowered);
            let mut x = lift(p, lowered)?;
            order::sort(&mut x);
            return Ok(x);
        }
        p = rewrite(&p, &lowered)?;
        drop_dead(&mut p);
    }
    let culprit = p.equations.iter().find(|e| matches!(lowering(&p, e), Ok(Lowering::Composite(_))));
    let (op, at) = culprit.map_or(("program".into(), None), |e| (e.op.name().to_string(), e.site));
    Err(Error::new(op, Malformed::Endless(DEPTH)).or(at))
}

/// Expands the bodies of loops, and computes what is the same in every step of a loop before the loop.
fn lift(mut p: Program, lowered: Vec<Lowering>) -> Result<Expanded> {
    let read = p.read();
    let equations = std::mem::take(&mut p.equations);
    let mut out = Expanded { program: p, asked: vec![] };
    for (mut e, mut lowering) in equations.into_iter().zip(lowered) {
        let mut body = None;
        if let Lowering::Scan(spec) = &mut lowering {
            let mut x = expand(&spec.body, &vec![true; spec.body.outputs.len()])?;
            if spec.trip.at_most() > 1 {
                // Carries are always read; stacked outputs if the loop's are.
                let read: Vec<bool> = (0..x.program.outputs.len()).map(|k| k < spec.carries || read[e.outputs[k].index()]).collect();
                lift_from(spec, &mut x, &mut e, &read, &mut out);
            }
            body = Some(Arc::new(x));
        }
        out.program.equations.push(e);
        out.asked.push(Asked { lowering, body });
    }
    Ok(out)
}

/// Puts what a loop's body computes from constants alone into `out`, and makes the results constants of the loop.
fn lift_from(spec: &mut ScanSpec, body: &mut Expanded, e: &mut Equation, read: &[bool], out: &mut Expanded) {
    let first = spec.carries + spec.items;
    let constants = &body.program.inputs[1 + first..];
    let found = invariant::of(body, constants, read);
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
    let stays: Vec<bool> = found.moves.iter().map(|m| !m).collect();
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
        let fits = |(v, m): (&Value, &Value)| b.has(*m) && b.type_of(*m) == p.type_of(*v);
        if b.problem().is_none() && !(made.len() >= e.outputs.len() && e.outputs.iter().zip(&made).all(fits)) {
            let operands = inputs.iter().map(|v| b.type_of(*v).clone()).collect();
            let expected = e.outputs.iter().map(|v| p.type_of(*v).clone()).collect();
            let given = made.iter().filter(|v| b.has(**v)).map(|v| b.type_of(*v).clone()).collect();
            return Err(Error::new(e.op.name(), ErrorKind::Types { of: Typed::Expanded, expected, given })
                .with_operands(operands)
                .or(e.site));
        }
        for (v, m) in e.outputs.iter().zip(made) {
            map[v.index()] = m;
        }
    }
    let outputs: Vec<Value> = p.outputs.iter().map(|v| map[v.index()]).collect();
    b.finish(&outputs)
}

/// Leaves out equations of which no output is read.
fn drop_dead(p: &mut Program) {
    let keep = live(p);
    retain(&mut p.equations, &keep);
}
