//! Mutations: a good plan, frame, schedule or program is broken in one way, and the check names it.
use super::{equations, items, memory, plan};
use crate::array::{Kind, Kind::*, Layout, LeafType};
use crate::error::Result;
use crate::operation::{Builder, CondSpec, Op, Program, ScanSpec, Storage, Trip, Value};
use crate::ops::control::{Cond, Scan};
use crate::plan::code::{Buffer, Each, Instruction, Operand, Scan as Loop};
use crate::plan::frame::Frame;
use crate::plan::item::Item;
use crate::plan::machine::Expanded;
use crate::plan::passes::{expand, framed, scheduled};
use crate::plan::roots::Home;
use crate::plan::schedule::{Given, Schedule};
use crate::plan::{Plan, code::Step};
use crate::transform;
use std::sync::Arc;

const N: usize = 40;

fn program(types: &[(&[usize], Kind)], write: impl Fn(&mut Builder, &[Value]) -> Vec<Value>) -> Program {
    let mut b = Builder::literal();
    let x: Vec<Value> = types.iter().map(|(s, k)| b.input(LeafType::new(s, *k))).collect();
    let y = write(&mut b, &x);
    b.finish(&y).unwrap()
}

/// Products in a row, the first of which is read again at the end: p = W x, q = W p, r = W q, tanh(p + r), W tanh(p + r), Σ (p + r).
fn straight() -> Program {
    program(&[(&[N], F64), (&[N, N], F64)], |b, x| {
        let p = b.dot(x[1], x[0]);
        let q = b.dot(x[1], p);
        let r = b.dot(x[1], q);
        let s = b.add(p, r);
        let t = b.tanh(s);
        vec![b.dot(x[1], t), b.sum_all(s)]
    })
}

/// A loop with two carries, items, a constant and a stacked output, in whose body the old carry is read last of all.
fn looped(storage: Storage) -> Program {
    let vector = (&[N][..], F64);
    let body = program(&[(&[], U32), vector, vector, vector, (&[N, N], F64)], |b, x| {
        let p = b.dot(x[4], x[1]);
        let p = b.add(p, x[3]);
        let p = b.tanh(p);
        let q = b.dot(x[4], p);
        let q = b.mul(q, x[2]);
        let q = b.sin(q);
        let s = b.dot(x[1], q);
        vec![p, q, s]
    });
    let spec =
        ScanSpec { body: Arc::new(body), carries: 2, items: 1, constants: 1, stacked: 1, trip: Trip::Static(6), reverse: false, storage };
    let op = Op::new(Scan(spec));
    program(&[vector, vector, (&[6, N], F64), (&[N, N], F64)], |b, x| b.emit(op.clone(), x)[..3].to_vec())
}

/// A branch, on whose one side a product is read after another.
fn branched() -> Program {
    let side = |twice: bool| {
        Arc::new(program(&[(&[N], F64), (&[N, N], F64)], |b, x| {
            let p = b.dot(x[1], x[0]);
            vec![if twice { b.dot(x[1], p) } else { p }]
        }))
    };
    let op = Op::new(Cond(CondSpec { yes: side(true), no: side(false) }));
    program(&[(&[], U32), (&[N], F64), (&[N, N], F64)], |b, x| b.emit(op.clone(), x).to_vec())
}

fn good(p: &Program) -> Plan {
    let made = Plan::new(p).unwrap();
    plan(&made).unwrap();
    made
}

#[track_caller]
fn refused(result: Result<()>, what: &str) {
    let message = result.expect_err(what).to_string();
    assert!(message.contains(what), "`{what}` expected: {message}");
}

/// A plan of `p` in which something is broken.
#[track_caller]
fn broken(p: &Program, what: &str, breaks: impl FnOnce(&mut Plan)) {
    let mut made = good(p);
    breaks(&mut made);
    refused(plan(&made), what);
}

/// Changes the operands of an instruction.
fn change(step: &mut Step<Operand>, f: &mut dyn FnMut(Operand) -> Operand) {
    step.instruction = step.instruction.clone().map(f);
}

