//! Loops and branches with more outputs, which are ∞ where they are not run.
use crate::array::{AnyArray, Kind, LeafType, Shared};
use crate::error::Result;
use crate::operation::{Builder, CondSpec, Program, ScanSpec, Trip, Value};
use crate::program::Values;
use std::sync::Arc;

/// The loop with another body, whose outputs after the loop's own are stacked too.
pub(super) fn scan(s: &ScanSpec, b: &mut Builder, x: &[Value], body: Program) -> Result<(Values, Vec<Value>)> {
    let (before, stacked) = (s.carries + s.stacked, body.outputs.len() - s.carries);
    let out = b.scan(ScanSpec { body: Arc::new(body), stacked, ..s.clone() }, x);
    if b.problem().is_some() {
        return Ok((out, vec![]));
    }
    let (first, rest) = out.split_at(before);
    let (made, last) = rest.split_at(stacked - s.stacked);
    let count = last[s.carries];
    let made = made.iter().map(|v| where_taken(b, s, *v, count)).collect();
    Ok((first.iter().chain(last).copied().collect(), made))
}

/// What is stacked over the steps, ∞ in those that are not taken.
fn where_taken(b: &mut Builder, s: &ScanSpec, v: Value, count: Value) -> Value {
    if let Trip::Static(_) = s.trip {
        return v;
    }
    let (n, shape) = (s.trip.at_most(), b.shape(v));
    let rows = LeafType::new(&[n], Kind::U32);
    let order: Vec<f64> = (0..n).map(|k| k as f64).collect();
    let order = AnyArray::from_f64(&rows, &order).unwrap_or_else(|| AnyArray::full(&rows, 0.0));
    let (row, count) = (b.constant(Shared::from(order)), b.broadcast(count, &[n], &[]));
    let taken = if s.reverse && matches!(s.trip, Trip::Until { .. }) {
        // From the last row on.
        let all = b.full(&rows, n as f64);
        let left = b.sub(all, count);
        b.less_equal(left, row)
    } else {
        b.less(row, count)
    };
    let taken = b.broadcast(taken, &shape, &[0]);
    let far = b.full_like(v, f64::INFINITY);
    b.select(taken, v, far)
}

/// The branch with other sides, whose outputs after its own each side has for itself: the other one gives ∞ for them.
pub(super) fn cond(c: &CondSpec, b: &mut Builder, x: &[Value], sides: [Program; 2]) -> Result<(Values, Vec<Value>)> {
    let n = c.yes.outputs.len();
    let types = sides.each_ref().map(|p| p.output_types().split_off(n));
    let mut whole = vec![];
    for (side, p) in sides.iter().enumerate() {
        let mut s = Builder::literal();
        let given = s.inputs(&p.input_types());
        let y = s.inline(p, &given);
        let mut out = y[..n].to_vec();
        for (other, types) in types.iter().enumerate() {
            if other == side {
                out.extend(&y[n..]);
            } else {
                out.extend(types.iter().map(|t| s.full(t, f64::INFINITY)));
            }
        }
        whole.push(Arc::new(s.finish(&out)?));
    }
    let mut out = b.cond(CondSpec { yes: whole[0].clone(), no: whole[1].clone() }, x[0], &x[1..]);
    let made = if b.problem().is_some() { vec![] } else { out.drain(n..).collect() };
    Ok((out, made))
}
