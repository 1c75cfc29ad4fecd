//! What stands between passes, broken: equations, items, frames.
use super::super::{equations, items, memory};
use super::{looped, straight};
use crate::plan::code::Instruction;
use crate::plan::frame::Frame;
use crate::plan::item::Item;
use crate::plan::machine::Expanded;
use crate::plan::passes::{expand, framed, scheduled};
use crate::plan::roots::Home;
use crate::plan::schedule::{Given, Schedule};
use hypertape_ir::array::{Layout, LeafType};
use hypertape_ir::operation::{Program, Storage};
use std::sync::Arc;

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
    broken("item 0, contract: reads root", &|s| s.items.swap(0, 1));
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
    broken("sizes of scratch", &|f| f.scratch.truncate(1));
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
    broken(&p, "is dead", &|x| x.program.outputs.truncate(0));
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
                Arc::make_mut(body).asked.pop();
            }
        }
    });
}
