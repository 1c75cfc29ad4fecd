//! Runs blocks: one instruction after the other, loops and branches in place.
use super::arena::{Base, Bases, Loan};
use super::checks;
use crate::array::Kind;
use crate::error::{Error, Problem};
use crate::kernels::{copy, fold};
use crate::operation::{Class, Counts, Products, Report, truth};
use crate::plan::code::{Block, Buffer, Cond, Instruction, Operand, Row, Scan, Step};
use std::any::Any;

/// What one use of a block has of its own: where its bases lie, states, nested runners, how often each instruction ran.
#[derive(Debug)]
pub(crate) struct Runner {
    pub(crate) bases: Bases,
    states: Vec<Box<dyn Any + Send>>,
    children: Vec<Child>,
    runs: Vec<u64>,
}

/// Runners of a nested block.
#[derive(Debug)]
enum Child {
    Scan { parts: Vec<Part>, test: Option<Runner> },
    Cond { yes: Runner, no: Runner },
}

/// One of several runners of a loop's body.
#[derive(Debug)]
struct Part {
    runner: Runner,
    reports: Vec<Report>,
    steps: u64,
    error: Option<Error>,
}

impl Runner {
    pub(crate) fn new(block: &Block) -> Self {
        let mut bases = vec![Base::nowhere(); 1 + block.inputs + block.outputs];
        bases.extend(block.constants.iter().map(|c| Base::of_view(&c.view())));
        let mut states: Vec<Box<dyn Any + Send>> = vec![];
        let mut children = vec![];
        for step in &block.steps {
            match &step.instruction {
                Instruction::External { external, .. } => states.push(external.state()),
                Instruction::Scan(s) => {
                    let part = |_| Part { runner: Runner::new(&s.body), reports: vec![], steps: 0, error: None };
                    children.push(Child::Scan { parts: (0..s.parts).map(part).collect(), test: s.test.as_ref().map(Runner::new) });
                }
                Instruction::Cond(c) => children.push(Child::Cond { yes: Runner::new(&c.yes), no: Runner::new(&c.no) }),
                _ => {}
            }
        }
        Runner { bases: Bases::new(bases), states, children, runs: vec![0; block.steps.len()] }
    }
    /// Externals forget what earlier runs left for later ones.
    pub(crate) fn forget(&mut self, block: &Block) {
        for step in &block.steps {
            match &step.instruction {
                Instruction::External { external, state, .. } => external.forget(&mut *self.states[*state]),
                Instruction::Scan(s) => {
                    if let Child::Scan { parts, test } = &mut self.children[s.child] {
                        parts.iter_mut().for_each(|p| p.runner.forget(&s.body));
                        if let (Some(t), Some(r)) = (&s.test, test) {
                            r.forget(t);
                        }
                    }
                }
                Instruction::Cond(c) => {
                    if let Child::Cond { yes, no } = &mut self.children[c.child] {
                        yes.forget(&c.yes);
                        no.forget(&c.no);
                    }
                }
                _ => {}
            }
        }
    }
    /// Adds up what ran.
    pub(crate) fn count(&self, block: &Block, c: &mut Counts) {
        for (step, runs) in block.steps.iter().zip(&self.runs) {
            match &step.instruction {
                Instruction::Group { .. } => c.groups += runs,
                Instruction::Fold { .. } => c.folds += runs,
                Instruction::Copy { .. } | Instruction::Place { .. } => c.copies += runs,
                Instruction::Kernel { .. } => c.kernels += runs,
                Instruction::External { external, state, .. } => {
                    c.externals += runs;
                    external.count(&*self.states[*state], c);
                }
                Instruction::Contract { plan, constants, .. } => {
                    c.products.push(Products { class: plan.class(), constants: *constants, work: plan.work(), times: *runs });
                }
                Instruction::Stream(s) => {
                    c.groups += runs;
                    c.passes += runs;
                    let p = &s.pass;
                    let product = |class, times| Products { class, constants: [s.constant, None], work: p.rows * p.columns, times };
                    c.products.push(product(Class::MatVec, runs * s.heads.len() as u64));
                    c.products.push(product(Class::VecMat, runs * s.ends.len() as u64));
                }
                Instruction::Scan(s) => {
                    if let Child::Scan { parts, test } = &self.children[s.child] {
                        parts.iter().for_each(|p| {
                            c.steps += p.steps;
                            p.runner.count(&s.body, c);
                        });
                        if let (Some(t), Some(r)) = (&s.test, test) {
                            r.count(t, c);
                        }
                    }
                }
                Instruction::Cond(b) => {
                    if let Child::Cond { yes, no } = &self.children[b.child] {
                        yes.count(&b.yes, c);
                        no.count(&b.no, c);
                    }
                }
            }
        }
    }
    /// Starts counting anew.
    pub(crate) fn reset_counts(&mut self) {
        self.runs.fill(0);
        for child in &mut self.children {
            match child {
                Child::Scan { parts, test } => {
                    for p in parts {
                        p.steps = 0;
                        p.runner.reset_counts();
                    }
                    test.iter_mut().for_each(Runner::reset_counts);
                }
                Child::Cond { yes, no } => {
                    yes.reset_counts();
                    no.reset_counts();
                }
            }
        }
    }
}