/// Moves every operand of the frame that begins at one byte to another.
fn moved(p: &mut Plan, from: usize, to: usize) {
    for step in &mut p.block.steps {
        change(step, &mut |o| if o.base == 0 && o.start == from { Operand { start: to, ..o } } else { o });
    }
}

/// Where the first three products lie.
fn starts(p: &Plan) -> [usize; 3] {
    [0, 1, 2].map(|k| match &p.block.steps[k].instruction {
        Instruction::Contract { out, .. } => out.start,
        i => panic!("{i:?}"),
    })
}

fn the_loop(p: &mut Plan) -> &mut Loop<Operand> {
    let found = p.block.steps.iter_mut().find_map(|s| if let Instruction::Scan(l) = &mut s.instruction { Some(l) } else { None });
    found.expect("the program has a loop")
}

#[test]
fn order_and_makers() {
    let p = straight();
    broken(&p, "instruction 0, dot, reads root", |p| p.block.steps.swap(0, 1));
    broken(&p, "where nothing was written", |p| drop(p.block.steps.remove(0)));
    broken(&p, "bytes of output 0 are written", |p| drop(p.block.steps.pop()));
    // What is read once more at the end has given way to something else.
    broken(&p, "lies by now", |p| {
        let again = p.block.steps[2].clone();
        p.block.steps.push(again);
    });
}

#[test]
fn places() {
    let p = straight();
    broken(&p, "lies by now", |p| {
        let [a, b, _] = starts(p);
        moved(p, b, a + 64);
    });
    broken(&p, "operands that overlap", |p| {
        let [a, b, _] = starts(p);
        moved(p, b, a);
    });
    // As if the slot were a line shorter than what lies there.
    broken(&p, "root", |p| {
        let [a, _, c] = starts(p);
        moved(p, c.max(a), a.min(c) + 8 * N / 64 * 64 - 64);
    });
    broken(&p, "leaves base 0", |p| p.block.frame -= 64);
    broken(&p, "is not aligned", |p| {
        let [a, ..] = starts(p);
        moved(p, a, a + 4);
    });
    broken(&p, "leaves base 2", |p| change(&mut p.block.steps[0], &mut |o| if o.base == 2 { Operand { start: 8, ..o } } else { o }));
    broken(&p, "base 9, which there is not", |p| change(&mut p.block.steps[0], &mut |o| Operand { base: 9, ..o }));
    broken(&p, "output 0 lies at byte 0", |p| p.places[0] = 0);
    broken(&p, "of an arena of", |p| p.bytes -= 64);
    broken(&p, "is run with 4 bases", |p| p.block.inputs += 1);
}

#[test]
fn groups() {
    let p = straight();
    let group = |p: &mut Plan, f: &dyn Fn(&mut crate::kernels::group::Group)| {
        let found = p
            .block
            .steps
            .iter_mut()
            .find_map(|s| if let Instruction::Group { group, .. } = &mut s.instruction { Some(group) } else { None });
        f(found.expect("the program has elementwise work"));
    };
    broken(&p, "loops or parts", |p| group(p, &|g| g.len += 1));
    broken(&p, "reads more of operand", |p| {
        group(p, &|g| {
            g.len *= 2;
            g.inner *= 2;
            g.part *= 2;
        });
    });
    broken(&p, "other operands than its group", |p| group(p, &|g| drop(g.tails.pop())));
    broken(&p, "results of other lengths", |p| group(p, &|g| g.stores.iter_mut().for_each(|s| s.kind = F32)));
    // A result is written where an operand lies though it is computed right there.
    let in_place = program(&[(&[N], F64), (&[N, N], F64)], |b, x| {
        let p = b.dot(x[1], x[0]);
        let s = b.sin(p);
        let q = b.mul(s, p);
        vec![b.dot(x[1], q)]
    });
    broken(&in_place, "operands that overlap", |p| group(p, &|g| g.stores.iter_mut().for_each(|s| s.direct = true)));
}

