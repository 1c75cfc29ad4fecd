//! Rematerialisation: a loop keeps only some of its states, and the later loops that read its states recompute the others.
use super::checkpoints::{Spacing, advances};
use super::demand::aligned;
use super::machine::Expanded;
use hypertape_ir::array::LeafType;
use hypertape_ir::operation::{Equation, Lowering, ScanSpec, Storage, Trip, Value};

/// A loop that keeps only some of its states. A state is the carries before a step.
#[derive(Debug, Clone)]
pub(crate) struct Rematerialisation {
    /// The trajectories that are read (a carry before each step, stacked), each with the number of its carry. They do not become arrays.
    pub(crate) trajectories: Vec<(Value, usize)>,
    /// What a state holds.
    pub(crate) states: States,
    pub(crate) spacing: Spacing,
    /// The number of states that the loop keeps.
    pub(crate) slots: usize,
    /// Whether only one loop reads the states, in the opposite order. That loop may then use their slots for other states.
    pub(crate) alone: bool,
    /// The number of further states that each reader in the opposite order keeps for itself.
    pub(crate) further: usize,
}

/// What a state holds: carries that lie side by side.
#[derive(Debug, Clone)]
pub(crate) struct States {
    /// For each carry of the loop: the byte at which it begins in a state, and its bytes. `None` if it is not part of the state.
    pub(crate) carries: Vec<Option<(usize, usize)>>,
    pub(crate) bytes: usize,
}

impl States {
    /// Gives each carry cache lines of its own. If a state is then larger than the budget, packs the carries at multiples of 8 bytes instead.
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

/// Finds the loops of a program that keep only some of their states. Such a loop has a budget of bytes that all its states would exceed, and only
/// loops read its states, step by step. A loop that itself reads recomputed states is left out.
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
        // Every reader goes through the states in the order in which they were made, and recomputes them as it goes. The first state is enough.
        (false, _) if against == 0 => (Spacing::Even(n), 1, 0),
        (false, true) => even(n, slots, against),
        (false, false) => {
            let shared = (slots / 2).max(1);
            (Spacing::Doubling, shared, (slots - shared) / against)
        }
    };
    Some(Rematerialisation { trajectories, states, spacing, slots, alone, further })
}

/// Whether a loop takes exactly as many steps as the loop whose states it reads.
fn as_often((e, spec): (&Equation, &ScanSpec), (e2, reader): (&Equation, &ScanSpec)) -> bool {
    match (&spec.trip, &reader.trip) {
        (Trip::Static(n), Trip::Static(m)) => n == m,
        (Trip::Until { .. }, Trip::Counted(_)) => e2.inputs.last() == e.outputs.last(),
        (Trip::Counted(_), Trip::Counted(_)) => e2.inputs.last() == e.outputs.last() || e2.inputs.last() == e.inputs.last(),
        _ => false,
    }
}

/// For each carry, whether a state must hold it so that these trajectories can be recomputed.
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

/// Evenly spaced states for several readers of a loop of n steps: the spacing, the states that the loop keeps, and the further states of each reader
/// in the opposite order. These readers share the slots that are left. The number of kept states is the one with the fewest recomputed steps.
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