/// Runs a block whose bases are set.
pub(crate) fn block(b: &Block, r: &mut Runner, reports: &mut Vec<Report>) -> Result<(), Error> {
    for (k, step) in b.steps.iter().enumerate() {
        r.runs[k] += 1;
        if cfg!(debug_assertions) {
            checks::instruction(&r.bases, &step.instruction);
        }
        if let Err(problem) = run(step, r, reports) {
            return Err(problem.running(&step.name, step.site));
        }
    }
    Ok(())
}

/// Runs `$body` with `$t` as the element type.
macro_rules! by_kind {
    ($kind:expr, $t:ident => $body:expr) => {
        match $kind {
            Kind::F64 => {
                type $t = f64;
                $body
            }
            Kind::F32 => {
                type $t = f32;
                $body
            }
            Kind::U32 => {
                type $t = u32;
                $body
            }
        }
    };
}

fn run(step: &Step<Operand>, r: &mut Runner, reports: &mut Vec<Report>) -> Result<(), Problem> {
    let b = &mut r.bases;
    match &step.instruction {
        Instruction::Group { group, loads, stores, tails, partial } => b.group(group, loads, stores, tails, partial.as_ref()),
        Instruction::Fold { fold, axes, x, out } => by_kind!(x.kind, T => {
            let ([from], to) = b.lend::<T, 1>([x], out);
            fold::fold(*fold, axes, from, &x.layout, to);
        }),
        Instruction::Contract { plan, a, b: other, out, scratch, .. } => match out.kind {
            Kind::F32 => {
                let ([x, y], to, passing) = b.lend_with::<f32, 2>([a, other], out, scratch.as_ref());
                plan.run(x, y, to, passing);
            }
            _ => {
                let ([x, y], to, passing) = b.lend_with::<f64, 2>([a, other], out, scratch.as_ref());
                plan.run(x, y, to, passing);
            }
        },
        Instruction::Stream(s) => match s.matrix.kind {
            Kind::F32 => b.stream::<f32>(s),
            _ => b.stream::<f64>(s),
        },
        Instruction::Copy { x, out } => copy_to(b, x, out),
        Instruction::Place { fill, parts, out } => by_kind!(out.kind, T => {
            if let Some(v) = fill {
                let ([], to) = b.lend::<T, 0>([], out);
                to.fill(<T as crate::array::Element>::from_f64(*v));
            }
            for (x, layout) in parts {
                let ([from], to) = b.lend::<T, 1>([x], out);
                copy::place(from, &x.layout, to, layout);
            }
        }),
        Instruction::Kernel { kernel, inputs, outputs, scratch } => {
            let Loan { inputs, mut outputs, scratch } = b.lend_any(inputs, outputs, scratch.as_ref());
            kernel.run(&inputs, &mut outputs, scratch)?;
        }
        Instruction::External { external, state, inputs, outputs } => {
            let Loan { inputs, mut outputs, .. } = b.lend_any(inputs, outputs, None);
            if let Some(report) = external.run(&mut *r.states[*state], &inputs, &mut outputs)? {
                reports.push(report);
            }
        }
        Instruction::Scan(s) => scan(s, r, reports)?,
        Instruction::Cond(c) => cond(c, r, reports)?,
    }
    Ok(())
}

