//! Finished plans, broken.
use super::super::plan;
use super::{N, branched, looped, program, straight};
use crate::plan::Plan;
use crate::plan::code::{Buffer, Each, Instruction, Operand, Scan as Loop, Step};
use hypertape_ir::array::{Kind::*, Layout};
use hypertape_ir::error::Result;
use hypertape_ir::operation::{Program, Storage};
use hypertape_ir::transform;

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
    broken(&p, "instruction 0, contract, reads root", |p| p.block.steps.swap(0, 1));
    broken(&p, "where nothing was written", |p| drop(p.block.steps.remove(0)));
    broken(&p, "bytes of output 0 are written", |p| drop(p.block.steps.pop()));
    // What is read once more at the end has given way to something else.
    broken(&p, "lies by now", |p| {
        let again = p.block.steps[1].clone();
        p.block.steps.push(again);
    });
}

#[test]
fn places() {
    let p = straight();
    broken(&p, "lies by now", |p| {
        let [a, _, c] = starts(p);
        moved(p, c, a);
    });
    broken(&p, "operands that overlap", |p| {
        let [a, b, _] = starts(p);
        moved(p, b, a);
    });
    // The first slot is a line too short: what follows it begins in its end.
    broken(&p, "lies by now", |p| {
        let [a, b, c] = starts(p);
        assert!(a < b && b < c, "{p}");
        [(b, usize::MAX), (c, b - 64), (usize::MAX, c)].into_iter().for_each(|(from, to)| moved(p, from, to));
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
    broken(&p, "is run with 5 bases", |p| p.block.inputs += 1);
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
    broken(&p, "other operands than its group", |p| {
        group(p, &|g| {
            let _ = g.tails.pop();
        })
    });
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
    refused(found(&|l| l.replays.iter_mut().map(|r| r.kept.states.bytes /= 2).count() > 0), "leaves a state");
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
