//! A loop over items that do not read each other's results as a loop over blocks of items, each block at once.
use super::for_items;
use crate::array::{Kind, LeafType};
use crate::error::Result;
use crate::operation::{BinaryFn, Builder, Form, Instruction, Lowering, Program, ScanSpec, Trip, Value};
use crate::program::Values;
use std::sync::Arc;

impl ScanSpec {
    /// Whether no step reads what another made: there are as many steps as items, and each carry is a sum, to which a step adds without looking at it.
    #[must_use]
    pub fn adds_up(&self) -> bool {
        let p = &self.body;
        let readers = |v: Value| p.equations.iter().flat_map(|e| &e.inputs).chain(&p.outputs).filter(|i| **i == v).count();
        let sum = |(carry, out): (&Value, &Value)| {
            let mut sum = *carry;
            while sum != *out && readers(sum) == 1 {
                let Some(e) = p.equations.iter().find(|e| e.inputs.contains(&sum)).filter(|e| adds(p, e)) else { return false };
                sum = e.outputs[0];
            }
            sum == *out && readers(sum) == 1
        };
        let real = |v: &Value| p.type_of(*v).kind.is_real();
        matches!(self.trip, Trip::Static(_))
            && p.outputs[..self.carries].iter().all(real)
            && p.inputs[1..].iter().zip(&p.outputs).take(self.carries).all(sum)
    }
}

fn adds(p: &Program, e: &crate::operation::Equation) -> bool {
    let [from, to] = [&e.inputs, &e.outputs].map(|values| values.iter().map(|v| p.type_of(*v)).collect::<Vec<_>>());
    matches!(e.op.lower(&from, &to), Lowering::Pointwise(m) if matches!(m.code[..], [Instruction::Binary(BinaryFn::Add, ..)]))
}

/// How a loop over items is cut into blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blocks {
    /// Items of a block. What is left over is one more block.
    pub size: usize,
    /// Whether each block hands out its sums, which are added up at the end. Then blocks do not depend on each other.
    pub apart: bool,
}

impl Blocks {
    /// The size of blocks of `n` items, each of at most about `most`: as many as leave none over, if there is such a number that is not much smaller.
    #[must_use]
    pub fn even(n: usize, most: usize) -> usize {
        let most = most.max(1);
        if n <= most {
            return n.max(1);
        }
        let even = n.div_ceil(n.div_ceil(most));
        (most / 2..=most).rev().find(|size| *size > 0 && n.is_multiple_of(*size)).unwrap_or(even)
    }
}

/// Emits a loop that [adds up](ScanSpec::adds_up) in blocks, with inputs and outputs as those of the loop. Of the outputs, the carries before each step
/// have no meaning.
///
/// # Errors
/// When an operation of the body has no rule for many items at once. Then nothing was emitted.
pub fn in_blocks(b: &mut Builder, s: &ScanSpec, inputs: &[Value], Blocks { size, apart }: Blocks) -> Result<Values> {
    let (n, c, x) = (s.trip.at_most(), s.carries, s.items);
    let size = size.clamp(1, n.max(1));
    let (count, rest) = (n / size, n % size);
    let of = |size: usize| block(s, size);
    let (block, last) = (of(size)?, if rest > 0 { Some(of(rest)?) } else { None });
    let (items, constants) = (&inputs[c..c + x], &inputs[c + x..]);
    let rows = |b: &mut Builder, from: usize, shape: &[usize]| -> Vec<Value> {
        let cut = |v: &Value| {
            let whole = b.shape(*v);
            let (mut start, mut len) = (vec![0; whole.len()], whole.to_vec());
            (start[0], len[0]) = (from, shape.iter().product());
            let part = b.slice(*v, &start, &vec![1; whole.len()], &len);
            b.reshape(part, &[shape, &whole[1..]].concat())
        };
        items.iter().map(cut).collect()
    };
    let index = LeafType::new(&[], Kind::U32);
    let mut sums: Vec<Value> = inputs[..c].to_vec();
    let mut parts: Vec<Vec<Value>> = vec![vec![]; s.stacked];
    let add =
        |b: &mut Builder, sums: &mut Vec<Value>, more: &[Value]| sums.iter_mut().zip(more).for_each(|(sum, v)| *sum = b.add(*sum, *v));
    if count > 1 {
        let spec = over_blocks(s, block.clone(), size, count, apart)?;
        let given = [if apart { &[] } else { &inputs[..c] }, &rows(b, 0, &[count, size])[..], constants].concat();
        let made = b.scan(spec, &given);
        let (of_blocks, stacked) = made.split_at(c);
        if apart {
            let of_blocks: Vec<Value> = of_blocks.iter().map(|v| b.sum(*v, &[0])).collect();
            add(b, &mut sums, &of_blocks);
        } else {
            sums = of_blocks.to_vec();
        }
        for (part, v) in parts.iter_mut().zip(stacked) {
            let shape = b.shape(*v);
            part.push(b.reshape(*v, &[&[count * size], &shape[2..]].concat()));
        }
    }
    let alone = if count == 1 { Some((&block, 0, size)) } else { None };
    let last = last.as_ref().map(|last| (last, count * size, rest));
    for (block, from, size) in alone.into_iter().chain(last) {
        let first = b.full(&index, from as f64);
        let given = [&[first], &rows(b, from, &[size])[..], constants].concat();
        let made = b.inline(block, &given);
        add(b, &mut sums, &made[..c]);
        parts.iter_mut().zip(&made[c..]).for_each(|(part, v)| part.push(*v));
    }
    let mut out: Values = sums.into_iter().collect();
    for (j, part) in parts.iter().enumerate() {
        let whole = s.stack(s.body.type_of(s.body.outputs[c + j]));
        out.push(match part[..] {
            [] => b.full(&whole, 0.0),
            [one] => one,
            _ => b.concatenate(part, 0),
        });
    }
    for v in &s.body.outputs[..c] {
        out.push(b.full(&s.stack(s.body.type_of(*v)), 0.0));
    }
    out.push(b.full(&index, n as f64));
    Ok(out)
}