fn copy_to(b: &mut Bases, x: &Operand, out: &Operand) {
    by_kind!(out.kind, T => {
        let ([from], to) = b.lend::<T, 1>([x], out);
        copy::copy(from, &x.layout, to);
    });
}

fn cond(c: &Cond<Operand>, r: &mut Runner, reports: &mut Vec<Report>) -> Result<(), Problem> {
    let yes = truth(r.bases.number(&c.test))?;
    let Child::Cond { yes: y, no: n } = &mut r.children[c.child] else { return Ok(()) };
    let (nested, runner) = if yes { (&c.yes, y) } else { (&c.no, n) };
    runner.bases.set(0, r.bases.find(&c.frame));
    for (i, o) in c.inputs.iter().chain(&c.outputs).enumerate() {
        runner.bases.set(1 + i, r.bases.find(o));
    }
    block(nested, runner, reports)?;
    Ok(())
}

/// Bytes that one row of a stacked operand reaches: those of the whole, less the other rows.
fn row_bytes(r: &Row<Operand>) -> usize {
    let others = r.whole.layout.shape[0].saturating_sub(1);
    (r.whole.reach() * r.whole.kind.bytes()).saturating_sub(others * r.step.unsigned_abs())
}

/// Sets the bases of a body that stay the same from step to step, for part `p`.
fn fix(s: &Scan<Operand>, b: &Bases, runner: &mut Runner, p: usize) {
    let bases = &mut runner.bases;
    bases.set(0, b.find(&s.frames[p]));
    bases.set(1, b.find(&s.counter).part(64 * p as isize, 4));
    let first = 2 + s.init.len() + s.items.len();
    for (i, o) in s.constants.iter().enumerate() {
        bases.set(first + i, b.find(o));
    }
}

/// Sets the bases of a body that are rows, and the counter.
fn rows(s: &Scan<Operand>, b: &Bases, runner: &mut Runner, i: usize) {
    let bases = &mut runner.bases;
    bases.put(1, i as u32);
    let row = |r: &Row<Operand>| b.find(&r.whole).part(r.first + r.step * i as isize, row_bytes(r));
    for (k, r) in s.items.iter().enumerate() {
        bases.set(2 + s.init.len() + k, row(r));
    }
    let first = 1 + s.body.inputs + s.init.len();
    for (k, r) in s.stacked.iter().enumerate() {
        bases.set(first + k, row(r));
    }
}

/// The carries of a loop that takes `trip` steps at the most.
struct Carries<'a> {
    scan: &'a Scan<Operand>,
    trip: usize,
}

impl Carries<'_> {
    /// The row of step t: reversed loops run from the last to the first.
    fn row(&self, t: usize) -> usize {
        if self.scan.reverse { self.trip - 1 - t } else { t }
    }
    /// Where carry k lies before step t: in rows of the trajectory, or in two buffers by turns, so that it ends in its final place.
    fn at(&self, b: &Bases, k: usize, t: usize) -> Base {
        let last = b.find(&self.scan.finals[k]);
        match &self.scan.spare[k] {
            _ if t == self.trip => last,
            Buffer::Spare(o) if (self.trip - t) % 2 == 1 => b.find(o),
            Buffer::Spare(_) => last,
            Buffer::Trajectory(o) => {
                let bytes = last.range().len();
                b.find(o).part((self.row(t) * bytes) as isize, bytes)
            }
        }
    }
    /// Brings carries to their final place after `t` steps, and zeroes the rows of steps that were not taken.
    fn finish(&self, b: &Bases, t: usize) {
        let s = self.scan;
        for k in 0..s.init.len() {
            if t < self.trip {
                b.find(&s.finals[k]).copy_from(self.at(b, k, t));
            }
        }
        // Steps taken have rows lo..hi.
        let (lo, hi) = if s.reverse { (self.trip - t, self.trip) } else { (0, t) };
        let trajectories = s.spare.iter().filter_map(|x| if let Buffer::Trajectory(o) = x { Some(o) } else { None });
        for o in trajectories.chain(s.stacked.iter().map(|r| &r.whole)) {
            let whole = b.find(o);
            let row = whole.range().len() / s.at_most.max(1);
            whole.part(0, lo * row).clear();
            whole.part((hi * row) as isize, (s.at_most - hi) * row).clear();
        }
    }
}

