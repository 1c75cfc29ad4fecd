//! Loops and branches as items: their bodies become nested blocks, and the frames of nested blocks are slots of the block around them.
use super::code::{Buffer, Cond, Each, Instruction, Keeps, Replay, Row, Scan};
use super::machine::Expanded;
use super::rematerialisation::Rematerialisation;
use super::roots::{Seen, grounded};
use super::schedule::{Given, Schedule, Source};
use super::thresholds::{LOOP_FRAMES, LOOP_PART, LOOP_PARTS};
use hypertape_ir::array::{Kind, Layout, LeafType};
use hypertape_ir::error::Result;
use hypertape_ir::operation::{BinaryFn, Equation, Instruction as Micro, Lowering, Program, ScanSpec, Trip, Value};

fn contiguous(t: &LeafType) -> Given {
    Given { kind: t.kind, layout: Layout::contiguous(&t.shape), literal: None, constant: None }
}

/// Whether no step reads what another made: each carry is a sum, to which a step adds without looking at it.
fn independent(s: &ScanSpec, body: &Expanded) -> bool {
    let p = &body.program;
    let reads = |v: Value| p.equations.iter().flat_map(|e| &e.inputs).chain(&p.outputs).filter(|i| **i == v).count();
    let adds = |l: &Lowering| matches!(l, Lowering::Pointwise(m) if matches!(m.code[..], [Micro::Binary(BinaryFn::Add, ..)]));
    let sum = |(carry, out): (&Value, &Value)| {
        let mut sum = *carry;
        while sum != *out && reads(sum) == 1 {
            let Some((e, _)) = p.equations.iter().zip(&body.asked).find(|(e, a)| e.inputs.contains(&sum) && adds(&a.lowering)) else {
                break;
            };
            sum = e.outputs[0];
        }
        sum == *out && reads(sum) == 1
    };
    !matches!(s.trip, Trip::Until { .. }) && p.inputs[1..].iter().zip(&p.outputs).take(s.carries).all(sum)
}

