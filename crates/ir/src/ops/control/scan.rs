//! The loop operation: its types, its reference value, and the removal of carries and outputs that nobody reads.
use super::{reaches, reaches_through};
use crate::array::{AnyArray, Element, Kind, LeafType};
use crate::each_kind;
use crate::error::{Error, ErrorKind, Result};
use crate::operation::{Builder, Items, Lowering, Made, Maybe, Op, Operation, Program, Pruned, ScanSpec, Trip, Value, truth};
use crate::program::{Types, Values};
use crate::reference;
use crate::transform;
use ndarray::{ArrayD, Axis};
use std::sync::Arc;

/// Repeats a body; see [`ScanSpec`] for the order of operands and results.
///
/// Its vjp (for cotangents) is a loop that runs backwards over the stacked carries and recomputes the body. Its jvp (for tangents) is a loop that
/// also carries the tangents of the active carries.
#[derive(Debug, Clone)]
pub struct Scan(pub ScanSpec);

impl Operation for Scan {
    fn name(&self) -> &str {
        "scan"
    }
    fn attributes(&self) -> String {
        let s = &self.0;
        let trip = match &s.trip {
            Trip::Static(n) => n.to_string(),
            Trip::Until { at_most, .. } => format!("until, at most {at_most}"),
            Trip::Counted(n) => format!("counted, at most {n}"),
        };
        let reverse = if s.reverse { ", reverse" } else { "" };
        format!("{trip}{reverse}; {} carries, {} items, {} constants, {} stacked", s.carries, s.items, s.constants, s.stacked)
    }
    fn arity(&self) -> Option<usize> {
        Some(self.0.inputs())
    }
    fn infer(&self, inputs: &[&LeafType]) -> Result<Types, ErrorKind> {
        self.0.types(inputs)
    }
    fn value(&self, inputs: &[&AnyArray]) -> Result<Vec<AnyArray>, ErrorKind> {
        let s = &self.0;
        let n = s.trip.at_most();
        let (first_constant, last_constant) = (s.carries + s.items, s.carries + s.items + s.constants);
        let constants: Vec<AnyArray> = inputs[first_constant..last_constant].iter().map(|a| (*a).clone()).collect();
        let mut carry: Vec<AnyArray> = inputs[..s.carries].iter().map(|a| (*a).clone()).collect();
        let count = if let Trip::Counted(_) = s.trip { inputs[last_constant].to_f64()[0] as usize } else { n };
        let made = s.body.output_types();
        let full = |t: &LeafType| AnyArray::full(&s.stack(t), 0.0);
        let mut stacked: Vec<AnyArray> = made[s.carries..].iter().map(full).collect();
        let mut trajectory: Vec<AnyArray> = made[..s.carries].iter().map(full).collect();
        let mut steps = 0;
        for k in 0..count.min(n) {
            if let Trip::Until { test, .. } = &s.trip {
                let given: Vec<AnyArray> = carry.iter().chain(&constants).cloned().collect();
                if truth(reference::run(test, &given)?[0].to_f64()[0])? {
                    break;
                }
            }
            let row = if s.reverse { count.min(n) - 1 - k } else { k };
            let mut given = vec![AnyArray::full(&LeafType::new(&[], Kind::U32), row as f64)];
            given.extend(carry.iter().cloned());
            given.extend(inputs[s.carries..first_constant].iter().map(|a| row_of(a, row)));
            given.extend(constants.iter().cloned());
            for (t, c) in trajectory.iter_mut().zip(&carry) {
                set_row(t, row, c);
            }
            let what = if s.carries == 0 { "item" } else { "turn" };
            let mut out = reference::run(&s.body, &given).map_err(|e| e.within_one(what, row as u64))?;
            for (t, y) in stacked.iter_mut().zip(out.drain(s.carries..)) {
                set_row(t, row, &y);
            }
            carry = out;
            steps += 1;
        }
        let mut out = carry;
        out.extend(stacked);
        out.extend(trajectory);
        out.push(AnyArray::full(&LeafType::new(&[], Kind::U32), f64::from(steps)));
        Ok(out)
    }
    fn jvp(&self, b: &mut Builder, op: &Op, inputs: &[Value], tangents: &[Option<Value>]) -> (Values, Maybe) {
        match super::scan_rules::jvp(&self.0, b, inputs, tangents) {
            Ok(made) => made,
            Err(e) => {
                b.fail(e);
                let y = b.emit(op.clone(), inputs);
                let none = vec![None; y.len()];
                (y, none)
            }
        }
    }
    fn vjp(&self, b: &mut Builder, inputs: &[Value], outputs: &[Value], cotangents: &[Option<Value>], wanted: &[bool]) -> Maybe {
        super::scan_rules::vjp(&self.0, b, inputs, outputs, cotangents, wanted).unwrap_or_else(|e| {
            b.fail(e);
            vec![None; inputs.len()]
        })
    }
    fn lower(&self, _: &[&LeafType], _: &[&LeafType]) -> Lowering {
        Lowering::Scan(self.0.clone())
    }
    fn same(&self, other: &dyn Operation) -> bool {
        let other: &dyn std::any::Any = other;
        other.downcast_ref::<Scan>().is_some_and(|o| {
            let trips = match (&self.0.trip, &o.0.trip) {
                (Trip::Static(a), Trip::Static(b)) | (Trip::Counted(a), Trip::Counted(b)) => a == b,
                (Trip::Until { test: a, at_most: m }, Trip::Until { test: b, at_most: n }) => m == n && Arc::ptr_eq(a, b),
                _ => false,
            };
            trips
                && Arc::ptr_eq(&self.0.body, &o.0.body)
                && (self.0.carries, self.0.items, self.0.reverse) == (o.0.carries, o.0.items, o.0.reverse)
        })
    }
    fn bodies(&self) -> Vec<(&'static str, Arc<Program>)> {
        let mut bodies = vec![("body", self.0.body.clone())];
        if let Trip::Until { test, .. } = &self.0.trip {
            bodies.push(("until", test.clone()));
        }
        bodies
    }
    fn prune(&self, read: &[bool]) -> Option<Pruned> {
        prune(&self.0, read).ok().flatten()
    }
    fn split(&self, b: &mut Builder, inputs: &[Value], known: &[bool]) -> Result<Option<Values>> {
        super::scan_rules::split(&self.0, b, inputs, known)
    }
    fn batch(&self, b: &mut Builder, _: &Op, items: &Items<'_>) -> Result<Option<Made>> {
        super::items::scan(&self.0, b, items).map(Some)
    }
    fn widened(&self, b: &mut Builder, inputs: &[Value], bodies: Vec<Program>) -> Result<(Values, Vec<Value>)> {
        let [body] = <[Program; 1]>::try_from(bodies).map_err(|_| Error::new("scan", ErrorKind::misuse("has one body")))?;
        super::widened::scan(&self.0, b, inputs, body)
    }
}

