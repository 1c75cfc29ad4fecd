//! Finds where the first value that is not finite arose: runs a program again by the reference and walks back from a bad output.
use hypertape_autodiff::Site;
use hypertape_autodiff::array::{AnyArray, Kind, LeafType};
use hypertape_autodiff::execute::reference;
use hypertape_autodiff::operation::{Equation, Program, ScanSpec, Trip};
use hypertape_autodiff::ops::control::{Cond, Scan};

/// Where a value that is not finite came from.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    /// The operation that made it from finite operands.
    pub(crate) op: String,
    /// The user's line.
    pub(crate) site: Option<Site>,
    /// The value.
    pub(crate) value: f64,
    /// The turn, from 0, of the outermost loop that made it.
    pub(crate) turn: Option<u64>,
}

fn bad(a: &AnyArray) -> Option<f64> {
    if a.kind().is_real() { a.to_f64().into_iter().find(|v| !v.is_finite()) } else { None }
}

/// The origin of what is not finite in the outputs; `None` when the reference finds all of them finite, or an input is not.
pub(crate) fn origin(program: &Program, inputs: &[AnyArray]) -> Option<Origin> {
    let mut values: Vec<Option<AnyArray>> = vec![None; program.types.len()];
    for (v, x) in program.inputs.iter().zip(inputs) {
        values[v.index()] = Some(x.clone());
    }
    for e in &program.equations {
        let operands: Vec<&AnyArray> = e.inputs.iter().map(|v| values[v.index()].as_ref()).collect::<Option<_>>()?;
        let made = match e.op.downcast::<Scan>() {
            Some(scan) if plain(&scan.0) => run(&scan.0, &operands)?,
            _ => e.op.value(&operands).ok()?,
        };
        for (v, y) in e.outputs.iter().zip(made) {
            values[v.index()] = Some(y);
        }
    }
    let is_bad = |v: usize| values[v].as_ref().is_some_and(|a| bad(a).is_some());
    let mut at = program.outputs.iter().map(|v| v.index()).find(|v| is_bad(*v))?;
    loop {
        let e = program.equations.iter().find(|e| e.outputs.iter().any(|o| o.index() == at))?;
        if let Some(from) = e.inputs.iter().map(|v| v.index()).find(|v| is_bad(*v)) {
            at = from;
            continue;
        }
        let operands: Vec<AnyArray> = e.inputs.iter().filter_map(|v| values[v.index()].clone()).collect();
        let value = values[at].as_ref().and_then(bad)?;
        return Some(inside(e, &operands).unwrap_or(Origin { op: e.op.name().into(), site: e.site, value, turn: None }));
    }
}

/// The origin inside a loop or branch.
fn inside(e: &Equation, operands: &[AnyArray]) -> Option<Origin> {
    if let Some(Cond(spec)) = e.op.downcast::<Cond>() {
        let yes = operands.first()?.to_f64().first().copied()? != 0.0;
        return origin(if yes { &spec.yes } else { &spec.no }, &operands[1..]);
    }
    let Scan(spec) = e.op.downcast::<Scan>()?;
    if !plain(spec) {
        return None;
    }
    let mut found = None;
    walk(spec, &operands.iter().collect::<Vec<_>>(), &mut |turn, given, made| {
        if made[..spec.carries].iter().any(|a| bad(a).is_some()) {
            found = origin(&spec.body, given).map(|o| Origin { turn: Some(turn), ..o });
            return false;
        }
        true
    })?;
    found
}

/// Whether a loop runs forwards and stacks nothing: a loop of a solver.
fn plain(s: &ScanSpec) -> bool {
    s.stacked == 0 && s.items == 0 && !s.reverse && !matches!(s.trip, Trip::Counted(_))
}

/// Runs a plain loop step by step; `each` sees the counter, the body's inputs and its outputs, and says whether to go on.
fn walk(s: &ScanSpec, inputs: &[&AnyArray], each: &mut dyn FnMut(u64, &[AnyArray], &[AnyArray]) -> bool) -> Option<(Vec<AnyArray>, u64)> {
    let mut carry: Vec<AnyArray> = inputs[..s.carries].iter().map(|a| (*a).clone()).collect();
    let constants: Vec<AnyArray> = inputs[s.carries..].iter().map(|a| (*a).clone()).collect();
    for k in 0..s.trip.at_most() as u64 {
        if let Trip::Until { test, .. } = &s.trip {
            let given: Vec<AnyArray> = carry.iter().chain(&constants).cloned().collect();
            if reference::run(test, &given).ok()?[0].to_f64()[0] != 0.0 {
                return Some((carry, k));
            }
        }
        let mut given = vec![AnyArray::full(&LeafType::new(&[], Kind::U32), k as f64)];
        given.extend(carry.iter().chain(&constants).cloned());
        let made = reference::run(&s.body, &given).ok()?;
        if !each(k, &given, &made) {
            return Some((made, k + 1));
        }
        carry = made;
    }
    Some((carry, s.trip.at_most() as u64))
}

/// Outputs of a plain loop; nothing reads its trajectory, so that is left empty.
fn run(s: &ScanSpec, inputs: &[&AnyArray]) -> Option<Vec<AnyArray>> {
    let (mut out, count) = walk(s, inputs, &mut |_, _, _| true)?;
    let none = AnyArray::full(&LeafType::new(&[0], Kind::F64), 0.0);
    out.extend((0..s.carries).map(|_| none.clone()));
    out.push(AnyArray::full(&LeafType::new(&[], Kind::U32), count as f64));
    Some(out)
}
