//! Runs blocks: one instruction after the other, loops and branches in place.
use super::arena::{Base, Bases, Loan};
use super::carries::{self, Carries};
use super::checks;
use super::player::Player;
use crate::kernels::halves::both;
use crate::kernels::{copy, fold};
use crate::plan::checkpoints::Ledger;
use crate::plan::code::{Block, Cond, Instruction, Operand, Replay, Scan, Step};
use hypertape_ir::array::Kind;
use hypertape_ir::error::{Error, ErrorKind};
use hypertape_ir::operation::{Class, Common, Counts, Products, Report, truth};
use hypertape_ir::outcome::Status;
use std::any::Any;

/// What one use of a block owns: where its bases lie, states of external code, nested runners, and how often each instruction ran.
#[derive(Debug)]
pub(crate) struct Runner {
    pub(crate) bases: Bases,
    states: Vec<Box<dyn Any + Send>>,
    children: Vec<Child>,
    runs: Vec<u64>,
}

/// Runners of the blocks in a loop or branch.
#[derive(Debug)]
enum Child {
    Scan { parts: Vec<Part>, test: Option<Runner>, ledger: Option<Ledger>, players: Vec<(Player, Runner)> },
    Cond { yes: Runner, no: Runner },
}

/// One of several runners of a loop's body.
#[derive(Debug)]
struct Part {
    runner: Runner,
    reports: Vec<Report>,
    steps: u64,
    error: Option<Error>,
    /// Whether an item that fails leaves the others as they are.
    forgiving: bool,
}

