//! Expansion: composites are replaced by their equations and dead code is dropped, so that each equation asks for one machine instruction.
use super::machine::{Expanded, ask_one};
use super::thresholds::COMPOSITE_DEPTH;
use hypertape_ir::error::{Error, ErrorKind, Malformed, Result, Typed};
use hypertape_ir::operation::{Builder, Lowering, Program, Value};

/// Replaces composites by their equations, again and again, until no composite is left.
pub(crate) fn expand(x: &mut Expanded) -> Result<()> {
    for _ in 0..COMPOSITE_DEPTH {
        x.ask()?;
        if !x.asked.iter().any(|a| matches!(a.lowering, Lowering::Composite(_))) {
            return Ok(());
        }
        x.program = rewrite(x)?;
    }
    let p = &x.program;
    let culprit = p.equations.iter().find(|e| matches!(ask_one(p, e), Ok(Lowering::Composite(_))));
    let (op, at) = culprit.map_or(("program".into(), None), |e| (e.op.name().to_string(), e.site));
    Err(Error::new(op, Malformed::Endless(COMPOSITE_DEPTH)).or(at))
}

/// The program with each composite replaced by its equations. These may be composites in turn.
fn rewrite(Expanded { program: p, asked, .. }: &Expanded) -> Result<Program> {
    let mut b = Builder::new();
    let mut map = vec![Value(0); p.types.len()];
    for v in &p.inputs {
        map[v.index()] = b.input(p.type_of(*v).clone());
    }
    for (e, a) in p.equations.iter().zip(asked) {
        let inputs: Vec<Value> = e.inputs.iter().map(|v| map[v.index()]).collect();
        b.at(e.site);
        let made = match &a.lowering {
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