#[test]
fn loops() {
    let p = looped(Storage::Iterates);
    broken(&p, "body: instruction", |p| the_loop(p).body.steps.swap(0, 1));
    broken(&p, "body: ", |p| drop(the_loop(p).body.steps.remove(0)));
    broken(&p, "a frame that is too short", |p| the_loop(p).frames[0].layout = Layout::contiguous(&[1]));
    broken(&p, "leaves item 0", |p| {
        if let Each::Row(r) = &mut the_loop(p).items[0] {
            r.step *= 2;
        }
    });
    broken(&p, "leaves item 0", |p| {
        if let Each::Row(r) = &mut the_loop(p).items[0] {
            r.first = -8;
        }
    });
    broken(&p, "leaves stacked output 0", |p| the_loop(p).stacked[0].step = 0);
    broken(&p, "no room for carry 0", |p| the_loop(p).spare[0] = Buffer::Same);
    broken(&p, "old value of a carry", |p| {
        let l = the_loop(p);
        l.spare[0] = Buffer::Same;
        l.body.replaces[0] = true;
    });
    broken(&p, "no room to count", |p| the_loop(p).counter.layout = Layout::contiguous(&[1]));
    broken(&p, "is number 1 where 0 is next", |p| the_loop(p).child = 1);
    broken(&p, "one frame for each part", |p| drop(the_loop(p).frames.pop()));
    broken(&p, "is run with", |p| drop(the_loop(p).constants.pop()));
}

#[test]
fn states_made_again() {
    // Room for two of the six states.
    let p = looped(Storage::Bytes(2 * 8 * 2 * N as u64));
    let p = transform::vjp(&p, &[true; 4], &[true; 3]).unwrap();
    let found = |f: &dyn Fn(&mut Loop<Operand>) -> bool| {
        let mut made = good(&p);
        let mut done = false;
        for step in &mut made.block.steps {
            if let Instruction::Scan(l) = &mut step.instruction {
                done |= f(l);
            }
        }
        assert!(done, "{made}");
        plan(&made)
    };
    refused(found(&|l| l.keeps.iter_mut().map(|k| k.slots += 1).count() > 0), "no room for the states");
    refused(found(&|l| l.replays.iter_mut().map(|r| r.further += 100).count() > 0), "no room for its own states");
    refused(found(&|l| l.replays.iter_mut().map(|r| r.body.steps.truncate(1)).count() > 0), "again: ");
    refused(found(&|l| l.replays.iter_mut().map(|r| r.kept.states.bytes /= 2).count() > 0), "states of");
}

#[test]
fn branches() {
    broken(&branched(), "if so: instruction 0", |p| {
        if let Instruction::Cond(c) = &mut p.block.steps[0].instruction {
            c.yes.steps.swap(0, 1);
        }
    });
    broken(&branched(), "a frame of", |p| {
        if let Instruction::Cond(c) = &mut p.block.steps[0].instruction {
            c.frame.layout = Layout::contiguous(&[1]);
        }
    });
}

fn given(p: &Program) -> Vec<Given> {
    let given = |t: LeafType| Given { kind: t.kind, layout: Layout::contiguous(&t.shape), literal: None, constant: None };
    p.input_types().into_iter().map(given).collect()
}

fn schedule(p: &Program) -> Schedule {
    scheduled(expand(p, &vec![true; p.outputs.len()]).unwrap(), given(p)).unwrap()
}

#[track_caller]
fn named(result: std::result::Result<(), String>, what: &str) {
    let message = result.expect_err(what);
    assert!(message.contains(what), "`{what}` expected: {message}");
}