impl Runner {
    /// A runner for a block. It makes the states of external code; `common` holds what these share in this workspace.
    pub(crate) fn new(block: &Block, common: &mut Common) -> Self {
        let mut bases = vec![Base::nowhere(); 1 + block.inputs + block.outputs];
        bases.extend(block.constants.iter().map(|c| Base::of_view(&c.view())));
        let mut states: Vec<Box<dyn Any + Send>> = vec![];
        let mut children = vec![];
        for step in &block.steps {
            match &step.instruction {
                Instruction::External { external, .. } => states.push(external.state(common)),
                Instruction::Scan(s) => {
                    let part = |runner| Part { runner, reports: vec![], steps: 0, error: None, forgiving: false };
                    let parts = match s.parts {
                        1 => vec![part(Runner::new(&s.body, common))],
                        // Parts run at the same time and share nothing.
                        n => (0..n).map(|_| part(Runner::new(&s.body, &mut Common::default()))).collect(),
                    };
                    children.push(Child::Scan {
                        parts,
                        test: s.test.as_ref().map(|t| Runner::new(t, common)),
                        ledger: s.keeps.as_ref().map(|k| Ledger::new(k.spacing, k.slots, 0)),
                        players: s.replays.iter().map(|r| (Player::new(r), Runner::new(&r.body, common))).collect(),
                    });
                }
                Instruction::Cond(c) => children.push(Child::Cond { yes: Runner::new(&c.yes, common), no: Runner::new(&c.no, common) }),
                _ => {}
            }
        }
        Runner { bases: Bases::new(bases), states, children, runs: vec![0; block.steps.len()] }
    }
    /// Makes external code forget what earlier runs left for later ones, such as warm starts.
    pub(crate) fn forget(&mut self, block: &Block) {
        for step in &block.steps {
            match &step.instruction {
                Instruction::External { external, state, .. } => external.forget(&mut *self.states[*state]),
                Instruction::Scan(s) => {
                    if let Child::Scan { parts, test, players, .. } = &mut self.children[s.child] {
                        parts.iter_mut().for_each(|p| p.runner.forget(&s.body));
                        players.iter_mut().zip(&s.replays).for_each(|((_, runner), r)| runner.forget(&r.body));
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
    /// Whether items of a loop without carries that fail leave the others as they are, here and in all that is nested.
    pub(crate) fn forgive(&mut self, on: bool) {
        for child in &mut self.children {
            match child {
                Child::Scan { parts, .. } => {
                    for p in parts {
                        p.forgiving = on;
                        p.runner.forgive(on);
                    }
                }
                Child::Cond { yes, no } => {
                    yes.forgive(on);
                    no.forgive(on);
                }
            }
        }
    }
    /// Adds how often each instruction ran to `c`.
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
                    if let Child::Scan { parts, test, players, .. } = &self.children[s.child] {
                        parts.iter().for_each(|p| {
                            c.steps += p.steps;
                            p.runner.count(&s.body, c);
                        });
                        players.iter().zip(&s.replays).for_each(|((player, runner), r)| {
                            c.again += player.again;
                            runner.count(&r.body, c);
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
    /// Resets all counts to 0.
    pub(crate) fn reset_counts(&mut self) {
        self.runs.fill(0);
        for child in &mut self.children {
            match child {
                Child::Scan { parts, test, players, .. } => {
                    for p in parts {
                        p.steps = 0;
                        p.runner.reset_counts();
                    }
                    for (player, runner) in players {
                        player.again = 0;
                        runner.reset_counts();
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

fn run(step: &Step<Operand>, r: &mut Runner, reports: &mut Vec<Report>) -> Result<(), ErrorKind> {
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
                to.fill(<T as hypertape_ir::array::Element>::from_f64(*v));
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

fn cond(c: &Cond<Operand>, r: &mut Runner, reports: &mut Vec<Report>) -> Result<(), ErrorKind> {
    let test = c.test.as_ref().map(|t| truth(r.bases.number(t))).transpose()?;
    let Child::Cond { yes: y, no: n } = &mut r.children[c.child] else { return Ok(()) };
    let bases = &r.bases;
    let begin = |runner: &mut Runner| {
        runner.bases.set(0, bases.find(&c.frame));
        for (i, o) in c.inputs.iter().chain(&c.outputs).enumerate() {
            runner.bases.set(1 + i, bases.find(o));
        }
    };
    if test != Some(false) {
        begin(y);
        let before = reports.len();
        let made = block(&c.yes, y, reports);
        if test.is_some() || made.is_ok() && reports.len() == before {
            return Ok(made?);
        }
        reports.truncate(before);
    }
    begin(n);
    Ok(block(&c.no, n, reports)?)
}

fn scan(s: &Scan<Operand>, r: &mut Runner, reports: &mut Vec<Report>) -> Result<(), ErrorKind> {
    let Child::Scan { parts, test, ledger, players } = &mut r.children[s.child] else { return Ok(()) };
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
        for ((player, runner), r) in players.iter_mut().zip(&s.replays) {
            // A loop that reads states takes as many steps as the loop that made them.
            player.begin(r, trip);
            runner.bases.set(0, b.find(&s.frames[0]));
        }
        taken = one_by_one(&carries, b, (part, ledger.as_mut(), players), test.as_mut(), reports)?;
        carries.finish(b, taken);
    }
    if let Some(o) = &s.steps {
        b.find(o).put(taken as u32);
    }
    Ok(())
}

/// Runs the steps one after the other, and returns their number.
fn one_by_one(
    c: &Carries<'_>,
    b: &Bases,
    (part, mut ledger, players): (&mut Part, Option<&mut Ledger>, &mut [(Player, Runner)]),
    mut test: Option<&mut Runner>,
    reports: &mut Vec<Report>,
) -> Result<usize, Error> {
    let s = c.scan;
    let (runner, carries) = (&mut part.runner, s.init.len());
    let what = if carries == 0 { "item" } else { "turn" };
    carries::fix(s, b, &mut runner.bases, 0);
    if let Some(l) = &mut ledger {
        l.begin(c.trip);
    }
    if let (Some(nested), Some(verdict)) = (test.as_deref_mut(), &s.verdict) {
        nested.bases.set(0, b.find(&s.frames[0]));
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
        if let (Some(kept), Some(slot)) = (&s.keeps, ledger.as_mut().and_then(|l| l.offer(t))) {
            c.keep(b, kept, t, slot);
        }
        carries::rows(s, b, &mut runner.bases, c.row(t));
        for (k, (r, player)) in s.replays.iter().zip(players.iter_mut()).enumerate() {
            let slot = state(r, player, b, c.trip, t, reports)?;
            carries::state(s, &mut runner.bases, k, carries::slot(b, &r.kept, Some(&r.own), slot));
        }
        for k in 0..carries {
            runner.bases.set(2 + k, c.at(b, k, t));
            runner.bases.set(1 + s.body.inputs + k, c.at(b, k, t + 1));
        }
        let before = reports.len();
        if let Err(e) = block(&s.body, runner, reports) {
            let e = e.within_one(what, c.row(t) as u64);
            if !(part.forgiving && s.independent) {
                return Err(e);
            }
            for k in 0..carries {
                c.at(b, k, t + 1).lose(s.init[k].kind);
            }
            lost(s, b, c.row(t), &e, reports);
        } else if part.forgiving {
            name(reports, before, what, c.row(t));
        }
        part.steps += 1;
    }
    Ok(c.trip)
}

/// Gives up the results of an item that failed, and reports it.
#[cold]
fn lost(s: &Scan<Operand>, b: &Bases, row: usize, e: &Error, reports: &mut Vec<Report>) {
    carries::lose(s, b, row);
    let (name, status) = (e.to_string().into(), Status::ItemFailed);
    reports.push(Report {
        name,
        iterations: None,
        residual: f64::NAN,
        tolerance: f64::NAN,
        converged: false,
        status,
        active: None,
        pairs: None,
        remark: None,
    });
}

/// Of items that failed in a loop within an item or turn: says which one it was.
fn name(reports: &mut [Report], before: usize, what: &str, row: usize) {
    for r in reports.iter_mut().skip(before).filter(|r| r.status == Status::ItemFailed) {
        r.name = format!("{what} {row}: {}", r.name).into();
    }
}

/// The slot of the state that step t of a loop of `trip` steps reads.
fn state(
    r: &Replay<Operand>,
    (player, runner): &mut (Player, Runner),
    b: &Bases,
    trip: usize,
    t: usize,
    reports: &mut Vec<Report>,
) -> Result<usize, Error> {
    let before = reports.len();
    let mut advance = |from: usize, to: usize, step: usize| {
        let [from, to] = [from, to].map(|slot| carries::slot(b, &r.kept, Some(&r.own), slot));
        carries::again(r, b, &mut runner.bases, if r.reverse { trip - 1 - step } else { step }, from, to);
        block(&r.body, runner, reports)
    };
    let slot = if r.along { player.next(t, &mut advance) } else { player.previous(trip - 1 - t, &mut advance) };
    // Recomputed steps report nothing: their reports were made when they first ran.
    reports.truncate(before);
    slot
}

/// Runs independent steps. Part p takes the p-th range of rows; halves of the parts may run at the same time.
fn spread(s: &Scan<Operand>, b: &Bases, parts: &mut [Part], first: usize) {
    if parts.len() > 1 {
        let half = parts.len() / 2;
        let (left, right) = parts.split_at_mut(half);
        both(|| spread(s, b, left, first), || spread(s, b, right, first + half));
        return;
    }
    let Some(part) = parts.first_mut() else { return };
    // Of a run that failed in another part.
    part.reports.clear();
    part.error = None;
    let from = |p: usize| p * s.at_most / s.parts;
    carries::fix(s, b, &mut part.runner.bases, first);
    for i in from(first)..from(first + 1) {
        let row = if s.reverse { s.at_most - 1 - i } else { i };
        carries::rows(s, b, &mut part.runner.bases, row);
        let before = part.reports.len();
        if let Err(e) = block(&s.body, &mut part.runner, &mut part.reports) {
            let e = e.within_one("item", row as u64);
            if !part.forgiving {
                part.error = Some(e);
                return;
            }
            lost(s, b, row, &e, &mut part.reports);
        } else if part.forgiving {
            name(&mut part.reports, before, "item", row);
        }
        part.steps += 1;
    }
}
