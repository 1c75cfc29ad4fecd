//! The derivative rules of the loop: the jvp adds tangents of the active carries, the vjp runs backwards over the stacked carries.
use super::{close_forward, reaches, reaches_through};
use crate::error::Result;
use crate::operation::{Builder, Maybe, Program, ScanSpec, Storage, Trip, Value};
use crate::program::Values;
use crate::transform;
use std::sync::Arc;

/// The places at which a mask holds.
fn places(mask: &[bool]) -> Vec<usize> {
    (0..mask.len()).filter(|i| mask[*i]).collect()
}

/// The trip with its test rewritten for a loop with more carries and constants. `carries` is the number of all carries, and `constants` gives the
/// places of all constants among the body's inputs. `old_*` are the places of those that the test was written for.
fn widen_test(
    trip: &Trip,
    body: &Program,
    carries: usize,
    constants: std::ops::Range<usize>,
    old_carries: &[usize],
    old_constants: &[usize],
) -> Result<Trip> {
    let Trip::Until { test, at_most } = trip else { return Ok(trip.clone()) };
    let mut b = Builder::literal();
    let mut given = |place: usize| b.input(body.type_of(body.inputs[place]).clone());
    let carry: Vec<Value> = (0..carries).map(|i| given(1 + i)).collect();
    let constant: Vec<Value> = constants.map(&mut given).collect();
    let inputs: Vec<Value> = old_carries.iter().map(|i| carry[*i]).chain(old_constants.iter().map(|i| constant[*i])).collect();
    let out = b.inline(test, &inputs);
    Ok(Trip::Until { test: Arc::new(b.finish(&out)?), at_most: *at_most })
}

pub(super) fn jvp(s: &ScanSpec, b: &mut Builder, inputs: &[Value], tangents: &[Option<Value>]) -> Result<(Values, Maybe)> {
    let (c, x, k) = (s.carries, s.items, s.constants);
    let mut active = vec![false; s.body.inputs.len()];
    for i in 0..c + x + k {
        active[1 + i] = tangents[i].is_some();
    }
    close_forward(&s.body, &mut active, 1, c);
    let reached = s.body.depends_on(&active);
    let out_active: Vec<bool> = (0..c + s.stacked)
        .map(|i| if i < c { active[1 + i] } else { reached[s.body.outputs[i].index()] && s.body.type_of(s.body.outputs[i]).kind.is_real() })
        .collect();
    let joint = transform::jvp(&s.body, &active, &out_active)?;

    // The joint body takes all inputs first, then all tangents. A loop takes carries, items and constants, each group followed by its tangents.
    let act = |from: usize, n: usize| -> Vec<usize> { places(&active[from..from + n]) };
    let (ac, ax, ak) = (act(1, c), act(1 + c, x), act(1 + c + x, k));
    let mut body = Builder::literal();
    let new = |body: &mut Builder, places: &mut dyn Iterator<Item = usize>| -> Vec<Value> {
        places.map(|p| body.input(s.body.type_of(s.body.inputs[p]).clone())).collect()
    };
    let counter = new(&mut body, &mut [0].into_iter());
    let (vc, tc) = (new(&mut body, &mut (1..1 + c)), new(&mut body, &mut ac.iter().map(|i| 1 + i)));
    let (vx, tx) = (new(&mut body, &mut (1 + c..1 + c + x)), new(&mut body, &mut ax.iter().map(|i| 1 + c + i)));
    let (vk, tk) = (new(&mut body, &mut (1 + c + x..1 + c + x + k)), new(&mut body, &mut ak.iter().map(|i| 1 + c + x + i)));
    let given = [counter, vc, vx, vk, tc, tx, tk].concat();
    let made = body.inline(&joint, &given);
    let (y, t) = made.split_at(c + s.stacked);
    let mut t = t.iter().copied();
    let tangent: Vec<Option<Value>> = out_active.iter().map(|a| if *a { t.next() } else { None }).collect();
    let mut outputs: Vec<Value> = y[..c].to_vec();
    outputs.extend(tangent[..c].iter().flatten());
    outputs.extend(&y[c..]);
    outputs.extend(tangent[c..].iter().flatten());
    let body = body.finish(&outputs)?;

    let constants = 1 + c + ac.len() + x + ax.len()..1 + c + ac.len() + x + ax.len() + k + ak.len();
    let trip = widen_test(&s.trip, &body, c + ac.len(), constants, &(0..c).collect::<Vec<_>>(), &(0..k).collect::<Vec<_>>())?;
    let ay = out_active[c..].iter().filter(|a| **a).count();
    let spec = ScanSpec {
        body: Arc::new(body),
        carries: c + ac.len(),
        items: x + ax.len(),
        constants: k + ak.len(),
        stacked: s.stacked + ay,
        trip,
        reverse: s.reverse,
        storage: s.storage,
    };
    let mut given: Vec<Value> = inputs[..c].to_vec();
    given.extend(ac.iter().map(|i| b.or_zeros(tangents[*i], inputs[*i])));
    given.extend(&inputs[c..c + x]);
    given.extend(ax.iter().filter_map(|i| tangents[c + i]));
    given.extend(&inputs[c + x..c + x + k]);
    given.extend(ak.iter().filter_map(|i| tangents[c + x + i]));
    given.extend(&inputs[c + x + k..]);
    let (nc, ny) = (spec.carries, spec.stacked);
    let out = b.scan(spec, &given);

    let (finals, rest) = out.split_at(nc);
    let (ys, rest) = rest.split_at(ny);
    let (stack, count) = rest.split_at(nc);
    let mut values: Values = finals[..c].iter().copied().collect();
    values.extend(ys[..s.stacked].iter().chain(&stack[..c]).chain(count).copied());
    let with = |mask: &[bool], t: &[Value]| -> Maybe {
        let mut t = t.iter().copied();
        mask.iter().map(|a| if *a { t.next() } else { None }).collect()
    };
    let mut dots = with(&out_active[..c], &finals[c..]);
    dots.extend(with(&out_active[c..], &ys[s.stacked..]));
    dots.extend(with(&out_active[..c], &stack[c..]));
    dots.push(None);
    Ok((values, dots))
}

