//! Loops and branches for many items at once.
use crate::array::{Kind, LeafType};
use crate::error::Result;
use crate::operation::{Builder, CondSpec, Form, Items, Made, Program, ScanSpec, Storage, Trip, Value, Want};
use crate::transform::sums::{body_differs, carry_wants, stops_apart};
use crate::transform::{for_items, in_form};
use std::sync::Arc;

/// The loop with the axis of the items on what differs between them. Where items stop at different steps, it runs until the last one does, and each keeps
/// what it had when it stopped.
pub(super) fn scan(s: &ScanSpec, b: &mut Builder, items: &Items<'_>) -> Result<Made> {
    let (c, x, k, n) = (s.carries, s.items, s.constants, items.n);
    let operands: Vec<bool> = items.forms.iter().map(|f| *f != Form::Shared).collect();
    let differs = body_differs(s, &operands);
    let carried = carry_wants(s, &operands, items.wants);
    let apart = stops_apart(s, &differs, &operands);
    let mut forms = vec![Form::Shared; s.body.inputs.len()];
    for (f, _) in forms.iter_mut().zip(&differs).filter(|(_, d)| **d) {
        *f = Form::Each;
    }
    for (i, _) in carried.iter().enumerate().filter(|(_, w)| **w == Want::Sum) {
        forms[1 + i] = Form::Sum;
    }
    let inside = s.body.depends_on(&differs);
    let stacked = (0..s.stacked).map(|j| match items.wants[c + j] {
        _ if !inside[s.body.outputs[c + j].index()] && !apart => Form::Shared,
        Want::Each => Form::Each,
        _ if apart || !s.body.type_of(s.body.outputs[c + j]).kind.is_real() => Form::Each,
        _ => Form::Sum,
    });
    let asked: Vec<Form> = forms[1..=c].iter().copied().chain(stacked).collect();
    let asked = if apart { vec![Form::Each; asked.len()] } else { asked };
    let forms_in = if apart { with_carries(&forms, c, Form::Each) } else { forms };
    let body = for_items(&s.body, n, &forms_in, &asked)?;

    let mut given: Vec<Value> = vec![];
    for i in 0..c {
        given.push(in_form(b, (items.inputs[i], items.forms[i]), forms_in[1 + i], n));
    }
    for i in c..c + x {
        // A row of what is stacked is a step; the items come after it.
        given.push(if items.is_each(i) { b.move_axis(items.inputs[i], 0, 1) } else { items.inputs[i] });
    }
    given.extend(&items.inputs[c + x..c + x + k]);
    let storage = if let Storage::Bytes(bytes) = s.storage { Storage::Bytes(bytes.saturating_mul(n as u64)) } else { s.storage };
    if apart {
        let spec = ScanSpec { body: Arc::new(body), storage, ..s.clone() };
        return each_to_its_stop(&spec, s, b, items, &forms_in, given);
    }
    given.extend(&items.inputs[c + x + k..]);
    let trip = match &s.trip {
        Trip::Until { test, at_most } => {
            let given: Vec<Form> = forms_in[1..=c].iter().chain(&forms_in[1 + c + x..]).copied().collect();
            Trip::Until { test: Arc::new(for_items(test, n, &given, &[Form::Shared])?), at_most: *at_most }
        }
        other => other.clone(),
    };
    let made = b.scan(ScanSpec { body: Arc::new(body), trip, storage, ..s.clone() }, &given);
    Ok(results(b, s, &made, &asked))
}

fn with_carries(forms: &[Form], carries: usize, form: Form) -> Vec<Form> {
    forms.iter().enumerate().map(|(i, f)| if (1..=carries).contains(&i) { form } else { *f }).collect()
}

/// The outputs of the loop, with the items' axis before that of the steps.
fn results(b: &mut Builder, s: &ScanSpec, made: &[Value], asked: &[Form]) -> Made {
    let (c, y) = (s.carries, s.stacked);
    let mut out: Made = (0..c).map(|i| (made[i], asked[i])).collect();
    for (j, f) in (c..c + y).map(|j| (j, asked[j])).chain((0..c).map(|i| (c + y + i, asked[i]))) {
        out.push((if f == Form::Each { b.move_axis(made[j], 1, 0) } else { made[j] }, f));
    }
    out.push((made[made.len() - 1], Form::Shared));
    out
}

