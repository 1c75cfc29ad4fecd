//! Rematerialisation: a loop keeps some of its states only, and later loops that read them compute the others again.
use super::checkpoints::{Spacing, advances};
use super::demand::aligned;
use super::machine::Expanded;
use hypertape_ir::array::LeafType;
use hypertape_ir::operation::{Equation, Lowering, ScanSpec, Storage, Trip, Value};

/// A loop that keeps some of its states.
#[derive(Debug, Clone)]
pub(crate) struct Rematerialisation {
    /// Carries before each step, stacked, and their numbers: outputs that become no arrays.
    pub(crate) trajectories: Vec<(Value, usize)>,
    /// The state.
    pub(crate) states: States,
    pub(crate) spacing: Spacing,
    /// States that the loop keeps.
    pub(crate) slots: usize,
    /// Whether one loop alone reads them. It then uses their slots for other states.
    pub(crate) alone: bool,
    /// States that each loop which reads them in the other order keeps besides.
    pub(crate) further: usize,
}

/// What a state is: carries that lie side by side.
#[derive(Debug, Clone)]
pub(crate) struct States {
    /// For each carry of the loop, where it lies in a state and its bytes, if it is part of it.
    pub(crate) carries: Vec<Option<(usize, usize)>>,
    pub(crate) bytes: usize,
}

impl States {
    /// Each carry in cache lines of its own. If the budget has no room for that, as close together as alignment allows.
    fn new(types: &[&LeafType], needed: &[bool], most: usize) -> Self {
        let apart = Self::laid_out(types, needed, aligned);
        if apart.bytes <= most {
            apart
        } else {
            Self::laid_out(types, needed, |bytes| bytes.checked_next_multiple_of(8).unwrap_or(usize::MAX))
        }
    }
    fn laid_out(types: &[&LeafType], needed: &[bool], room: impl Fn(usize) -> usize) -> Self {
        let mut bytes = 0;
        let mut place = |(t, needed): (&&LeafType, &bool)| {
            needed.then(|| {
                let at = bytes;
                bytes = room(t.bytes()).saturating_add(bytes);
                (at, t.bytes())
            })
        };
        let carries = types.iter().zip(needed).map(&mut place).collect();
        States { carries, bytes }
    }
}

/// The loops of a program that keep some states only: those that have a budget of bytes, whose states would take more than it, and are read
/// only by loops, step by step.
pub(crate) fn decide(x: &Expanded) -> Vec<Rematerialisation> {
    let mut found: Vec<Rematerialisation> = vec![];
    for (e, asked) in x.program.equations.iter().zip(&x.asked) {
        let (Lowering::Scan(spec), Some(body)) = (&asked.lowering, &asked.body) else { continue };
        let Storage::Bytes(most) = spec.storage else { continue };
        let states_again = |v: &Value| found.iter().any(|r| r.trajectories.iter().any(|t| t.0 == *v));
        if !e.inputs.iter().any(states_again) {
            found.extend(decide_one(x, e, spec, body, usize::try_from(most).unwrap_or(usize::MAX)));
        }
    }
    found
}