pub(super) fn vjp(
    s: &ScanSpec,
    b: &mut Builder,
    inputs: &[Value],
    outputs: &[Value],
    cotangents: &[Option<Value>],
    wanted: &[bool],
) -> Result<Maybe> {
    let (c, x, k, ny) = (s.carries, s.items, s.constants, s.stacked);
    // First find what depends on a wanted input; of that, find what a given cotangent reaches.
    let mut active = vec![false; s.body.inputs.len()];
    active[1..1 + c + x + k].copy_from_slice(&wanted[..c + x + k]);
    close_forward(&s.body, &mut active, 1, c);
    let y_seeded: Vec<bool> = (0..ny).map(|i| cotangents[c + i].is_some()).collect();
    let mut carried: Vec<bool> = (0..c).map(|i| active[1 + i] && (cotangents[i].is_some() || cotangents[c + ny + i].is_some())).collect();
    let read: Vec<bool> = carried.iter().chain(&y_seeded).copied().collect();
    let needs = reaches_through(&s.body, &read, 1, &active[1..1 + c]);
    (0..c).for_each(|i| carried[i] |= active[1 + i] && needs[1 + i]);
    let seeded: Vec<bool> = carried.iter().chain(&y_seeded).copied().collect();
    if !seeded.iter().any(|v| *v) {
        return Ok(vec![None; inputs.len()]);
    }
    // One step backwards makes the cotangents of the carries in `carried`, of wanted items and of wanted constants.
    let mut asked = vec![false; s.body.inputs.len()];
    asked[1..1 + c].copy_from_slice(&carried);
    for i in 0..x + k {
        asked[1 + c + i] = wanted[c + i] && s.body.type_of(s.body.inputs[1 + c + i]).kind.is_real();
    }
    let step = transform::vjp(&s.body, &asked, &seeded)?;
    // Costly values that the loop has stacked are read instead of recomputed.
    let shared = s.shared();

    let (pc, px, pk) = (places(&carried), places(&asked[1 + c..1 + c + x]), places(&asked[1 + c + x..]));
    let py = places(&y_seeded);
    let ps: Vec<usize> = pc.iter().copied().filter(|i| cotangents[c + ny + i].is_some()).collect();
    let mut body = Builder::literal();
    let of = |place: usize| s.body.type_of(s.body.inputs[place]).clone();
    let counter = body.input(of(0));
    let bar_c: Vec<Value> = pc.iter().map(|i| body.input(of(1 + i))).collect();
    let bar_k: Vec<Value> = pk.iter().map(|i| body.input(of(1 + c + x + i))).collect();
    let vc: Vec<Value> = (0..c).map(|i| body.input(of(1 + i))).collect();
    let vx: Vec<Value> = (0..x).map(|i| body.input(of(1 + c + i))).collect();
    let bar_y: Vec<Value> = py.iter().map(|i| body.input(s.body.type_of(s.body.outputs[c + i]).clone())).collect();
    let bar_s: Vec<Value> = ps.iter().map(|i| body.input(of(1 + i))).collect();
    let known: Vec<(Value, Value)> =
        shared.iter().map(|j| (step.outputs[c + j], body.input(s.body.type_of(s.body.outputs[c + j]).clone()))).collect();
    let vk: Vec<Value> = (0..k).map(|i| body.input(of(1 + c + x + i))).collect();
    let mut given = vec![counter];
    given.extend(vc.iter().chain(&vx).chain(&vk).chain(&bar_c).chain(&bar_y));
    let made = body.inline_knowing(&step, &given, &known);
    let (made_c, rest) = made[c + ny..].split_at(pc.len());
    let (made_x, made_k) = rest.split_at(px.len());
    let mut outs: Vec<Value> = vec![];
    for (j, i) in pc.iter().enumerate() {
        let direct = ps.binary_search(i).ok().map(|p| bar_s[p]);
        outs.extend(body.plus(Some(made_c[j]), direct));
    }
    for (j, v) in made_k.iter().enumerate() {
        outs.push(body.add(bar_k[j], *v));
    }
    outs.extend(made_x);
    let body = transform::simplify(&body.finish(&outs)?)?;

    let count = outputs[outputs.len() - 1];
    let trip = match &s.trip {
        Trip::Static(n) => Trip::Static(*n),
        Trip::Until { at_most, .. } => Trip::Counted(*at_most),
        Trip::Counted(n) => Trip::Counted(*n),
    };
    let counted = matches!(trip, Trip::Counted(_));
    let spec = ScanSpec {
        body: Arc::new(body),
        carries: pc.len() + pk.len(),
        items: c + x + py.len() + ps.len() + shared.len(),
        constants: k,
        stacked: px.len(),
        trip,
        reverse: !s.reverse,
        storage: s.storage,
    };
    let mut given: Vec<Value> = pc.iter().map(|i| b.or_zeros(cotangents[*i], inputs[*i])).collect();
    given.extend(pk.iter().map(|i| b.full_like(inputs[c + x + i], 0.0)));
    // The cotangents of constants are accumulators, which begin at zero. Those that only add up outer products leave the loop.
    let deferred = super::deferred::defer(&spec, pc.len())?;
    let spec = match &deferred {
        Some(d) => {
            let mut out = d.out.iter();
            given.retain(|_| out.next().is_some_and(|o| !o));
            d.spec.clone()
        }
        None => spec,
    };
    given.extend(&outputs[c + ny..c + ny + c]);
    given.extend(&inputs[c..c + x]);
    given.extend(py.iter().filter_map(|i| cotangents[c + i]));
    given.extend(ps.iter().filter_map(|i| cotangents[c + ny + i]));
    given.extend(shared.iter().map(|j| outputs[c + j]));
    given.extend(&inputs[c + x..c + x + k]);
    if counted {
        given.push(if let Trip::Counted(_) = s.trip { inputs[c + x + k] } else { count });
    }
    let carries = spec.carries;
    let out = b.scan(spec, &given);
    let stacked = &out[carries..];
    let mut kept = out[..carries].iter().copied();
    let mut totals = deferred.iter().flat_map(|d| d.totals(b, &given[carries..], stacked)).collect::<Vec<_>>().into_iter();
    let mut last = |carry: usize| match &deferred {
        Some(d) if d.out[carry] => totals.next(),
        _ => kept.next(),
    };
    let mut bars = vec![None; inputs.len()];
    for (j, i) in pc.iter().enumerate() {
        bars[*i] = last(j);
    }
    for (j, i) in pk.iter().enumerate() {
        bars[c + x + i] = last(pc.len() + j);
    }
    for (j, i) in px.iter().enumerate() {
        bars[c + i] = Some(stacked[j]);
    }
    Ok(bars)
}

