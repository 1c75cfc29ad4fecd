//! Loops, branches and calls.
use super::jet::{Arithmetic, Jet};
use super::tensor::{Tensor, Value, size};
use crate::language::{Body, Op, Step};

/// What evaluates a step of a body.
type Evaluate = fn(&mut Arithmetic, &[Value], &mut Vec<Value>, &Step);

/// Runs a body once.
fn run(step: Evaluate, cx: &mut Arithmetic, inputs: &[Value], env: &mut Vec<Value>, body: &Body, given: Vec<Value>) -> Vec<Value> {
    let outside = env.len();
    env.extend(given);
    for s in &body.steps {
        step(cx, inputs, env, s);
    }
    let made = body.outputs.iter().map(|id| env[*id].clone()).collect();
    env.truncate(outside);
    made
}

fn counter(k: usize) -> Value {
    Value::Index(Tensor::new(&[], vec![k as u32]))
}

/// Row k of an array.
fn row(v: &Value, k: usize) -> Value {
    match v {
        Value::Real(t) => Value::Real(t.row(k)),
        Value::Index(t) => Value::Index(t.row(k)),
        Value::Absent => Value::Absent,
    }
}

/// Rows along a new leading axis.
fn stacked(rows: Vec<Value>, shape: &[usize]) -> Value {
    let index = rows.first().is_some_and(|r| matches!(r, Value::Index(_)));
    if index {
        let data: Vec<u32> = rows.iter().flat_map(|r| r.index().data.iter().copied()).collect();
        return Value::Index(Tensor::new(shape, data));
    }
    let data: Vec<Jet> = rows.iter().flat_map(|r| r.real().data.iter().copied()).collect();
    Value::Real(if data.is_empty() { Tensor::new(shape, vec![Jet::default(); size(shape)]) } else { Tensor::new(shape, data) })
}

/// A loop, a branch or a call.
pub(super) fn control(step: Evaluate, cx: &mut Arithmetic, inputs: &[Value], env: &mut Vec<Value>, s: &Step) -> Vec<Value> {
    let args: Vec<Value> = s.args.iter().map(|id| env[*id].clone()).collect();
    match &s.op {
        Op::Scan { body, carries, steps, .. } => {
            let (mut state, items) = (args[..*carries].to_vec(), &args[*carries..]);
            let mut outputs: Vec<Vec<Value>> = vec![vec![]; body.outputs.len() - carries];
            for k in 0..*steps {
                let mut given: Vec<Value> = if items.is_empty() { vec![counter(k)] } else { vec![] };
                given.extend(state.iter().cloned());
                given.extend(items.iter().map(|v| row(v, k)));
                let mut made = run(step, cx, inputs, env, body, given);
                outputs.iter_mut().zip(made.split_off(*carries)).for_each(|(all, v)| all.push(v));
                state = made;
            }
            let stacks = outputs.into_iter().zip(&s.types[*carries..]).map(|(rows, of)| stacked(rows, &of.shape));
            state.into_iter().chain(stacks).collect()
        }
        Op::ScanUntil { test, body, limit, .. } => {
            let mut state = args;
            let mut k = 0;
            while k < *limit {
                let done = run(step, cx, inputs, env, test, state.clone())[0].real().data[0].v != 0.0;
                if cx.decide(done) {
                    break;
                }
                let given = [vec![counter(k)], state].concat();
                state = run(step, cx, inputs, env, body, given);
                k += 1;
            }
            state.push(counter(k));
            state
        }
        Op::Map(body) => {
            let n = s.types[0].shape[0];
            let rows: Vec<Vec<Value>> =
                (0..n).map(|k| run(step, cx, inputs, env, body, args.iter().map(|v| row(v, k)).collect())).collect();
            s.types.iter().enumerate().map(|(i, of)| stacked(rows.iter().map(|r| r[i].clone()).collect(), &of.shape)).collect()
        }
        Op::Cond(yes, no) => {
            let way = cx.decide(args[0].real().data[0].v != 0.0);
            run(step, cx, inputs, env, if way { yes } else { no }, vec![])
        }
        Op::Call(body) => run(step, cx, inputs, env, body, args),
        other => panic!("{other:?} is neither a loop nor a branch"),
    }
}