#[test]
fn schedules() {
    let p = straight();
    let broken = |what: &str, breaks: &dyn Fn(&mut Schedule)| {
        let mut s = schedule(&p);
        items(&s).unwrap();
        breaks(&mut s);
        named(items(&s), what);
    };
    let root = |s: &Schedule, k: usize| match &s.items[k] {
        Item::Step(step) => match &step.instruction {
            Instruction::Contract { out, .. } => out.root,
            i => panic!("{i:?}"),
        },
        item => panic!("{item:?}"),
    };
    let fusion = |s: &mut Schedule| s.items.iter().position(|i| matches!(i, Item::Fusion(_))).unwrap();
    broken("item 0, dot: reads root", &|s| s.items.swap(0, 1));
    broken("before it is made", &|s| s.items[0] = Item::Nothing);
    broken("a second time", &|s| {
        let again = s.items[0].clone();
        s.items.push(again);
    });
    broken("does not go to memory", &|s| {
        let r = root(s, 0);
        s.roots[r].stored = false;
    });
    broken("said to be ready after item 1", &|s| {
        let r = root(s, 0);
        s.roots[r].ready += 1;
    });
    broken("a view leaves root", &|s| {
        let r = root(s, 0);
        s.roots[r].len -= 1;
    });
    broken("which comes from outside", &|s| {
        let r = root(s, 0);
        s.roots[r].home = Home::Input(0);
    });
    broken("nothing writes output 0", &|s| {
        let lost = s.roots.iter().position(|r| r.home == Home::Output(0, 0)).unwrap();
        s.roots[lost].home = Home::Slot;
    });
    broken("a piece of output 0 begins at element 1", &|s| {
        let off = s.roots.iter().position(|r| r.home == Home::Output(0, 0)).unwrap();
        s.roots[off].home = Home::Output(0, 1);
    });
    broken("reads what is not there by then", &|s| {
        let k = fusion(s);
        if let Item::Fusion(c) = &mut s.items[k] {
            c.nodes.reverse();
        }
    });
    // The fold of a fusion is read before the fusion runs.
    broken("folds 40 elements", &|s| {
        let k = fusion(s);
        if let Item::Fusion(c) = &mut s.items[k] {
            let r = c.endings[0].root;
            s.roots[r].len = 2;
        }
    });
    broken("is never made", &|s| {
        let k = fusion(s);
        if let Item::Fusion(c) = &mut s.items[k] {
            c.endings.clear();
        }
    });
}

#[test]
fn frames() {
    let broken = |what: &str, breaks: &dyn Fn(&mut Frame)| {
        let mut f = framed(schedule(&straight()), &[]).unwrap();
        memory(&f).unwrap();
        breaks(&mut f);
        named(memory(&f), what);
    };
    let first = |f: &Frame| f.schedule.roots.iter().zip(&f.slots.of).position(|(r, s)| r.ready == 1 && s.is_some()).unwrap();
    broken("overlap, and are both in use", &|f| f.slots.slots[1].at = f.slots.slots[0].at);
    broken("of a frame of", &|f| f.slots.bytes -= 64);
    broken("of a frame of", &|f| f.slots.slots[0].at += 8);
    broken("bytes in a slot of", &|f| f.slots.slots[0].bytes -= 8);
    broken("whose slot is in use from item 0 to 0", &|f| f.slots.slots[0].to = 0);
    broken("which has no slot", &|f| {
        let r = first(f);
        f.slots.of[r] = None;
    });
    broken("whose last use is said to be item 0", &|f| {
        let r = first(f);
        f.last[r] = 0;
    });
    broken("sizes of scratch", &|f| drop(f.scratch.pop()));
    broken("though later loops read it", &|f| {
        f.may_replace = vec![false];
        f.replaces = vec![true];
    });
}

#[test]
fn programs() {
    let broken = |p: &Program, what: &str, breaks: &dyn Fn(&mut Expanded)| {
        let mut x = expand(p, &vec![true; p.outputs.len()]).unwrap();
        equations(&x).unwrap();
        breaks(&mut x);
        named(equations(&x), what);
    };
    let p = straight();
    broken(&p, "before it is made", &|x| {
        x.program.equations.swap(0, 1);
        x.asked.swap(0, 1);
    });
    broken(&p, "ask for", &|x| drop(x.asked.pop()));
    broken(&p, "its lowering", &|x| x.asked.rotate_left(1));
    broken(&p, "is dead", &|x| drop(x.program.outputs.remove(0)));
    broken(&p, "before it is made", &|x| {
        x.program.equations.remove(0);
        x.asked.remove(0);
    });
    let l = looped(Storage::Iterates);
    broken(&l, "in its body", &|x| {
        for a in &mut x.asked {
            if let Some(body) = &mut a.body {
                Arc::make_mut(body).program.equations.swap(0, 1);
            }
        }
    });
    broken(&l, "inputs, outputs and equations", &|x| {
        for a in &mut x.asked {
            if let Some(body) = &mut a.body {
                Arc::make_mut(body).program.inputs.pop();
            }
        }
    });
}
