//! Mapping of operands: an instruction over views of roots becomes one over places in memory.
use super::code::{Buffer, Cond, Each, Feed, Instruction, Keeps, Replay, Row, Scan, Stream};

impl<O> Instruction<O> {
    /// The same instruction with `f` applied to every operand.
    pub(crate) fn map<P>(self, f: &mut dyn FnMut(O) -> P) -> Instruction<P> {
        let all = |v: Vec<O>, f: &mut dyn FnMut(O) -> P| v.into_iter().map(f).collect::<Vec<P>>();
        let keeps =
            |k: Keeps<O>, f: &mut dyn FnMut(O) -> P| Keeps { pool: f(k.pool), states: k.states, spacing: k.spacing, slots: k.slots };
        let rows = |v: Vec<Row<O>>, f: &mut dyn FnMut(O) -> P| -> Vec<Row<P>> {
            v.into_iter().map(|r| Row { whole: f(r.whole), first: r.first, step: r.step }).collect()
        };
        match self {
            Instruction::Group { group, loads, stores, tails, partial } => {
                Instruction::Group { group, loads: all(loads, f), stores: all(stores, f), tails: all(tails, f), partial: partial.map(f) }
            }
            Instruction::Fold { fold, axes, x, out } => Instruction::Fold { fold, axes, x: f(x), out: f(out) },
            Instruction::Contract { plan, a, b, out, scratch, constants } => {
                Instruction::Contract { plan, a: f(a), b: f(b), out: f(out), scratch: scratch.map(f), constants }
            }
            Instruction::Copy { x, out } => Instruction::Copy { x: f(x), out: f(out) },
            Instruction::Place { fill, parts, out } => {
                Instruction::Place { fill, parts: parts.into_iter().map(|(o, l)| (f(o), l)).collect(), out: f(out) }
            }
            Instruction::Kernel { kernel, inputs, outputs, scratch } => {
                Instruction::Kernel { kernel, inputs: all(inputs, f), outputs: all(outputs, f), scratch: scratch.map(f) }
            }
            Instruction::External { external, state, inputs, outputs } => {
                Instruction::External { external, state, inputs: all(inputs, f), outputs: all(outputs, f) }
            }
            Instruction::Stream(s) => {
                let s = *s;
                let feed = |l: Feed<O>, f: &mut dyn FnMut(O) -> P| match l {
                    Feed::Operand(o) => Feed::Operand(f(o)),
                    Feed::Head(k) => Feed::Head(k),
                };
                Instruction::Stream(Box::new(Stream {
                    pass: s.pass,
                    matrix: f(s.matrix),
                    constant: s.constant,
                    heads: s.heads.into_iter().map(|(v, out)| (f(v), f(out))).collect(),
                    group: s.group,
                    loads: s.loads.into_iter().map(|l| feed(l, f)).collect(),
                    stores: all(s.stores, f),
                    tails: all(s.tails, f),
                    partial: s.partial.map(&mut *f),
                    ends: s.ends.into_iter().map(|(k, out)| (k, f(out))).collect(),
                    sums: s.sums.map(&mut *f),
                }))
            }
            Instruction::Scan(s) => {
                let s = *s;
                Instruction::Scan(Box::new(Scan {
                    body: s.body,
                    test: s.test,
                    child: s.child,
                    at_most: s.at_most,
                    reverse: s.reverse,
                    independent: s.independent,
                    parts: s.parts,
                    init: all(s.init, f),
                    items: s
                        .items
                        .into_iter()
                        .map(|x| match x {
                            Each::Row(r) => Each::Row(Row { whole: f(r.whole), first: r.first, step: r.step }),
                            Each::State(k, from, bytes) => Each::State(k, from, bytes),
                        })
                        .collect(),
                    constants: all(s.constants, f),
                    trip: s.trip.map(&mut *f),
                    finals: all(s.finals, f),
                    spare: s
                        .spare
                        .into_iter()
                        .map(|b| match b {
                            Buffer::Trajectory(o) => Buffer::Trajectory(f(o)),
                            Buffer::Spare(o) => Buffer::Spare(f(o)),
                            Buffer::Same => Buffer::Same,
                        })
                        .collect(),
                    stacked: rows(s.stacked, f),
                    shared: s.shared,
                    steps: s.steps.map(&mut *f),
                    counter: f(s.counter),
                    frames: all(s.frames, f),
                    verdict: s.verdict.map(&mut *f),
                    keeps: s.keeps.map(|k| keeps(k, f)),
                    replays: s
                        .replays
                        .into_iter()
                        .map(|r| Replay {
                            body: r.body,
                            kept: keeps(r.kept, f),
                            reverse: r.reverse,
                            items: rows(r.items, f),
                            constants: all(r.constants, f),
                            alone: r.alone,
                            along: r.along,
                            own: f(r.own),
                            further: r.further,
                            counter: f(r.counter),
                        })
                        .collect(),
                }))
            }
            Instruction::Cond(c) => {
                let c = *c;
                Instruction::Cond(Box::new(Cond {
                    yes: c.yes,
                    no: c.no,
                    child: c.child,
                    test: c.test.map(&mut *f),
                    inputs: all(c.inputs, f),
                    outputs: all(c.outputs, f),
                    frame: f(c.frame),
                }))
            }
        }
    }
}
