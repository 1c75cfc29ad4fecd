//! Draws loops, branches and calls, whose bodies are drawn in the same way.
use super::writer::Writer;
use crate::language::{Axes, Binary, Id, Kind, Op, Reduce, Storage, Type, Unary};
use crate::reference::{Jet, Tensor, Value, size};

fn row(v: &Value) -> Value {
    match v {
        Value::Real(t) if t.shape[0] > 0 => Value::Real(t.row(0)),
        Value::Real(t) => Value::Real(Tensor::new(&t.shape[1..], vec![Jet::number(0.5); size(&t.shape[1..])])),
        other => other.clone(),
    }
}

fn row_type(of: &Type) -> Type {
    Type { shape: of.shape[1..].to_vec(), kind: of.kind }
}

fn zero() -> Value {
    Value::Index(Tensor::new(&[], vec![0]))
}

/// A few steps, then a value of a shape that depends on them.
fn draw_towards(w: &mut Writer, shape: &[usize], first: Id) -> Id {
    let steps = 1 + w.chance.below(4);
    w.some_steps(steps);
    let late: Vec<Id> = w.reals().into_iter().filter(|i| *i >= first && w.of(*i).shape == shape).collect();
    if late.is_empty() || w.chance.chance(0.2) {
        let x = w.any();
        let nothing = size(&w.shape(x)) == 0;
        let number = |w: &mut Writer| w.emit(Op::Number(0.5), &[], Type::real(&[]));
        let m = if nothing { number(w) } else { w.real(Op::Reduce(Reduce::Mean, Axes::All), &[x]) };
        return w.emit(Op::BroadcastTo, &[m], Type::real(shape));
    }
    late[late.len() - 1 - w.chance.below(late.len().min(3))]
}

/// A carry that stays bounded: what a step makes of it.
fn next_carry(w: &mut Writer, carry: Id, first: Id) -> Id {
    let shape = w.shape(carry);
    let made = draw_towards(w, &shape, first);
    let moved = w.binary(Binary::Add, made, carry);
    match w.chance.below(3) {
        0 => w.unary(Unary::Tanh, moved),
        1 => w.unary(Unary::Sin, moved),
        _ => {
            let bounded = w.unary(Unary::Atan, made);
            let half = w.number(Binary::Mul, bounded, 0.5);
            let old = w.number(Binary::Mul, carry, 0.5);
            w.binary(Binary::Add, half, old)
        }
    }
}

fn storage(w: &mut Writer) -> Storage {
    w.chance.of(&[Storage::Iterates, Storage::Iterates, Storage::Values, Storage::Bytes(1), Storage::Bytes(300), Storage::Bytes(5000)])
}

/// A real value that is not too large to be carried.
fn small(w: &mut Writer) -> Id {
    let fits = w.any_where(|s| size(s) <= 300);
    match fits {
        Some(x) => x,
        None => w.fresh(&[2]),
    }
}

/// Whether an array has few rows, and small ones: those that a loop runs over.
fn short(shape: &[usize]) -> bool {
    !shape.is_empty() && shape[0] <= 7 && size(&shape[1..]) <= 300
}

/// A loop of a number of steps, or over items.
pub(super) fn scan(w: &mut Writer) -> Id {
    let items: Vec<Id> = match w.any_where(short) {
        Some(x) if w.chance.chance(0.5) => vec![x],
        _ => vec![],
    };
    let turns = w.chance.of(&[0, 1, 2, 3, 5, 9]);
    let steps = items.first().map_or(turns, |x| w.shape(*x)[0]);
    let carried: Vec<Id> = (0..1 + w.chance.below(2)).map(|_| small(w)).collect();
    let mut types: Vec<Type> = if items.is_empty() { vec![Type::index(&[])] } else { vec![] };
    let mut values: Vec<Value> = if items.is_empty() { vec![zero()] } else { vec![] };
    types.extend(carried.iter().map(|c| w.of(*c).clone()));
    values.extend(carried.iter().map(|c| w.value(*c).clone()));
    types.extend(items.iter().map(|x| row_type(w.of(*x))));
    values.extend(items.iter().map(|x| row(w.value(*x))));
    let skip = usize::from(items.is_empty());
    let with_output = w.chance.chance(0.6);
    let n = carried.len();
    let body = w.body(types, values, |w, given| {
        let first = given[0];
        let mut outputs: Vec<Id> = (0..n).map(|k| next_carry(w, given[skip + k], first)).collect();
        if with_output {
            let y = w.any();
            outputs.push(if w.shape(y).len() < 4 && size(&w.shape(y)) <= 600 { y } else { outputs[0] });
        }
        outputs
    });
    let storage = storage(w);
    let last = body.outputs.len() - n;
    let mut made: Vec<Type> = carried.iter().map(|c| w.of(*c).clone()).collect();
    // The shape of a stacked output stands at the end of its body.
    let shapes = output_shapes(w, &body, last);
    made.extend(shapes.into_iter().map(|s| Type::real(&[vec![steps], s].concat())));
    let args: Vec<Id> = carried.iter().chain(&items).copied().collect();
    let ids = w.emit_all(Op::Scan { body, carries: n, steps, storage }, &args, made);
    w.chance.of(&ids)
}