/// The loop where items stop at different steps: a step changes what belongs to items that still run, and nothing else.
fn each_to_its_stop(spec: &ScanSpec, s: &ScanSpec, b: &mut Builder, items: &Items<'_>, forms: &[Form], given: Vec<Value>) -> Result<Made> {
    let (c, x, k, y, n) = (s.carries, s.items, s.constants, s.stacked, items.n);
    let indices = LeafType::new(&[n], Kind::U32);
    let (types, made) = (spec.body.input_types(), spec.body.output_types());
    // One more carry counts the steps of each item; where the counts are given they are one more constant.
    let counts = matches!(s.trip, Trip::Counted(_)).then(|| items.inputs[c + x + k]);
    let mut f = Builder::new();
    let counter = f.input(types[0].clone());
    let carries: Vec<Value> = f.inputs(&types[1..=c]);
    let steps = f.input(indices.clone());
    let rest: Vec<Value> = f.inputs(&types[1 + c..]);
    let running = match (&s.trip, counts) {
        (Trip::Until { test, .. }, _) => {
            let verdict = runs(test, n, forms, s, &mut f, &carries, &rest[x..])?;
            f.cast(verdict, Kind::U32)
        }
        _ => {
            let counts = f.input(indices.clone());
            let row = f.broadcast(counter, &[n], &[]);
            f.less(row, counts)
        }
    };
    let next = f.inline(&spec.body, &[&[counter], &carries[..], &rest[..]].concat());
    let mut out = vec![];
    for i in 0..c {
        let test = along(&mut f, running, &made[i].shape);
        out.push(f.select(test, next[i], carries[i]));
    }
    out.push(f.add(steps, running));
    for j in c..c + y {
        let (test, zero) = (along(&mut f, running, &made[j].shape), f.full(&made[j], 0.0));
        out.push(f.select(test, next[j], zero));
    }
    out.push(running);
    let body = f.finish(&out)?;

    let trip = match &s.trip {
        Trip::Until { test, at_most } => {
            let mut f = Builder::new();
            let carries: Vec<Value> = f.inputs(&types[1..=c]);
            f.input(indices.clone());
            let constants: Vec<Value> = f.inputs(&types[1 + c + x..]);
            let verdict = runs(test, n, forms, s, &mut f, &carries, &constants)?;
            let any = f.max(verdict, &[0]);
            // Of no items the largest is −∞.
            let none = f.full_like(any, 0.0);
            let any = f.maximum(any, none);
            let stop = f.not(any);
            // Of a test that is neither true nor false it is neither.
            let nothing = f.sub(any, any);
            let stop = f.add(stop, nothing);
            Trip::Until { test: Arc::new(f.finish(&[stop])?), at_most: *at_most }
        }
        other => Trip::Counted(other.at_most()),
    };
    let none = b.full(&indices, 0.0);
    let mut inputs = given;
    inputs.insert(c, none);
    if let Some(counts) = counts {
        inputs.push(counts);
        let most = b.cast(counts, Kind::F64);
        let most = b.max(most, &[0]);
        let none = b.full_like(most, 0.0);
        let most = b.maximum(most, none);
        inputs.push(b.cast(most, Kind::U32));
    }
    let further = usize::from(counts.is_some());
    let spec = ScanSpec { body: Arc::new(body), carries: c + 1, constants: k + further, stacked: y + 1, trip, ..spec.clone() };
    let all = b.scan(spec, &inputs);
    // Carries, their counter, stacked outputs, who ran, states before each step, those of the counter, and the number of steps of the loop.
    let ran = all[c + 1 + y];
    let mut out: Made = all[..c].iter().map(|v| (*v, Form::Each)).collect();
    for v in &all[c + 1..=c + y] {
        out.push((b.move_axis(*v, 1, 0), Form::Each));
    }
    for v in &all[c + y + 2..2 * c + y + 2] {
        let (t, zero) = (b.shape(*v), b.full_like(*v, 0.0));
        let test = b.broadcast(ran, &t, &[0, 1]);
        let v = b.select(test, *v, zero);
        out.push((b.move_axis(v, 1, 0), Form::Each));
    }
    out.push((counts.unwrap_or(all[c]), Form::Each));
    if counts.is_some() {
        // A count above the limit is the limit.
        let last = out.len() - 1;
        out[last].0 = all[c];
    }
    Ok(out)
}

/// 1 for items that go on, 0 for those that stop, NaN where the test is.
fn runs(test: &Program, n: usize, forms: &[Form], s: &ScanSpec, f: &mut Builder, carries: &[Value], constants: &[Value]) -> Result<Value> {
    let given: Vec<Form> = forms[1..=s.carries].iter().chain(&forms[1 + s.carries + s.items..]).copied().collect();
    let test = for_items(test, n, &given, &[Form::Each])?;
    let said = f.inline(&test, &[carries, constants].concat())[0];
    let said = f.cast(said, if f.kind(said) == Kind::F32 { Kind::F32 } else { Kind::F64 });
    let said = f.stop_gradient(said);
    let zero = f.full_like(said, 0.0);
    let goes = f.equal(said, zero);
    let same = f.equal(said, said);
    let none = f.full_like(said, f64::NAN);
    Ok(f.select(same, goes, none))
}

/// A test of the items along the other axes of an array.
fn along(b: &mut Builder, test: Value, shape: &[usize]) -> Value {
    b.broadcast(test, shape, &[0])
}

/// The branch for all items: one of both sides where they share the test, else both sides, and for each item the one of its test.
pub(super) fn cond(c: &CondSpec, b: &mut Builder, items: &Items<'_>) -> Result<Made> {
    let n = items.n;
    if !items.is_each(0) {
        let differs: Vec<bool> = items.forms[1..].iter().map(|f| *f == Form::Each).collect();
        let of = [&c.yes, &c.no].map(|p| (p, p.depends_on(&differs)));
        let out: Vec<Form> = (0..c.yes.outputs.len())
            .map(|i| if of.iter().any(|(p, d)| d[p.outputs[i].index()]) { Form::Each } else { Form::Shared })
            .collect();
        let side = |p: &Program| for_items(p, n, &items.forms[1..], &out).map(Arc::new);
        let made = b.cond(CondSpec { yes: side(&c.yes)?, no: side(&c.no)? }, items.inputs[0], &items.inputs[1..]);
        return Ok(made.into_iter().zip(out).collect());
    }
    let asked = vec![Form::Each; c.yes.outputs.len()];
    let test = b.decided(items.inputs[0]);
    let mut sides = vec![];
    for p in [&c.yes, &c.no] {
        let side = for_items(p, n, &items.forms[1..], &asked)?;
        sides.push(b.inline(&side, &items.inputs[1..]));
    }
    let mut out = vec![];
    for (yes, no) in sides[0].clone().into_iter().zip(sides[1].clone()) {
        let shape = b.shape(yes);
        let test = along(b, test, &shape);
        out.push((b.select(test, yes, no), Form::Each));
    }
    Ok(out)
}
