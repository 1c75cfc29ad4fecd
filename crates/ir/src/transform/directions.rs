//! A linear program along many directions at once, and along unit vectors.
use super::batch;
use crate::array::{Kind, LeafType};
use crate::error::Result;
use crate::operation::{Builder, Lowering, Program, ScanSpec, Storage, Trip, Value};
use crate::program::Values;
use std::sync::Arc;

/// The program for `n` items at once, as [`batch`] makes it; where an operation has no rule for many items, a loop over them.
///
/// # Errors
/// When `each` does not fit the inputs.
pub fn for_each(program: &Program, n: usize, each: &[bool]) -> Result<Program> {
    batch(program, n, each).or_else(|e| if each.len() == program.inputs.len() { one_by_one(program, n, each) } else { Err(e) })
}

/// The most bytes of the largest array that a block of directions makes.
const BLOCK_BYTES: usize = 4 << 20;
/// The fewest directions of a block: so many share one reading of what they are multiplied with.
const FEWEST: usize = 8;

/// How many directions a block may have, for a program that takes one direction in the inputs that move.
#[must_use]
pub fn at_once(program: &Program, moves: &[bool]) -> usize {
    let moving = program.depends_on(moves);
    let largest = program.types.iter().zip(moving).filter(|(_, m)| *m).map(|(t, _)| t.bytes()).max();
    (BLOCK_BYTES / largest.unwrap_or(1).max(1)).max(FEWEST)
}

fn one_by_one(program: &Program, n: usize, each: &[bool]) -> Result<Program> {
    // The loop takes items before constants.
    let order: Vec<usize> = [true, false].iter().flat_map(|of| (0..each.len()).filter(move |i| each[*i] == *of)).collect();
    let types = program.input_types();
    let mut b = Builder::new();
    b.input(LeafType::new(&[], Kind::U32));
    let mut given = vec![Value(0); types.len()];
    for i in &order {
        given[*i] = b.input(types[*i].clone());
    }
    let made = b.inline(program, &given);
    let items = each.iter().filter(|e| **e).count();
    let spec = ScanSpec {
        body: Arc::new(b.finish(&made)?),
        carries: 0,
        items,
        constants: types.len() - items,
        stacked: program.outputs.len(),
        trip: Trip::Static(n),
        reverse: false,
        storage: Storage::Iterates,
    };
    let mut b = Builder::new();
    for ((v, t), each) in given.iter_mut().zip(&types).zip(each) {
        let mut t = t.clone();
        if *each {
            t.shape.insert(0, n);
        }
        *v = b.input(t);
    }
    let ordered: Vec<Value> = order.iter().map(|i| given[*i]).collect();
    let made = b.scan(spec, &ordered);
    super::dead_code(&b.finish(&made[..program.outputs.len()])?)
}

/// Emits a linear program whose input `unit`, a vector, is the k-th unit vector: a product with it is a slice of the other operand, which is not multiplied. `given` holds
/// all inputs, the unit vector among them for what else reads it.
pub fn along_unit(b: &mut Builder, program: &Program, given: &[Value], unit: usize, k: Value) -> Values {
    let unit = program.inputs[unit];
    let mut map = vec![Value(0); program.types.len()];
    program.inputs.iter().zip(given).for_each(|(v, x)| map[v.index()] = *x);
    for e in &program.equations {
        b.at(e.site);
        let [from, to] = [&e.inputs, &e.outputs].map(|values| values.iter().map(|v| program.type_of(*v)).collect::<Vec<_>>());
        let made = match (&e.inputs[..], e.op.lower(&from, &to)) {
            ([x, y], Lowering::Contract(c)) if (*x == unit) != (*y == unit) && c.sum.len() == 1 => {
                let (other, axis) = if *x == unit { (*y, c.sum[0].1) } else { (*x, c.sum[0].0) };
                Values::from_slice(&[b.take(map[other.index()], k, axis)])
            }
            _ => b.emit(e.op.clone(), &e.inputs.iter().map(|v| map[v.index()]).collect::<Values>()),
        };
        e.outputs.iter().zip(made).for_each(|(v, y)| map[v.index()] = y);
    }
    program.outputs.iter().map(|v| map[v.index()]).collect()
}
