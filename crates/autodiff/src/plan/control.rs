//! Loops and branches: nested blocks, their frames, and which of their results are read.
use super::code::{Buffer, Cond, Instruction, Row, Scan};
use super::expand::expand;
use super::machine::Expanded;
use super::roots::{Seen, grounded};
use super::schedule::{Given, Schedule};
use crate::array::{Kind, Layout, LeafType};
use crate::error::Result;
use crate::operation::{CondSpec, Equation, Program, ScanSpec, Trip};

/// Work of one part of a loop over independent items, in nanoseconds.
const PART: f64 = 100_000.0;
/// Parts at the most, and bytes of their frames together (unless two are more).
const PARTS: usize = 16;
const FRAMES: usize = 64 << 20;

impl Schedule {
    /// One row of a stacked operand: its layout, and where rows begin.
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
    /// A loop.
    pub(crate) fn scan(&mut self, spec: &ScanSpec, body: &Expanded, inputs: Vec<Seen>, p: &Program, e: &Equation) -> Result<()> {
        let n = spec.trip.at_most();
        let mut inputs = inputs.into_iter().map(|x| self.stored(x)).collect::<Vec<_>>().into_iter();
        let init: Vec<Seen> = inputs.by_ref().take(spec.carries).collect();
        let (items, item_given): (Vec<Row<Seen>>, Vec<Given>) = inputs.by_ref().take(spec.items).map(|x| self.row(x)).unzip();
        let constants: Vec<Seen> = inputs.by_ref().take(spec.constants).collect();
        let trip = inputs.next().filter(|_| matches!(spec.trip, Trip::Counted(_)));

        let carry_types: Vec<LeafType> = e.outputs[..spec.carries].iter().map(|v| p.type_of(*v).clone()).collect();
        let fresh = |t: &LeafType| Given { kind: t.kind, layout: Layout::contiguous(&t.shape), literal: None, constant: None };
        let carry_given: Vec<Given> = carry_types.iter().map(fresh).collect();
        let constant_given: Vec<Given> = constants.iter().map(|x| self.given(x)).collect();
        let mut given = vec![fresh(&LeafType::new(&[], Kind::U32))];
        given.extend(carry_given.iter().cloned().chain(item_given).chain(constant_given.iter().cloned()));
        let stacked_values = &e.outputs[spec.carries..spec.carries + spec.stacked];
        let read: Vec<bool> = (0..spec.carries).map(|_| true).chain(stacked_values.iter().map(|v| self.is_read(*v))).collect();
        let body = (self.nest)(body.only(&read), given)?;
        let test = match &spec.trip {
            Trip::Until { test, .. } => Some((self.nest)(expand(test, &[true])?, carry_given.into_iter().chain(constant_given).collect())?),
            _ => None,
        };
        let verdict_type = if let Trip::Until { test, .. } = &spec.trip { test.output_types().pop() } else { None };

        let mut parts = 1;
        if spec.carries == 0 && matches!(spec.trip, Trip::Static(_)) && n > 1 {
            let by_work = (body.cost * n as f64 / PART) as usize;
            parts = by_work.min(PARTS).min((FRAMES / body.frame.max(1)).max(2)).min(n).max(1);
        }
        // From here on everything is made by the loop.
        let finals: Vec<Seen> = carry_types.iter().map(|t| Seen::whole(self.fresh(t.kind, t.len()), &t.shape)).collect();
        for (v, f) in e.outputs.iter().zip(&finals) {
            self.set(*v, f.clone());
        }
        let mut stacked = vec![];
        for v in stacked_values.iter().filter(|v| self.is_read(**v)).copied().collect::<Vec<_>>() {
            let t = p.type_of(v).clone();
            let whole = Seen::whole(self.fresh(t.kind, t.len()), &t.shape);
            self.set(v, whole.clone());
            stacked.push(self.row(whole).0);
        }
        let mut spare = vec![];
        for (i, t) in carry_types.iter().enumerate() {
            let v = e.outputs[spec.carries + spec.stacked + i];
            if self.is_read(v) {
                let t = p.type_of(v).clone();
                let whole = Seen::whole(self.fresh(t.kind, t.len()), &t.shape);
                self.set(v, whole.clone());
                spare.push(Buffer::Trajectory(whole));
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
        let frames = (0..parts).map(|_| self.frame(body.frame)).collect();
        let test_frame = test.as_ref().map(|t| t.frame).map(|bytes| self.frame(bytes));
        let verdict = verdict_type.map(|t| Seen::whole(self.fresh(t.kind, 1), &[]));
        let child = self.children;
        self.children += 1;
        let scan = Scan {
            body,
            test,
            child,
            at_most: n,
            reverse: spec.reverse,
            parts,
            init,
            items,
            constants,
            trip,
            finals,
            spare,
            stacked,
            steps,
            counter,
            frames,
            test_frame,
            verdict,
        };
        self.push(Instruction::Scan(Box::new(scan)), e);
        Ok(())
    }
    /// A branch.
    pub(crate) fn cond(&mut self, spec: &CondSpec, inputs: Vec<Seen>, p: &Program, e: &Equation) -> Result<()> {
        let mut inputs: Vec<Seen> = inputs.into_iter().map(|x| self.stored(x)).collect();
        let test = inputs.remove(0);
        let given: Vec<Given> = inputs.iter().map(|x| self.given(x)).collect();
        let read: Vec<bool> = e.outputs.iter().map(|v| self.is_read(*v)).collect();
        let yes = (self.nest)(expand(&spec.yes, &read)?, given.clone())?;
        let no = (self.nest)(expand(&spec.no, &read)?, given)?;
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