impl Builder {
    /// A loop; see [`ScanSpec`] for the order of operands and results.
    pub fn scan(&mut self, spec: ScanSpec, inputs: &[Value]) -> Values {
        self.emit(Op::new(Scan(spec)), inputs)
    }
}

/// The loop without the carries, per-step outputs and operands that nobody needs. A carry also stays if a carry that stays needs it.
fn prune(s: &ScanSpec, read: &[bool]) -> Result<Option<Pruned>> {
    let mut carry: Vec<bool> = (0..s.carries).map(|i| read[i] || read[s.carries + s.stacked + i]).collect();
    let mut constant_in_test = vec![false; s.constants];
    if let Trip::Until { test, .. } = &s.trip {
        let needs = reaches(test, &[true]);
        for i in 0..s.carries {
            carry[i] |= needs[i];
        }
        constant_in_test.copy_from_slice(&needs[s.carries..]);
    }
    let live: Vec<bool> = carry.iter().copied().chain((0..s.stacked).map(|k| read[s.carries + k])).collect();
    let needs = reaches_through(&s.body, &live, 1, &vec![true; s.carries]);
    (0..s.carries).for_each(|i| carry[i] |= needs[1 + i]);
    let item: Vec<bool> = (0..s.items).map(|i| needs[s.body_items() + i]).collect();
    let constant: Vec<bool> = (0..s.constants).map(|i| constant_in_test[i] || needs[s.body_items() + s.items + i]).collect();
    let mut stacked: Vec<bool> = (0..s.stacked).map(|i| read[s.carries + i]).collect();
    // A derivative may later read stacked values. Such values stay if all inputs that they are computed from stay.
    let stays = |of: usize| {
        let only: Vec<bool> = (0..s.carries + s.stacked).map(|i| i == s.carries + of).collect();
        let all = reaches(&s.body, &only);
        (1..s.body.inputs.len()).all(|i| !all[i] || carry.iter().chain(&item).chain(&constant).nth(i - 1) == Some(&true))
    };
    for of in s.shared() {
        stacked[of] |= stays(of);
    }
    if carry.iter().chain(&item).chain(&constant).chain(&stacked).all(|k| *k) {
        return Ok(None);
    }
    let places = |mask: &[bool], from: usize| -> Vec<usize> { (0..mask.len()).filter(|i| mask[*i]).map(|i| from + i).collect() };
    let mut order = vec![0];
    order.extend(places(&carry, 1));
    order.extend(places(&item, s.body_items()));
    order.extend(places(&constant, s.body_items() + s.items));
    let mut outputs = places(&carry, 0);
    outputs.extend(places(&stacked, s.carries));
    let body = transform::rearrange(&s.body, &order, &outputs)?;
    let trip = match &s.trip {
        Trip::Until { test, at_most } => {
            let order: Vec<usize> = places(&carry, 0).into_iter().chain(places(&constant, s.carries)).collect();
            Trip::Until { test: Arc::new(transform::rearrange(test, &order, &[0])?), at_most: *at_most }
        }
        other => other.clone(),
    };
    let count = |mask: &[bool]| mask.iter().filter(|k| **k).count();
    let spec = ScanSpec {
        body: Arc::new(body),
        carries: count(&carry),
        items: count(&item),
        constants: count(&constant),
        stacked: count(&stacked),
        trip,
        reverse: s.reverse,
        storage: s.storage,
    };
    let mut inputs: Vec<bool> = carry.iter().chain(&item).chain(&constant).copied().collect();
    inputs.resize(s.inputs(), true);
    let outputs = carry.iter().chain(&stacked).chain(&carry).copied().chain([true]).collect();
    Ok(Some(Pruned { op: Op::new(Scan(spec)), inputs, outputs }))
}

fn row_of(a: &AnyArray, row: usize) -> AnyArray {
    fn typed<T: Element>(a: &ArrayD<T>, row: usize) -> AnyArray {
        T::array(a.index_axis(Axis(0), row).to_owned())
    }
    each_kind!(AnyArray, a, a => typed(a, row))
}

fn set_row(a: &mut AnyArray, row: usize, v: &AnyArray) {
    fn typed<T: Element>(a: &mut ArrayD<T>, row: usize, v: &AnyArray) {
        if let Some(v) = T::of_array(v) {
            a.index_axis_mut(Axis(0), row).assign(v);
        }
    }
    each_kind!(AnyArray, a, a => typed(a, row, v));
}