/// Splits a loop with known and unknown inputs in two. The first runs what depends only on known inputs. It stacks the values that the second reads:
/// known carries and residuals.
pub(super) fn split(s: &ScanSpec, b: &mut Builder, inputs: &[Value], known: &[bool]) -> Result<Option<Values>> {
    let (c, x, k, ny) = (s.carries, s.items, s.constants, s.stacked);
    if !known[c + x + k..].iter().all(|v| *v) {
        return Ok(None);
    }
    let mut unknown = vec![false; s.body.inputs.len()];
    for i in 0..c + x + k {
        unknown[1 + i] = !known[i];
    }
    // A carry is unknown if its new value is. Loops and branches inside the body are divided as well, which may make more carries unknown.
    let mut parts = loop {
        let known: Vec<bool> = unknown.iter().map(|u| !u).collect();
        let parts = transform::partition(&s.body, &known, &vec![false; c + ny])?;
        let grown: Vec<bool> = (0..c).map(|i| unknown[1 + i] || parts.unknown_outputs[i]).collect();
        if grown[..] == unknown[1..1 + c] {
            break parts;
        }
        unknown[1..1 + c].copy_from_slice(&grown);
    };
    if let Trip::Until { test, .. } = &s.trip {
        let needs = reaches(test, &[true]);
        let mixed = (0..c).any(|i| unknown[1 + i] && needs[i]) || (0..k).any(|i| unknown[1 + c + x + i] && needs[c + i]);
        if mixed {
            return Ok(None);
        }
    }
    parts.ask(&(0..c + ny).map(|i| i < c && unknown[1 + i]).collect::<Vec<_>>());
    let within_bytes = matches!(s.storage, Storage::Bytes(_));

    // The known loop has the known carries, items and constants. It stacks the residuals of every step, unless states are under a budget.
    let mine = |from: usize, n: usize, want: bool| -> Vec<usize> { (0..n).filter(|i| unknown[from + i] != want).collect() };
    let (kc, kx, kk) = (mine(1, c, true), mine(1 + c, x, true), mine(1 + c + x, k, true));
    let (uc, ux, uk) = (mine(1, c, false), mine(1 + c, x, false), mine(1 + c + x, k, false));
    let ky: Vec<usize> = (0..ny).filter(|i| !parts.unknown_outputs[c + i]).collect();
    let uy: Vec<usize> = (0..ny).filter(|i| parts.unknown_outputs[c + i]).collect();
    let mut order = vec![0];
    order.extend(kc.iter().map(|i| 1 + i).chain(kx.iter().map(|i| 1 + c + i)).chain(kk.iter().map(|i| 1 + c + x + i)));
    let known_outputs: Vec<usize> = kc.iter().copied().chain(ky.iter().map(|i| c + i)).collect();
    let body =
        if within_bytes { transform::rearrange(&s.body, &order, &known_outputs)? } else { parts.known_body(&order, &known_outputs)? };
    let residuals = if within_bytes { 0 } else { parts.made_residuals() };
    let trip = match &s.trip {
        Trip::Until { test, at_most } => {
            let order: Vec<usize> = kc.iter().copied().chain(kk.iter().map(|i| c + i)).collect();
            Trip::Until { test: Arc::new(transform::rearrange(test, &order, &[0])?), at_most: *at_most }
        }
        other => other.clone(),
    };
    let spec = ScanSpec {
        body: Arc::new(body),
        carries: kc.len(),
        items: kx.len(),
        constants: kk.len(),
        stacked: ky.len() + residuals,
        trip: trip.clone(),
        reverse: s.reverse,
        storage: s.storage,
    };
    let mut given: Vec<Value> = kc.iter().map(|i| inputs[*i]).collect();
    given.extend(kx.iter().map(|i| inputs[c + i]).chain(kk.iter().map(|i| inputs[c + x + i])));
    given.extend(&inputs[c + x + k..]);
    let first = b.scan(spec, &given);
    let (first_final, rest) = first.split_at(kc.len());
    let (first_y, rest) = rest.split_at(ky.len() + residuals);
    let (first_stack, first_count) = rest.split_at(kc.len());

    let pick = |mine: &[usize], theirs: &[usize], a: &[Value], u: &[Value], i: usize| -> Value {
        match mine.iter().position(|m| *m == i) {
            Some(p) => a[p],
            None => u[theirs.iter().position(|m| *m == i).unwrap_or(0)],
        }
    };
    if within_bytes {
        // What would be handed over grows with the steps. So the unknown loop is the whole one again: it makes the known carries a second time.
        let whole = b.scan(s.clone(), inputs);
        let all = |n: usize| (0..n).collect::<Vec<_>>();
        let mut out: Values = (0..c).map(|i| pick(&kc, &all(c), first_final, &whole[..c], i)).collect();
        out.extend((0..ny).map(|i| pick(&ky, &all(ny), first_y, &whole[c..c + ny], i)));
        out.extend((0..c).map(|i| pick(&kc, &all(c), first_stack, &whole[c + ny..], i)));
        out.push(first_count[0]);
        return Ok(Some(out));
    }

    // The unknown loop reads its own operands, the stacked known carries, the known items and constants, and the residuals.
    let mut order = vec![0];
    order.extend(uc.iter().map(|i| 1 + i));
    order.extend(ux.iter().map(|i| 1 + c + i).chain(kc.iter().map(|i| 1 + i)).chain(kx.iter().map(|i| 1 + c + i)));
    let constants: Vec<usize> = uk.iter().chain(&kk).map(|i| 1 + c + x + i).collect();
    let unknown_outputs: Vec<usize> = uc.iter().copied().chain(uy.iter().map(|i| c + i)).collect();
    let body = parts.unknown_body(&order, &constants, &unknown_outputs)?;
    let counted = !matches!(s.trip, Trip::Static(_));
    let spec = ScanSpec {
        body: Arc::new(body),
        carries: uc.len(),
        items: ux.len() + kc.len() + kx.len() + residuals,
        constants: constants.len(),
        stacked: uy.len(),
        trip: if counted { Trip::Counted(s.trip.at_most()) } else { trip },
        reverse: s.reverse,
        storage: s.storage,
    };
    let mut given: Vec<Value> = uc.iter().map(|i| inputs[*i]).collect();
    given.extend(ux.iter().map(|i| inputs[c + i]));
    given.extend(first_stack);
    given.extend(kx.iter().map(|i| inputs[c + i]));
    given.extend(&first_y[ky.len()..]);
    given.extend(uk.iter().chain(&kk).map(|i| inputs[c + x + i]));
    if counted {
        given.push(first_count[0]);
    }
    let second = b.scan(spec, &given);

    let (sf, sy, ss) = (&second[..uc.len()], &second[uc.len()..uc.len() + uy.len()], &second[uc.len() + uy.len()..]);
    let mut out: Values = (0..c).map(|i| pick(&kc, &uc, first_final, sf, i)).collect();
    out.extend((0..ny).map(|i| pick(&ky, &uy, first_y, sy, i)));
    out.extend((0..c).map(|i| pick(&kc, &uc, first_stack, ss, i)));
    out.push(first_count[0]);
    Ok(Some(out))
}