/// The shapes of the last outputs of a body.
fn output_shapes(w: &Writer, body: &crate::language::Body, last: usize) -> Vec<Vec<usize>> {
    let first = w.count();
    let mut types = body.inputs.clone();
    body.steps.iter().for_each(|s| types.extend(s.types.iter().cloned()));
    let of = |id: Id| if id < first { w.of(id).shape.clone() } else { types[id - first].shape.clone() };
    body.outputs[body.outputs.len() - last..].iter().map(|id| of(*id)).collect()
}

/// A loop that ends by a test of its carry.
pub(super) fn scan_until(w: &mut Writer) -> Id {
    let carried = small(w);
    let of = w.of(carried).clone();
    let value = w.value(carried).clone();
    let limit = w.chance.of(&[0, 1, 3, 6]);
    let level = w.chance.of(&[0.01, 0.3, 1.0]);
    let test = w.body(vec![of.clone()], vec![value.clone()], |w, given| {
        let s = w.real(Op::Reduce(Reduce::NormSquared, Axes::All), &[given[0]]);
        vec![w.number(Binary::LessThan, s, level)]
    });
    let body = w.body(vec![Type::index(&[]), of.clone()], vec![zero(), value], |w, given| {
        let next = next_carry(w, given[1], given[0]);
        vec![w.number(Binary::Mul, next, 0.75)]
    });
    let storage = storage(w);
    let ids = w.emit_all(Op::ScanUntil { test, body, limit, storage }, &[carried], vec![of, Type::index(&[])]);
    ids[0]
}

/// Independent items.
pub(super) fn map(w: &mut Writer) -> Id {
    let Some(x) = w.any_where(short) else { return w.any() };
    let n = w.shape(x)[0];
    let mut args = vec![x];
    if w.chance.chance(0.4)
        && let Some(y) = w.any_where(|s| short(s) && s[0] == n)
    {
        args.push(y);
    }
    let types = args.iter().map(|a| row_type(w.of(*a))).collect();
    let values = args.iter().map(|a| row(w.value(*a))).collect();
    let body = w.body(types, values, |w, given| {
        let steps = 1 + w.chance.below(4);
        w.some_steps(steps);
        let late: Vec<Id> =
            w.reals().into_iter().filter(|i| *i >= given[0] && w.shape(*i).len() < 5 && size(&w.shape(*i)) <= 600).collect();
        vec![late.last().copied().unwrap_or(given[0])]
    });
    let shape = output_shapes(w, &body, 1).remove(0);
    w.emit(Op::Map(body), &args, Type::real(&[vec![n], shape].concat()))
}

/// One of two bodies.
pub(super) fn cond(w: &mut Writer) -> Id {
    let x = w.any();
    let s = w.real(Op::Reduce(Reduce::Sum, Axes::All), &[x]);
    let v = w.chance.of(&[0.0, 1.0, -1.0]);
    let test = w.number(Binary::LessThan, s, v);
    let like = small(w);
    let shape = w.shape(like);
    let side = |w: &mut Writer| {
        w.body(vec![], vec![], |w, _| {
            let first = w.count();
            vec![draw_towards(w, &shape, first)]
        })
    };
    let (yes, no) = (side(w), side(w));
    w.emit(Op::Cond(yes, no), &[test], Type::real(&shape))
}

/// A function of its own, which sees nothing outside.
pub(super) fn call(w: &mut Writer) -> Id {
    let args: Vec<Id> = (0..1 + w.chance.below(2)).map(|_| w.any()).collect();
    let types: Vec<Type> = args.iter().map(|a| w.of(*a).clone()).collect();
    if types.iter().any(|t| t.kind == Kind::Index) {
        return args[0];
    }
    let values = args.iter().map(|a| w.value(*a).clone()).collect();
    let floor = w.floor;
    let body = w.body(types, values, |w, given| {
        w.floor = given[0].max(1);
        let steps = 1 + w.chance.below(4);
        w.some_steps(steps);
        let all = w.reals();
        vec![all.last().copied().unwrap_or(given[0])]
    });
    w.floor = floor;
    let shape = output_shapes(w, &body, 1).remove(0);
    w.emit(Op::Call(body), &args, Type::real(&shape))
}
