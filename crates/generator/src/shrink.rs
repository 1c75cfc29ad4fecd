//! Makes a failing program small: fewer outputs, steps replaced by inputs with the values that they had, fewer turns of loops.
use crate::check::{Class, check};
use crate::language::{Input, Op, Program, Step, Type, bodies_mut};
use crate::reference::{Arithmetic, Value, inputs, step};
use hypertape_testkit::random::unit;

/// How many programs are tried at most.
const TRIES: usize = 400;

fn fails(program: &Program) -> bool {
    let found = std::panic::catch_unwind(|| check(program));
    found.is_ok_and(|flags| flags.iter().any(|f| f.class == Class::Fault))
}

/// A smaller program that fails too.
pub fn shrink(program: &Program) -> Program {
    let (mut best, mut left) = (program.clone(), TRIES);
    loop {
        let before = (best.len(), size(&best));
        for candidates in [ends, cuts, turns, inner, unread] {
            let mut skip = 0;
            while left > 0 {
                // A success changes the program, so its candidates are made anew.
                let Some((k, smaller)) = candidates(&best).into_iter().enumerate().skip(skip).find(|(_, p)| {
                    left = left.saturating_sub(1);
                    left > 0 && fails(p)
                }) else {
                    break;
                };
                best = smaller;
                skip = k;
            }
        }
        if left == 0 || (best.len(), size(&best)) == before {
            return best;
        }
    }
}

fn size(program: &Program) -> usize {
    program.inputs.len() + program.outputs.len()
}

fn pruned(mut p: Program) -> Program {
    p.prune();
    p
}

/// One output, or the output or the loss moved to an earlier value.
fn ends(p: &Program) -> Vec<Program> {
    let mut made = vec![];
    if p.outputs.len() > 1 {
        made.extend(p.outputs.iter().map(|id| pruned(Program { outputs: vec![*id], ..p.clone() })));
    }
    let mut place = 0;
    for s in &p.steps {
        for (k, of) in s.types.iter().enumerate() {
            let id = place + k;
            if s.op == Op::Absent || of.kind == crate::language::Kind::Index {
                continue;
            }
            if id < p.outputs[0] {
                made.push(pruned(Program { outputs: vec![id], ..p.clone() }));
            }
            if of.shape.is_empty() && id < p.loss {
                made.push(pruned(Program { loss: id, ..p.clone() }));
                made.push(pruned(Program { loss: id, outputs: vec![id], ..p.clone() }));
            }
        }
        place += s.types.len();
    }
    made
}

/// A step replaced by an input with the value that it had, the latest first.
fn cuts(p: &Program) -> Vec<Program> {
    let mut cx = Arithmetic::exact(p.single);
    let (given, mut env) = (inputs(p, false), vec![]);
    p.steps.iter().for_each(|s| step(&mut cx, &given, &mut env, s));
    let mut made = vec![];
    let mut place = env.len();
    for (at, s) in p.steps.iter().enumerate().rev() {
        place -= s.types.len();
        if s.types.len() != 1 || matches!(s.op, Op::Absent | Op::Input(_)) {
            continue;
        }
        let round = |v: f64| if p.single { f64::from(v as f32) } else { v };
        let data: Vec<f64> = match &env[place] {
            Value::Real(t) => t.data.iter().map(|x| round(x.v)).collect(),
            Value::Index(t) => t.data.iter().map(|i| f64::from(*i)).collect(),
            Value::Absent => continue,
        };
        if !data.iter().all(|v| v.is_finite()) {
            continue;
        }
        let n = data.len();
        let real = s.types[0].kind == crate::language::Kind::Real;
        let direction = |k: u64| (0..n).map(|i| if real { f64::from((unit(k, i as u64) - 0.5) as f32) } else { 0.0 }).collect();
        let order = (0..s.types[0].shape.len()).collect();
        let of = s.types[0].clone();
        let mut q = p.clone();
        q.inputs.push(Input { of, other: data.clone(), data, directions: [direction(at as u64), direction(1000 + at as u64)], order });
        q.steps[at] = Step { op: Op::Input(q.inputs.len() - 1), args: vec![], types: s.types.clone() };
        made.push(pruned(q));
    }
    made
}

/// Loops of one turn less.
fn turns(p: &Program) -> Vec<Program> {
    let mut made = vec![];
    for at in 0..p.steps.len() {
        let mut q = p.clone();
        match &mut q.steps[at].op {
            Op::ScanUntil { limit, .. } if *limit > 1 => *limit -= 1,
            Op::Scan { storage, .. } if *storage != crate::language::Storage::Iterates => *storage = crate::language::Storage::Iterates,
            _ => continue,
        }
        made.push(q);
    }
    made
}

/// A step of a body replaced by ones.
fn inner(p: &Program) -> Vec<Program> {
    fn places(steps: &[Step], at: &mut Vec<usize>, out: &mut Vec<Vec<usize>>, depth: usize) {
        for (k, s) in steps.iter().enumerate() {
            at.push(k);
            let simple = matches!(s.op, Op::Absent | Op::Full(_));
            let one = s.types.len() == 1 && s.types[0].kind == crate::language::Kind::Real;
            if depth > 0 && !simple && one {
                out.push(at.clone());
            }
            for (b, body) in bodies_mut(&mut s.op.clone()).into_iter().enumerate() {
                at.push(b);
                places(&body.steps, at, out, depth + 1);
                at.pop();
            }
            at.pop();
        }
    }
    fn replace(steps: &mut [Step], at: &[usize]) {
        let s = &mut steps[at[0]];
        if at.len() == 1 {
            let of: Type = s.types[0].clone();
            *s = Step { op: Op::Full(1.0), args: vec![], types: vec![of] };
        } else if let Some(body) = bodies_mut(&mut s.op).into_iter().nth(at[1]) {
            replace(&mut body.steps, &at[2..]);
        }
    }
    let mut all = vec![];
    places(&p.steps, &mut vec![], &mut all, 0);
    let with = |at: &Vec<usize>| {
        let mut q = p.clone();
        replace(&mut q.steps, at);
        pruned(q)
    };
    all.iter().rev().map(with).collect()
}

/// Without the inputs that nothing reads.
fn unread(p: &Program) -> Vec<Program> {
    fn visit(steps: &mut [Step], f: &mut dyn FnMut(&mut usize)) {
        for s in steps {
            if let Op::Input(k) = &mut s.op {
                f(k);
            }
            bodies_mut(&mut s.op).into_iter().for_each(|b| visit(&mut b.steps, f));
        }
    }
    let mut q = p.clone();
    let mut used = vec![false; p.inputs.len()];
    visit(&mut q.steps, &mut |k| used[*k] = true);
    if used.iter().all(|u| *u) {
        return vec![];
    }
    visit(&mut q.steps, &mut |k| *k = used[..*k].iter().filter(|u| **u).count());
    let mut keep = used.iter();
    q.inputs.retain(|_| keep.next().copied().unwrap_or(false));
    vec![q]
}
