//! Follows what is not finite in a result back, element by element, to the operation that made it.
use super::diagnose::{truth, walk};
use crate::array::{AnyArray, AnyView, LeafType};
use crate::error::{Error, ErrorKind, Fed, Site};
use crate::execute::Executor;
use crate::operation::{Equation, Lowering, Program, Value};
use crate::ops::control::{Cond, Scan};
use crate::ops::finite::Finite;
use crate::ops::literal::Full;
use crate::plan::Plan;
use std::collections::HashMap;
use std::sync::Arc;

/// Bytes of results of one equation that are looked into at the most: loops make their whole trajectory.
const MOST: usize = 1 << 30;
/// What stands for an element that is not finite when an operation is tried again: in the domain of nearly everything, far from poles.
const PLAIN: f64 = 0.5;

/// What is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bad {
    Nan,
    Infinite,
}

impl Bad {
    fn is(self, v: f64) -> bool {
        if self == Bad::Nan { v.is_nan() } else { v.is_infinite() }
    }
    /// Elements that may be why an operation gives such a value.
    fn may_cause(self, v: f64) -> bool {
        if self == Bad::Nan { v.is_nan() } else { !v.is_finite() }
    }
}

/// The operation that made what is not finite.
#[derive(Debug, Clone)]
pub(super) struct Made {
    op: String,
    site: Option<Site>,
    value: f64,
    /// Items and turns, outermost first.
    within: Vec<(&'static str, u64)>,
    /// Whether an operand was infinite, and what made that.
    infinite: Option<Option<Box<Made>>>,
}

/// Where it comes from.
#[derive(Debug)]
pub(super) enum Source {
    Operation(Made),
    /// From inputs and literals.
    Outside,
    Unknown,
}

/// The element's flags.
type Marks = Vec<bool>;
type Known = Vec<Option<AnyArray>>;

fn marks(a: &AnyArray, is: impl Fn(f64) -> bool) -> Option<Marks> {
    let m: Marks = if a.kind().is_real() { a.to_f64().into_iter().map(is).collect() } else { vec![] };
    m.contains(&true).then_some(m)
}

/// Where NaN or infinities in outputs `of` a program at these inputs come from.
pub(super) fn source(program: &Program, inputs: &[AnyArray], bad: Bad, of: impl Fn(usize) -> bool) -> Source {
    let wanted: Vec<Value> = program.outputs.iter().enumerate().filter(|(k, _)| of(*k)).map(|(_, v)| *v).collect();
    let Some(values) = evaluate(program, inputs, &wanted) else { return Source::Unknown };
    let mut targets = vec![];
    for v in wanted {
        let found = values[v.index()].as_ref().and_then(|a| marks(a, |v| bad.is(v)));
        targets.extend(found.map(|m| (v, m)));
    }
    if targets.is_empty() { Source::Unknown } else { follow(program, &values, bad, targets) }
}

/// All values that the targets depend on.
fn evaluate(program: &Program, inputs: &[AnyArray], targets: &[Value]) -> Option<Known> {
    let needed = program.needed_for(targets);
    let mut values: Known = vec![None; program.types.len()];
    for (v, x) in program.inputs.iter().zip(inputs) {
        values[v.index()] = Some(x.clone());
    }
    for e in &program.equations {
        let read: Vec<bool> = e.outputs.iter().map(|v| needed[v.index()]).collect();
        if !read.contains(&true) {
            continue;
        }
        let operands: Vec<&AnyArray> = e.inputs.iter().map(|v| values[v.index()].as_ref()).collect::<Option<_>>()?;
        let made = apply(e, &operands, &read)?;
        for (v, y) in e.outputs.iter().zip(made) {
            values[v.index()] = y;
        }
    }
    Some(values)
}

fn lowering(e: &Equation, operands: &[&AnyArray]) -> Option<Lowering> {
    let types: Vec<LeafType> = operands.iter().map(|a| a.leaf_type()).collect();
    let types: Vec<&LeafType> = types.iter().collect();
    let made = e.op.infer(&types).ok()?;
    Some(e.op.lower(&types, &made.iter().collect::<Vec<_>>()))
}

/// Outputs of an equation, those that are read; a check lets everything pass.
fn apply(e: &Equation, operands: &[&AnyArray], read: &[bool]) -> Option<Vec<Option<AnyArray>>> {
    if e.op.downcast::<Finite>().is_some() {
        return Some(vec![Some(operands[0].clone())]);
    }
    match lowering(e, operands)? {
        Lowering::Pointwise(_) | Lowering::View(_) | Lowering::Fill(_) | Lowering::Constant(_) | Lowering::Fold { .. } => {
            Some(e.op.value(operands).ok()?.into_iter().map(Some).collect())
        }
        _ => planned(e, operands, read),
    }
}

/// The same by the planned executor: what may be large.
fn planned(e: &Equation, operands: &[&AnyArray], read: &[bool]) -> Option<Vec<Option<AnyArray>>> {
    let mut types: Vec<LeafType> = operands.iter().map(|a| a.leaf_type()).collect();
    let made = e.op.infer(&types.iter().collect::<Vec<_>>()).ok()?;
    let inputs: Vec<Value> = (0..types.len() as u32).map(Value).collect();
    let all: Vec<Value> = (types.len() as u32..).take(made.len()).map(Value).collect();
    let outputs: Vec<Value> = all.iter().zip(read).filter(|(_, r)| **r).map(|(v, _)| *v).collect();
    types.extend(made);
    if outputs.iter().map(|v| types[v.index()].bytes()).sum::<usize>() > MOST {
        return None;
    }
    let equation =
        Equation { op: e.op.clone(), inputs: inputs.iter().copied().collect(), outputs: all.into_iter().collect(), site: e.site };
    let program = Program { types, inputs, equations: vec![equation], outputs };
    let mut executor = Executor::new(Arc::new(Plan::new(&program).ok()?));
    executor.run(&operands.iter().map(|a| a.view()).collect::<Vec<AnyView<'_>>>()).ok()?;
    let mut k = 0;
    let take = |r: &bool| {
        k += usize::from(*r);
        r.then(|| executor.output(k - 1).to_owned())
    };
    Some(read.iter().map(take).collect())
}

/// Goes through the equations from the last to the first and keeps the first operation that made what is bad.
fn follow(program: &Program, values: &Known, bad: Bad, targets: Vec<(Value, Marks)>) -> Source {
    let mut all: HashMap<Value, Marks> = HashMap::new();
    targets.into_iter().for_each(|(v, m)| add(&mut all, v, m));
    let literals: Vec<Value> = program.equations.iter().filter(|e| e.op.downcast::<Full>().is_some()).map(|e| e.outputs[0]).collect();
    let mut found: Option<(Made, &Equation)> = None;
    for e in program.equations.iter().rev() {
        let asked: Vec<Option<Marks>> = e.outputs.iter().map(|v| all.get(v).cloned()).collect();
        if e.inputs.is_empty() || asked.iter().all(Option::is_none) {
            continue;
        }
        let operands: Option<Vec<&AnyArray>> = e.inputs.iter().map(|v| values[v.index()].as_ref()).collect();
        let Some(operands) = operands else { return Source::Unknown };
        let causes: Vec<Option<Marks>> = operands.iter().map(|a| marks(a, |v| bad.may_cause(v))).collect();
        let Some((made, causes)) = look(e, values, &operands, causes, &asked, bad) else { return Source::Unknown };
        for (v, m) in e.inputs.iter().zip(causes) {
            let Some(m) = m else { continue };
            // A rule says by a literal NaN that there is no derivative.
            if bad == Bad::Nan && literals.contains(v) {
                found = Some((Made { op: e.op.name().into(), site: e.site, value: f64::NAN, within: vec![], infinite: None }, e));
            }
            add(&mut all, *v, m);
        }
        if let Some(m) = made {
            found = Some((m, e));
        }
    }
    let Some((mut made, e)) = found else { return Source::Outside };
    let infinite = |v: &Value| Some((*v, marks(values[v.index()].as_ref()?, f64::is_infinite)?));
    let targets: Vec<(Value, Marks)> = e.inputs.iter().filter_map(infinite).collect();
    if bad == Bad::Nan && made.within.is_empty() && !targets.is_empty() {
        made.infinite = Some(match follow(program, values, Bad::Infinite, targets) {
            Source::Operation(m) => Some(Box::new(m)),
            _ => None,
        });
    }
    Source::Operation(made)
}

fn add(all: &mut HashMap<Value, Marks>, v: Value, m: Marks) {
    match all.get_mut(&v) {
        Some(old) => old.iter_mut().zip(m).for_each(|(a, b)| *a |= b),
        None => drop(all.insert(v, m)),
    }
}

/// Whether an equation made marked elements itself, and which elements of the operands are why others are bad.
fn look(
    e: &Equation,
    values: &Known,
    operands: &[&AnyArray],
    causes: Vec<Option<Marks>>,
    asked: &[Option<Marks>],
    bad: Bad,
) -> Option<(Option<Made>, Vec<Option<Marks>>)> {
    if e.op.downcast::<Finite>().is_some() {
        return Some((None, std::iter::once(asked[0].clone()).chain(operands[1..].iter().map(|_| None)).collect()));
    }
    if e.op.downcast::<Scan>().is_some() || e.op.downcast::<Cond>().is_some() {
        let made = match inside(e, operands, asked, bad) {
            Source::Operation(m) => Some(m),
            Source::Outside => None,
            Source::Unknown => return None,
        };
        return Some((made, causes));
    }
    let read: Vec<bool> = asked.iter().map(Option::is_some).collect();
    let again = |clean: &dyn Fn(usize) -> bool| -> Option<Vec<Option<AnyArray>>> {
        let tried: Vec<AnyArray> = operands.iter().enumerate().map(|(k, a)| if clean(k) { plain(a, bad) } else { (*a).clone() }).collect();
        apply(e, &tried.iter().collect::<Vec<_>>(), &read)
    };
    // What stays when nothing bad goes in was made here.
    let tried = if causes.iter().all(Option::is_none) { None } else { again(&|k| causes[k].is_some()) };
    let mut own = None;
    for (j, m) in asked.iter().enumerate() {
        let (Some(m), Some(was)) = (m, values[e.outputs[j].index()].as_ref()) else { continue };
        let was = was.to_f64();
        let still: Vec<f64> = match &tried {
            Some(t) => t[j].as_ref()?.to_f64(),
            None if causes.iter().all(Option::is_none) => was.clone(),
            None => continue,
        };
        own = own.or_else(|| (0..m.len()).find(|i| m[*i] && bad.is(still[*i])).map(|i| was[i]));
    }
    let made = own.map(|value| Made { op: e.op.name().into(), site: e.site, value, within: vec![], infinite: None });
    let [Some(asked)] = asked else { return Some((made, causes)) };
    let causes = match lowering(e, operands)? {
        Lowering::Pointwise(_) => {
            let mut narrowed: Vec<Option<Marks>> = vec![None; operands.len()];
            let mut explained = vec![false; asked.len()];
            for (k, m) in causes.iter().enumerate() {
                let Some(m) = m else { continue };
                let without = again(&|i| i == k)?.into_iter().next()??.to_f64();
                let here: Marks = (0..asked.len()).map(|i| asked[i] && m[i] && !bad.is(without[i])).collect();
                here.iter().zip(&mut explained).for_each(|(h, e)| *e |= h);
                narrowed[k] = Some(here);
            }
            // No operand alone is why: all are.
            for (n, m) in narrowed.iter_mut().zip(&causes) {
                let (Some(n), Some(m)) = (n, m) else { continue };
                (0..asked.len()).for_each(|i| n[i] |= asked[i] && m[i] && !explained[i]);
            }
            narrowed
        }
        Lowering::View(_) => {
            let t = operands[0].leaf_type();
            let places: Vec<f64> = (0..t.len()).map(|i| i as f64).collect();
            let places = AnyArray::from_f64(&LeafType::new(&t.shape, crate::array::Kind::F64), &places)?;
            let from = e.op.value(&[&places]).ok()?.first()?.to_f64();
            let mut m = vec![false; t.len()];
            from.iter().zip(asked).for_each(|(i, a)| m[*i as usize] |= *a);
            vec![Some(m)]
        }
        _ => causes,
    };
    let some = |m: Option<Marks>| m.filter(|m| m.contains(&true));
    Some((made, causes.into_iter().map(some).collect()))
}

/// The array with plain numbers instead of what may cause what is followed.
fn plain(a: &AnyArray, bad: Bad) -> AnyArray {
    let v: Vec<f64> = a.to_f64().into_iter().map(|v| if bad.may_cause(v) { PLAIN } else { v }).collect();
    AnyArray::from_f64(&a.leaf_type(), &v).unwrap_or_else(|| a.clone())
}

/// The source inside a loop or branch.
fn inside(e: &Equation, operands: &[&AnyArray], asked: &[Option<Marks>], bad: Bad) -> Source {
    let owned: Vec<AnyArray> = operands.iter().map(|a| (*a).clone()).collect();
    if let Some(Cond(spec)) = e.op.downcast::<Cond>() {
        let Some(yes) = truth(&owned) else { return Source::Unknown };
        return source(if yes { &spec.yes } else { &spec.no }, &owned[1..], bad, |k| asked[k].is_some());
    }
    let Some(Scan(spec)) = e.op.downcast::<Scan>() else { return Source::Unknown };
    let mut found = Source::Outside;
    let what = if spec.carries == 0 { "item" } else { "turn" };
    let walked = walk(spec, &owned, &mut |turn, given, made| {
        if made.is_empty() {
            found = Source::Unknown;
            return false;
        }
        let here: Vec<bool> =
            (0..made.len()).map(|k| (k < spec.carries || asked[k].is_some()) && marks(&made[k], |v| bad.is(v)).is_some()).collect();
        if !here.contains(&true) {
            return true;
        }
        found = match source(&spec.body, given, bad, |k| here[k]) {
            Source::Operation(mut m) => {
                m.within.insert(0, (what, turn));
                Source::Operation(m)
            }
            other => other,
        };
        matches!(found, Source::Outside)
    });
    match (walked, found) {
        (None, Source::Outside) => Source::Unknown,
        (_, found) => found,
    }
}

impl Made {
    /// As an error about element `index` of a result; `primal` is the program whose derivative this one is.
    pub(super) fn error(self, primal: Option<&Program>, what: &str, index: &[usize], found: f64) -> Error {
        let from = match &self.infinite {
            None => Fed::Finite,
            Some(None) if !self.within.is_empty() => Fed::Outside,
            Some(None) => Fed::Input,
            Some(Some(m)) => Fed::Operation { operation: name(m, primal), site: m.site },
        };
        let (what, index) = (what.to_string(), index.to_vec());
        let kind = ErrorKind::Result { what, index, value: found, made: self.value, made_from: Some(from) };
        let e = Error::numeric(name(&self, primal), kind).or(self.site);
        self.within.iter().rev().fold(e, |e, (what, index)| e.within_one(what, *index))
    }
}

/// The operation, or that whose derivative it belongs to.
fn name(m: &Made, primal: Option<&Program>) -> String {
    fn at(p: &Program, site: Site, out: &mut Vec<String>) {
        for e in &p.equations {
            if e.site == Some(site) {
                out.push(e.op.name().to_string());
            }
            e.op.bodies().iter().for_each(|(_, p)| at(p, site, out));
        }
    }
    let mut names = vec![];
    if let (Some(p), Some(site)) = (primal, m.site) {
        at(p, site, &mut names);
    }
    match names.last() {
        Some(last) if !names.contains(&m.op) => format!("derivative of {last}"),
        _ => m.op.clone(),
    }
}