fn scan(s: &Scan<Operand>, r: &mut Runner, reports: &mut Vec<Report>) -> Result<(), Problem> {
    let Child::Scan { parts, test } = &mut r.children[s.child] else { return Ok(()) };
    let b = &r.bases;
    let mut taken = s.at_most;
    if s.parts > 1 {
        spread(s, b, parts, 0);
        for p in parts {
            reports.append(&mut p.reports);
            if let Some(e) = p.error.take() {
                return Err(e.into());
            }
        }
    } else if let Some(part) = parts.first_mut() {
        let trip = s.trip.as_ref().map_or(s.at_most, |o| (b.number(o) as usize).min(s.at_most));
        let carries = Carries { scan: s, trip };
        for (k, x) in s.init.iter().enumerate() {
            by_kind!(x.kind, T => b.copy::<T>(x, carries.at(b, k, 0)));
        }
        taken = one_by_one(&carries, b, part, test.as_mut(), reports)?;
        carries.finish(b, taken);
    }
    if let Some(o) = &s.steps {
        b.find(o).put(taken as u32);
    }
    Ok(())
}

/// Steps one after the other; gives their number.
fn one_by_one(
    c: &Carries<'_>,
    b: &Bases,
    part: &mut Part,
    mut test: Option<&mut Runner>,
    reports: &mut Vec<Report>,
) -> Result<usize, Error> {
    let s = c.scan;
    let (runner, carries) = (&mut part.runner, s.init.len());
    fix(s, b, runner, 0);
    if let (Some(nested), Some(frame), Some(verdict)) = (test.as_deref_mut(), &s.test_frame, &s.verdict) {
        nested.bases.set(0, b.find(frame));
        for (i, o) in s.constants.iter().enumerate() {
            nested.bases.set(1 + carries + i, b.find(o));
        }
        nested.bases.set(1 + carries + s.constants.len(), b.find(verdict));
    }
    for t in 0..c.trip {
        if let (Some(nested), Some(program), Some(verdict)) = (test.as_deref_mut(), &s.test, &s.verdict) {
            for k in 0..carries {
                nested.bases.set(1 + k, c.at(b, k, t));
            }
            block(program, nested, reports)?;
            if truth(b.number(verdict)).map_err(|p| p.running("scan_until", None))? {
                return Ok(t);
            }
        }
        rows(s, b, runner, c.row(t));
        for k in 0..carries {
            runner.bases.set(2 + k, c.at(b, k, t));
            runner.bases.set(1 + s.body.inputs + k, c.at(b, k, t + 1));
        }
        block(&s.body, runner, reports)?;
        part.steps += 1;
    }
    Ok(c.trip)
}

/// Independent steps: part p takes the p-th stretch of rows; halves may run at the same time.
fn spread(s: &Scan<Operand>, b: &Bases, parts: &mut [Part], first: usize) {
    if parts.len() > 1 {
        let half = parts.len() / 2;
        let (left, right) = parts.split_at_mut(half);
        rayon::join(|| spread(s, b, left, first), || spread(s, b, right, first + half));
        return;
    }
    let Some(part) = parts.first_mut() else { return };
    let from = |p: usize| p * s.at_most / s.parts;
    fix(s, b, &mut part.runner, first);
    for i in from(first)..from(first + 1) {
        let row = if s.reverse { s.at_most - 1 - i } else { i };
        rows(s, b, &mut part.runner, row);
        if let Err(e) = block(&s.body, &mut part.runner, &mut part.reports) {
            part.error = Some(e);
            return;
        }
        part.steps += 1;
    }
}