fn decide_one(x: &Expanded, e: &Equation, spec: &ScanSpec, body: &Expanded, most: usize) -> Option<Rematerialisation> {
    let p = &x.program;
    let n = spec.trip.at_most();
    let stacked = &e.outputs[spec.carries + spec.stacked..2 * spec.carries + spec.stacked];
    let read = p.read();
    let trajectories: Vec<(Value, usize)> = stacked.iter().enumerate().filter(|(_, v)| read[v.index()]).map(|(i, v)| (*v, i)).collect();
    let types: Vec<&LeafType> = e.outputs[..spec.carries].iter().map(|v| p.type_of(*v)).collect();
    let all = trajectories.iter().map(|t| n.saturating_mul(types[t.1].bytes())).fold(0, usize::saturating_add);
    if trajectories.is_empty() || all <= most || trajectories.iter().any(|t| p.outputs.contains(&t.0)) {
        return None;
    }
    if spec.reverse && matches!(spec.trip, Trip::Until { .. }) {
        return None;
    }
    let (mut against, mut along) = (0, 0);
    for (e2, asked) in p.equations.iter().zip(&x.asked) {
        let reads = |v: &Value| trajectories.iter().any(|t| t.0 == *v);
        if !e2.inputs.iter().any(reads) {
            continue;
        }
        let Lowering::Scan(reader) = &asked.lowering else { return None };
        let items = reader.carries..reader.carries + reader.items;
        if e2.inputs.iter().enumerate().any(|(i, v)| reads(v) && !items.contains(&i)) || !as_often((e, spec), (e2, reader)) {
            return None;
        }
        *(if reader.reverse == spec.reverse { &mut along } else { &mut against }) += 1;
    }
    let states = States::new(&types, &needed(spec, body, &trajectories), most);
    let slots = (most / states.bytes.max(1)).clamp(1, n);
    let known = matches!(spec.trip, Trip::Static(_));
    let alone = against == 1 && along == 0;
    let (spacing, slots, further) = match (alone, known) {
        (true, false) if matches!(spec.trip, Trip::Until { .. }) => (Spacing::Doubling, slots, 0),
        (true, _) => (Spacing::Binomial, slots, 0),
        // A loop that reads in the same order steps along with the states.
        (false, _) if against == 0 => (Spacing::Even(n), 1, 0),
        (false, true) => even(n, slots, against),
        (false, false) => {
            let shared = (slots / 2).max(1);
            (Spacing::Doubling, shared, (slots - shared) / against)
        }
    };
    Some(Rematerialisation { trajectories, states, spacing, slots, alone, further })
}

/// Whether a loop steps exactly as often as the one whose states it reads.
fn as_often((e, spec): (&Equation, &ScanSpec), (e2, reader): (&Equation, &ScanSpec)) -> bool {
    match (&spec.trip, &reader.trip) {
        (Trip::Static(n), Trip::Static(m)) => n == m,
        (Trip::Until { .. }, Trip::Counted(_)) => e2.inputs.last() == e.outputs.last(),
        (Trip::Counted(_), Trip::Counted(_)) => e2.inputs.last() == e.outputs.last() || e2.inputs.last() == e.inputs.last(),
        _ => false,
    }
}

/// The carries that it takes to compute these again.
fn needed(spec: &ScanSpec, body: &Expanded, trajectories: &[(Value, usize)]) -> Vec<bool> {
    let mut needed: Vec<bool> = (0..spec.carries).map(|i| trajectories.iter().any(|t| t.1 == i)).collect();
    loop {
        let read: Vec<bool> = (0..spec.carries + spec.stacked).map(|i| i < spec.carries && needed[i]).collect();
        let step = body.only(&read).program;
        let used = |v: &Value| step.outputs.contains(v) || step.equations.iter().any(|e| e.inputs.contains(v));
        let grown: Vec<bool> = (0..spec.carries).map(|i| needed[i] || used(&step.inputs[1 + i])).collect();
        if grown == needed {
            return needed;
        }
        needed = grown;
    }
}

/// Evenly spaced states for several loops that read them. What is left of the slots is shared among the loops that read in the other order.
fn even(n: usize, slots: usize, against: usize) -> (Spacing, usize, usize) {
    let further = |kept: usize| (slots - kept) / against;
    let again = |kept: usize| {
        let stride = n.div_ceil(kept);
        (n / stride) as u64 * advances(stride, 1 + further(kept)) + advances(n % stride, 1 + further(kept))
    };
    let kept = (1..=slots).min_by_key(|s| again(*s)).unwrap_or(1);
    let stride = n.div_ceil(kept);
    (Spacing::Even(stride), n.div_ceil(stride), further(kept))
}