/// One block: (number of its first item, its items, constants) → (what it adds to each carry, its stacked outputs).
fn block(s: &ScanSpec, size: usize) -> Result<Program> {
    let (c, x) = (s.carries, s.items);
    let first_constant = 1 + c + x;
    let mut forms = vec![Form::Each];
    forms.extend((0..c).map(|_| Form::Shared).chain((0..x).map(|_| Form::Each)));
    forms.resize(s.body.inputs.len(), Form::Shared);
    let counted = s.body.equations.iter().any(|e| e.inputs.contains(&s.body.inputs[0])) || s.body.outputs.contains(&s.body.inputs[0]);
    if !counted {
        forms[0] = Form::Shared;
    }
    let asked: Vec<Form> = (0..c + s.stacked).map(|i| if i < c { Form::Sum } else { Form::Each }).collect();
    let mut b = Builder::new();
    let types = s.body.input_types();
    let first = b.input(types[0].clone());
    let mut given = vec![first];
    if counted {
        let each = b.iota(size);
        let first = b.broadcast(first, &[size], &[]);
        given[0] = b.add(first, each);
    }
    // The body adds to the carries: to 0, here.
    given.extend(types[1..=c].iter().map(|t| b.full(t, 0.0)));
    for t in &types[1 + c..first_constant] {
        let mut t = t.clone();
        t.shape.insert(0, size);
        given.push(b.input(t));
    }
    given.extend(b.inputs(&types[first_constant..]));
    let without_carries = known_zero(&s.body, c)?;
    let body = for_items(&without_carries, size, &forms, &asked)?;
    let made = b.inline(&body, &given);
    super::dead_code(&b.finish(&made)?)
}

/// The body with its carries 0.
fn known_zero(body: &Program, carries: usize) -> Result<Program> {
    let mut b = Builder::new();
    let given = b.inputs(&body.input_types());
    let mut inner = given.clone();
    for v in &mut inner[1..=carries] {
        *v = b.full_like(*v, 0.0);
    }
    let made = b.inline(body, &inner);
    b.finish(&made)
}

/// The loop over the blocks. Its body: (number of the block, carries unless blocks are apart, items of the block, constants).
fn over_blocks(s: &ScanSpec, block: Program, size: usize, count: usize, apart: bool) -> Result<ScanSpec> {
    let (c, x) = (s.carries, s.items);
    let mut b = Builder::new();
    let types = block.input_types();
    let number = b.input(LeafType::new(&[], Kind::U32));
    let carries = if apart { vec![] } else { b.inputs(&s.body.input_types()[1..=c]) };
    let rest = b.inputs(&types[1..]);
    let size_of = b.full_like(number, size as f64);
    let first = b.mul(number, size_of);
    let mut made = b.inline(&block, &[&[first], &rest[..]].concat());
    for (sum, carry) in made.iter_mut().zip(&carries) {
        *sum = b.add(*carry, *sum);
    }
    let body = super::dead_code(&b.finish(&made)?)?;
    let (carries, stacked) = if apart { (0, c + s.stacked) } else { (c, s.stacked) };
    Ok(ScanSpec { body: Arc::new(body), carries, items: x, stacked, trip: Trip::Static(count), reverse: false, ..s.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_even_where_they_can_be() {
        let size = Blocks::even;
        assert_eq!([size(10, 64), size(1000, 64), size(997, 64), size(0, 5), size(5, 0)], [10, 50, 63, 1, 1]);
        assert!((1..3000).all(|n| (1..100).all(|most| (1..=most).contains(&size(n, most)))));
    }
}
