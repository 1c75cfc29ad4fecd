//! Finds where the first value that is not finite arose: runs a program again, equation by equation, and walks back from a bad value.
use crate::array::{AnyArray, AnyView, Element, Kind, LeafType};
use crate::error::{Error, ErrorKind, Origin, Site};
use crate::execute::{Executor, reference};
use crate::operation::{Equation, Program, ScanSpec, Trip, Value};
use crate::ops::control::{Cond, Scan};
use crate::ops::finite::Finite;
use crate::ops::watched::Derivative;
use crate::plan::Plan;
use ndarray::Axis;
use std::sync::Arc;

fn bad(a: &AnyArray) -> Option<f64> {
    if a.kind().is_real() { a.to_f64().into_iter().find(|v| !v.is_finite()) } else { None }
}

/// The origin of what is not finite in the outputs; `None` when they are found finite, or an input is not.
#[must_use]
pub fn origin(program: &Program, inputs: &[AnyArray]) -> Option<Origin> {
    let values = evaluate(program, inputs, &program.outputs)?;
    program.outputs.iter().find(|v| is_bad(&values, **v)).and_then(|v| back(program, &values, *v))
}

/// An error of a run, with the iteration, operation and line where the divergence began if it says that a solver diverged.
pub(super) fn explain(e: Error, program: &Program, inputs: &[AnyView<'_>]) -> Error {
    let at = e.site();
    if !e.is_numeric() || matches!(e.kind(), ErrorKind::User { .. }) || !checks(program, e.operation(), at) {
        return e;
    }
    let owned: Vec<AnyArray> = inputs.iter().map(AnyView::to_owned).collect();
    let Some((found, derivative)) = checked(program, &owned) else { return e };
    let (iteration, value, origin) = (found.turn.map(|t| t + 1), found.value, Some(found.seen_from(at)));
    e.with_kind(match derivative {
        false => ErrorKind::Diverged { iteration, value, origin },
        true => ErrorKind::DerivativeNotFinite { iteration, value, origin },
    })
}

/// Whether the program, or one inside, checks the result of `of` used at this line.
fn checks(program: &Program, of: &str, at: Option<Site>) -> bool {
    program.equations.iter().any(|e| {
        let own = e.op.downcast::<Finite>().is_some_and(|f| f.of == of) || e.op.downcast::<Derivative>().is_some_and(|f| f.of == of);
        own && e.site == at || e.op.bodies().iter().any(|(_, p)| checks(p, of, at))
    })
}

/// What a check tests, and whether that is a derivative.
fn tested(e: &Equation) -> Option<(Value, bool)> {
    match (e.op.downcast::<Finite>(), e.op.downcast::<Derivative>()) {
        (Some(_), _) => Some((e.inputs[e.inputs.len() - 1], false)),
        (_, Some(_)) => Some((e.inputs[0], true)),
        _ => None,
    }
}

/// The origin of what the first check that fails was given, and whether that is a derivative.
fn checked(program: &Program, inputs: &[AnyArray]) -> Option<(Origin, bool)> {
    for e in &program.equations {
        if let Some((tested, derivative)) = tested(e) {
            let values = evaluate(program, inputs, &[tested])?;
            if is_bad(&values, tested) {
                return back(program, &values, tested).map(|o| (o, derivative));
            }
        } else if e.op.bodies().iter().any(|(_, p)| contains_check(p)) {
            let values = evaluate(program, inputs, &e.inputs)?;
            let operands: Vec<AnyArray> = e.inputs.iter().filter_map(|v| values[v.index()].clone()).collect();
            let found = match (e.op.downcast::<Scan>(), e.op.downcast::<Cond>()) {
                (Some(Scan(spec)), _) => {
                    let mut found = None;
                    walk(spec, &operands, &mut |_, given, _| {
                        found = checked(&spec.body, given);
                        found.is_none()
                    });
                    found
                }
                (_, Some(Cond(spec))) => checked(if truth(&operands)? { &spec.yes } else { &spec.no }, &operands[1..]),
                _ => None,
            };
            if found.is_some() {
                return found;
            }
        }
    }
    None
}

fn contains_check(p: &Program) -> bool {
    p.equations.iter().any(|e| tested(e).is_some() || e.op.bodies().iter().any(|(_, p)| contains_check(p)))
}

/// Whether the test of a branch, its first operand, is not 0.
pub(super) fn truth(operands: &[AnyArray]) -> Option<bool> {
    Some(*operands.first()?.to_f64().first()? != 0.0)
}

type Known = Vec<Option<AnyArray>>;

fn is_bad(values: &Known, v: Value) -> bool {
    values[v.index()].as_ref().is_some_and(|a| bad(a).is_some())
}

/// The values that the targets depend on; checks let everything pass.
fn evaluate(program: &Program, inputs: &[AnyArray], targets: &[Value]) -> Option<Known> {
    let needed = program.needed_for(targets);
    let mut values: Known = vec![None; program.types.len()];
    for (v, x) in program.inputs.iter().zip(inputs) {
        values[v.index()] = Some(x.clone());
    }
    for e in program.equations.iter().filter(|e| e.outputs.iter().any(|v| needed[v.index()])) {
        let operands: Vec<AnyArray> = e.inputs.iter().map(|v| values[v.index()].clone()).collect::<Option<_>>()?;
        let made = match e.op.downcast::<Scan>() {
            Some(Scan(s)) if plain(s) && !e.outputs[s.carries..2 * s.carries].iter().any(|v| needed[v.index()]) => run(s, &operands)?,
            _ if tested(e).is_some() => operands[..1].to_vec(),
            _ => e.op.value(&operands.iter().collect::<Vec<_>>()).ok()?,
        };
        for (v, y) in e.outputs.iter().zip(made) {
            values[v.index()] = Some(y);
        }
    }
    Some(values)
}

/// From a bad value back to the equation that made one from finite operands.
fn back(program: &Program, values: &Known, from: Value) -> Option<Origin> {
    let mut at = from;
    loop {
        let e = maker(program, at)?;
        if let Some(v) = e.inputs.iter().find(|v| is_bad(values, **v)) {
            at = *v;
            continue;
        }
        let operands: Vec<AnyArray> = e.inputs.iter().filter_map(|v| values[v.index()].clone()).collect();
        let value = values[at.index()].as_ref().and_then(bad)?;
        let found = inside(e, &operands).unwrap_or(Origin { op: e.op.name().into(), site: e.site, value, turn: None, backwards: false });
        let before = if found.backwards { 0 } else { turns_before(program, e) };
        return Some(Origin { turn: found.turn.map(|t| t + before), ..found });
    }
}

fn maker(program: &Program, v: Value) -> Option<&Equation> {
    program.equations.iter().find(|e| e.outputs.contains(&v))
}

/// The origin inside a loop or branch.
fn inside(e: &Equation, operands: &[AnyArray]) -> Option<Origin> {
    if let Some(Cond(spec)) = e.op.downcast::<Cond>() {
        return origin(if truth(operands)? { &spec.yes } else { &spec.no }, &operands[1..]);
    }
    let Scan(spec) = e.op.downcast::<Scan>()?;
    let mut found = None;
    walk(spec, operands, &mut |turn, given, made| {
        if made.iter().all(|a| bad(a).is_none()) {
            return true;
        }
        found = origin(&spec.body, given).map(|o| {
            let within = if segments(spec) { turns(&spec.body, 0) * turn + o.turn.unwrap_or(0) } else { turn };
            Origin { turn: Some(within), backwards: spec.reverse, ..o }
        });
        false
    })?;
    found
}

/// Whether a loop only runs another one on the same carries: stretches of one loop.
fn segments(s: &ScanSpec) -> bool {
    let carried = &s.body.outputs[..s.carries];
    let inner = carried.first().and_then(|v| maker(&s.body, *v));
    inner.is_some_and(|e| e.op.downcast::<Scan>().is_some() && carried.iter().all(|v| e.outputs.contains(v)))
}

/// Turns of the loop that makes output k of a program.
fn turns(program: &Program, k: usize) -> u64 {
    let made = program.outputs.get(k).and_then(|v| maker(program, *v));
    made.and_then(|e| e.op.downcast::<Scan>()).map_or(0, |s| turns_of(&s.0))
}

fn turns_of(s: &ScanSpec) -> u64 {
    s.trip.at_most() as u64 * if segments(s) { turns(&s.body, 0) } else { 1 }
}

/// Turns of the loops whose carries a loop goes on with.
fn turns_before(program: &Program, e: &Equation) -> u64 {
    let goes_on = e.op.downcast::<Scan>().is_some_and(|s| s.0.carries > 0);
    let mut from = if goes_on { e.inputs.first().and_then(|v| maker(program, *v)) } else { None };
    while let Some(e) = from {
        match e.op.downcast::<Scan>() {
            Some(s) => return turns_of(&s.0) + turns_before(program, e),
            None if e.inputs.len() == 1 => from = maker(program, e.inputs[0]),
            None => return 0,
        }
    }
    0
}

/// Whether a loop runs forwards and stacks nothing: a loop of a solver.
fn plain(s: &ScanSpec) -> bool {
    s.stacked == 0 && !s.reverse && !matches!(s.trip, Trip::Counted(_))
}

/// Row k of an array along its leading axis.
fn row(a: &AnyArray, k: usize) -> AnyArray {
    fn typed<T: Element>(a: &ndarray::ArrayD<T>, k: usize) -> AnyArray {
        T::array(a.index_axis(Axis(0), k).to_owned())
    }
    crate::each_kind!(AnyArray, a, a => typed(a, k))
}

/// Runs a loop step by step, as planned; `each` sees the counter, the body's inputs and its outputs, and says whether to go on.
pub(super) fn walk(
    s: &ScanSpec,
    inputs: &[AnyArray],
    each: &mut dyn FnMut(u64, &[AnyArray], &[AnyArray]) -> bool,
) -> Option<(Vec<AnyArray>, u64)> {
    let mut body = Executor::new(Arc::new(Plan::new(&s.body).ok()?));
    let mut carry: Vec<AnyArray> = inputs[..s.carries].to_vec();
    let (items, constants) = inputs[s.carries..].split_at(s.items);
    let (constants, count) = constants.split_at(s.constants);
    let most = match count.first() {
        Some(n) => (*n.to_f64().first()? as usize).min(s.trip.at_most()),
        None => s.trip.at_most(),
    };
    for step in 0..most {
        let k = if s.reverse { most - 1 - step } else { step };
        if let Trip::Until { test, .. } = &s.trip {
            let given: Vec<AnyArray> = carry.iter().chain(constants).cloned().collect();
            if truth(&reference::run(test, &given).ok()?)? {
                return Some((carry, k as u64));
            }
        }
        let mut given = vec![AnyArray::full(&LeafType::new(&[], Kind::U32), k as f64)];
        given.extend(carry.iter().cloned());
        given.extend(items.iter().map(|a| row(a, k)));
        given.extend(constants.iter().cloned());
        let views: Vec<AnyView<'_>> = given.iter().map(AnyArray::view).collect();
        // A check inside fails here; what it was given is found in the body.
        let made: Vec<AnyArray> = match body.run(&views) {
            Ok(()) => (0..s.body.outputs.len()).map(|i| body.output(i).to_owned()).collect(),
            Err(_) => {
                each(k as u64, &given, &[]);
                return None;
            }
        };
        if !each(k as u64, &given, &made) {
            return Some((made, step as u64 + 1));
        }
        carry = made[..s.carries].to_vec();
    }
    Some((carry, most as u64))
}

/// Outputs of a plain loop; nothing reads its trajectory, so that is left empty.
fn run(s: &ScanSpec, inputs: &[AnyArray]) -> Option<Vec<AnyArray>> {
    let (mut out, count) = walk(s, inputs, &mut |_, _, made| made.iter().take(s.carries).all(|a| bad(a).is_none()))?;
    out.truncate(s.carries);
    let none = AnyArray::full(&LeafType::new(&[0], Kind::F64), 0.0);
    out.extend((0..s.carries).map(|_| none.clone()));
    out.push(AnyArray::full(&LeafType::new(&[], Kind::U32), count as f64));
    Some(out)
}