impl Schedule {
    /// The rows of a stacked operand: where they begin, and what the body knows of one row.
    fn row(&self, whole: Seen) -> (Row<Seen>, Given) {
        let l = &whole.layout;
        let bytes = self.roots[whole.root].kind.bytes() as isize;
        let rest = Layout { shape: l.shape[1..].into(), strides: l.strides[1..].into(), offset: l.offset };
        let step = l.strides[0] * bytes;
        let (low, layout) = grounded(rest);
        let given = Given { layout, ..self.given(&whole) };
        (Row { whole, first: low as isize * bytes, step }, given)
    }
    fn frame(&mut self, bytes: usize) -> Seen {
        let doubles = bytes.div_ceil(8);
        Seen::whole(self.fresh(Kind::F64, doubles), &[doubles])
    }
    /// Makes a loop an item.
    pub(crate) fn scan(&mut self, spec: &ScanSpec, body: &Expanded, inputs: Vec<Seen>, p: &Program, e: &Equation) -> Result<()> {
        let n = spec.trip.at_most();
        let mut inputs = inputs.into_iter().map(|x| self.stored(x)).collect::<Vec<_>>().into_iter();
        let init: Vec<Seen> = inputs.by_ref().take(spec.carries).collect();
        let (mut items, mut item_given, mut sources) = (vec![], vec![], vec![]);
        for (i, x) in inputs.by_ref().take(spec.items).enumerate() {
            let (each, given) = match self.state(e.inputs[spec.carries + i], &mut sources) {
                Some(state) => (state, contiguous(body.program.type_of(body.program.inputs[1 + spec.carries + i]))),
                None => {
                    let (row, given) = self.row(x);
                    (Each::Row(row), given)
                }
            };
            items.push(each);
            item_given.push(given);
        }
        let constants: Vec<Seen> = inputs.by_ref().take(spec.constants).collect();
        let trip = inputs.next().filter(|_| matches!(spec.trip, Trip::Counted(_)));

        let carry_types: Vec<LeafType> = e.outputs[..spec.carries].iter().map(|v| p.type_of(*v).clone()).collect();
        let carry_given: Vec<Given> = carry_types.iter().map(contiguous).collect();
        let constant_given: Vec<Given> = constants.iter().map(|x| self.given(x)).collect();
        let mut given = vec![contiguous(&LeafType::new(&[], Kind::U32))];
        given.extend(carry_given.iter().cloned().chain(item_given).chain(constant_given.iter().cloned()));
        let stacked_values = &e.outputs[spec.carries..spec.carries + spec.stacked];
        let read: Vec<bool> = (0..spec.carries).map(|_| true).chain(stacked_values.iter().map(|v| self.is_read(*v))).collect();
        let expanded = body;
        // A carry whose values before each step are read later must not be overwritten.
        let again = self.rematerialised.iter().position(|(r, _)| e.outputs.contains(&r.trajectories[0].0));
        let states = &e.outputs[spec.carries + spec.stacked..][..spec.carries];
        let may: Vec<bool> = states.iter().map(|v| again.is_none() && !self.is_read(*v)).collect();
        let body = (self.nest.block)(body.only(&read), given.clone(), &may)?;
        let test = match &spec.trip {
            Trip::Until { test, .. } => Some((self.nest.block)(
                (self.nest.expand)(test, &[true], self.nest.cuts)?,
                carry_given.into_iter().chain(constant_given).collect(),
                &[],
            )?),
            _ => None,
        };
        let verdict_type = if let Trip::Until { test, .. } = &spec.trip { test.output_types().pop() } else { None };

        let mut parts = 1;
        if spec.carries == 0 && sources.is_empty() && matches!(spec.trip, Trip::Static(_)) && n > 1 {
            let by_work = (body.cost * n as f64 / LOOP_PART) as usize;
            parts = by_work.min(LOOP_PARTS).min((LOOP_FRAMES / body.frame.max(1)).max(2)).min(n).max(1);
        }
        // The loop makes all roots from here on.
        let finals: Vec<Seen> = carry_types.iter().map(|t| Seen::whole(self.fresh(t.kind, t.len()), &t.shape)).collect();
        for (v, f) in e.outputs.iter().zip(&finals) {
            self.set(*v, f.clone());
        }
        let (mut stacked, mut shared) = (vec![], vec![]);
        let values = spec.shared();
        for (j, v) in stacked_values.iter().copied().enumerate().filter(|(_, v)| self.is_read(*v)).collect::<Vec<_>>() {
            shared.push(values.contains(&j));
            let t = p.type_of(v).clone();
            let whole = Seen::whole(self.fresh(t.kind, t.len()), &t.shape);
            self.set(v, whole.clone());
            stacked.push(self.row(whole).0);
        }
        let keeps = again.map(|k| self.keep(k));
        let mut spare = vec![];
        for (i, t) in carry_types.iter().enumerate() {
            let v = e.outputs[spec.carries + spec.stacked + i];
            if self.is_read(v) && keeps.is_none() {
                let t = p.type_of(v).clone();
                let whole = Seen::whole(self.fresh(t.kind, t.len()), &t.shape);
                self.set(v, whole.clone());
                spare.push(Buffer::Trajectory(whole));
            } else if body.replaces[i] {
                spare.push(Buffer::Same);
            } else {
                spare.push(Buffer::Spare(Seen::whole(self.fresh(t.kind, t.len()), &t.shape)));
            }
        }
        let steps = e.outputs.last().copied().filter(|v| self.is_read(*v)).map(|v| {
            let s = Seen::whole(self.fresh(Kind::U32, 1), &[]);
            self.set(v, s.clone());
            s
        });
        let counter = Seen::whole(self.fresh(Kind::U32, 16 * parts), &[16 * parts]);
        let verdict = verdict_type.map(|t| Seen::whole(self.fresh(t.kind, 1), &[]));
        if let (Some(k), Some(kept)) = (again, &keeps) {
            let rows = items.iter().filter_map(|x| if let Each::Row(r) = x { Some(r.clone()) } else { None });
            let read: Vec<bool> =
                (0..expanded.program.outputs.len()).map(|i| kept.states.carries.get(i).is_some_and(Option::is_some)).collect();
            self.rematerialised[k].1 = Some(Source {
                body: expanded.only(&read),
                given,
                items: rows.collect(),
                constants: constants.clone(),
                kept: kept.clone(),
                reverse: spec.reverse,
            });
        }
        let replays = sources.into_iter().map(|k| self.replay(k, spec.reverse)).collect::<Result<Vec<_>>>()?;
        let others = test.iter().chain(replays.iter().map(|r| &r.body)).map(|b| b.frame).max().unwrap_or(0);
        let frames = (0..parts).map(|_| self.frame(body.frame.max(others))).collect();
        let child = self.children;
        self.children += 1;
        let scan = Scan {
            body,
            test,
            child,
            at_most: n,
            reverse: spec.reverse,
            independent: independent(spec, expanded),
            parts,
            init,
            items,
            constants,
            trip,
            finals,
            spare,
            stacked,
            shared,
            steps,
            counter,
            frames,
            verdict,
            keeps,
            replays,
        };
        self.push(Instruction::Scan(Box::new(scan)), e);
        Ok(())
    }
    /// The item of a loop that reads value `v`, if `v` is a trajectory that an earlier loop does not store: part of a state of that loop. `sources`
    /// collects the numbers of such loops in `rematerialised`.
    fn state(&self, v: Value, sources: &mut Vec<usize>) -> Option<Each<Seen>> {
        let of = |r: &Rematerialisation| r.trajectories.iter().find(|t| t.0 == v).map(|t| t.1);
        let (k, carry) = self.rematerialised.iter().enumerate().find_map(|(k, (r, _))| Some((k, of(r)?)))?;
        let (from, bytes) = self.rematerialised[k].0.states.carries[carry]?;
        let number = sources.iter().position(|s| *s == k).unwrap_or_else(|| {
            sources.push(k);
            sources.len() - 1
        });
        Some(Each::State(number, from, bytes))
    }
    /// Makes room for the states that a loop keeps, and for its last state.
    fn keep(&mut self, k: usize) -> Keeps<Seen> {
        let r = self.rematerialised[k].0.clone();
        let pool = self.frame((r.slots + 1).saturating_mul(r.states.bytes));
        for (v, _) in &r.trajectories {
            self.set(*v, pool.clone());
        }
        Keeps { pool, states: r.states, spacing: r.spacing, slots: r.slots }
    }
    /// What a loop needs to recompute the states of loop number `k` in `rematerialised`. `reverse` is the direction of the loop that reads them.
    fn replay(&mut self, k: usize, reverse: bool) -> Result<Replay<Seen>> {
        let (r, source) = self.rematerialised[k].clone();
        let source = source.expect("a loop comes before those that read its states");
        let body = (self.nest.block)(source.body, source.given, &[])?;
        // A loop that reads the states in the order in which they were made recomputes them as it goes, and keeps none.
        let along = reverse == source.reverse;
        let further = if along { 0 } else { r.further };
        let own = self.frame((further + if r.alone { 1 } else { 2 }).saturating_mul(r.states.bytes));
        Ok(Replay {
            body,
            kept: source.kept,
            reverse: source.reverse,
            items: source.items,
            constants: source.constants,
            alone: r.alone,
            along,
            own,
            further,
            counter: Seen::whole(self.fresh(Kind::U32, 16), &[16]),
        })
    }
    /// For each output of an equation, whether it is read.
    pub(crate) fn all_read(&self, e: &Equation) -> Vec<bool> {
        e.outputs.iter().map(|v| self.is_read(*v)).collect()
    }
    /// Makes a branch an item, or what is tried and what runs where that fails.
    pub(crate) fn cond(&mut self, tests: bool, [yes, no]: [Expanded; 2], inputs: Vec<Seen>, p: &Program, e: &Equation) -> Result<()> {
        let mut inputs: Vec<Seen> = inputs.into_iter().map(|x| self.stored(x)).collect();
        let test = tests.then(|| inputs.remove(0));
        let given: Vec<Given> = inputs.iter().map(|x| self.given(x)).collect();
        let yes = (self.nest.block)(yes, given.clone(), &[])?;
        let no = (self.nest.block)(no, given, &[])?;
        let mut outputs = vec![];
        for v in e.outputs.iter().copied().filter(|v| self.is_read(*v)).collect::<Vec<_>>() {
            let t = p.type_of(v);
            let whole = Seen::whole(self.fresh(t.kind, t.len()), &t.shape);
            self.set(v, whole.clone());
            outputs.push(whole);
        }
        let frame = self.frame(yes.frame.max(no.frame));
        let child = self.children;
        self.children += 1;
        self.push(Instruction::Cond(Box::new(Cond { yes, no, child, test, inputs, outputs, frame })), e);
        Ok(())
    }
}
